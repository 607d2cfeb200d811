#include "docker_muster.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/flow_cases.hpp"

#include "muster/store/reader.hpp"

using namespace muster::test;

namespace {

void run_cases(std::vector<flow_case> (*cases)(const std::string& image)) {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const docker_muster muster{*docker};
  for (const auto& x : cases("busybox")) {
    INFO(x.name << "\n" << x.spec);
    subprocess process{muster.run(x.spec)};
    const auto said = process.finish(std::chrono::seconds{120});
    INFO(said.out << said.err);
    CHECK(said.exit_code == (x.ends == ::muster::status::completed ? 0 : 3));
    check_flow_case(x, muster.program().state());
  }
  CHECK(muster.containers().empty());
}

} // namespace

TEST_CASE("runnable's cases end as they do there, in containers") {
  run_cases(runnable_cases);
}

TEST_CASE("slurm-sdk's figures, in containers") {
  run_cases(slurm_sdk_cases);
}

TEST_CASE("a retry in containers runs only the element that failed") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  one_run first{*docker,
                "workflow:\n  name: again\n  tasks:\n"
                "  - name: m\n    foreach: {from: 0, to: 2}\n    image: busybox\n    command: [sh, -c]\n"
                "    args: ['test {{item}} != 1 || test $MUSTER_ATTEMPT != 0 && echo {{item}} > $MUSTER_RESULT']\n"
                "  - name: end\n    image: busybox\n    command: [echo, 'got {{result:m}}']\n"};
  INFO(first.end().out << first.said.err);
  CHECK(first.said.exit_code == 3);
  const auto second = first.muster({"retry", "again-1"});
  INFO(second.out << second.err);
  CHECK(second.exit_code == 0);
  CHECK(first.muster.log("again-1", "end") == "got [0,1,2]\n");
  auto reader = muster::store::reader::open(muster::store::state_directory{first.muster.program().state()});
  REQUIRE(reader);
  const auto tasks = reader->tasks(reader->workflow("again-1")->key, {}, 10);
  REQUIRE(tasks);
  for (const auto& x : *tasks) {
    INFO(x.name);
    CHECK(x.attempt->number == (x.name == "m.1" ? 1 : 0));
  }
  CHECK(first.muster.containers().empty());
}

TEST_CASE("a cached task is not run again in containers, and its output serves") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const std::string spec = "workflow:\n  name: keep\n  tasks:\n"
                           "  - name: make\n    cache: true\n    image: busybox\n"
                           "    command: [sh, -c, 'echo deep > {{output}}/x; echo 5 > $MUSTER_RESULT; echo made']\n"
                           "  - name: use\n    image: busybox\n    inputs: [{task: make}]\n"
                           "    command: [sh, -c, 'cat {{input:0}}/x; echo {{result:make}}']\n";
  one_run first{*docker, spec};
  INFO(first.end().out << first.said.err);
  REQUIRE(first.said.exit_code == 0);
  subprocess again{first.muster.run(spec)};
  const auto second = again.finish(std::chrono::seconds{120});
  INFO(second.out << second.err);
  REQUIRE(second.exit_code == 0);
  CHECK(first.muster.log("keep-2", "use") == "deep\n5\n");
  CHECK_FALSE(
      std::filesystem::exists(first.muster.program().state() / "workflows" / "keep-2" / "tasks" / "make.0.log"));
  CHECK_THAT(first.muster({"explain", "keep-2", "make"}).out, ContainsSubstring("cached: same as keep-1 make"));

  // Another image is another task.
  auto other = spec;
  other.replace(other.find("image: busybox"), 14, "image: 'busybox:latest'");
  subprocess third{first.muster.run(other)};
  const auto ended = third.finish(std::chrono::seconds{120});
  INFO(ended.out << ended.err);
  REQUIRE(ended.exit_code == 0);
  CHECK(first.muster.log("keep-3", "make") == "made\n");
  CHECK_THAT(first.muster({"explain", "keep-3", "make"}).out, ContainsSubstring("image"));
}
