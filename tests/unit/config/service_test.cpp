#include "support/catch.hpp"
#include "support/checkout.hpp"

#include "muster/config/file.hpp"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

using namespace muster;
using namespace muster::config;

namespace {

std::string errors_of(const std::string& text) {
  std::string all;
  for (const auto& x : load(text, "/etc/muster/muster.yaml").errors)
    all += spec::render(x);
  return all;
}

std::string sample() {
  std::ifstream in(muster::test::in_source("config/muster.yaml"));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Adds the keys of `{a: 1, b: {c: 2}}`.
void add_inline(const std::string& text, const std::string& path, std::set<std::string>& out) {
  static const std::regex key("([a-z_]+): ");
  for (std::sregex_iterator at(text.begin(), text.end(), key), end; at != end; ++at)
    out.insert(path + '.' + (*at)[1].str());
}

/// The path of every key that is written in a file of configuration, a commented `tls` included.
std::set<std::string> paths_of(const std::string& yaml) {
  std::set<std::string> out;
  std::vector<std::pair<std::size_t, std::string>> around;
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line);) {
    if (const auto at = line.find("# tls:"); at != std::string::npos)
      line.erase(at, 2);
    const auto indent = line.find_first_not_of(' ');
    const auto colon = line.find(':');
    if (indent == std::string::npos || line[indent] == '#' || colon == std::string::npos)
      continue;
    while (!around.empty() && around.back().first >= indent)
      around.pop_back();
    std::string path;
    for (const auto& [depth, name] : around)
      path += name + '.';
    const auto name = line.substr(indent, colon - indent);
    out.insert(path + name);
    const auto open = line.find('{', colon);
    if (open != std::string::npos && line.find_first_not_of(' ', colon + 1) == open && name != "levels")
      add_inline(line.substr(open, line.find('}') - open), path + name, out);
    around.emplace_back(indent, name);
  }
  return out;
}

} // namespace

TEST_CASE("config/muster.yaml says what the defaults are") {
  const auto read = load(sample(), "/etc/muster/muster.yaml");
  for (const auto& x : read.errors)
    UNSCOPED_INFO(spec::render(x));
  REQUIRE(read.ok());
  CHECK(to_yaml(read.value->service) == to_yaml(service_settings{}));
}

TEST_CASE("config/muster.yaml has every key, and no other") {
  service_settings all;
  all.server.tls = certificate_settings{"c", "k"};
  auto known = paths_of(to_yaml(all));
  CHECK(known.size() > 60);
  known.insert("pools");
  CHECK(paths_of(sample()) == known);
}

TEST_CASE("what is shown of a configuration reads back as the same") {
  service_settings x;
  x.state_dir = "/var/lib/mu\"ster";
  x.server.listen = "[::1]:80";
  x.server.tls = certificate_settings{"/etc/c.pem", "/etc/k.pem"};
  x.server.allowed_hosts = {"a.example", "null"};
  x.server.limits.body_bytes = 12345;
  x.server.limits.idle_timeout = std::chrono::milliseconds{1500};
  x.retention.workflows.age = {};
  x.retention.events.count = 7;
  x.log.level = log::level::off;
  x.log.format = log_format::json;
  x.log.levels = {{"http", log::level::debug}, {"store", log::level::off}};
  x.log.file = "/var/log/m.log";
  x.monitors.listen = "127.0.0.1:0";
  x.agents.listen = "0.0.0.0:1";
  x.agents.certs = "/etc/certs";
  x.defaults.oversubscribe = 2.5;
  x.defaults.enforce_limits = true;
  const auto text = to_yaml(x);
  const auto read = load(text, "/etc/muster/muster.yaml");
  for (const auto& problem : read.errors)
    UNSCOPED_INFO(spec::render(problem));
  REQUIRE(read.ok());
  CHECK(to_yaml(read.value->service) == text);
  CHECK(read.value->service.server.tls->key == "/etc/k.pem");
  CHECK(read.value->service.log.levels.at("store") == log::level::off);
}

TEST_CASE("relative paths of the service count from the file") {
  const auto read = load("state_dir: state\nserver: {tls: {cert: c.pem, key: ../k.pem}}\nlog: {file: m.log}\n",
                         "/etc/muster/muster.yaml");
  REQUIRE(read.ok());
  CHECK(read.value->service.state_dir == "/etc/muster/state");
  CHECK(read.value->service.server.tls->cert == "/etc/muster/c.pem");
  CHECK(read.value->service.server.tls->key == "/etc/k.pem");
  CHECK(read.value->service.log.file == "/etc/muster/m.log");
}

TEST_CASE("what is wrong in the settings of a head is said where it stands") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"server:\n  lisen: x\n", "muster.yaml:2:3: error: server.lisen"},
      {"server:\n  lisen: x\n", "did you mean 'listen'?"},
      {"sever: {}\n", "did you mean 'server'?"},
      {"server: {limits: {bodybytes: 1}}", "did you mean 'body_bytes'?"},
      {"server: {listen: localhost:80}", "it takes addresses, not names"},
      {"server: {listen: 127.0.0.1}", "the port is missing"},
      {"server: {listen: '127.0.0.1:99999'}", "no number up to 65535"},
      {"server: {auth: nobody}", "expected tokens or none, found 'nobody'"},
      {"server: {auth: none, listen: '0.0.0.0:80'}", "without tokens the head listens on loopback only"},
      {"server: {tls: {cert: a}}", "`key` is missing"},
      {"server: {limits: {workers: 0}}", "expected 1 to 256, found 0"},
      {"server: {limits: {body_bytes: 9999999999T}}", "expected at most 8388607Ti, found '9999999999T'"},
      {"server: {limits: {body_timeout: 999999999d}}", "expected at most 106751991d, found '999999999d'"},
      {"server: {limits: {body_bytes: 10}}", "at least 1Ki"},
      {"server: {limits: {idle_timeout: soon}}", "is no duration"},
      {"server: [1]", "a mapping"},
      {"retention: {workflows: {age: -1d}}", "at least 0s"},
      {"log: {level: loud}", "expected debug, info, warn, error or off, found 'loud'"},
      {"log: {levels: {htp: debug}}", "did you mean 'http'?"},
      {"log: {max_size: 1}", "log.max_size"},
      {"monitors: {listen: everywhere}", "no address to listen at"},
      {"monitors: {listen: '0.0.0.0:7719'}", "monitors connect on loopback only"},
      {"agents: {listen: nowhere}", "no address to listen at"},
      {"agents: {listen: '10.0.0.1:7718'}", "agents join on loopback only"},
      {"defaults: {oversubscribe: 0}", "a number from 0.01 to 10000"},
      {"defaults: {max_retries: x}", "defaults.max_retries"},
      {"defaults: {pool: nope}", "defaults.pool: there is no pool 'nope'"},
      {"defaults: {pool: nope}\npools: {farm: {driver: agents}}", "there are local, docker, farm"},
      {"contexts: {lab: {}}", "`address` is missing"},
      {"contexts: {lab: {address: lab}}", "expected http://host:port"},
      {"contexts: {'a b': {address: 'http://x'}}", "the name of a context"},
      {"current_context: lab", "there is no context 'lab'"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK_THAT(errors_of(text), ContainsSubstring(expected));
  }
}

TEST_CASE("the default pool may be set up below, or be there by itself") {
  CHECK(load("defaults: {pool: farm}\npools: {farm: {driver: agents}}", "x").ok());
  for (const auto* name : {"local", "process", "docker", "null"})
    CHECK(load(std::string{"defaults: {pool: "} + '"' + name + "\"}", "x").ok());
}

TEST_CASE("off is a word, also where YAML takes it for a boolean") {
  const auto read = load("monitors: {listen: off}\nlog: {level: off, levels: {http: off}}\n", "x");
  REQUIRE(read.ok());
  CHECK(read.value->service.monitors.listen == "off");
  CHECK(read.value->service.log.level == log::level::off);
  CHECK(read.value->service.log.levels.at("http") == log::level::off);
}

TEST_CASE("which changes need a restart") {
  service_settings before;
  auto after = before;
  after.log.level = log::level::debug;
  after.log.levels["http"] = log::level::warn;
  CHECK(changes_between(before, after).need_restart.empty());
  CHECK(changes_between(before, after).taken == std::vector<std::string>{"log.level", "log.levels"});
  after.server.listen = "127.0.0.1:1";
  after.log.file = "/x";
  after.server.limits.body_bytes = 1;
  after.server.limits.workers = 9;
  after.retention.events.count = 7;
  after.server.tls = certificate_settings{"a", "b"};
  const auto found = changes_between(before, after);
  CHECK(found.need_restart ==
        std::vector<std::string>{"log.file", "server.limits.workers", "server.listen", "server.tls"});
  CHECK(found.taken ==
        std::vector<std::string>{"log.level", "log.levels", "retention.events.count", "server.limits.body_bytes"});
  before.server.tls = certificate_settings{"a", "c"};
  CHECK(changes_between(before, after).taken.back() == "server.tls");
}

TEST_CASE("what config/muster.yaml marks needs a restart, and nothing else") {
  std::istringstream lines(sample());
  std::vector<std::string> path;
  std::set<std::string> marked;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(' ');
    const auto colon = line.find(':');
    if (begin == std::string::npos || line[begin] == '#' || colon == std::string::npos)
      continue;
    path.resize(begin / 2);
    path.push_back(line.substr(begin, colon - begin));
    std::string name;
    for (const auto& part : path)
      name += (name.empty() ? "" : ".") + part;
    if (line.find("(restart)") != std::string::npos)
      marked.insert(name == "monitors" ? "monitors.listen" : name == "agents" ? "agents.listen" : name);
    if (name == "agents")
      marked.insert("agents.certs");
  }
  CHECK(marked.size() > 10);
  const service_settings before;
  service_settings after;
  after.server.listen = "127.0.0.1:1";
  after.server.auth = auth_mode::none;
  after.server.limits.threads = after.server.limits.workers = after.server.limits.queue = 77;
  after.events.ring = std::int64_t{1} << 30U;
  after.events.bookmark = std::chrono::seconds{99};
  after.log.format = log_format::json;
  after.log.file = "/x";
  after.log.max_size = 99;
  after.log.files = 99;
  after.monitors.listen = "127.0.0.1:2";
  after.agents.listen = "127.0.0.1:3";
  after.agents.certs = "/certs";
  after.defaults.pool = "x";
  after.defaults.max_parallel = 99;
  after.defaults.oversubscribe = 9.0;
  after.defaults.enforce_limits = true;
  after.defaults.threads = 99;
  const auto found = changes_between(before, after);
  CHECK(found.taken.empty());
  CHECK(std::set<std::string>(found.need_restart.begin(), found.need_restart.end()) == marked);
}

TEST_CASE("contexts are written without touching the rest of the file") {
  const std::string text =
      "# mine\npools:\n  lab: {driver: process}\ncontexts:\n  old: {address: \"http://o\"}\n  # c\n\n"
      "current_context: old\n# end\nlog: {level: debug}\n";
  client_settings x;
  x.contexts["lab"] = {"https://lab:7717", "/home/u/lab.token", {}};
  x.current = "lab";
  const auto out = with_contexts(text, x);
  CHECK_THAT(out, ContainsSubstring("# mine\npools:\n  lab: {driver: process}\n"));
  CHECK(out.find("old") == std::string::npos);
  const auto read = load(out, "/home/u/.config/muster/config.yaml");
  REQUIRE(read.ok());
  CHECK(read.value->client.current == "lab");
  CHECK(read.value->client.contexts.at("lab").token_file == "/home/u/lab.token");
  CHECK(read.value->pools.count("lab") == 1);
  CHECK(read.value->service.log.level == log::level::debug);
  CHECK(with_contexts(out, x) == out);
}

TEST_CASE("addresses to listen at") {
  CHECK(parse_listen("127.0.0.1:0")->is_loopback());
  CHECK(parse_listen("127.9.0.1:1")->is_loopback());
  CHECK(parse_listen("[::1]:7717")->is_loopback());
  CHECK(parse_listen("[::1]:7717")->address == "::1");
  CHECK_FALSE(parse_listen("0.0.0.0:80")->is_loopback());
  CHECK_FALSE(parse_listen("[::]:80")->is_loopback());
  for (const auto* bad : {"", ":", "a", "127.0.0.1:", "127.0.0.1:x", "::1:80", "[1]:2", "1.2.3.4:70000"})
    CHECK_FALSE(parse_listen(bad).ok());
}
