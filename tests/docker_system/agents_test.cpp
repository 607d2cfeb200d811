#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"

#include <nlohmann/json.hpp>

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
