#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

// Policies of pools that an admin changes while a head works.

using namespace muster::test;
using json = nlohmann::json;

namespace {

const std::string spec_text = "workflow: {name: w, tasks: [{name: t, image: i, command: [\"true\"]}]}\n";

std::string with_policy(const muster_program& muster, const std::string& policy) {
  return muster.file("my.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                    "}\nserver: {auth: none}\npools: {ws: {driver: process, policy: " + policy +
                                    "}}\n");
}

json shown(const muster_program& muster) {
  const auto out = muster({"pool", "show", "ws", "-o", "json"});
  INFO(out.err);
  REQUIRE(out.exit_code == 0);
  return json::parse(out.out);
}

/// Changes of policies that the audit log has, the oldest first.
std::vector<std::string> changes_audited(const muster_program& muster) {
  std::vector<std::string> out;
  auto reader = muster::store::reader::open(muster::store::state_directory{muster.state()});
  REQUIRE(reader);
  const auto rows = reader->audit({});
  REQUIRE(rows);
  for (const auto& x : *rows)
    if (x.action == "pool.patch")
      out.insert(out.begin(), x.user + ' ' + x.target + ' ' + x.outcome);
  return out;
}

} // namespace

TEST_CASE("what is set of a policy counts over the file, also after a restart, until it is reset") {
  const muster_program muster;
  const auto config = with_policy(muster, "{strategy: spread, exec_timeout: {default: 1d, maximum: 7d}}");
  auto head = std::make_unique<head_program>(muster, std::vector<std::string>{"--config", config});
  REQUIRE(head->ready());
  const auto set = muster({"pool", "set", "ws", "exec_timeout.maximum=2d", "strategy=pack"});
  INFO(set.err);
  REQUIRE(set.exit_code == 0);
  CHECK_THAT(set.out, ContainsSubstring("exec_timeout") && ContainsSubstring("api"));
  const json times{{"default", "1d"}, {"maximum", "2d"}};
  CHECK(shown(muster)["policy"]["exec_timeout"] == times);

  REQUIRE(head->stop(SIGTERM).exit_code == 0);
  head = std::make_unique<head_program>(muster, std::vector<std::string>{"--config", config});
  REQUIRE(head->ready());
  CHECK(shown(muster)["policy"]["exec_timeout"] == times);
  CHECK(shown(muster)["policy"]["strategy"] == "pack");
  CHECK(shown(muster)["policy_overrides"] == json({"exec_timeout", "strategy"}));

  // The file changes below it.
  with_policy(muster, "{strategy: spread, exec_timeout: {maximum: 3d}, age_step: 5m}");
  head->process().signal(SIGHUP);
  REQUIRE(head->wait_for_log("pools.ws.policy.age_step"));
  CHECK(shown(muster)["policy"]["age_step"] == "5m");
  CHECK(shown(muster)["policy"]["exec_timeout"] == times);
  CHECK_THAT(muster({"pool", "show", "ws"}).out, ContainsSubstring("file") && ContainsSubstring("api"));

  REQUIRE(muster({"pool", "reset", "ws", "exec_timeout"}).exit_code == 0);
  CHECK(shown(muster)["policy"]["exec_timeout"] == json{{"maximum", "3d"}});
  CHECK(shown(muster)["policy_overrides"] == json({"strategy"}));
  REQUIRE(muster({"pool", "reset", "ws"}).exit_code == 0);
  CHECK(shown(muster)["policy"]["strategy"] == "spread");
  CHECK(shown(muster)["policy_overrides"] == json::array());
}

TEST_CASE("a policy that has changed while its pool was not in the file is taken over when it is there again") {
  const muster_program muster;
  const auto config = with_policy(muster, "{strategy: spread}");
  head_program head(muster, {"--config", config});
  REQUIRE(head.ready());
  muster.file("my.yaml", "log: {file: " + (muster.folder() / "head.log").string() + "}\nserver: {auth: none}\n");
  head.process().signal(SIGHUP);
  REQUIRE(head.wait_for_log("a change of the configuration needs a restart\" key=pools.ws"));
  CHECK(shown(muster)["policy"]["strategy"] == "spread"); // It stays as it was.
  with_policy(muster, "{strategy: pack, age_step: 5m}");
  head.process().signal(SIGHUP);
  REQUIRE(head.wait_for_log("pools.ws.policy.strategy pools.ws.policy.age_step"));
  CHECK(shown(muster)["policy"]["strategy"] == "pack");
  CHECK(shown(muster)["policy"]["age_step"] == "5m");
}

TEST_CASE("who said a key of a policy is shown with it") {
  const muster_program muster;
  head_program head(muster, {"--config", with_policy(muster, "{strategy: spread, exec_timeout: {maximum: 2d}}")});
  REQUIRE(head.ready());
  REQUIRE(muster({"pool", "set", "ws", "exec_timeout.maximum=1d"}).exit_code == 0);
  const auto from = [&](const std::string& key) {
    std::istringstream lines(muster({"pool", "show", "ws"}).out);
    for (std::string line; std::getline(lines, line);)
      if (line.rfind(key + ' ', 0) == 0)
        return line.substr(line.find_last_of(' ') + 1);
    return std::string{"nobody"};
  };
  CHECK(from("exec_timeout") == "api");
  CHECK(from("strategy") == "file");
  CHECK(from("age_step") == "default");
  CHECK(from("quotas") == "nobody"); // It says nothing.
  REQUIRE(muster({"pool", "set", "ws", "age_step=7m"}).exit_code == 0);
  CHECK(from("age_step") == "api");
}

TEST_CASE("a pool is under maintenance until it is not, whoever said so") {
  const muster_program muster;
  const auto config = with_policy(muster, "{maintenance: new disks}");
  head_program head(muster, {"--config", config});
  REQUIRE(head.ready());
  CHECK(muster({"pool", "maintenance", "ws", "off"}).exit_code == 0);
  CHECK(shown(muster)["maintenance"] == "");
  CHECK(muster({"pool", "maintenance", "ws", "on", "--reason", "new switches"}).exit_code == 0);
  CHECK(shown(muster)["maintenance"] == "new switches");
  const auto submitted = muster({"submit", muster.file("w.yaml", spec_text), "--pool", "ws"});
  INFO(submitted.err);
  REQUIRE(submitted.exit_code == 0);
  const auto id = submitted.out.substr(0, submitted.out.find('\n'));
  CHECK(eventually([&] {
    return muster({"explain", id}).out.find("under maintenance: new switches") != std::string::npos;
  }));
  const auto off = muster({"pool", "maintenance", "ws", "off", "-o", "json"});
  CHECK(json::parse(off.out)["policy"]["maintenance"] == false);
  CHECK(muster({"wait", id}).exit_code == 0);
}

TEST_CASE("what is set of a policy counts in a head alone: what runs without one goes by its configuration") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  REQUIRE(muster({"pool", "maintenance", "local", "on"}).exit_code == 0);
  REQUIRE(head.stop(SIGTERM).exit_code == 0);
  const auto done = muster({"run", "--pool", "local", "--timeout", "30s", muster.file("w.yaml", spec_text)});
  INFO(done.err);
  CHECK(done.exit_code == 0);
  head_program again(muster);
  REQUIRE(again.ready());
  const auto still = muster({"pool", "show", "local", "-o", "json"});
  REQUIRE(still.exit_code == 0);
  CHECK(json::parse(still.out)["policy_overrides"] == json({"maintenance"}));
}

TEST_CASE("a policy is set from a file, and what is wrong with it is named") {
  const muster_program muster;
  head_program head(muster, {"--config", with_policy(muster, "{}")});
  REQUIRE(head.ready());
  const auto file = muster.file("quotas.yaml", "quotas:\n  - {name: vision, guarantee: 8, maximum: 16, users: [ann]}\n"
                                               "  - {name: rest, guarantee: 4}\nuser_weights: {ann: 2}\n");
  const auto set = muster({"pool", "set", "ws", "-f", file, "age_step=5m"});
  INFO(set.err);
  REQUIRE(set.exit_code == 0);
  auto now = shown(muster);
  CHECK(now["policy"]["quotas"][0]["users"] == json({"ann"}));
  CHECK(now["policy"]["age_step"] == "5m");

  // What `show` prints can be set again.
  const auto again = muster.file("again.json", json{{"policy", now["policy"]}}.dump());
  REQUIRE(muster({"pool", "set", "ws", "-f", again}).exit_code == 0);
  CHECK(shown(muster)["policy"] == now["policy"]);
  CHECK(shown(muster)["policy_overrides"].size() == 14);

  const auto wrong = muster({"pool", "set", "ws", "quotas=[{name: a, guarantee: many}]"});
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.err, ContainsSubstring("policy.quotas[0].guarantee"));
  const auto foreign = muster({"pool", "set", "ws", "default_driver=docker"});
  CHECK(foreign.exit_code == 1);
  CHECK_THAT(foreign.err,
             ContainsSubstring("`default_driver` and `driver` of a platform are of pools that agents join"));
  CHECK(shown(muster)["policy"] == now["policy"]);
  CHECK(muster({"pool", "set", "ws"}).exit_code == 2);
  CHECK(muster({"pool", "set", "ws", "strategy"}).exit_code == 2);
  CHECK(muster({"pool", "set", "none", "strategy=pack"}).exit_code == 4);
  CHECK(muster({"pool", "maintenance", "ws", "maybe"}).exit_code == 2);
  CHECK(muster({"pool", "maintenance", "ws", "off", "--reason", "none"}).exit_code == 2);
}

TEST_CASE(
    "only admins change a policy, each change is audited, and who sees own workflows only sees no other users in it") {
  const muster_program muster;
  const auto config = muster.file("my.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                                 "}\npools: {ws: {driver: process, policy: {quotas: [{name: a, users: "
                                                 "[ann, bob]}, {name: rest}], user_weights: {ann: 2, bob: 3}}}}\n");
  head_program head(muster, {"--config", config});
  REQUIRE(head.ready());
  const auto made = muster({"token", "create", "bob", "--role", "user"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const auto token = muster.file("bob.token", made.out);
  CHECK(muster({"pool", "set", "ws", "strategy=spread", "--token-file", token}).exit_code == 6);
  const auto seen = muster({"pool", "show", "ws", "-o", "json", "--token-file", token});
  INFO(seen.err);
  REQUIRE(seen.exit_code == 0);
  const auto policy = json::parse(seen.out)["policy"];
  CHECK(policy["quotas"][0]["users"] == json({"bob"}));
  CHECK(policy["user_weights"] == json{{"bob", 3}});
  CHECK(shown(muster)["policy"]["quotas"][0]["users"] == json({"ann", "bob"}));
  REQUIRE(muster({"pool", "set", "ws", "strategy=spread"}).exit_code == 0);
  CHECK(muster({"pool", "set", "ws", "strategy=heap"}).exit_code == 1);
  CHECK(head.stop(SIGTERM).exit_code == 0); // It has written how the last one went.
  const auto audited = changes_audited(muster);
  REQUIRE(audited.size() == 2);
  CHECK_THAT(audited[0], ContainsSubstring("ws ok"));
  CHECK_THAT(audited[1], ContainsSubstring("ws invalid_argument"));
}
