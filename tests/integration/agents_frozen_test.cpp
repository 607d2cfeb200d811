#include "agent_farm.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

using namespace muster::test;

namespace {

/// A node whose programs are stopped as a paused machine stops them, and go on when it does.
class frozen {
public:
  frozen(node_program& node, bool with_warden) : node_(node), warden_(with_warden ? warden_of(node.state()) : 0) {
    if (with_warden)
      REQUIRE(warden_ != 0);
    if (warden_ != 0)
      ::kill(warden_, SIGSTOP);
    node_.process().signal(SIGSTOP);
  }
  void thaw_agent() { node_.process().signal(SIGCONT); }
  void thaw_warden() const {
    if (warden_ != 0)
      ::kill(warden_, SIGCONT);
  }

private:
  node_program& node_;
  pid_t warden_;
};

/// Why a node is in its condition, for people.
std::string reason_of(const muster_program& muster, const std::string& node) {
  const auto shown = nlohmann::json::parse(muster({"node", "show", node, "--output", "json"}).out, nullptr, false);
  return shown.is_object() ? shown["pools"][0].value("reason", "") : std::string{};
}

/// As large as this machine, so that it waits for a node that is free.
std::string whole_machine(const std::filesystem::path& mark) {
  return "workflow:\n  name: later\n  resources:\n    default: {cpu: " +
         std::to_string(std::thread::hardware_concurrency()) +
         "}\n  tasks:\n  - {name: only, image: none, command: [touch, " + mark.string() + "]}\n";
}

} // namespace

TEST_CASE("a gang leaves a node whose agent stands still, where it is ended before anything new comes") {
  const bool with_warden = GENERATE(false, true);
  CAPTURE(with_warden);
  farm x;
  // Long enough that the others, which are only slow, are not lost as well.
  x.start("127.0.0.1:0", "lost_after: 10s, silence_limit: 2s, on_loss: reschedule");
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(waiting_gang(x.muster, 2));
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 1; }));
  const node_program three{x.muster, "n3", at(3)};
  REQUIRE(becomes(x.muster, "n3", "ready"));

  frozen still{one, with_warden};
  REQUIRE(goes_away(x, "n1"));
  REQUIRE(becomes(x.muster, "n1", "lost"));
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 2; }));
  const std::set<std::string> nodes{node_of(x.muster, id, "t0"), node_of(x.muster, id, "t1")};
  CHECK(nodes == std::set<std::string>{"n2", "n3"});
  CHECK(gang_running(x.muster, 2) == 3); // Nobody could tell the one on n1.

  const auto mark = x.muster.folder() / "later";
  const auto later = x.submit(whole_machine(mark));
  still.thaw_agent();
  if (with_warden) { // It has heard, and what it ran goes on.
    REQUIRE(eventually([&] { return reason_of(x.muster, "n1").find("still holds 1 attempt") != std::string::npos; }));
    CHECK(condition_of(x.muster, "n1") == "suspect");
    CHECK(gang_running(x.muster, 2) == 3);
    CHECK_FALSE(std::filesystem::exists(mark));
    still.thaw_warden();
  }
  REQUIRE(eventually([&] { return std::filesystem::exists(mark); }));
  CHECK(gang_running(x.muster, 2) == 2);
  CHECK(x.muster({"wait", later}).out == later + " COMPLETED\n");
  CHECK(node_of(x.muster, later, "only") == "n1");
  let_gang_go(x.muster, id);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
  for (const int member : {0, 1})
    CHECK(member_begins(x.muster, id, member) == 2);
}

TEST_CASE("what runs on a node whose agent stands still goes on where the pool waits for it") {
  const bool with_warden = GENERATE(false, true);
  CAPTURE(with_warden);
  farm x;
  x.start("127.0.0.1:0", "lost_after: 3s, silence_limit: 2s, on_loss: wait");
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 2));
  REQUIRE(has_begun(x.muster, 2));
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  frozen still{one, with_warden};
  REQUIRE(goes_away(x, "n1"));
  REQUIRE(becomes(x.muster, "n1", "lost"));
  CHECK(status_of(x.muster, id) == "RUNNING");
  still.thaw_agent();
  still.thaw_warden();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(x.end_of(id, 2) == "");
}
