#include "cpu_gangs.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace muster;
using namespace muster::test;

namespace {

queue_policy at_most(std::optional<std::uint32_t> parallel, std::uint32_t passes) {
  queue_policy x;
  x.max_parallel = parallel;
  x.max_passes = passes;
  return x;
}

} // namespace

TEST_CASE("gangs are served in the order they came") {
  auto q = queue_of(2);
  CHECK(submit(q, 1, {ask(1)}) == answer::placed);
  CHECK(submit(q, 2, {ask(1)}) == answer::placed);
  CHECK(submit(q, 3, {ask(1)}) == answer::waits);
  CHECK(submit(q, 4, {ask(1)}) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(q.why_waiting(3) == "waiting for 1 CPU: 0 of 2 free on node local");
  CHECK_FALSE(q.why_waiting(1));
  CHECK(q.withdraw(2));
  CHECK(granted(q) == keys{3});
  CHECK(q.withdraw(4));
  CHECK(q.withdraw(1));
  CHECK(granted(q).empty());
  CHECK_FALSE(q.withdraw(1));
  CHECK(q.waiting() == 0);
  CHECK(q.holding() == 1);
  CHECK(q.members_placed() == 1);
}

TEST_CASE("a later gang passes the oldest a bounded number of times") {
  auto q = queue_of(2, at_most({}, 3));
  CHECK(submit(q, 1, {ask(1)}) == answer::placed);
  CHECK(submit(q, 2, {ask(2)}) == answer::waits);
  CHECK(submit(q, 9, {ask(1)}) == answer::placed);
  for (gang_key k = 10; k < 20; ++k)
    CHECK(submit(q, k, {ask(1)}) == answer::waits);
  CHECK(q.withdraw(9));
  for (gang_key k = 10; k < 12; ++k) {
    CHECK(granted(q) == keys{k});
    CHECK(q.withdraw(k));
  }
  CHECK(granted(q).empty());
  CHECK(submit(q, 20, {ask(1)}) == answer::waits);
  CHECK(q.why_waiting(12) == "waiting behind older groups: the room that there is is kept for one of them");
  CHECK(q.withdraw(1));
  CHECK(granted(q) == keys{2});
  CHECK(q.withdraw(2));
  CHECK(granted(q) == keys{12, 13});
}

TEST_CASE("no more members run in parallel than the limit") {
  auto q = queue_of(100, at_most(3, 256));
  CHECK(submit(q, 1, {ask(1), ask(1)}) == answer::placed);
  CHECK(submit(q, 2, {ask(1), ask(1)}) == answer::waits);
  CHECK(q.why_waiting(2) == "waiting for others to end: 2 of at most 3 tasks run in parallel");
  CHECK(submit(q, 3, gang(4, ask(1))) == answer::refused);
  CHECK(q.withdraw(1));
  CHECK(granted(q) == keys{2});
}

TEST_CASE("what never fits, is empty, or is there already is refused") {
  auto q = queue_of(2);
  CHECK(submit(q, 1, {ask(3)}) == answer::refused);
  CHECK(submit(q, 1, {}) == answer::refused);
  CHECK(submit(q, 1, {ask(1)}) == answer::placed);
  CHECK(submit(q, 1, {ask(1)}) == answer::refused);
  CHECK(q.never_fits({ask(3)}));
}

TEST_CASE("a gang that runs already is booked whatever is free") {
  auto q = queue_of(2);
  CHECK(submit(q, 1, {ask(2)}) == answer::placed);
  CHECK(q.restore(2, {ask(1)}, {{"local", {}}}));
  CHECK(q.nodes()[0].free.cpu == -1);
  CHECK(q.restore(2, {ask(1)}, {{"local", {}}}).failure().code == ec::conflict);
  CHECK(q.restore(3, {ask(1)}, {{"gone", {}}}).failure().code == ec::not_found);
  CHECK(q.restore(3, {ask(1)}, {}).failure().code == ec::invalid_argument);
  CHECK(submit(q, 4, {ask(1)}) == answer::waits);
  CHECK(q.withdraw(1));
  CHECK(granted(q) == keys{4});
  CHECK(q.nodes()[0].free.cpu == 0);
}

TEST_CASE("a gang that was booked with gaps in its record still has a place") {
  gang_queue q{{make_node("local", {4, 100, 100}, {0, 1, 2})}, {}};
  auto x = ask(1);
  x.gpu = 1;
  const auto booked = q.restore(1, {x, x, x}, {{"", {}}, {"local", {0}}, {"local", {}}});
  REQUIRE(booked);
  CHECK((*booked)[0].gpus == std::vector<std::uint32_t>{1});
  CHECK((*booked)[1].gpus == std::vector<std::uint32_t>{0});
  CHECK((*booked)[2].gpus == std::vector<std::uint32_t>{2});
  CHECK(q.nodes()[0].free_gpus.empty());
}

TEST_CASE("a hundred thousand gangs of one wait and are served") {
  auto q = queue_of(4);
  constexpr gang_key count = 100'000;
  std::size_t served = 0;
  for (gang_key k = 0; k < count; ++k)
    served += submit(q, k, {ask(1)}) == answer::placed ? 1U : 0U;
  CHECK(served == 4);
  CHECK(q.waiting() == count - 4);
  for (gang_key k = 0; k < count; ++k) {
    if (!q.withdraw(k))
      FAIL("gang " << k << " is not there");
    served += q.poll().size();
  }
  CHECK(served == count);
  CHECK(q.waiting() == 0);
  CHECK(q.nodes()[0].free.cpu == 4);
}

TEST_CASE("random gangs are all served, and nothing is given out twice") {
  std::mt19937_64 random{7};
  const auto below = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 50; ++round) {
    std::vector<node_state> nodes;
    for (std::uint32_t n = 0; n < 1 + below(3); ++n)
      nodes.push_back(make_node("n" + std::to_string(n), {4, 1000, 1000}, {0, 1}));
    gang_queue q{nodes, at_most({}, static_cast<std::uint32_t>(below(5)))};
    std::set<gang_key> waiting;
    std::set<gang_key> holding;
    std::set<gang_key> ever;
    gang_key next = 0;
    for (int step = 0; step < 400 || !waiting.empty() || !holding.empty(); ++step) {
      REQUIRE(step < 10'000);
      if (step < 400 && below(2) == 0) {
        gang who(1 + below(3), ask(static_cast<std::int64_t>(1 + below(3))));
        who[0].gpu = static_cast<std::int64_t>(below(3));
        const auto a = submit(q, next, who);
        if (a == answer::placed)
          holding.insert(next);
        if (a == answer::waits)
          waiting.insert(next);
        if (a != answer::refused)
          ever.insert(next);
        ++next;
      } else if (!holding.empty()) {
        const auto at = std::next(holding.begin(), static_cast<std::ptrdiff_t>(below(holding.size())));
        const auto heir = q.hand_over(*at);
        holding.erase(at);
        if (heir) {
          CHECK(waiting.erase(heir->key) == 1);
          CHECK(holding.insert(heir->key).second);
        }
      } else if (!waiting.empty() && below(4) == 0) {
        CHECK(q.withdraw(*waiting.begin()));
        waiting.erase(waiting.begin());
      }
      if (!holding.empty() && below(2) == 0)
        if (const auto heir = q.promise(q.heirs_of(*holding.begin()).second))
          CHECK(waiting.count(*heir) == 1);
      for (const auto& g : q.poll()) {
        CHECK(waiting.erase(g.key) == 1);
        CHECK(holding.insert(g.key).second);
      }
      for (const auto& n : q.nodes()) {
        CHECK(n.free.cpu >= 0);
        CHECK(n.free_gpus.size() <= 2);
      }
      CHECK(q.waiting() == waiting.size());
      CHECK(q.holding() == holding.size());
    }
    for (const auto& n : q.nodes()) {
      CHECK(n.free.cpu == 4);
      CHECK(n.free_gpus == std::vector<std::uint32_t>{0, 1});
    }
  }
}
