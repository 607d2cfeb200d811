#include "executors/docker/engine/credentials.hpp"

#include "executors/docker/engine/loop.hpp"
#include "muster/base/base64.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include <nlohmann/json.hpp>

using namespace muster;
using namespace muster::docker;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

/// Puts a folder of made-up helpers in front of PATH for a while.
class helper_folder {
public:
  helper_folder() : before_(std::getenv("PATH")) {
    ::setenv("PATH", (folder_.path().string() + ":" + before_).c_str(), 1);
  }
  ~helper_folder() { ::setenv("PATH", before_.c_str(), 1); }
  helper_folder(const helper_folder&) = delete;
  helper_folder& operator=(const helper_folder&) = delete;

  void add(const std::string& name, const std::string& script) const {
    const auto file = folder_.path() / ("docker-credential-" + name);
    write(file, "#!/bin/sh\n" + script);
    fs::permissions(file, fs::perms::owner_all);
  }
  [[nodiscard]] const fs::path& path() const { return folder_.path(); }

private:
  test::temporary_folder folder_;
  std::string before_;
};

/// The JSON that a header carries.
nlohmann::json decoded(const secret& header) {
  auto text = header.reveal();
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const auto plain = decode_base64(text);
  REQUIRE(plain.ok());
  return nlohmann::json::parse(*plain);
}

result<secret> found(credential_finder& finder, const std::string& registry) {
  std::promise<result<secret>> promise;
  auto future = promise.get_future();
  finder.find(registry, [&](result<secret> outcome) { promise.set_value(std::move(outcome)); });
  REQUIRE(future.wait_for(30s) == std::future_status::ready);
  return future.get();
}

} // namespace

TEST_CASE("registries have one name") {
  for (const auto* server : {"https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"})
    CHECK(registry_key(server) == "docker.io");
  CHECK(registry_key("https://ghcr.io/v2/") == "ghcr.io");
  CHECK(registry_key("http://host:5000") == "host:5000");
  CHECK(helper_server("docker.io") == "https://index.docker.io/v1/");
  CHECK(helper_server("ghcr.io") == "ghcr.io");
}

TEST_CASE("credentials are read from the configuration of the docker command") {
  // "user:pass:word"
  const auto config = parse_docker_config(R"({
    "auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpwYXNzOndvcmQ="},
              "https://index.docker.io/v1/access-token": {"auth": "eDp5"},
              "token.io": {"auth": "dXNlcjo=", "identitytoken": "tok"},
              "plain.io": {"username": "u", "password": "p"},
              "kept.elsewhere.io": {}},
    "credHelpers": {"ghcr.io": "one", "https://index.docker.io/v1/": "two", "bad.io": 7},
    "credsStore": "three"})");
  REQUIRE(config.ok());
  REQUIRE(config->auths.size() == 3);
  CHECK(config->auths.at("docker.io").user == "user");
  CHECK(config->auths.at("docker.io").password.reveal() == "pass:word");
  CHECK(config->auths.at("token.io").identity_token.reveal() == "tok");
  CHECK(config->auths.at("plain.io").password.reveal() == "p");
  CHECK(config->helpers == std::map<std::string, std::string>{{"ghcr.io", "one"}, {"docker.io", "two"}});
  CHECK(config->default_helper == "three");
  CHECK(parse_docker_config("{}")->auths.empty());
}

TEST_CASE("a configuration that is wrong is refused without showing it") {
  for (const auto* text : {"", "[]", "{\"auths\":", R"({"auths":{"r.io":{"auth":"s3cr3t!"}}})",
                           R"({"auths":{"r.io":{"auth":"czNjcjN0"}}})"}) {
    INFO(text);
    const auto config = parse_docker_config(text);
    REQUIRE_FALSE(config.ok());
    CHECK(config.failure().message.find("s3cr3t") == std::string::npos);
    CHECK(config.failure().message.find("czNjcjN0") == std::string::npos);
  }
}

TEST_CASE("the header is base64url of JSON") {
  credential who;
  who.user = "u\xff?";
  who.password = secret("p>>>???");
  const auto header = registry_auth(who, "docker.io");
  CHECK(header.reveal().find_first_of("+/") == std::string::npos);
  CHECK(decoded(header)["password"] == "p>>>???");
  CHECK(decoded(header)["serveraddress"] == "https://index.docker.io/v1/");
  who.identity_token = secret("tok");
  const auto token = decoded(registry_auth(who, "ghcr.io"));
  CHECK(token["identitytoken"] == "tok");
  CHECK_FALSE(token.contains("password"));
  for (std::size_t size = 0; size < 7; ++size) {
    who = {};
    who.user = "u";
    who.password = secret(std::string(size, 'x'));
    CHECK(decoded(registry_auth(who, "r.io"))["password"] == std::string(size, 'x'));
  }
}

TEST_CASE("a helper is asked, without a shell and with a deadline") {
  const helper_folder helpers;
  helpers.add("good",
              R"(read server; printf '{"ServerURL":"%s","Username":"%s","Secret":"x"}' "$server" "$1:$server")");
  helpers.add("token", R"(cat >/dev/null; echo '{"Username":"<token>","Secret":"tok"}')");
  helpers.add("none", "echo 'credentials not found in native keychain'; exit 1");
  helpers.add("fails", "echo s3cr3t; echo s3cr3t >&2; exit 3");
  helpers.add("odd", "echo s3cr3t");
  helpers.add("endless", "while :; do echo 0123456789012345678901234567890123456789; done");
  const auto good = ask_helper("good", "ghcr.io", 20s);
  REQUIRE(good.ok());
  REQUIRE(good->has_value());
  CHECK((*good)->user == "get:ghcr.io");
  CHECK((*good)->password.reveal() == "x");
  const auto token = ask_helper("token", "ghcr.io", 20s);
  REQUIRE(token.ok());
  CHECK((*token)->identity_token.reveal() == "tok");
  CHECK((*token)->user.empty());
  const auto none = ask_helper("none", "ghcr.io", 20s);
  REQUIRE(none.ok());
  CHECK_FALSE(none->has_value());
  for (const auto* name : {"fails", "odd", "endless", "absent"}) {
    INFO(name);
    const auto failed = ask_helper(name, "ghcr.io", 20s);
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.failure().message.find("s3cr3t") == std::string::npos);
    CHECK(failed.failure().message.find(name) != std::string::npos);
  }
  for (const auto* name : {"", "../sh", "a/b", "a b", "a;b", ".hidden"})
    CHECK(ask_helper(name, "ghcr.io", 20s).failure().code == ec::invalid_argument);
}

TEST_CASE("a helper that does not end is ended") {
  const helper_folder helpers;
  // Waited for, they would outlive the time that a test has.
  helpers.add("silent", "exec sleep 1000");
  helpers.add("closed", "exec sleep 1000 >/dev/null");
  for (const auto* name : {"silent", "closed"}) {
    const auto late = ask_helper(name, "ghcr.io", 200ms);
    REQUIRE_FALSE(late.ok());
    CHECK(late.failure().code == ec::timed_out);
  }
}

TEST_CASE("credentials are found off the loop's thread, and told on it") {
  const helper_folder helpers;
  helpers.add("store", R"(read server; [ "$server" = have.io ] || { echo 'credentials not found'; exit 1; }
echo '{"Username":"u","Secret":"stored"}')");
  helpers.add("own", R"(echo '{"Username":"u","Secret":"own"}')");
  write(helpers.path() / "config.json", R"({"credsStore":"store","credHelpers":{"own.io":"own","lost.io":"lost"},
    "auths":{"file.io":{"auth":"dTpmaWxl"},"have.io":{"auth":"dTpmaWxl"}}})");
  loop on;
  credential_finder finder(on, helpers.path());
  CHECK(decoded(*found(finder, "have.io"))["password"] == "stored");
  CHECK(decoded(*found(finder, "own.io"))["password"] == "own");
  CHECK(decoded(*found(finder, "file.io"))["password"] == "file");
  CHECK(found(finder, "unknown.io")->empty());
  CHECK(found(finder, "lost.io").failure().code == ec::unavailable);
  bool there = false;
  std::promise<void> done;
  finder.find("file.io", [&](const result<secret>&) {
    there = on.on_thread();
    done.set_value();
  });
  done.get_future().get();
  CHECK(there);
  write(helpers.path() / "config.json", "{");
  CHECK_FALSE(found(finder, "file.io").ok());
  fs::remove(helpers.path() / "config.json");
  CHECK(found(finder, "file.io")->empty());
}
