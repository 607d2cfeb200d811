#include "executors/docker/attempt_files.hpp"
#include "executors/docker/daemon_probe.hpp"
#include "executors/docker/exit_reading.hpp"
#include "executors/docker/pull_meter.hpp"
#include "executors/docker/start_gate.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>

using namespace muster;
using namespace muster::docker;
using namespace std::chrono_literals;

TEST_CASE("the gate lets in so many, groups in turn, each in its order") {
  start_gate gate(2);
  std::vector<std::string> in;
  const auto enter = [&](const std::string& group, const std::string& who) {
    return gate.enter(group, [&in, who] { in.push_back(who); });
  };
  for (int i = 0; i < 4; ++i)
    enter("a", "a" + std::to_string(i));
  const auto withdrawn = enter("b", "b0");
  enter("b", "b1");
  CHECK(gate.withdraw("b", withdrawn));
  CHECK_FALSE(gate.withdraw("b", withdrawn));
  CHECK(in == std::vector<std::string>{"a0", "a1"});
  for (int i = 0; i < 3; ++i)
    gate.leave();
  CHECK(in == std::vector<std::string>{"a0", "a1", "a2", "b1", "a3"});
  gate.leave();
  gate.leave();
  CHECK(gate.inside() == 0);
}

TEST_CASE("the gate forgets a group that has withdrawn") {
  start_gate gate(1);
  int let_in = 0;
  gate.enter("a", [&] { ++let_in; });
  const auto only = gate.enter("b", [&] { ++let_in; });
  CHECK(gate.withdraw("b", only));
  gate.enter("b", [&] { ++let_in; });
  gate.leave();
  CHECK(let_in == 2);
  gate.leave();
  gate.enter("b", [&] { ++let_in; });
  CHECK(let_in == 3);
}

TEST_CASE("how far a pull is, in the words of its layers") {
  pull_meter meter;
  const auto say = [&](const char* layer, const char* status, std::int64_t current = 0, std::int64_t total = 0) {
    meter.add({layer, status, current, total});
  };
  say("", "Pulling from library/busybox");
  say("a", "Pulling fs layer");
  say("z", "Already exists");
  CHECK(meter.text().empty());
  say("a", "Downloading", 1, 50'000'000);
  say("b", "Downloading", 10'000'000, 30'000'000);
  CHECK(meter.text() == "11 of 80 MB");
  say("a", "Download complete");
  CHECK(meter.text() == "60 of 80 MB");
  say("b", "Downloading", -5, std::int64_t{1} << 62U); // Nobody believes that.
  say("b", "Downloading", 30'000'000, 30'000'000);
  say("b", "Extracting", 1, 30'000'000);
  CHECK(meter.text() == "extracting");
  meter.reset();
  CHECK(meter.text().empty());
}

TEST_CASE("an exit is read from what inspect says") {
  container_info info;
  info.status = container_status::exited;
  info.started = nano_timestamp(5s);
  info.finished = nano_timestamp(7s);
  ended_attempt facts;
  facts.init = true;
  facts.program = "trian";
  facts.image = "busybox";
  CHECK(read_exit_of(info, facts).code == 0);
  CHECK(read_exit_of(info, facts).ended - read_exit_of(info, facts).started == 2s);
  info.exit_code = 143;
  CHECK(read_exit_of(info, facts).signal == 0);
  CHECK(read_exit_of(info, facts).message == "exit code 143 (as of signal 15)");
  facts.stop_asked = true;
  CHECK(read_exit_of(info, facts).signal == 15);
  facts.stop_asked = false;
  info.exit_code = 255;
  CHECK(read_exit_of(info, facts).signal == 0);
  info.exit_code = 127;
  CHECK_THAT(read_exit_of(info, facts).message, ContainsSubstring("trian") && ContainsSubstring("busybox"));
}

TEST_CASE("a process that was killed for memory ends the task only with the task's code") {
  container_info info;
  ended_attempt facts;
  facts.out_of_memory = true;
  facts.memory = std::int64_t{64} << 20U;
  CHECK_FALSE(read_exit_of(info, facts).out_of_memory);
  info.exit_code = 137;
  const auto out = read_exit_of(info, facts);
  CHECK(out.out_of_memory);
  CHECK_THAT(out.message, ContainsSubstring("resources.memory"));
}

TEST_CASE("an end with the daemon is told as one") {
  container_info info;
  info.exit_code = 137;
  info.finished = nano_timestamp(100s);
  ended_attempt facts;
  CHECK(read_exit_of(info, facts).message == "exit code 137 (as of signal 9)");
  facts.memory = std::int64_t{64} << 20U;
  CHECK(read_exit_of(info, facts).message == "exit code 137 (as of signal 9); if it needed more than its 64Mi of "
                                             "memory, ask for more in resources.memory");
  facts.daemon_lost = nano_timestamp(99s);
  CHECK_THAT(read_exit_of(info, facts).message, ContainsSubstring("live-restore"));
  facts.daemon_lost = nano_timestamp(200s);
  CHECK_THAT(read_exit_of(info, facts).message, !ContainsSubstring("live-restore"));
}

TEST_CASE("what the daemon says of a start becomes a sentence") {
  CHECK(start_error_text("OCI runtime create failed: exec: \"x\": executable file not found in $PATH: unknown", "x",
                         "busybox") == "the command 'x' is not in the image 'busybox'");
  CHECK_THAT(start_error_text("could not select device driver \"nvidia\" with capabilities: [[gpu]]", "x", "b"),
             ContainsSubstring("NVIDIA"));
  CHECK_THAT(start_error_text("odd\nthing", "x", "b"), ContainsSubstring("odd thing"));
}

TEST_CASE("files go to their places, relative ones into the image's working folder") {
  attempt_spec spec;
  spec.task.files = {{"/etc/a", "{{output}}", false}, {"b.sh", "#!/bin/sh\n", false}, {"/c", "aGk=", true}};
  const auto files = injected_files(spec, container_tokens(spec), "/work");
  REQUIRE(files.ok());
  REQUIRE(files->size() == 3);
  CHECK((*files)[0].path == "etc/a");
  CHECK((*files)[0].content == output_path);
  CHECK((*files)[1].path == "work/b.sh");
  CHECK((*files)[2].content == "hi");
  CHECK(injected_files(spec, {}, "")->at(1).path == "b.sh");
  for (const auto* wrong : {"", "/", "/a/", "/a/../b", "../x"}) {
    spec.task.files = {{wrong, "", false}};
    const auto refused = injected_files(spec, {}, "/work");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.failure().code == ec::data_error);
  }
  spec.task.files = {{"/a", "%%", true}};
  CHECK_FALSE(injected_files(spec, {}, "/").ok());
}

TEST_CASE("an archive is owned by whom the container runs as") {
  const auto tar = archive_of({{"a", "#!x"}}, "1000:100");
  REQUIRE(tar.ok());
  CHECK(tar->substr(100, 7) == "0000755");
  CHECK(tar->substr(108, 7) == "0001750");
  CHECK(tar->substr(116, 7) == "0000144");
  CHECK(archive_of({{"a", "x"}}, "nobody")->substr(108, 7) == "0000000");
  CHECK(archive_of({}, {})->empty());
}

TEST_CASE("an attempt's folders are made and become mounts") {
  const test::temporary_folder dir;
  attempt_spec spec;
  spec.folder = dir.path() / "t.0";
  spec.task.name = "t";
  spec.task.inputs.resize(2);
  spec.task.files = {{"/osmo/data/output/made/x", "1", false}, {"/etc/y", "2", false}};
  const auto upstream = dir.path() / "up";
  std::filesystem::create_directories(upstream);
  spec.inputs = {{"up", upstream, ""}, {"nothing", dir.path() / "absent", ""}};
  spec.peers = {{"a", "10.0.0.2"}, {"t", "10.0.0.3"}};
  const auto made = make_attempt_files(spec, {}, "/");
  INFO((made ? std::string{} : made.failure().message));
  REQUIRE(made.ok());
  REQUIRE(made->mounts.size() == 5);
  CHECK(made->mounts[0].target == output_path);
  CHECK_FALSE(made->mounts[0].read_only);
  CHECK(made->mounts[1].source == std::filesystem::canonical(upstream).string());
  CHECK(made->mounts[1].read_only);
  CHECK(made->mounts[2].target == "/osmo/data/input/1");
  CHECK(made->mounts[3].target == peers_path);
  CHECK(made->mounts[4].target == result_path);
  CHECK_FALSE(made->mounts[4].read_only);
  CHECK(made->takes_result);
  CHECK(std::filesystem::exists(spec.folder / "output" / "made" / "x"));
  CHECK_FALSE(made->archive.empty());
  struct stat facts {};
  REQUIRE(::stat((spec.folder / "output").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0777U);
  std::filesystem::remove_all(spec.folder / "output" / "made");
  tidy_attempt_folder(spec.folder);
  CHECK_FALSE(std::filesystem::exists(spec.folder));
}

TEST_CASE("a volume mount must not leave what is permitted by a link") {
  const test::temporary_folder dir;
  std::filesystem::create_directories(dir.path() / "shared");
  std::filesystem::create_symlink("/etc", dir.path() / "shared" / "out");
  attempt_spec spec;
  spec.folder = dir.path() / "t.0";
  docker_pool_config config;
  config.permissions.mounts = {dir.path() / "shared"};
  spec.task.volume_mounts = {(dir.path() / "shared").string() + ":/s"};
  CHECK(make_attempt_files(spec, config, "/").ok());
  spec.task.volume_mounts = {(dir.path() / "shared" / "out").string() + ":/s"};
  const auto made = make_attempt_files(spec, config, "/");
  REQUIRE_FALSE(made.ok());
  CHECK_THAT(made.failure().message, ContainsSubstring("/etc"));
}

TEST_CASE("where files are confined, URLs lie where volumes may, and no link leads out") {
  const test::temporary_folder dir;
  const auto shared = dir.path() / "shared";
  const auto secret = dir.path() / "secret";
  for (const auto& x : {shared / "in", secret})
    std::filesystem::create_directories(x);
  std::filesystem::create_symlink(secret, shared / "way-out");
  const auto make = [&](const std::filesystem::path& input, const std::filesystem::path& output, bool confine) {
    attempt_spec spec;
    spec.folder = dir.path() / "t.0";
    spec.task.inputs.resize(1);
    spec.inputs = {{"", input, ""}};
    spec.task.outputs = {{"file://" + output.string(), ""}};
    docker_pool_config config;
    config.permissions.mounts = {shared};
    config.confine_files = confine;
    const auto made = make_attempt_files(spec, config, "/");
    tidy_attempt_folder(spec.folder);
    return made ? std::string{} : made.failure().message;
  };
  CHECK(make(shared / "in", shared / "out", true).empty());
  CHECK(make(secret, secret / "out", false).empty());
  CHECK_THAT(make(secret, shared / "out", true), ContainsSubstring("not in a folder that this pool permits"));
  CHECK_THAT(make(shared / "way-out", shared / "out", true), ContainsSubstring("not in a folder"));
  CHECK_THAT(make(shared / "in", secret / "out", true), ContainsSubstring("the output file://"));
  CHECK_THAT(make(shared / "in", shared / "way-out" / "out", true), ContainsSubstring("not in a folder"));
}

TEST_CASE("a daemon elsewhere gets files, and no inputs or outputs") {
  const test::temporary_folder state;
  attempt_spec spec;
  spec.folder = state.path() / "tasks" / "a.0";
  spec.task.name = "t";
  spec.task.files = {{"/x", "1", false}};
  spec.peers = {{"a", "10.0.0.2"}, {"t", "10.0.0.3"}};
  const auto made = make_remote_files(spec, {}, "/");
  REQUIRE(made.ok());
  CHECK(std::filesystem::is_directory(spec.folder.parent_path())); // For the log.
  CHECK(made->has_peers_file);
  CHECK(made->mounts.empty());
  spec.results = {{"split", std::make_shared<const std::string>("[1]")}};
  spec.task.args = {"cat $MUSTER_RESULTS/split.json"};
  const auto with_results = make_remote_files(spec, {}, "/");
  REQUIRE(with_results.ok());
  CHECK_FALSE(with_results->takes_result);
  CHECK_THAT(with_results->archive, ContainsSubstring("osmo/data/results/split.json"));
  spec.task.args = {"echo 1 > $MUSTER_RESULT"};
  CHECK(make_remote_files(spec, {}, "/").failure().code == ec::unsupported);
  spec.task.args = {"cp x {{output}}"};
  const auto refused = make_remote_files(spec, {}, "/");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().code == ec::unsupported);
}

TEST_CASE("routes are read from the kernel's table") {
  const auto routes = routes_of("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
                                "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                                "br-1\t0000D50A\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0\n"
                                "nonsense\n");
  REQUIRE(routes.size() == 1);
  CHECK(to_text(routes.front()) == "10.213.0.0/20");
}

TEST_CASE("networks are made where nobody else is") {
  const auto free = choose_space({}, {*parse_ipv4_block("172.17.0.0/16")});
  REQUIRE(free.ok());
  CHECK(to_text(free->range) == "10.213.0.0/16");
  CHECK(free->taken.empty());
  const auto moved = choose_space({}, {*parse_ipv4_block("10.213.4.0/24")});
  REQUIRE(moved.ok());
  CHECK(to_text(moved->range) == "10.214.0.0/16");
  CHECK_FALSE(choose_space({}, {*parse_ipv4_block("10.0.0.0/8")}).ok());
  const auto wanted = choose_space(*parse_ipv4_block("10.213.0.0/16"), {*parse_ipv4_block("10.213.4.0/24")});
  REQUIRE(wanted.ok());
  CHECK(wanted->taken.size() == 1);
  // Where this head is already, it stays.
  const auto again = choose_space({}, {}, {*parse_ipv4_block("10.215.16.0/28")});
  REQUIRE(again.ok());
  CHECK(to_text(again->range) == "10.215.0.0/16");
}
