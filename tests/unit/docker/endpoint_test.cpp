#include "executors/docker/engine/endpoint.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

using namespace muster;
using namespace muster::docker;

namespace {

namespace fs = std::filesystem;

environment_lookup variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto it = values.find(name);
    return it == values.end() ? std::nullopt : std::optional(it->second);
  };
}

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

const fs::path nowhere = "/nonexistent/docker.sock";

} // namespace

TEST_CASE("endpoints are read") {
  CHECK(parse_endpoint("unix:///run/docker.sock")->socket == "/run/docker.sock");
  CHECK(parse_endpoint("/run/docker.sock")->socket == "/run/docker.sock");
  const auto tcp = parse_endpoint("tcp://example:2400/");
  REQUIRE(tcp.ok());
  CHECK(tcp->host == "example");
  CHECK(tcp->port == 2400);
  CHECK(parse_endpoint("tcp://example")->port == 2375);
  CHECK(parse_endpoint("tcp://example", tls_material{})->port == 2376);
  CHECK(parse_endpoint("tcp://:2400")->host == "127.0.0.1");
  CHECK(parse_endpoint("tcp://[fe80::1]:99")->host == "fe80::1");
  for (const auto* text : {"unix:///run/docker.sock", "tcp://example:2400", "tcp://[::1]:99"})
    CHECK(to_string(*parse_endpoint(text)) == text);
}

TEST_CASE("what is no endpoint is refused with a way out") {
  for (const auto* text :
       {"", "docker", "unix://", "unix://relative", "tcp://host:0", "tcp://host:65536", "tcp://host:x", "tcp://[::1",
        "tcp://[::1]9", "tcp://[]:1", "tcp://a@b:1", "tcp://a b", "tcp://host/path", "tcp://a:1:2", "http://host"}) {
    INFO(text);
    const auto where = parse_endpoint(text);
    REQUIRE_FALSE(where.ok());
    CHECK(where.failure().code == ec::invalid_argument);
    CHECK(where.failure().message.find("tcp://host:port") != std::string::npos);
  }
  CHECK_FALSE(parse_endpoint("unix:///" + std::string(107, 'x')).ok());
  for (const auto* text : {"ssh://user@host", "npipe:////./pipe/docker", "fd://3"})
    CHECK(parse_endpoint(text).failure().code == ec::unsupported);
}

TEST_CASE("what is given counts more than DOCKER_HOST, and that more than a context") {
  const auto env = variables({{"DOCKER_HOST", "tcp://a:1"}, {"DOCKER_CONTEXT", "none"}});
  CHECK(find_endpoint(env, "tcp://b:2", nowhere)->host == "b");
  CHECK(find_endpoint(env, {}, nowhere)->host == "a");
  CHECK(find_endpoint(env, {}, nowhere)->origin == "DOCKER_HOST");
  const auto bad = find_endpoint(variables({{"DOCKER_HOST", "ssh://x"}}), {}, nowhere);
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.failure().message.rfind("DOCKER_HOST: ", 0) == 0);
}

TEST_CASE("certificates are taken from the folder that the environment names") {
  const test::temporary_folder folder;
  for (const auto* name : {"ca.pem", "cert.pem", "key.pem"})
    write(folder.path() / "certs" / name, "x");
  write(folder.path() / "config/ca.pem", "x");
  std::map<std::string, std::string> values{{"DOCKER_HOST", "tcp://a"},
                                            {"DOCKER_CERT_PATH", (folder.path() / "certs").string()}};
  CHECK_FALSE(find_endpoint(variables(values), {}, nowhere)->tls.has_value());
  values["DOCKER_TLS_VERIFY"] = "1";
  auto where = find_endpoint(variables(values), {}, nowhere);
  REQUIRE(where.ok());
  REQUIRE(where->tls.has_value());
  CHECK(where->port == 2376);
  CHECK(where->tls->verify);
  CHECK(where->tls->key == folder.path() / "certs/key.pem");
  values.erase("DOCKER_CERT_PATH");
  values["DOCKER_CONFIG"] = (folder.path() / "config").string();
  where = find_endpoint(variables(values), {}, nowhere);
  CHECK(where->tls->ca == folder.path() / "config/ca.pem");
  CHECK(where->tls->cert.empty());
  values.erase("DOCKER_TLS_VERIFY");
  values["DOCKER_TLS"] = "1";
  CHECK_FALSE(find_endpoint(variables(values), {}, nowhere)->tls->verify);
}

TEST_CASE("contexts are found by name, with their certificates") {
  const test::temporary_folder folder;
  write(folder.path() / "config.json", R"({"currentContext":"remote"})");
  write(folder.path() / "contexts/meta/0badc0de/meta.json",
        R"({"Name":"other","Endpoints":{"docker":{"Host":"tcp://o:1"}}})");
  write(folder.path() / "contexts/meta/cafe/meta.json",
        R"({"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://r:7","SkipTLSVerify":false}}})");
  write(folder.path() / "contexts/meta/broken/meta.json", "{");
  write(folder.path() / "contexts/meta/empty/meta.json", R"({"Name":"empty","Endpoints":[]})");
  write(folder.path() / "contexts/tls/cafe/docker/ca.pem", "x");
  std::map<std::string, std::string> values{{"DOCKER_CONFIG", folder.path().string()}};
  auto where = find_endpoint(variables(values), {}, nowhere);
  REQUIRE(where.ok());
  CHECK(where->host == "r");
  CHECK(where->origin == "context 'remote'");
  REQUIRE(where->tls.has_value());
  CHECK(where->tls->verify);
  CHECK(where->tls->ca == folder.path() / "contexts/tls/cafe/docker/ca.pem");
  values["DOCKER_CONTEXT"] = "other";
  where = find_endpoint(variables(values), {}, nowhere);
  CHECK(where->host == "o");
  CHECK_FALSE(where->tls.has_value());
  values["DOCKER_CONTEXT"] = "default";
  CHECK(find_endpoint(variables(values), {}, nowhere)->socket == nowhere);
  values["DOCKER_CONTEXT"] = "empty";
  CHECK(find_endpoint(variables(values), {}, nowhere).failure().code == ec::invalid_argument);
  values["DOCKER_CONTEXT"] = "absent";
  const auto absent = find_endpoint(variables(values), {}, nowhere);
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.failure().message.find("'absent'") != std::string::npos);
}

TEST_CASE("a configuration that cannot be read is said, not passed over") {
  const test::temporary_folder folder;
  write(folder.path() / "config.json", "[]");
  const auto where = find_endpoint(variables({{"DOCKER_CONFIG", folder.path().string()}}), {}, nowhere);
  REQUIRE_FALSE(where.ok());
  CHECK(where.failure().message.find("config.json") != std::string::npos);
}

TEST_CASE("without a word the default socket is meant, or that of a rootless daemon") {
  const test::temporary_folder folder;
  const auto standard = folder.path() / "docker.sock";
  const auto env = variables({{"XDG_RUNTIME_DIR", (folder.path() / "run").string()}, {"HOME", folder.path().string()}});
  CHECK(find_endpoint(env, {}, standard)->socket == standard);
  write(folder.path() / "run/docker.sock", "");
  CHECK(find_endpoint(env, {}, standard)->socket == folder.path() / "run/docker.sock");
  CHECK(find_endpoint(env, {}, standard)->origin == "rootless");
  write(standard, "");
  CHECK(find_endpoint(env, {}, standard)->socket == standard);
}
