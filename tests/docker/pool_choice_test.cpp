#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/muster_program.hpp"

#include <string>

/// The choice of the pool, and what it refuses, with a real daemon.
using namespace muster::test;

namespace {

/// What `run` says of a task's address.
constexpr const char* in_container = "RUNNING  on local\n"; // It needs none.
constexpr const char* on_host = "RUNNING  on local (127.";

/// A spec of one task.
std::string spec(const std::string& more = {}, const std::string& image = "alpine:3.18") {
  return "workflow:\n  name: here\n  tasks:\n  - name: only\n    image: " + image + "\n" + more +
         "    command: ['true']\n";
}

outcome run_with(const muster_program& muster, const std::string& socket, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "run");
  auto what = muster.with(arguments);
  what.env["DOCKER_HOST"] = "unix://" + socket;
  return run(what);
}

} // namespace

TEST_CASE("a spec that names images runs in containers where a daemon answers, and one line says so") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const muster_program muster;
  const auto file = muster.file("a.yaml", spec());
  const auto said = run_with(muster, *docker, {file});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring(in_container));
  CHECK_THAT(said.err, ContainsSubstring("muster: running on docker (unix://" + docker->string() + ", "));
  const auto host = run_with(muster, *docker, {"--pool", "process", file});
  CHECK_THAT(host.out, ContainsSubstring(on_host));
  const auto quiet = run_with(muster, *docker, {"--quiet", file});
  CHECK(quiet.err.empty());
  const auto none = run_with(muster, *docker, {muster.file("b.yaml", spec({}, "none"))});
  CHECK_THAT(none.out, ContainsSubstring(on_host));
  CHECK_THAT(none.err, ContainsSubstring("running as processes: the spec names no images"));
}

TEST_CASE("steps that name images run in containers too, at whatever depth and whenever the name is known") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const muster_program muster;
  const auto said = run_with(muster, *docker, {"--pull", "never", muster.file("a.yaml", R"(
workflow:
  name: here
  steps:
  - name: outer
    workflow:
      steps:
      - {name: inner, foreach: ["alpine:3.18"], image: "{{item}}", command: ['true']}
)")});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring(in_container));
  CHECK_THAT(said.err, ContainsSubstring("muster: running on docker"));
}

TEST_CASE("with --pull never an image that is not there decides for processes") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const muster_program muster;
  const auto said = run_with(muster, *docker, {"--pull", "never", muster.file("a.yaml", spec({}, "no/such:1"))});
  CHECK_THAT(said.out, ContainsSubstring(on_host));
  CHECK_THAT(said.err, ContainsSubstring("does not have the image no/such:1"));
}

TEST_CASE("what the pool does not permit and GPUs that are not there are refused before anything runs") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const muster_program muster;
  const auto asks =
      muster.file("a.yaml", spec("    privileged: true\n    hostNetwork: true\n    volumeMounts: ['/etc:/x']\n"));
  const auto refused = run_with(muster, *docker, {"--pool", "docker", asks});
  CHECK(refused.exit_code == 1);
  for (const auto* what : {"privileged", "hostNetwork", "volumeMounts: '/etc:/x'"})
    CHECK_THAT(refused.err, ContainsSubstring(what));
  auto gpu = spec();
  gpu.insert(gpu.find("  tasks:"), "  resources:\n    default: {gpu: 1}\n");
  const auto without = run_with(muster, *docker, {"--pool", "docker", muster.file("g.yaml", gpu)});
  CHECK(without.exit_code == 1);
  CHECK_THAT(without.err, ContainsSubstring("needs 1 GPU"));
  CHECK_THAT(without.err, ContainsSubstring("this Docker daemon has no NVIDIA runtime"));
}

TEST_CASE("a configured pool of containers is used by its name, with its permissions") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const muster_program muster;
  const auto config = muster.file("c.yaml", "pools:\n  lab:\n    driver: docker\n    host: unix://" + docker->string() +
                                                "\n    permissions: {mounts: [" + muster.folder().string() + "]}\n");
  const auto file = muster.file("a.yaml", spec("    volumeMounts: ['" + muster.folder().string() + ":/x']\n"));
  const auto said = muster({"run", "--config", config, "--pool", "lab", file});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring(in_container));
}

TEST_CASE("to keep working folders is refused for containers, whose folders go with them") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const muster_program muster;
  const auto file = muster.file("a.yaml", spec());
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--pool", "docker", "--keep", file}, {"--keep", file}}) {
    const auto refused = run_with(muster, *docker, words);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.err, ContainsSubstring("--keep goes with processes"));
    CHECK(refused.out.empty());
  }
}
