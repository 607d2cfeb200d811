#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"

#include <nlohmann/json.hpp>

#include <string>

// What the policy of a pool makes of the workflows that are submitted to it, and not of others.

using namespace muster::test;
using json = nlohmann::json;

namespace {

/// A head with the pools `pools`, in flow style.
std::string config_of(const muster_program& muster, const std::string& pools) {
  return muster.file("my.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                    "}\nserver: {auth: none}\ndefaults: {stop_grace: 1s}\npools: " + pools + "\n");
}

/// A task that runs `script`; `more` are further keys of the workflow, `of_task` of the task.
std::string spec_of(const std::string& script, const std::string& more = {}, const std::string& of_task = {}) {
  return "workflow:\n  name: w\n" + more +
         "  tasks:\n  - name: t\n    image: none\n    command: [bash, -c]\n    args: [\"" + script + "\"]\n" + of_task;
}

/// The id, or why not.
std::string submit(const muster_program& muster, const std::string& pool, const std::string& spec) {
  const auto done = muster({"submit", muster.file("spec.yaml", spec), "--pool", pool});
  return done.exit_code == 0 ? done.out.substr(0, done.out.find('\n')) : done.err;
}

std::string end_of(const muster_program& muster, const std::string& id) {
  const auto out = muster({"wait", id}).out;
  return out.rfind(id + ' ', 0) == 0 ? out.substr(id.size() + 1) : out;
}

std::int64_t attempts_of(const muster_program& muster, const std::string& id) {
  const auto shown = json::parse(muster({"show", id, "--task", "t", "-o", "json"}).out, nullptr, false);
  return shown.is_object() && shown.contains("attempt") ? shown["attempt"].value("number", -1) + 1 : 0;
}

} // namespace

TEST_CASE("the times of a pool hold for workflows in it that name none, and its maximum for all of them") {
  const muster_program muster;
  const head_program head(
      muster, {"--config", config_of(muster, "{strict: {driver: process, policy: {exec_timeout: {default: 1s, maximum: "
                                             "1h}, queue_timeout: {maximum: 1h}}}, plain: {driver: process}}")});
  REQUIRE(head.ready());
  // In this order: who began later has timed out while who began before him has not.
  const auto plain = submit(muster, "plain", spec_of(waiting_script(muster, 0)));
  const auto own = submit(muster, "strict", spec_of(waiting_script(muster, 1), "  timeout: {exec_timeout: 1h}\n"));
  REQUIRE(has_begun(muster, 2));
  const auto strict = submit(muster, "strict", spec_of(waiting_script(muster, 2)));
  CHECK(end_of(muster, strict) == "FAILED_EXEC_TIMEOUT\n");
  CHECK(begins_of(muster, 2) == 1);
  CHECK(status_of(muster, plain) == "RUNNING");
  CHECK(status_of(muster, own) == "RUNNING");
  let_go(muster);
  CHECK(end_of(muster, plain) == "COMPLETED\n");
  CHECK(end_of(muster, own) == "COMPLETED\n");

  for (const auto* time : {"exec_timeout", "queue_timeout"}) {
    const auto long_one = spec_of("true", "  timeout: {" + std::string{time} + ": 61m}\n");
    CHECK_THAT(submit(muster, "strict", long_one),
               ContainsSubstring(std::string{"timeout."} + time + ": 61m is longer than 1h, the most that this pool"));
    CHECK(end_of(muster, submit(muster, "plain", long_one)) == "COMPLETED\n");
  }
}

TEST_CASE("who waits for places longer than his pool lets him fails, and who waits in another pool does not") {
  const muster_program muster;
  const head_program head(
      muster,
      {"--config", config_of(muster, "{strict: {driver: process, policy: {maintenance: disks, queue_timeout: {default: "
                                     "1s}}}, plain: {driver: process, policy: {maintenance: disks}}}")});
  REQUIRE(head.ready());
  const auto plain = submit(muster, "plain", spec_of("true"));
  const auto strict = submit(muster, "strict", spec_of("true"));
  CHECK(end_of(muster, strict) == "FAILED_QUEUE_TIMEOUT\n");
  CHECK(status_of(muster, plain) == "PENDING");
}

TEST_CASE("the exit actions of a pool hold for its workflows, where those of a task say nothing") {
  const muster_program muster;
  const head_program head(
      muster, {"--config", config_of(muster, "{strict: {driver: process, policy: {exit_actions: {RESCHEDULE: \"7\", "
                                             "COMPLETE: \"9\"}}}, plain: {driver: process}}")});
  REQUIRE(head.ready());
  const auto spec = spec_of("if [ $MUSTER_ATTEMPT = 0 ]; then exit 7; else exit 9; fi");
  const auto strict = submit(muster, "strict", spec);
  CHECK(end_of(muster, strict) == "COMPLETED\n");
  CHECK(attempts_of(muster, strict) == 2);
  const auto plain = submit(muster, "plain", spec);
  CHECK(end_of(muster, plain) == "FAILED\n");
  CHECK(attempts_of(muster, plain) == 1);
  const auto own = submit(muster, "strict", spec_of("exit 7", {}, "    exitActions: {FAIL: \"7\"}\n"));
  CHECK(end_of(muster, own) == "FAILED\n");
  CHECK(attempts_of(muster, own) == 1);
}
