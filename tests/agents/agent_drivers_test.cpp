#include "fleet_fixture.hpp"
#include "harness.hpp"

#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"
#include "executors/several/several_drivers.hpp"
#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;
using change = agent::fleet_change::kind;

namespace {

/// Processes whose state is in the agent's own directory, and so outlive the driver.
std::shared_ptr<driver> processes(const std::filesystem::path& root) {
  process_config config;
  config.state_directory = root;
  config.leftover_grace = std::chrono::milliseconds{200};
  return make_process_driver(std::move(config));
}

attempt_spec sleeper_on(const std::filesystem::path& root, const std::string& driver) {
  auto x = make_spec(root);
  x.node = "n1";
  x.lease = {5};
  x.then_start = true;
  x.task.command = {"/bin/sleep", "3600"};
  x.resource.driver = driver;
  return x;
}

std::unique_ptr<agent_runtime> join(const fleet_head& head, const std::filesystem::path& root,
                                    std::shared_ptr<driver> runs) {
  auto started = agent_runtime::start(agent_of(head, root, "n1", std::move(runs)));
  REQUIRE(started);
  return std::move(*started);
}

} // namespace

TEST_CASE("a node tells its head what it runs tasks by, and refuses what asks for something else") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto node = join(head, dir.path(), make_several_drivers({make_null_driver(), processes(dir.path())}));
  REQUIRE(head.wait("n1", change::ready));
  const auto offered = head.last("n1").offered;
  CHECK(driver_of(offered, "null") != nullptr);
  CHECK(driver_of(offered, "process") != nullptr);
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto boxed = sleeper_on(dir.path(), "docker");
  runs->prepare(boxed);
  const auto refused = heard.wait_prepared(boxed.id).prepared;
  REQUIRE(refused);
  REQUIRE_FALSE(*refused);
  CHECK(refused->failure().code == ec::unavailable); // It may be run elsewhere.
  CHECK(refused->failure().message == "on node n1: this node runs tasks by null and process, and not by docker");
}

TEST_CASE("what an agent runs is found by its driver, whichever comes first at its next start") {
  const scratch dir;
  fleet_head head{dir.path()};
  auto node = join(head, dir.path(), make_several_drivers({processes(dir.path()), make_null_driver()}));
  REQUIRE(head.wait("n1", change::ready));
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto asks_for_none = sleeper_on(dir.path(), "");
  runs->prepare(asks_for_none);
  REQUIRE(heard.wait_started(asks_for_none.id).started);
  node.reset();
  REQUIRE(head.wait("n1", change::away));

  // Without it nobody could say what became of that, and it might be started again.
  node = join(head, dir.path(), make_null_driver());
  const auto why = node->wait_refused(std::chrono::steady_clock::now() + patience);
  REQUIRE(why);
  CHECK(why->code == ec::unsupported);
  CHECK_THAT(why->message, ContainsSubstring("this node runs tasks by null, and not by process, which may still run") &&
                               ContainsSubstring("--driver null,process until that has ended"));
  node.reset();

  node = join(head, dir.path(), make_several_drivers({make_null_driver(), processes(dir.path())}));
  REQUIRE(head.wait("n1", change::ready));
  runs->stop(asks_for_none.id, std::chrono::milliseconds{0});
  const auto told = heard.wait_end(asks_for_none.id);
  CHECK(told.calls == std::vector<std::string>{"started", "exited"});
  REQUIRE(told.exited);
  CHECK(told.exited->signal != 0);
}
