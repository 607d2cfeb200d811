#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/processes.hpp"

#include <csignal>

// Tasks of a workflow that is to go on with another driver than the one they were given to: that one alone can tell
// what became of them.

using namespace muster::test;

namespace {

/// The head's pool `farm`, of that driver.
std::vector<std::string> farm_of(const muster_program& muster, const std::string& driver) {
  const auto log = "log: {file: " + (muster.folder() / "head.log").string() + "}\n";
  const auto agents = driver == "agents" ? "agents: {listen: \"127.0.0.1:0\"}\n" : std::string{};
  return {"--no-auth", "--config",
          muster.file(driver + ".yaml", log + agents + "pools: {farm: {driver: " + driver + "}}\n")};
}

} // namespace

TEST_CASE("what processes may still run is not resumed by another driver") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  subprocess running(muster.with({"run", muster.file("a.yaml", waiting_spec(muster, 1)), "--pool", "process"}));
  REQUIRE(has_begun(muster, 1));
  running.signal(SIGKILL);
  (void)running.finish();
  const auto other = muster({"resume", "last", "--pool", "null"});
  CHECK(other.exit_code == 1);
  CHECK_THAT(other.err, ContainsSubstring("may still be run by 'process'") && ContainsSubstring("has 'null' now"));
  let_go(muster);
  CHECK(muster({"resume", "last"}).exit_code == 0);
  CHECK(begins_of(muster, 0) == 1);
}

TEST_CASE("what has ended may be run once more by another driver") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto spec = muster.file("a.yaml", "workflow: {name: w, tasks: [{name: t, image: i, command: [\"false\"]}]}\n");
  CHECK(muster({"run", spec, "--pool", "process"}).exit_code == 3);
  CHECK(muster({"retry", "last", "--pool", "null"}).exit_code == 0);
}

TEST_CASE("a pool whose driver is another one holds what the first may still run, until it has that again") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  auto head = std::make_unique<head_program>(muster, farm_of(muster, "process"));
  REQUIRE(head->ready());
  REQUIRE(muster({"submit", muster.file("w.yaml", waiting_spec(muster, 1)), "--pool", "farm"}).exit_code == 0);
  REQUIRE(has_begun(muster, 1));
  head->stop(SIGKILL);
  head = std::make_unique<head_program>(muster, farm_of(muster, "agents"));
  REQUIRE(head->ready());
  const node_program node{muster, "n1", {"--pool", "farm"}};
  REQUIRE(becomes(muster, "n1", "ready"));
  const std::string why = "tasks of wait-1 may still be run by 'process', and pool 'farm' has 'agents' now";
  CHECK_THAT(muster({"ls"}).out, ContainsSubstring(why));
  CHECK_THAT(muster({"show", "last"}).out, ContainsSubstring("not live: it could not be taken up: " + why));
  const bool is_canceled = GENERATE(false, true);
  if (is_canceled) {
    const auto canceled = muster({"cancel", "last"});
    CHECK(canceled.exit_code == 0);
    CHECK_THAT(canceled.out,
               ContainsSubstring("wait-1 is to be canceled as soon as somebody runs it: ") && ContainsSubstring(why));
  }
  head->stop(SIGTERM);
  head = std::make_unique<head_program>(muster, farm_of(muster, "process"));
  REQUIRE(head->ready());
  if (!is_canceled)
    let_go(muster);
  CHECK(muster({"wait", "last"}).out == (is_canceled ? "wait-1 FAILED_CANCELED\n" : "wait-1 COMPLETED\n"));
  CHECK(begins_of(muster, 0) == 1);
}

TEST_CASE("what another driver may still run is given up by a forced cancel") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  head_program before(muster, farm_of(muster, "process"));
  REQUIRE(before.ready());
  REQUIRE(muster({"submit", muster.file("w.yaml", waiting_spec(muster, 2)), "--pool", "farm"}).exit_code == 0);
  REQUIRE(has_begun(muster, 2));
  before.stop(SIGKILL);
  head_program now(muster, farm_of(muster, "agents"));
  REQUIRE(now.ready());
  const node_program node{muster, "n1", {"--pool", "farm"}};
  REQUIRE(becomes(muster, "n1", "ready"));
  CHECK(muster({"cancel", "last", "--force"}).out == "wait-1 is being canceled\n");
  CHECK(muster({"wait", "last"}).out == "wait-1 FAILED\n"); // Nobody can say that they were canceled.
  CHECK_THAT(muster({"show", "last"}).out, ContainsSubstring("Nobody saw how it ended"));
  for (int i = 0; i < 2; ++i)
    CHECK(begins_of(muster, i) == 1);
}

TEST_CASE("what only waited goes on with the driver that its pool has now") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  {
    head_program before(muster, farm_of(muster, "process"));
    REQUIRE(before.ready());
    REQUIRE(muster({"pool", "maintenance", "farm", "on"}).exit_code == 0);
    REQUIRE(muster({"submit", muster.file("w.yaml", waiting_spec(muster, 1)), "--pool", "farm"}).exit_code == 0);
    before.stop(SIGTERM);
  }
  head_program now(muster, farm_of(muster, "agents"));
  REQUIRE(now.ready());
  const node_program node{muster, "n1", {"--pool", "farm"}};
  REQUIRE(becomes(muster, "n1", "ready"));
  REQUIRE(muster({"pool", "maintenance", "farm", "off"}).exit_code == 0);
  let_go(muster);
  CHECK(muster({"wait", "last"}).out == "wait-1 COMPLETED\n");
  CHECK(begins_of(muster, 0) == 1);
}
