#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/processes.hpp"
#include "support/unix_http.hpp"

#include <string>

/// The test ground itself: what the other tests of this folder rely on.
using namespace muster::test;

namespace {

/// What follows `"key":"` in an answer.
std::string text_of(const std::string& json, const std::string& key) {
  const auto mark = '"' + key + "\":\"";
  const auto begin = json.find(mark);
  if (begin == std::string::npos)
    return {};
  const auto from = begin + mark.size();
  return json.substr(from, json.find('"', from) - from);
}

/// Makes and starts a container; its id.
std::string start_container(const std::filesystem::path& socket, const std::string& body) {
  const auto created = http_call(socket, "POST", "/v1.41/containers/create", body);
  INFO(created.body);
  REQUIRE(created.status == 201);
  auto id = text_of(created.body, "Id");
  const auto started = http_call(socket, "POST", "/v1.41/containers/" + id + "/start");
  INFO(started.body);
  REQUIRE(started.status == 204);
  return id;
}

/// `docker run --rm` by hand; what the daemon says of its end.
std::string run_container(const std::filesystem::path& socket, const std::string& body) {
  const auto id = start_container(socket, body);
  auto ended = http_call(socket, "POST", "/v1.41/containers/" + id + "/wait").body;
  CHECK(http_call(socket, "DELETE", "/v1.41/containers/" + id).status == 204);
  return ended;
}

std::string state_of(const std::filesystem::path& socket, const std::string& id) {
  return text_of(http_call(socket, "GET", "/v1.41/containers/" + id + "/json").body, "Status");
}

const std::string endless = R"({"Image":"busybox","Cmd":["sleep","1000"],"StopSignal":"SIGKILL"})";

} // namespace

TEST_CASE("the shared daemon runs a container of every image") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const auto version = http_call(*docker, "GET", "/version");
  CHECK(version.status == 200);
  CHECK(text_of(version.body, "ApiVersion") >= "1.41");
  CHECK_THAT(run_container(*docker, R"({"Image":"busybox","Cmd":["true"]})"), ContainsSubstring("\"StatusCode\":0"));
  CHECK_THAT(run_container(*docker, R"({"Image":"alpine:3.18","Cmd":["sh","-c","exit 3"]})"),
             ContainsSubstring("\"StatusCode\":3"));
  CHECK_THAT(run_container(*docker, R"({"Image":"ubuntu:24.04","Cmd":["bash","-c",
    "test \"$(for i in {1..3}; do echo $i; done | wc -l)\" = 3 && mkdir /a && hostname && date && sleep 0 && id nobody | grep -q 65534"]})"),
             ContainsSubstring("\"StatusCode\":0"));
}

TEST_CASE("a daemon of its own lets its containers live when it is killed, and finds them again") {
  docker_options how;
  how.arguments = {"--live-restore"};
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  const auto id = start_container(docker->socket(), endless);
  docker->kill();
  CHECK_FALSE(unix_http(docker->socket()).connected());
  docker->start_again();
  CHECK(state_of(docker->socket(), id) == "running");
}

TEST_CASE("a daemon without live-restore ends what outlived its kill") {
  docker_options how;
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  const auto id = start_container(docker->socket(), endless);
  docker->kill();
  docker->start_again();
  CHECK(eventually([&] { return state_of(docker->socket(), id) == "exited"; }));
}

TEST_CASE("the end of a daemon is the end of its containers") {
  docker_options how;
  how.images = {"busybox:latest"};
  auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  const auto folder = docker->folder();
  const auto of_daemon = folder.string() + "/exec/containerd/containerd.sock";
  start_container(docker->socket(), endless);
  CHECK(processes_with_argument(of_daemon).size() == 1); // The shim.
  docker.reset();
  CHECK(processes_with_argument(of_daemon).empty());
  CHECK(eventually([&] { return processes_with_argument((folder / "data").string()).empty(); }));
  CHECK_FALSE(exists(folder));
}

TEST_CASE("a registry gives back what was pushed, to those who may have it") {
  docker_options how;
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker || !docker->start_registry())
    return;
  const std::string image = "127.0.0.1:5000/box";
  const auto call = [&](const std::string& method, const std::string& target) {
    return http_call(docker->socket(), method, "/v1.41" + target);
  };
  REQUIRE(call("POST", "/images/busybox:latest/tag?repo=" + image + "&tag=1").status == 201);
  // An empty login, in base64; the Engine wants the header for every push.
  unix_http pusher(docker->socket());
  REQUIRE(pusher.send_raw("POST /v1.41/images/" + image +
                          "/push?tag=1 HTTP/1.1\r\nHost: docker\r\nX-Registry-Auth: e30=\r\n"
                          "Content-Length: 0\r\n\r\n"));
  CHECK_THAT(pusher.receive().body, ContainsSubstring("digest: sha256:"));
  const auto pull = "/images/create?fromImage=" + image + "&tag=1";
  REQUIRE(call("DELETE", "/images/" + image + ":1").status == 200);
  CHECK(call("POST", pull).status == 200);
  REQUIRE(call("DELETE", "/images/" + image + ":1").status == 200);
  CHECK(call("POST", "/images/create?fromImage=" + image + "&tag=nosuch").status == 404);
  if (!docker->start_registry("somebody", "secret"))
    return;
  const auto denied = call("POST", pull);
  CHECK(denied.status == 500);
  CHECK_THAT(denied.body, ContainsSubstring("no basic auth credentials"));
}

TEST_CASE("a daemon in the network of the host runs containers without one") {
  docker_options how;
  how.host_network = true;
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  CHECK_THAT(
      run_container(docker->socket(), R"({"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none"}})"),
      ContainsSubstring("\"StatusCode\":0"));
}

TEST_CASE("a daemon with fake GPUs takes a request for some of them, and one without refuses it at the start") {
  const bool fake = GENERATE(true, false);
  docker_options how;
  how.fake_gpu = fake;
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  const std::string body = R"({"Image":"busybox","Cmd":["sh","-c","test $NVIDIA_VISIBLE_DEVICES = 0,2"],"HostConfig":
    {"DeviceRequests":[{"Driver":"nvidia","DeviceIDs":["0","2"],"Capabilities":[["gpu"]]}]}})";
  if (fake) {
    CHECK_THAT(run_container(docker->socket(), body), ContainsSubstring("\"StatusCode\":0"));
    return;
  }
  const auto created = http_call(docker->socket(), "POST", "/v1.41/containers/create", body);
  REQUIRE(created.status == 201);
  const auto started =
      http_call(docker->socket(), "POST", "/v1.41/containers/" + text_of(created.body, "Id") + "/start");
  CHECK(started.status == 500);
  CHECK_THAT(started.body, ContainsSubstring("could not select device driver"));
}
