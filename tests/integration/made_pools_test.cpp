#include "agent_farm.hpp"
#include "support/catch.hpp"
#include "support/processes.hpp"

#include <nlohmann/json.hpp>

#include <csignal>

// Pools that an admin makes and deletes while a head works, and their nodes.

using namespace muster::test;
using json = nlohmann::json;

namespace {

std::string names_of_pools(const farm& x) {
  return x.muster({"pool", "ls", "-o", "name"}).out;
}

} // namespace

TEST_CASE("a pool is made while a head works, has nodes, is there after a restart, and is deleted") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const auto made =
      x.muster({"pool", "create", "west", "node_labels.zone=b", "lost_after=1h", "strategy=spread", "age_step=5m"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK_THAT(made.out, ContainsSubstring("west") && ContainsSubstring("spread") && ContainsSubstring("api"));
  CHECK(names_of_pools(x) == "local\nfarm\nwest\n");
  CHECK(x.muster({"pool", "create", "west"}).exit_code == 5);
  CHECK(x.muster({"pool", "create", "east", "lost_after=soon"}).exit_code == 1);

  // An agent that names no pool finds it by its labels, one that names it has to carry them.
  auto labelled = at(1);
  labelled.insert(labelled.end(), {"--label", "zone=b"});
  node_program node{x.muster, "n1", labelled};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  auto other = at(2);
  other.insert(other.end(), {"--pool", "west"});
  node_program lacking{x.muster, "n2", other};
  CHECK_THAT(lacking.process().finish().err, ContainsSubstring("lacks labels that nodes of pool west carry"));
  CHECK(json::parse(x.muster({"pool", "show", "west", "-o", "json"}).out)["nodes"] == json({"n1"}));

  const auto run = [&] {
    const auto submitted = x.muster({"submit", x.muster.file("w.yaml", one_task("echo hello")), "--pool", "west"});
    INFO(submitted.err);
    REQUIRE(submitted.exit_code == 0);
    const auto id = submitted.out.substr(0, submitted.out.find('\n'));
    CHECK(x.muster({"wait", id}).exit_code == 0);
    CHECK(node_of(x.muster, id, "only") == "n1");
  };
  run();

  x.head->stop(SIGKILL);
  x.start_again();
  REQUIRE(x.head->ready());
  CHECK(names_of_pools(x) == "local\nfarm\nwest\n");
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto shown = json::parse(x.muster({"pool", "show", "west", "-o", "json"}).out);
  CHECK(shown["policy_overrides"] == json({"age_step", "strategy"}));
  CHECK(shown["agents"]["lost_after"] == "1h");
  CHECK(shown["from"] == "api");
  run();

  // The file knows nothing of it, before and after.
  x.head->process().signal(SIGHUP);
  REQUIRE(x.head->wait_for_log("configuration was read again"));
  CHECK(x.head->log().find("key=pools.west") == std::string::npos);
  CHECK(names_of_pools(x) == "local\nfarm\nwest\n");

  const auto kept = x.muster({"pool", "delete", "west"});
  CHECK(kept.exit_code == 5);
  CHECK_THAT(kept.err, ContainsSubstring("n1"));
  CHECK(node.stop(SIGTERM).exit_code == 0);
  REQUIRE(becomes(x.muster, "n1", "suspect"));
  REQUIRE(x.muster({"node", "rm", "n1"}).exit_code == 0);
  const auto gone = x.muster({"pool", "delete", "west"});
  INFO(gone.err);
  CHECK(gone.out == "west is deleted\n");
  CHECK(names_of_pools(x) == "local\nfarm\n");
  CHECK(x.muster({"pool", "delete", "farm"}).exit_code == 5);
  node.start();
  CHECK(becomes(x.muster, "n1", "ready")); // In the only pool that there is.
  CHECK(json::parse(x.muster({"pool", "show", "farm", "-o", "json"}).out)["nodes"] == json({"n1"}));
}

TEST_CASE("a pool that was made is as the file says once that has one of its name, and is there without others") {
  const muster_program muster;
  const auto write = [&](const std::string& pools) {
    return muster.file("my.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                      "}\nserver: {auth: none}\nagents: {listen: \"127.0.0.1:0\"}\n" + pools);
  };
  const auto config = write("pools: {farm: {driver: agents}}\n");
  auto head = std::make_unique<head_program>(muster, std::vector<std::string>{"--config", config});
  REQUIRE(head->ready());
  const auto file = muster.file("west.yaml", "lost_after: 3m\non_loss: reschedule\npolicy: {age_step: 7m}\n");
  const auto made = muster({"pool", "create", "west", "-f", file, "-o", "json"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK(json::parse(made.out)["agents"]["on_loss"] == "reschedule");
  const auto start = [&](const std::string& pools) {
    REQUIRE(head->stop(SIGTERM).exit_code == 0);
    write(pools);
    head = std::make_unique<head_program>(muster, std::vector<std::string>{"--config", config});
    REQUIRE(head->ready());
  };
  const auto shown = [&] { return json::parse(muster({"pool", "show", "west", "-o", "json"}).out); };

  start("pools: {west: {driver: agents, lost_after: 5m}}\n");
  CHECK(head->log().find("it was made while a head ran, and is in the configuration now") != std::string::npos);
  CHECK(shown()["from"] == "file");
  CHECK(shown()["agents"]["lost_after"] == "5m");
  CHECK(shown()["policy"]["age_step"] == "7m");
  CHECK(muster({"pool", "delete", "west"}).exit_code == 5);

  start("");
  CHECK(shown()["from"] == "api");
  CHECK(shown()["agents"]["lost_after"] == "3m");
  node_program node{muster, "n1", at(1)};
  CHECK(becomes(muster, "n1", "ready"));
  CHECK(muster({"pool", "create", "east"}).exit_code == 0);
}

TEST_CASE("a head that takes no agents makes no pools, and says what to do") {
  const muster_program muster;
  const head_program head(muster);
  REQUIRE(head.ready());
  const auto refused = muster({"pool", "create", "west"});
  CHECK(refused.exit_code == 5);
  CHECK_THAT(refused.err, ContainsSubstring("driver: agents"));
}

TEST_CASE("an agent that names no pool stays in its own when another is made") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(x.muster({"pool", "create", "east"}).exit_code == 0);
  node.stop(SIGKILL);
  REQUIRE(becomes(x.muster, "n1", "suspect"));
  node.start();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(json::parse(x.muster({"pool", "show", "farm", "-o", "json"}).out)["nodes"] == json({"n1"}));
  // One that was in neither has to say.
  node_program unknown{x.muster, "n2", at(2)};
  CHECK_THAT(unknown.process().finish().err, ContainsSubstring("it could join several: say which (--pool)"));
}

TEST_CASE("no pool is made of a name that the configuration has, also if the head does not serve that") {
  farm x{{"--no-auth", "--pool", "farm"}};
  x.start("127.0.0.1:0", patient + "}\n  other: {driver: agents");
  REQUIRE(x.head->ready());
  const auto refused = x.muster({"pool", "create", "other"});
  CHECK(refused.exit_code == 5);
  CHECK_THAT(refused.err, ContainsSubstring("which this head does not serve"));
}
