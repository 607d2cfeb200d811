#include "real_bench.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/unix_http.hpp"

#include <filesystem>
#include <fstream>
#include <string>

/// The Docker driver with a real daemon.
using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using names = std::vector<std::string>;

/// A greeting may be lost with its connection, so it is said until the other has told that it has all of them.
const std::string greetings = "get() { until nc \"$1\" \"$2\" </dev/null | grep -q hello; do sleep 0.05; done; }; "
                              "serve() { while :; do echo hello | nc -l -p \"$1\"; done; }; "
                              "tell() { until nc \"$1\" \"$2\" </dev/null; do sleep 0.05; done; }; ";

} // namespace

TEST_CASE("a gang of two containers meets by address and by name, and leaves nothing") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker);
  const auto server = b.spec(greetings + "serve 7000 & nc -l -p 7001 & told=$!; wait $told", 0, 2);
  const auto client = b.spec(greetings + "get {{host:t0}} 7000; get t0 7000; tell t0 7001; "
                                         "grep -q t0 $MUSTER_PEERS && hostname | grep -qx t1",
                             1, 2);
  for (const auto* x : {&server, &client}) {
    b->prepare(*x);
    CHECK(b.heard->wait_prepared(x->id).prepared->ok());
  }
  b->start(server.id);
  b->start(client.id);
  for (const auto* x : {&client, &server}) {
    const auto seen = b.heard->wait_end(x->id);
    REQUIRE(seen.exited.has_value());
    INFO(real_bench::log_of(*x));
    CHECK(seen.exited->code == 0);
    b->remove(x->id);
  }
  b.end();
  CHECK(b.left() == 0);
}

TEST_CASE("a member in the host's network and the others reach each other, also when the rest has gone") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker, [](docker_pool_config& config) { config.permissions.host_network = true; });
  auto host = b.spec(greetings + "serve 7117 & nc -l -p 7119 & told=$!; get {{host:t1}} 7118; get t1 7118; "
                                 "tell t1 7120; wait $told",
                     0, 2);
  auto other = b.spec(greetings + "serve 7118 & nc -l -p 7120 & told=$!; get {{host:t0}} 7117; get t0 7117; "
                                  "tell t0 7119; wait $told",
                      1, 2);
  const auto gateway = ipv4_to_text(gateway_of(block_of(*parse_ipv4(other.address), 2)));
  host.task.host_network = true;
  host.address = host.peers["t0"] = other.peers["t0"] = gateway;
  for (const auto* x : {&host, &other}) {
    b->prepare(*x);
    const auto seen = b.heard->wait_prepared(x->id);
    REQUIRE(seen.prepared.has_value());
    CHECK((seen.prepared->ok() ? std::string{} : seen.prepared->failure().message) == std::string{});
  }
  b->start(host.id);
  b->start(other.id);
  for (const auto* x : {&host, &other}) {
    const auto seen = b.heard->wait_end(x->id);
    REQUIRE(seen.exited.has_value());
    INFO(real_bench::log_of(*x));
    CHECK(seen.exited->code == 0);
  }
  b->remove(host.id);
  b->remove(other.id);
  b.end();
  CHECK(b.left() == 0);
}

TEST_CASE("the network of a member in the host's is kept for it when a new driver finds it") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker, [](docker_pool_config& config) { config.permissions.host_network = true; });
  auto host = b.spec("until test -f {{output}}/go; do sleep 0.05; done", 0, 2);
  host.task.host_network = true;
  host.address = host.peers["t0"] = ipv4_to_text(gateway_of(block_of(*parse_ipv4(host.address), 2)));
  b.running(host);
  b.restart();
  const auto found = b->adopt({host});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::running});
  b->clean(host.id.workflow);
  std::ofstream(host.folder / "output" / "go") << "now";
  CHECK(b.heard->wait_end(host.id).exited->code == 0);
  CHECK(b.left() == 2); // The container and the network.
  b->remove(host.id);
  b.end();
  CHECK(b.left() == 0);
}

TEST_CASE("a task alone without an address is in the daemon's own network, if there is one") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker);
  REQUIRE(b.offers.alone_without_address);
  auto lone = b.spec("! env | grep MUSTER_ADDRESS && hostname | grep -qx t0 && hostname -i | grep -q '^[1-9]'");
  lone.address.clear();
  lone.peers = {{"t0", ""}};
  b.run(lone);
  CHECK(b.left() == 1); // The container, and no network.
  docker_options how;
  how.arguments = {"--bridge=none"};
  how.images = {"busybox:latest"};
  const auto bare = docker_daemon::start(how);
  if (!bare)
    return;
  real_bench without(bare->socket());
  CHECK_FALSE(without.offers.alone_without_address);
  without.run(without.spec("hostname -i | grep -q '^10[.]213[.]'"));
}

TEST_CASE("a container gets its files, environment, inputs and output") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker);
  auto first = b.spec("/opt/my/run.sh && test \"$GREETING\" = \"hi w-1\" && cat /rel.txt > {{output}}/x && "
                      "test -x /opt/my/run.sh && test \"$(cat /opt/my/data)\" = hi && test -f {{output}}/given");
  first.task.environment = {{"GREETING", "hi {{workflow_id}}"}};
  first.task.files = {{"/opt/my/run.sh", "#!/bin/sh\necho ran\n", false},
                      {"/opt/my/data", "aGk=", true},
                      {"rel.txt", "made by {{workflow_id}}\n", false},
                      {"{{output}}/given", "as is", false}};
  b.run(first);
  CHECK_THAT(real_bench::log_of(first), ContainsSubstring("ran"));
  b->publish(first.id);
  b->remove(first.id);
  auto second = b.spec("grep -q 'made by w-1' {{input:0}}/x && grep -q 'as is' {{input:t0}}/given && "
                       "! touch {{input:0}}/y 2>/dev/null && test -d {{input:1}}",
                       1);
  second.task.inputs.resize(2);
  second.task.inputs[0].from = spec::task_input{"t0", ""};
  second.task.inputs[1].from = spec::task_input{"none", ""};
  auto link = first.folder;
  link.replace_extension(".output");
  second.inputs = {{"t0", link, ""}, {"none", b.dir.path() / "none.output", ""}};
  b.run(second);
}

TEST_CASE("limits are enforced, and an end for want of memory is told as one") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker, [](docker_pool_config& config) { config.pids_limit = 20; });
  auto greedy = b.spec("until test -f {{output}}/go; do sleep 0.05; done; x=a; while true; do x=$x$x; done");
  greedy.resource.memory = std::int64_t{32} << 20U;
  const auto id = b.running(greedy); // Until then no daemon with cgroups of version 1 notices.
  std::ofstream(greedy.folder / "output" / "go") << "now";
  const auto seen = b.heard->wait_end(id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->out_of_memory);
  CHECK(seen.exited->code == 137);
  CHECK_THAT(seen.exited->message, ContainsSubstring("32Mi"));
  auto many = b.spec("for i in $(seq 40); do sleep 5 & done 2>/dev/null; exit 0", 1);
  const auto forked = b.heard->wait_end(b.running(many));
  REQUIRE(forked.exited.has_value());
  CHECK(forked.exited->code != 0);
}

TEST_CASE("a command that is not in the image is told, with an init and without") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench with(*docker);
  auto spec = with.spec("");
  spec.task.command = {"no-such-command"};
  with->prepare(spec);
  const auto seen = with.heard->wait_prepared(spec.id);
  REQUIRE(seen.prepared.has_value());
  REQUIRE_FALSE(seen.prepared->ok());
  CHECK(seen.prepared->failure().code == ec::start_failed);
  CHECK(seen.prepared->failure().message == "the command 'no-such-command' is not in the image 'busybox'");
  real_bench without(*docker, [](docker_pool_config& config) { config.init = false; });
  spec = without.spec("");
  spec.task.command = {"no-such-command"};
  without->prepare(spec);
  REQUIRE(without.heard->wait_prepared(spec.id).prepared.has_value());
  without->start(spec.id);
  const auto refused = without.heard->wait_started(spec.id);
  REQUIRE(refused.started.has_value());
  REQUIRE_FALSE(refused.started->ok());
  CHECK(refused.started->failure().code == ec::start_failed);
  CHECK(refused.started->failure().message == "the command 'no-such-command' is not in the image 'busybox'");
  without.end();
  CHECK(without.left() == 0);
}

TEST_CASE("a real container that somebody removes while it runs is lost") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker);
  const auto id = b.running(b.spec("sleep 100"));
  CHECK(http_call(*docker, "DELETE", "/v1.41/containers/" + b.name() + "?force=true").status == 204);
  const auto seen = b.heard->wait_end(id);
  REQUIRE(seen.lost.has_value());
  CHECK_THAT(*seen.lost, ContainsSubstring("somebody else"));
}

TEST_CASE("a new driver finds the containers of the one before") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker);
  b.running(b.spec("until test -f {{output}}/go; do sleep 0.05; done; echo late; exit 21", 0));
  const auto brief = b.spec("echo brief; exit 22", 1);
  b.heard->wait_end(b.running(brief));
  const auto made = b.spec("exit 23", 2);
  b->prepare(made);
  CHECK(b.heard->wait_prepared(made.id).prepared->ok());
  b.restart();
  const auto found = b->adopt({b.spec("", 0), brief, made, b.spec("", 3)});
  REQUIRE(found.ok());
  CHECK(*found ==
        std::vector<adoption>{adoption::running, adoption::exited, adoption::never_started, adoption::never_started});
  CHECK(b.heard->wait_end(brief.id).exited->code == 22);
  const auto first = b.spec("", 0);
  std::ofstream(first.folder / "output" / "go") << "now";
  CHECK(b.heard->wait_end(first.id).exited->code == 21);
  CHECK(real_bench::log_of(first) == "late\n");
  CHECK(real_bench::log_of(brief) == "brief\n");
  CHECK(b.heard->wait_end(b.running(made)).exited->code == 23);
  for (const auto& x : {first, brief, made})
    b->remove(x.id);
  b.end();
  CHECK(b.left() == 0);
}

TEST_CASE("an output with a URL is published when the container has ended") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  real_bench b(*docker);
  auto spec = b.spec("echo 1 > {{output}}/a.txt");
  const auto target = b.dir.path() / "published";
  spec.task.outputs = {{"file://" + target.string(), ""}};
  b.run(spec);
  CHECK(fs::exists(target / "a.txt"));
}

TEST_CASE("containers outlive a daemon that keeps them, and their ends are seen") {
  docker_options how;
  how.arguments = {"--live-restore"};
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  real_bench b(docker->socket());
  const auto waits = b.spec("until test -f {{output}}/go; do sleep 0.05; done; exit 31", 0);
  const auto ends = b.spec("until test -f {{output}}/go; do sleep 0.05; done; exit 32", 1);
  b.running(waits);
  b.running(ends);
  docker->kill();
  std::ofstream(ends.folder / "output" / "go") << "now";
  docker->start_again();
  CHECK(b.heard->wait_end(ends.id).exited->code == 32);
  CHECK(b.heard->of(waits.id).calls == names{"prepared", "started"});
  std::ofstream(waits.folder / "output" / "go") << "now";
  CHECK(b.heard->wait_end(waits.id).exited->code == 31);
}

TEST_CASE("a container that dockerd has started, and does not know of when it was killed and is back, runs once") {
  docker_options how;
  how.arguments = {"--live-restore"};
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  real_bench b(docker->socket());
  const auto spec = b.spec("echo started >> {{output}}/starts");
  b->prepare(spec);
  REQUIRE(b.heard->wait_prepared(spec.id).prepared->ok());
  docker->hold_starts();
  b->start(spec.id);
  REQUIRE(eventually([&] { return content(spec.folder / "output" / "starts") == "started\n"; }));
  REQUIRE(eventually([&] { return docker->starts_held() == 1; }));
  docker->kill();
  docker->let_go_starts();
  docker->start_again();
  const auto seen = b.heard->wait_end(spec.id);
  CHECK(seen.lost.value_or("") == "the Docker daemon went away while it started it; it may have run");
  CHECK(content(spec.folder / "output" / "starts") == "started\n");
}

TEST_CASE("containers that end with their daemon are told to have done so") {
  docker_options how;
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  real_bench b(docker->socket());
  const auto id = b.running(b.spec("sleep 1000"));
  docker->kill();
  docker->start_again();
  const auto seen = b.heard->wait_end(id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->code != 0);
  CHECK_THAT(seen.exited->message, ContainsSubstring("live-restore"));
}

TEST_CASE("leased GPUs reach the container by index") {
  docker_options how;
  how.fake_gpu = true;
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  real_bench b(docker->socket());
  auto spec = b.spec("test \"$NVIDIA_VISIBLE_DEVICES\" = 1,3");
  spec.gpus = {1, 3};
  b.run(spec);
}
