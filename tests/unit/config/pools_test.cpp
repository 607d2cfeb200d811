#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/temporary_folder.hpp"

#include "muster/config/file.hpp"

#include <fstream>

using namespace muster;
using namespace muster::config;

namespace {

/// All errors as a user sees them.
std::string errors_of(const std::string& text) {
  std::string all;
  for (const auto& x : load(text, "/etc/muster/config.yaml").errors)
    all += spec::render(x);
  return all;
}

store::environment environment_of(std::map<std::string, std::string> values) {
  return [values](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

} // namespace

TEST_CASE("the sample configuration loads and says what the defaults are") {
  const auto read = load_file(muster::test::in_source("config/config.yaml"));
  for (const auto& x : read.errors)
    UNSCOPED_INFO(spec::render(x));
  REQUIRE(read.ok());
  REQUIRE(read.value->pools.size() == 1);
  const auto& docker = read.value->pools.at("docker");
  const pool_settings none;
  CHECK(docker.driver == pool_driver::docker);
  CHECK(docker.pull == none.pull);
  CHECK(docker.pulls == none.pulls);
  CHECK(docker.prepare_timeout == none.prepare_timeout);
  CHECK(docker.start_timeout == none.start_timeout);
  CHECK(docker.init == none.init);
  CHECK(docker.swap == none.swap);
  CHECK(docker.max_log == none.max_log);
  CHECK(!docker.privileged);
  CHECK(docker.mounts.empty());
}

TEST_CASE("what the sample configuration shows in comments loads as well") {
  std::ifstream in(muster::test::in_source("config/config.yaml"));
  std::string text;
  for (std::string line; std::getline(in, line);) {
    const auto at = line.find_first_not_of(' ');
    const bool commented = at != std::string::npos && at > 0 && line.compare(at, 2, "# ") == 0;
    if (commented && (line.find(": ") != std::string::npos || line.back() == ':') &&
        line.find("left out") == std::string::npos && line.find("machine with") == std::string::npos)
      line.erase(at, 2);
    text += line + '\n';
  }
  const auto read = load(text, "/etc/muster/config.yaml");
  for (const auto& x : read.errors)
    UNSCOPED_INFO(spec::render(x));
  REQUIRE(read.ok());
  const auto& docker = read.value->pools.at("docker");
  CHECK(docker.host == "unix:///var/run/docker.sock");
  CHECK(docker.tls->ca == "/etc/muster/ca.pem");
  CHECK(docker.starts == 8);
  CHECK(to_text(*docker.range) == "10.213.0.0/16");
  CHECK(docker.gpus == std::vector<std::uint32_t>{0, 1});
  CHECK(docker.user == "1000:1000");
  CHECK(docker.shm_size == std::int64_t{1} << 30U);
  CHECK(docker.pids == 4096);
  CHECK(docker.labels.at("team") == "robots");
  CHECK(read.value->pools.at("lab").host == "tcp://lab-7:2376");
  CHECK(read.value->pools.at("workstation").driver == pool_driver::process);
  CHECK(read.value->pools.at("workstation").gpus == std::vector<std::uint32_t>{0, 1});
  const auto& farm = read.value->pools.at("farm");
  const pool_settings none;
  CHECK(farm.driver == pool_driver::agents);
  CHECK(farm.silence_limit == none.silence_limit);
  CHECK(farm.lost_after == none.lost_after);
  CHECK(farm.on_loss == none.on_loss);
}

TEST_CASE("a pool of agents is shown as it was read") {
  const std::string text = "pools:\n  \"farm\":\n    driver: agents\n    silence_limit: 3s\n    lost_after: 5m\n"
                           "    on_loss: reschedule\n    node_labels: {\"rack\": \"r7\"}\n";
  const auto read = load(text, "x");
  REQUIRE(read.ok());
  CHECK(read.value->pools.at("farm").on_loss == loss_choice::reschedule);
  CHECK(to_yaml(read.value->pools) == text);
}

TEST_CASE("an empty configuration has no pools") {
  for (const auto* text : {"", "# nothing\n", "pools:\n", "pools: {}\n"}) {
    INFO(text);
    const auto read = load(text, "x");
    REQUIRE(read.ok());
    CHECK(read.value->pools.empty());
  }
}

TEST_CASE("a key that is there twice is refused, for nobody says which one counts") {
  const auto said =
      errors_of("pools:\n  farm: {driver: agents}\n  other: {driver: agents}\n  farm: {driver: agents}\n");
  CHECK_THAT(said, ContainsSubstring("config.yaml:4:3") && ContainsSubstring("pools.farm") &&
                       ContainsSubstring("the key 'farm' is there already, 2 lines above") &&
                       ContainsSubstring("take one of them out"));
  CHECK_THAT(said, !ContainsSubstring("takes its place"));
  CHECK_THAT(errors_of("pools: {}\ndefaults: {pool: local, pool: docker}\n"),
             ContainsSubstring("the key 'pool' is in this line twice"));
}

TEST_CASE("an unknown key is pointed at, with the nearest one") {
  const auto text = errors_of("pools:\n  lab:\n    driver: docker\n    prmissions: {}\n");
  CHECK_THAT(text, ContainsSubstring("/etc/muster/config.yaml:4:5: error: pools.lab.prmissions"));
  CHECK_THAT(text, ContainsSubstring("did you mean 'permissions'?"));
  CHECK_THAT(text, ContainsSubstring("    prmissions: {}\n"));
  CHECK_THAT(text, ContainsSubstring("    ^"));
}

TEST_CASE("what is wrong in a configuration is said where it stands") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"pool: {}", "did you mean 'pools'?"},
      {"[1]", "a mapping"},
      {"pools: 5", "pools"},
      {"pools: {lab: {}}", "`driver` is missing"},
      {"pools: {lab: {driver: dokcer}}", "expected process, docker or agents, found 'dokcer'"},
      {"pools: {local: {driver: process}}", "'local' is a pool that is always there"},
      {"pools: {docker: {driver: process}}", "choose another name"},
      {"pools: {'a b': {driver: process}}", "the name of a pool"},
      {"pools: {7: {driver: process}}", "the name of a pool"},
      {"pools: {lab: {driver: process, pull: never}}", "`pull` is of `driver: docker`"},
      {"pools: {lab: {driver: docker, pull: sometimes}}", "expected always, missing or never"},
      {"pools: {lab: {driver: docker, pulls: 0}}", "expected 1 to 64, found 0"},
      {"pools: {lab: {driver: docker, starts: many}}", "pools.lab.starts"},
      {"pools: {lab: {driver: docker, init: 7}}", "pools.lab.init"},
      {"pools: {lab: {driver: docker, shm_size: lots}}", "pools.lab.shm_size"},
      {"pools: {lab: {driver: docker, timeouts: {start: soon}}}", "pools.lab.timeouts.start"},
      {"pools: {lab: {driver: docker, timeouts: {prepare: 0s}}}", "at least 1s"},
      {"pools: {lab: {driver: docker, shm_size: 0}}", "amount of memory"},
      {"pools: {lab: {driver: docker, shm_size: 99999999999T}}", "expected at most 8388607Ti, found '99999999999T'"},
      {"pools: {lab: {driver: docker, timeouts: {start: 999999999d}}}", "expected at most 106751991d"},
      {"pools: {lab: {driver: docker, network: {range: 10.213.5.0/16}}}", "10.213.0.0/16"},
      {"pools: {lab: {driver: docker, network: {range: 10.213.0.0/27}}}", "between /8 and /26"},
      {"pools: {lab: {driver: docker, network: {ranges: x}}}", "did you mean 'range'?"},
      {"pools: {lab: {driver: docker, gpus: [0, 0]}}", "named twice"},
      {"pools: {lab: {driver: docker, gpus: [-1]}}", "pools.lab.gpus[0]"},
      {"pools: {lab: {driver: docker, permissions: {mounts: [data]}}}", "absolute path"},
      {"pools: {lab: {driver: docker, permissions: {mounts: /data}}}", "pools.lab.permissions.mounts"},
      {"pools: {lab: {driver: docker, tls: {cert: a.pem}}}", "go together"},
      {"pools: {lab: {driver: docker, labels: {muster.head: x}}}", "Muster's own"},
      {"pools: {lab: {driver: docker", "error"},
      {"pools: {farm: {driver: agents, pull: never}}", "is set up by its agent"},
      {"pools: {farm: {driver: agents, silence_limit: 60s}}", "expected 2s to 10s"},
      {"pools: {farm: {driver: agents, gpus: 2}}", "`muster agent --gpus`"},
      {"pools: {farm: {driver: agents, lost_after: 0s}}", "at least 1s"},
      {"pools: {farm: {driver: agents, on_loss: panic}}", "expected wait or reschedule, found 'panic'"},
      {"pools: {lab: {driver: docker, on_loss: wait}}", "`on_loss` is of `driver: agents`"},
      {"pools: {lab: {driver: process, node_labels: {a: b}}}", "`node_labels` is of `driver: agents`"},
      {"pools: {farm: {driver: agents, node_labels: {a: [b]}}}", "expected a string"},
      {"pools: {lab: {driver: process, lost_after: 1m}}", "`lost_after` is of `driver: agents`"},
      {"pools: {docker: {driver: agents}}", "choose another name"},
      {"pools: \xff", "not UTF-8"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK_THAT(errors_of(text), ContainsSubstring(expected));
  }
}

TEST_CASE("which configuration file counts") {
  const auto path = [](const std::string& named, std::map<std::string, std::string> env) {
    const auto found = find_file(named, environment_of(std::move(env)));
    return found ? found->path + (found->named ? " named" : "") : "none";
  };
  CHECK(path("a.yaml", {{"MUSTER_CONFIG", "b.yaml"}, {"HOME", "/h"}}) == "a.yaml named");
  CHECK(path("", {{"MUSTER_CONFIG", "b.yaml"}, {"HOME", "/h"}}) == "b.yaml named");
  CHECK(path("", {{"MUSTER_CONFIG", ""}, {"XDG_CONFIG_HOME", "/c"}, {"HOME", "/h"}}) == "/c/muster/config.yaml");
  CHECK(path("", {{"XDG_CONFIG_HOME", "relative"}, {"HOME", "/h"}}) == "/h/.config/muster/config.yaml");
  CHECK(path("", {}) == "none");
}

TEST_CASE("a configuration file may be absent unless it was named") {
  const test::temporary_folder folder;
  const auto here = folder.path().string();
  CHECK(load_user("", environment_of({{"HOME", here}})).ok());
  CHECK(load_user("", environment_of({})).ok());
  CHECK(!load_user(here + "/no.yaml", environment_of({})).ok());
  CHECK(!load_user("", environment_of({{"MUSTER_CONFIG", here + "/no.yaml"}})).ok());
  CHECK(!load_file(here).ok());
}

TEST_CASE("a pool that is made while a head runs has the keys of one that agents join") {
  const auto plain = read_made_pool("farm", "{}");
  REQUIRE(plain);
  CHECK(plain->driver == pool_driver::agents);
  CHECK(plain->lost_after == std::chrono::minutes{1});
  const auto whole = read_made_pool("farm", R"({"driver": "agents", "silence_limit": "4s", "lost_after": "2m",
      "on_loss": "reschedule", "node_labels": {"rack": 7, "a.b/c": "\u00e4 \"x\""}})");
  REQUIRE(whole);
  CHECK(whole->silence_limit == std::chrono::seconds{4});
  CHECK(whole->lost_after == std::chrono::minutes{2});
  CHECK(whole->on_loss == loss_choice::reschedule);
  CHECK(whole->node_labels == std::map<std::string, std::string>{{"rack", "7"}, {"a.b/c", "\u00e4 \"x\""}});

  const auto problem = [](const std::string& name, const std::string& text) {
    const auto read = read_made_pool(name, text);
    REQUIRE_FALSE(read);
    CHECK(read.failure().code == ec::invalid_argument);
    return read.failure().message;
  };
  CHECK_THAT(problem("a b", "{}"), ContainsSubstring("name: the name of a pool has letters"));
  CHECK_THAT(problem("", "{}"), ContainsSubstring("the name of a pool has letters"));
  for (const auto* name : {"local", "process", "docker", "null"})
    CHECK_THAT(problem(name, "{}"), ContainsSubstring("always there"));
  CHECK_THAT(problem("farm", R"({"silence_limit": "1m"})"), ContainsSubstring("silence_limit: expected 2s to 10s"));
  CHECK_THAT(problem("farm", R"({"on_loss": "stay"})"), ContainsSubstring("on_loss: expected wait or reschedule"));
  CHECK_THAT(problem("farm", R"({"lost_afte": "1m"})"), ContainsSubstring("lost_after"));
  CHECK_THAT(problem("farm", R"({"gpus": 2})"), ContainsSubstring("muster agent --gpus"));
  CHECK_THAT(problem("farm", R"({"user": "x"})"), ContainsSubstring("`driver: docker`"));
  CHECK_THAT(problem("farm", R"({"driver": "docker"})"), ContainsSubstring("of its configuration file"));
  CHECK_THAT(problem("farm", R"({"policy": {}})"), ContainsSubstring("policy: "));
  CHECK_THAT(problem("farm", "[]"), ContainsSubstring("expected an object"));
}
