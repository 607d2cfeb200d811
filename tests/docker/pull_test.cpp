#include "real_bench.hpp"

#include "docker_system/docker_muster.hpp"
#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/fake_engine.hpp"
#include "support/unix_http.hpp"

#include <chrono>
#include <fstream>
#include <memory>
#include <string>

/// Pulls from a real registry.
using namespace muster;
using namespace muster::test;

namespace {

const std::string image = "127.0.0.1:5000/box";

/// A daemon and a registry that has `image`:1, which the daemon has not.
class registry_ground {
public:
  registry_ground() {
    docker_options how;
    how.images = {"busybox:latest"};
    docker_ = docker_daemon::start(how);
    if (!docker_ || !docker_->start_registry()) {
      docker_.reset();
      return;
    }
    REQUIRE(call("POST", "/images/busybox:latest/tag?repo=" + image + "&tag=1") == 201);
    // An empty login, in base64; the Engine wants the header for every push.
    unix_http pusher(docker_->socket());
    REQUIRE(pusher.send_raw("POST /v1.41/images/" + image +
                            "/push?tag=1 HTTP/1.1\r\nHost: docker\r\nX-Registry-Auth: e30=\r\n"
                            "Content-Length: 0\r\n\r\n"));
    CHECK_THAT(pusher.receive().body, ContainsSubstring("digest: sha256:"));
    forget();
  }

  explicit operator bool() const { return docker_ != nullptr; }
  docker_daemon* operator->() { return docker_.get(); }

  int call(const std::string& method, const std::string& target) {
    return http_call(docker_->socket(), method, "/v1.41" + target).status;
  }
  /// The daemon has it no more.
  void forget() { REQUIRE(call("DELETE", "/images/" + image + ":1") == 200); }
  /// How often the daemon has pulled something.
  std::size_t pulls() {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()) + 1;
    const auto said = http_call(docker_->socket(), "GET",
                                "/v1.41/events?since=1&until=" + std::to_string(now) +
                                    "&filters=%7B%22event%22%3A%5B%22pull%22%5D%7D")
                          .body;
    std::size_t count = 0;
    for (auto at = said.find("\"Action\""); at != std::string::npos; at = said.find("\"Action\"", at + 1))
      ++count;
    return count;
  }

private:
  std::unique_ptr<docker_daemon> docker_;
};

attempt_spec wants(const real_bench& b, const std::string& tag = "1", std::uint32_t task = 0,
                   std::uint32_t members = 1) {
  auto out = b.spec("true", task, members);
  out.task.image = image + ':' + tag;
  return out;
}

/// What became of preparing an attempt that wants the image: empty if it was prepared.
std::string problem_of(real_bench& b, const std::string& tag = "1", std::uint32_t task = 0) {
  const auto spec = wants(b, tag, task);
  b->prepare(spec);
  const auto seen = b.heard->wait_prepared(spec.id);
  REQUIRE(seen.prepared.has_value());
  if (*seen.prepared)
    return {};
  CHECK(seen.prepared->failure().code == ec::image_pull_failed);
  return seen.prepared->failure().message;
}

/// A folder with the docker command's configuration: a login for the registry, in base64; none if it is empty.
class client_folder {
public:
  explicit client_folder(const std::string& login) {
    if (!login.empty())
      std::ofstream(folder_.path() / "config.json") << R"({"auths":{"127.0.0.1:5000":{"auth":")" << login << R"("}}})";
  }
  [[nodiscard]] std::function<void(docker_pool_config&)> used() const {
    return [path = folder_.path()](docker_pool_config& config) { config.client_folder = path; };
  }

private:
  temporary_folder folder_;
};

} // namespace

TEST_CASE("a registry with a login is asked with the docker command's credentials") {
  registry_ground ground;
  if (!ground || !ground->start_registry("somebody", "secret"))
    return;
  const client_folder none{""};
  const client_folder wrong{"c29tZWJvZHk6d3Jvbmc="}; // somebody:wrong
  const client_folder good{"c29tZWJvZHk6c2VjcmV0"};  // somebody:secret
  for (const auto* folder : {&none, &wrong}) {
    real_bench b{ground->socket(), folder->used()};
    const auto said = problem_of(b);
    CHECK_THAT(said, ContainsSubstring("image '127.0.0.1:5000/box:1' cannot be pulled") &&
                         ContainsSubstring("docker login") && !ContainsSubstring("secret"));
    b.end();
    CHECK(b.left() == 0);
  }
  real_bench b{ground->socket(), good.used()};
  CHECK_THAT(problem_of(b, "nosuch", 1), ContainsSubstring("nosuch") && ContainsSubstring("cannot be pulled"));
  CHECK(problem_of(b).empty());
  CHECK(ground.pulls() == 1);
}

TEST_CASE("the policy says when an image is pulled, and members that want the same one share a pull") {
  registry_ground ground;
  if (!ground)
    return;
  const auto with = [](pull_policy policy) { return [policy](docker_pool_config& config) { config.pull = policy; }; };
  {
    real_bench never{ground->socket(), with(pull_policy::never)};
    CHECK_THAT(problem_of(never), ContainsSubstring("never pulls"));
  }
  CHECK(ground.pulls() == 0);
  {
    real_bench missing{ground->socket(),
                       [](docker_pool_config& config) { config.first_pull_note = std::chrono::milliseconds{1}; }};
    constexpr std::uint32_t members = 3;
    for (std::uint32_t n = 0; n < members; ++n)
      missing->prepare(wants(missing, "1", n, members));
    for (std::uint32_t n = 0; n < members; ++n) {
      const auto seen = missing.heard->wait_prepared(wants(missing, "1", n, members).id);
      REQUIRE(seen.prepared.has_value());
      CHECK(seen.prepared->ok());
      REQUIRE_FALSE(seen.progress.empty());
      CHECK(seen.progress.front().rfind("pulling " + image + ":1", 0) == 0);
    }
    CHECK(ground.pulls() == 1);
  }
  {
    real_bench again{ground->socket(), with(pull_policy::if_missing)};
    CHECK(problem_of(again).empty());
    CHECK(ground.pulls() == 1);
    real_bench never{ground->socket(), with(pull_policy::never)};
    CHECK(problem_of(never).empty());
    CHECK(ground.pulls() == 1);
    real_bench always{ground->socket(), with(pull_policy::always)};
    CHECK(problem_of(always).empty());
    CHECK(ground.pulls() == 2);
  }
}

TEST_CASE("a run says what it waits for while an image is pulled") {
  fake_engine engine;
  engine.add_image("busybox:latest", false);
  engine.script("*", {0, false, false, 0, {}, {}});
  engine_fault slow;
  slow.route = "POST /images/create";
  slow.what = engine_fault_kind::hold_answer;
  engine.inject(slow);
  docker_muster muster{engine.socket()};
  subprocess running{muster.run(spec_of("pulls", {{"it", "true"}}))};
  CHECK(running.wait_for("pulling busybox:latest", std::chrono::seconds{30}));
  CHECK_THAT(muster({"show", "pulls-1"}).out, ContainsSubstring("pulling busybox:latest"));
  engine.release();
  const auto said = running.finish(std::chrono::seconds{30});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
}

TEST_CASE("a registry that is away fails a pull, after it was tried again") {
  registry_ground ground;
  if (!ground)
    return;
  ground->stop_registry();
  real_bench b{ground->socket()};
  CHECK_THAT(problem_of(b), ContainsSubstring("cannot be pulled") && ContainsSubstring("refused"));
}
