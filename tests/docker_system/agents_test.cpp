#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"

#include "muster/store/layout.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace muster::test;
using json = nlohmann::json;

namespace {

std::string says_where(const std::string& image) {
  return "workflow:\n  name: where\n  resources:\n    default: {memory: 64Mi, storage: 1Mi}\n  tasks:\n  - name: t\n   "
         " image: " +
         image +
         "\n    command: [sh, -c]\n    args: ['command -v bash > {{output}}/found && echo bare || echo contained']\n";
}

} // namespace

TEST_CASE("one machine offers processes and containers, by an agent with its share each") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  farm x;
  x.start("127.0.0.1:0", patient + "}\n  boxes: {driver: agents, " + patient);
  REQUIRE(x.head->ready());
  const node_program bare{
      x.muster, "bare", {"--pool", "farm", "--driver", "process", "--cpu", "1", "--memory", "96Mi"}};
  const node_program boxes{x.muster,
                           "boxes",
                           {"--pool", "boxes", "--driver", "docker", "--docker-host", "unix://" + docker->string(),
                            "--cpu", "1", "--memory", "128Mi"}};
  REQUIRE(becomes(x.muster, "bare", "ready"));
  REQUIRE(becomes(x.muster, "boxes", "ready"));
  const auto total_of = [&](const std::string& node) {
    return json::parse(x.muster({"node", "show", node, "-o", "json"}).out)["pools"][0]["total"];
  };
  constexpr std::int64_t mebi = 1 << 20;
  CHECK(total_of("bare")["cpu"] == 1);
  CHECK(total_of("bare")["memory"] == 96 * mebi);
  CHECK(total_of("boxes")["cpu"] == 1);
  CHECK(total_of("boxes")["memory"] == 128 * mebi);

  const auto run_in = [&](const std::string& pool) {
    const auto id = x.muster({"submit", x.muster.file("spec.yaml", says_where("busybox")), "--pool", pool}).out;
    const auto name = id.substr(0, id.find('\n'));
    CHECK(x.muster({"wait", name}).out == name + " COMPLETED\n");
    return x.muster({"logs", name}).out;
  };
  CHECK_THAT(run_in("farm"), ContainsSubstring("bare"));
  CHECK_THAT(run_in("boxes"), ContainsSubstring("contained"));

  const auto wide = x.muster.file("wide.yaml", "workflow:\n  name: wide\n  resources:\n    default: {memory: 129Mi}\n"
                                               "  tasks:\n  - name: t\n    image: busybox\n    command: [\"true\"]\n");
  for (const auto* pool : {"farm", "boxes"}) {
    const auto said = x.muster({"submit", wide, "--pool", pool}).out;
    const auto id = said.substr(0, said.find('\n'));
    CHECK(eventually([&] {
      return x.muster({"explain", id}).out.find("would fit only with more nodes") != std::string::npos;
    }));
  }
}

TEST_CASE("one agent runs processes and containers, as the platforms of its pool say") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  farm x;
  x.start("127.0.0.1:0", patient + ", policy: {default_driver: process, platforms: {boxes: {driver: docker}}}");
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", {"--driver", "process,docker", "--docker-host", "unix://" + docker->string()}};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK_THAT(x.muster({"node", "show", "n1"}).out, ContainsSubstring("runs tasks by process, docker 2"));
  CHECK(json::parse(x.muster({"node", "show", "n1", "-o", "json"}).out)["pools"][0]["drivers"][1]["name"] == "docker");

  // In one workflow: a gang of containers that meets in a network of its own, a gang of processes, and a task of each.
  const auto spec = x.muster.file("both.yaml", R"(workflow:
  name: both
  resources:
    default: {memory: 16Mi, storage: 1Mi}
    boxed: {memory: 16Mi, storage: 1Mi, platform: boxes}
  groups:
  - name: inside
    tasks:
    - {name: a, lead: true, image: busybox, resource: boxed, command: [sh, -c, "until ping -c1 -w2 b; do :; done; command -v bash || echo contained"]}
    - {name: b, image: busybox, resource: boxed, command: [sleep, "60"]}
  - name: outside
    tasks:
    - {name: c, lead: true, image: busybox, command: [sh, -c, "command -v bash && echo bare"]}
    - {name: d, image: busybox, command: ["true"]}
)");
  const auto run = [&] {
    const auto said = x.muster({"submit", spec, "--pool", "farm"}).out;
    const auto id = said.substr(0, said.find('\n'));
    CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
    CHECK_THAT(x.muster({"logs", id, "-t", "a"}).out, ContainsSubstring("contained"));
    CHECK_THAT(x.muster({"logs", id, "-t", "c"}).out, ContainsSubstring("bare"));
  };
  run();

  // The rules count when a workflow is submitted, as that of an earlier one is when it is run once more.
  const auto where = says_where("busybox");
  auto boxed = where;
  boxed.replace(boxed.find("storage: 1Mi}"), 13, "storage: 1Mi, platform: boxes}");
  const auto first = x.muster({"submit", x.muster.file("where.yaml", boxed), "--pool", "farm"}).out;
  const auto first_id = first.substr(0, first.find('\n'));
  CHECK(x.muster({"wait", first_id}).out == first_id + " COMPLETED\n");
  CHECK_THAT(x.muster({"logs", first_id}).out, ContainsSubstring("contained"));
  CHECK(x.muster({"pool", "set", "farm", "platforms.boxes.driver=process"}).exit_code == 0);
  const auto again = x.muster({"restart", first_id}).out;
  const auto again_id = again.substr(0, again.find('\n'));
  CHECK(x.muster({"wait", again_id}).out == again_id + " COMPLETED\n");
  CHECK_THAT(x.muster({"logs", again_id}).out, ContainsSubstring("bare"));
  CHECK(x.muster({"pool", "set", "farm", "platforms.boxes.driver=docker"}).exit_code == 0);

  // Both kinds outlive the agent, and are found by the next one.
  const auto waits = x.muster.file("waits.yaml", R"(workflow:
  name: waits
  resources:
    default: {memory: 16Mi, storage: 1Mi}
    boxed: {memory: 16Mi, storage: 1Mi, platform: boxes}
  tasks:
  - {name: a, image: busybox, resource: boxed, command: [sh, -c, "touch {{output}}/here; until test -e {{output}}/go; do sleep 0.1; done"]}
  - {name: c, image: busybox, command: [sh, -c, "touch {{output}}/here; until test -e {{output}}/go; do sleep 0.1; done"]}
)");
  const auto said = x.muster({"submit", waits, "--pool", "farm"}).out;
  const auto id = said.substr(0, said.find('\n'));
  const auto output = [&](const char* task) {
    return muster::store::state_directory{x.muster.state()}.attempt(id, task, 0) / "output";
  };
  for (const auto* task : {"a", "c"})
    REQUIRE(eventually([&] { return std::filesystem::exists(output(task) / "here"); }));
  CHECK(node.stop(SIGTERM).exit_code == 0);
  REQUIRE(becomes(x.muster, "n1", "suspect"));
  node.start();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  for (const auto* task : {"a", "c"})
    std::ofstream{output(task) / "go"};
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
  const auto shown = json::parse(x.muster({"show", id, "-o", "json"}).out);
  REQUIRE(shown["task_list"].size() == 2);
  for (const auto& task : shown["task_list"])
    CHECK(task["attempt"]["number"] == 0);

  const auto mixed = x.muster({"submit", x.muster.file("mixed.yaml", R"(workflow:
  name: mixed
  resources: {default: {}, boxed: {platform: boxes}}
  groups:
  - name: g
    tasks:
    - {name: a, lead: true, image: busybox, resource: boxed, command: ["true"]}
    - {name: b, image: busybox, command: ["true"]}
)"),
                               "--pool", "farm"});
  CHECK(mixed.exit_code == 1);
  CHECK_THAT(mixed.err, ContainsSubstring("task a is run by `docker` and task b by `process`"));
}
