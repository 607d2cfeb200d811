#include "docker_muster.hpp"

#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/docker_daemon.hpp"
#include "support/log_text.hpp"
#include "support/unix_http.hpp"

#include <csignal>

// What users run on Docker, and what they are told when it goes wrong.

using namespace muster::test;
using namespace std::chrono_literals;

namespace {

const std::string diamond = "diamond.yaml";

void check_example(const std::filesystem::path& docker, const std::filesystem::path& example,
                   std::chrono::milliseconds deadline = 300s) {
  const auto text = content(example);
  one_run x{docker, text};
  INFO(example << '\n' << x.end(deadline).out << x.said.err);
  CHECK(x.said.exit_code == 0);
  std::size_t promised = 0;
  for (auto at = text.find("\n#   "); at != std::string::npos; at = text.find("\n#   ", at + 1)) {
    const auto line = text.substr(at + 5, text.find('\n', at + 1) - at - 5);
    CHECK_THAT(x.said.out, ContainsSubstring(line));
    ++promised;
  }
  CHECK(promised > 0);
}

} // namespace

TEST_CASE("a gang of 32: every member knows every other by address and by name") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  std::vector<shell_task> members;
  // The lead greets whoever calls, and stays until all have said that they met it.
  members.push_back({"lead", "touch /tmp/met\n"
                             "while :; do echo hello from lead | nc -l -p 7000; done &\n"
                             "until [ $(sort -u /tmp/met | wc -l) = 31 ]; do\n"
                             "  nc -l -p 7001 -e sh -c 'read name; echo $name >> /tmp/met; echo $name'\n"
                             "done\n"
                             "exit 0"});
  for (int i = 1; i < 32; ++i) {
    const auto name = "m" + std::to_string(i);
    members.push_back(
        {name, "until [ \"$(nc {{host:lead}} 7000 < /dev/null)\" = 'hello from lead' ]; do sleep 0.2; done\n"
               "nslookup lead | grep -q {{host:lead}} && echo met\n"
               "until [ \"$(echo " +
                   name + " | nc lead 7001)\" = " + name + " ]; do sleep 0.2; done"});
  }
  one_run x{*docker, gang_of("large", members)};
  INFO(x.end().out << x.said.err);
  CHECK(x.said.exit_code == 0);
  // Beside what nc says of calls that came too early.
  for (int i = 1; i < 32; ++i)
    CHECK_THAT(x.muster.log("large-1", "m" + std::to_string(i)), ContainsSubstring("met\n"));
  CHECK(x.muster.containers().empty());
  CHECK(x.muster.left_networks().empty());
}

TEST_CASE("the lead decides, on Docker too") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run fails{*docker, gang_of("lead-fails", {{"lead", "sleep 1; exit 7"}, {"other", "exec sleep 600"}})};
  one_run wins{*docker, gang_of("lead-wins", {{"lead", "sleep 1"}, {"other", "exec sleep 600"}, {"bad", "exit 3"}})};
  one_run strict{*docker, gang_of("strict", {{"lead", "exec sleep 600"}, {"bad", "sleep 1; exit 3"}}, "busybox",
                                  "ignoreNonleadStatus: false")};
  INFO(fails.end().out << wins.end().out << strict.end().out);
  CHECK(fails.said.exit_code == 3);
  CHECK(wins.said.exit_code == 0);
  CHECK(strict.said.exit_code == 3);
}

TEST_CASE("data goes from container to container, and files are injected with their folders") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run x{*docker,
            spec_of("data", {{"make", "cat /opt/deep/words.txt > {{output}}/words",
                              "files:\n- path: /opt/deep/words.txt\n  contents: \"a table for two\\n\""},
                             {"read", "cat {{input:make}}/words\ncat {{input:0}}/words\nwc -l < {{input:0}}/words",
                              "inputs:\n- task: make"}})};
  INFO(x.end().out << x.said.err);
  CHECK(x.said.exit_code == 0);
  CHECK(x.muster.log("data-1", "read") == "a table for two\na table for two\n1\n");
}

TEST_CASE("what fails on Docker says why, with the status for it") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run image{*docker, spec_of("image", {{"absent", "true"}}, "127.0.0.1:9/no/such:1")};
  one_run start{*docker,
                "workflow:\n  name: start\n  tasks:\n  - {name: bad, image: busybox, command: [/no/such/program]}\n"};
  one_run code{*docker, spec_of("code", {{"seven", "echo last words; exit 7"}})};
  INFO(image.end().out << image.said.err << start.end().out << start.said.err << code.end().out);
  CHECK(image.said.exit_code == 3);
  CHECK_THAT(image.muster({"show", "image-1"}).out, ContainsSubstring("FAILED_IMAGE_PULL"));
  CHECK(start.said.exit_code == 3);
  CHECK_THAT(start.muster({"show", "start-1"}).out, ContainsSubstring("FAILED_START_ERROR"));
  CHECK(code.said.exit_code == 3);
  CHECK_THAT(code.said.out + code.said.err, ContainsSubstring("last words"));
}

TEST_CASE("a container that is killed for want of memory on Docker is evicted") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run x{*docker, "workflow:\n  name: memory\n  resources:\n    default: {cpu: 1, memory: 32Mi, storage: 1Gi}\n"
                     "  tasks:\n  - name: greedy\n    image: busybox\n    command: [sh, -c]\n"
                     "    args: ['trap \"exec tail -c 200000000 /dev/zero\" USR1; echo ready; while :; do sleep 0.1; "
                     "done']\n"};
  // A daemon with cgroups of version 1 knows of no want of memory before it has answered the start.
  REQUIRE(x.process.wait_for("greedy | ready"));
  const auto names = x.muster.containers();
  REQUIRE(names.size() == 1);
  http_call(*docker, "POST", "/containers/" + names.front() + "/kill?signal=USR1");
  INFO(x.end().out << x.said.err);
  CHECK(x.said.exit_code == 3);
  CHECK_THAT(x.muster({"show", "memory-1"}).out, ContainsSubstring("FAILED_EVICTED"));
  CHECK_THAT(x.said.out + x.said.err, ContainsSubstring("more than its 32Mi of memory"));
}

TEST_CASE("GPUs that a daemon does not have are refused before anything runs") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run x{*docker, "workflow:\n  name: gpu\n  resources:\n    default: {cpu: 1, gpu: 1, memory: 1Gi, storage: 1Gi}\n"
                     "  tasks:\n  - {name: train, image: busybox, command: ['true']}\n"};
  INFO(x.end().out << x.said.err);
  CHECK(x.said.exit_code == 1);
  CHECK_THAT(x.said.err, ContainsSubstring("NVIDIA"));
  CHECK_THAT(x.said.err, !ContainsSubstring("{\""));
}

TEST_CASE("a container that somebody removes is not taken for one that ended well") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run x{*docker, spec_of("removed", {{"victim", "echo ready; exec sleep 600"}})};
  REQUIRE(x.process.wait_for("victim | ready"));
  const auto names = x.muster.containers();
  REQUIRE(names.size() == 1);
  http_call(*docker, "DELETE", "/containers/" + names.front() + "?force=1");
  INFO(x.end().out << x.said.err);
  CHECK(x.said.exit_code == 3);
  CHECK_THAT(x.muster({"show", "removed-1"}).out, ContainsSubstring("FAILED_BACKEND_ERROR"));
}

TEST_CASE("Ctrl-C ends the containers and leaves nothing behind") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run x{*docker,
            gang_of("stopped", {{"lead", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"},
                                {"other", "exec sleep 600"}})};
  REQUIRE(x.process.wait_for("lead | ready"));
  x.process.signal(SIGINT);
  INFO(x.end().out << x.said.err);
  CHECK(x.said.exit_code == 130);
  CHECK_THAT(x.muster.log("stopped-1", "lead"), ContainsSubstring("bye"));
  CHECK(x.muster.containers().empty());
  CHECK(x.muster.left_networks().empty());
}

TEST_CASE("the examples print on Docker what they say they print") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  for (const auto& entry : std::filesystem::directory_iterator(in_source("examples")))
    if (entry.path().extension() == ".yaml" && entry.path().filename() != diamond)
      check_example(*docker, entry.path());
}

TEST_CASE("the example of a hundred containers side by side prints on Docker what it says") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  check_example(*docker, in_source("examples/") + diamond, 600s);
}
