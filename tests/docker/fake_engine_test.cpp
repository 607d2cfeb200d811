#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/fake_engine.hpp"
#include "support/unix_http.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>
#include <vector>

/// The fake Engine is worth what it has in common with a real one: the same calls, side by side.
using namespace muster::test;
using nlohmann::json;

namespace {

/// A call, and what of its answer the two must have in common beside the status.
struct step {
  std::string method;
  std::string target;
  std::string body;
  std::vector<std::string> pointers; ///< Into the JSON of the answer.
};

/// `$` in a target or a body stands for the name of this run's things.
std::string filled(std::string text, const std::string& name) {
  for (auto at = text.find('$'); at != std::string::npos; at = text.find('$', at + name.size()))
    text.replace(at, 1, name);
  return text;
}

std::string said(const http_answer& answer, const std::vector<std::string>& pointers) {
  auto out = std::to_string(answer.status);
  const auto body = json::parse(answer.body, nullptr, false);
  for (const auto& pointer : pointers) {
    const json::json_pointer at(pointer);
    out += ' ' + (body.is_discarded() ? answer.body : body.contains(at) ? body.at(at).dump() : "absent");
  }
  return out;
}

} // namespace

TEST_CASE("the fake Engine answers as the real one does") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  fake_engine fake;
  fake.add_image("busybox:latest");
  engine_script script;
  script.exit_code = 3;
  fake.script("*-three", script);
  script = {};
  script.start_status = 400;
  fake.script("*-bad", script);
  script = {};
  script.out = {"one"};
  script.ignores_stop = true; // As SIGKILL for StopSignal has it.
  fake.script("*-long", script);
  const std::string list = "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22muster-test%3D$%22%5D%7D";
  const std::string networks = "/networks?filters=%7B%22label%22%3A%5B%22muster-test%3D$%22%5D%7D";
  const std::string made = R"({"Image":"busybox","Labels":{"muster-test":"$"},"StopSignal":"SIGKILL","Cmd":)";
  const std::vector<step> steps{
      {"GET", "/nosuch", {}, {}},
      {"GET", "/images/busybox:latest/json", {}, {"/RepoTags/0"}},
      {"GET", "/images/nosuch:1/json", {}, {"/message"}},
      {"POST", "/containers/create?name=$-none", R"({"Image":"nosuch:1"})", {"/message"}},
      {"GET", "/containers/$-none/json", {}, {"/message"}},
      {"POST", "/containers/$-none/start", {}, {}},
      {"DELETE", "/containers/$-none", {}, {"/message"}},
      {"GET", list, {}, {"/0"}},
      // -- one that ends by itself
      {"POST", "/containers/create?name=$-three", made + R"(["sh","-c","exit 3"]})", {"/Warnings"}},
      {"POST", "/containers/create?name=$-three", made + R"(["true"]})", {}},
      {"GET", "/containers/$-three/json", {}, {"/State/Status", "/State/ExitCode", "/State/StartedAt", "/Name"}},
      {"POST", "/containers/$-three/kill", {}, {}},
      {"POST", "/containers/$-three/stop", {}, {}},
      {"POST", "/containers/$-three/start", {}, {}},
      {"POST", "/containers/$-three/wait", {}, {"/StatusCode"}},
      {"GET",
       "/containers/$-three/json",
       {},
       {"/State/Status", "/State/ExitCode", "/State/Running", "/State/OOMKilled"}},
      {"GET", list, {}, {"/0/Names", "/0/State", "/0/Labels", "/1"}},
      {"DELETE", "/containers/$-three", {}, {}},
      // -- one that cannot start
      {"POST", "/containers/create?name=$-bad", made + R"(["/no/such/program"]})", {}},
      {"POST", "/containers/$-bad/start", {}, {}},
      {"GET", "/containers/$-bad/json", {}, {"/State/Status", "/State/ExitCode"}},
      {"DELETE", "/containers/$-bad", {}, {}},
      // -- networks, and one that runs until it is ended
      {"POST",
       "/networks/create",
       R"({"Name":"$","CheckDuplicate":true,"Labels":{"muster-test":"$"},
                                      "IPAM":{"Config":[{"Subnet":"10.213.214.0/28"}]}})",
       {}},
      {"POST", "/networks/create", R"({"Name":"$","CheckDuplicate":true})", {"/message"}},
      {"POST", "/networks/create", R"({"Name":"$-2","IPAM":{"Config":[{"Subnet":"10.213.214.0/28"}]}})", {"/message"}},
      {"GET", networks, {}, {"/0/Name", "/0/Labels", "/0/IPAM/Config/0/Subnet", "/1"}},
      {"GET", "/networks/$-none", {}, {"/message"}},
      {"POST",
       "/containers/create?name=$-long",
       made + R"(["sh","-c","echo one; exec sleep 1000"],
        "NetworkingConfig":{"EndpointsConfig":{"$":{"IPAMConfig":{"IPv4Address":"10.213.214.5"}}}},"HostConfig":{"NetworkMode":"$"}})",
       {}},
      {"POST", "/containers/$-long/start", {}, {}},
      {"POST", "/containers/$-long/start", {}, {}},
      {"GET", "/containers/$-long/json", {}, {"/State/Running", "/NetworkSettings/Networks/$/IPAddress"}},
      {"DELETE", "/containers/$-long", {}, {}},
      {"DELETE", "/networks/$", {}, {}},
      {"POST", "/containers/$-long/stop?t=1", {}, {}},
      {"POST", "/containers/$-long/wait", {}, {"/StatusCode"}},
      {"GET", "/containers/$-long/json", {}, {"/State/Status"}},
      {"GET", "/containers/$-long/logs?stdout=1", {}, {""}},
      {"GET", "/containers/$-long/archive?path=%2Fno%2Fsuch", {}, {}},
      {"DELETE", "/containers/$-long?force=1", {}, {}},
      {"DELETE", "/networks/$", {}, {}},
      {"DELETE", "/networks/$", {}, {"/message"}},
  };
  const auto name = "muster-test-" + std::to_string(::getpid());
  for (const auto& it : steps) {
    auto pointers = it.pointers;
    for (auto& pointer : pointers)
      pointer = filled(pointer, name);
    const auto target = "/v1.41" + filled(it.target, name);
    const auto body = filled(it.body, name);
    const auto real = http_call(*docker, it.method, target, body);
    const auto faked = http_call(fake.socket(), it.method, target, body);
    INFO(it.method << ' ' << target << "\nreal: " << real.body << "\nfake: " << faked.body);
    CHECK(said(faked, pointers) == said(real, pointers));
  }
}
