#include "support/catch.hpp"
#include "support/muster_program.hpp"

#include <algorithm>
#include <filesystem>

using namespace muster::test;

namespace {

std::string docker_pool(const std::string& more) {
  return "pools:\n  lab:\n    driver: docker\n    " + more + "\n";
}

} // namespace

TEST_CASE("without a daemon a spec runs as processes, and one line says why") {
  const muster_program muster;
  const auto said = muster({"run", muster.file("a.yaml", one_task("echo hello"))});
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.err, ContainsSubstring("muster: running as processes: no Docker daemon answers at unix://"));
  CHECK(std::count(said.err.begin(), said.err.end(), '\n') == 1);
  CHECK(muster({"run", "--quiet", muster.file("a.yaml", one_task("true"))}).err.empty());
  CHECK(muster({"run", "--pool", "process", muster.file("a.yaml", one_task("true"))}).err.empty());
}

TEST_CASE("a daemon that cannot be understood is named, and the spec runs as processes") {
  const muster_program muster;
  auto what = muster.with({"run", muster.file("a.yaml", one_task("true"))});
  what.env["DOCKER_HOST"] = "ssh://elsewhere";
  const auto said = run(what);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.err, ContainsSubstring("running as processes: "));
  CHECK_THAT(said.err, ContainsSubstring("ssh://"));
}

TEST_CASE("a pool that is not there is refused with the nearest name") {
  const muster_program muster;
  const auto file = muster.file("a.yaml", one_task("true"));
  const auto said = muster({"run", "--pool", "dcoker", file});
  CHECK(said.exit_code == 2);
  CHECK_THAT(said.err, ContainsSubstring("there is no pool 'dcoker'"));
  CHECK_THAT(said.err, ContainsSubstring("did you mean 'docker'?"));
  const auto config = muster.file("c.yaml", docker_pool("pull: never"));
  CHECK_THAT(muster({"run", "--config", config, "--pool", "lap", file}).err, ContainsSubstring("did you mean 'lab'?"));
}

TEST_CASE("a pool of the configuration is chosen by its name, and kept for resume") {
  const muster_program muster;
  const auto config = muster.file("c.yaml", "pools:\n  bench:\n    driver: process\n    gpus: [3]\n");
  const auto file =
      muster.file("a.yaml", "workflow:\n  name: gpu\n  resources:\n    default: {gpu: 1}\n  tasks:\n  - name: only\n"
                            "    image: debian:12\n    command: [bash, -c, 'echo gpu=$CUDA_VISIBLE_DEVICES']\n");
  const auto said = muster({"run", "--config", config, "--pool", "bench", file});
  INFO(said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("gpu=3"));
}

TEST_CASE("what is wrong with the configuration is shown in its file, and nothing runs") {
  const muster_program muster;
  const auto file = muster.file("a.yaml", one_task("true"));
  const auto said = muster({"run", "--config", muster.file("c.yaml", docker_pool("pul: never")), file});
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("c.yaml:4:5: error: pools.lab.pul: unknown key 'pul'"));
  CHECK_THAT(said.err, ContainsSubstring("did you mean 'pull'?"));
  CHECK(!std::filesystem::exists(muster.state() / "muster.db"));
  const auto absent = muster({"run", "--config", "/no/such.yaml", file});
  CHECK(absent.exit_code == 1);
  CHECK_THAT(absent.err, ContainsSubstring("/no/such.yaml"));
}

TEST_CASE("options of containers are refused where nothing runs in one") {
  const muster_program muster;
  const auto file = muster.file("a.yaml", one_task("true"));
  const auto said = muster({"run", "--pool", "process", "--docker-host", "unix:///x.sock", file});
  CHECK(said.exit_code == 2);
  CHECK_THAT(said.err, ContainsSubstring("--docker-host goes with a pool of containers"));
  CHECK(muster({"run", "--pull", "sometimes", file}).exit_code == 2);
}
