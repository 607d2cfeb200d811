#include "gpu_gangs.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <string>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

std::vector<node_state> gpu_nodes(int count) {
  std::vector<node_state> nodes;
  for (int i = 0; i < count; ++i)
    nodes.push_back(gpu_node("n" + std::to_string(i)));
  return nodes;
}

gang_terms for_at_most(std::chrono::seconds time) {
  gang_terms x;
  x.at_most = time;
  return x;
}

constexpr auto high = gang_priority::high;
constexpr auto normal = gang_priority::normal;
constexpr auto low = gang_priority::low;

enum class answer { placed, waits, refused };

answer submit(gang_queue& q, gang_key key, const gang& who, const gang_terms& on = {}) {
  return static_cast<answer>(q.submit(key, who, on).index());
}

using keys = std::vector<gang_key>;

keys granted(gang_queue& q, std::size_t limit = 64) {
  keys all;
  for (const auto& g : q.poll(limit))
    all.push_back(g.key);
  return all;
}

queue_policy with_quota(std::vector<gpu_quota> quotas) {
  queue_policy x;
  x.quotas = std::move(quotas);
  return x;
}

queue_time at(std::chrono::seconds x) {
  return queue_time{x};
}

} // namespace

TEST_CASE("HIGH comes before NORMAL, and that before LOW, then who came first") {
  gang_queue q{gpu_nodes(1), {}};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(low)) == answer::waits);
  CHECK(submit(q, 3, gpus(8), terms(normal)) == answer::waits);
  CHECK(submit(q, 4, gpus(8), terms(high)) == answer::waits);
  CHECK(submit(q, 5, gpus(8), terms(high)) == answer::waits);
  CHECK(q.explain(2)->position == 4);
  CHECK(q.explain(5)->position == 2);
  for (const gang_key next : {4, 5, 3, 2}) {
    CHECK(q.withdraw(next == 4 ? 1 : next == 5 ? 4 : next == 3 ? 5 : 3));
    CHECK(granted(q) == keys{next});
  }
}

TEST_CASE("a gang that waited long is raised, and comes first when it is overdue") {
  queue_policy policy;
  policy.age_step = 60s;
  gang_queue q{gpu_nodes(1), policy};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(low)) == answer::waits);
  q.advance(at(61s));
  CHECK(submit(q, 3, gpus(8), terms(normal)) == answer::waits); // Younger, and both are NORMAL by now.
  CHECK(submit(q, 4, gpus(8), terms(high)) == answer::waits);
  CHECK(q.explain(2)->position == 2);
  q.advance(at(181s));
  CHECK(q.explain(2)->position == 1);
  CHECK(q.explain(4)->position == 3); // The others are overdue as well, and came before.
  q.withdraw(1);
  CHECK(granted(q) == keys{2});
}

TEST_CASE("what a gang waited before it was taken up again counts") {
  queue_policy policy;
  policy.age_step = 60s;
  gang_queue q{gpu_nodes(1), policy};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(normal)) == answer::waits);
  CHECK(std::holds_alternative<no_place>(q.submit(3, gpus(8), terms(low), 121s)));
  CHECK(q.explain(3)->position == 1); // As of HIGH by now.
  q.advance(at(1s));
  q.withdraw(1);
  CHECK(granted(q) == keys{3});
}

TEST_CASE("users get the same share, or what their weight says") {
  queue_policy policy;
  policy.user_weights["b"] = 3;
  gang_queue q{gpu_nodes(1), policy};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  for (gang_key k = 10; k < 20; ++k)
    CHECK(submit(q, k, gpus(1), terms(normal, "a")) == answer::waits);
  for (gang_key k = 20; k < 30; ++k)
    CHECK(submit(q, k, gpus(1), terms(normal, "b")) == answer::waits);
  CHECK(q.explain(10)->position == 1);
  q.withdraw(1);
  const auto got = granted(q);
  CHECK(got.size() == 8);
  CHECK(std::count_if(got.begin(), got.end(), [](gang_key k) { return k < 20; }) == 2);
}

TEST_CASE("what users held before counts if it should") {
  queue_policy policy;
  policy.usage_half_life = 3600s;
  gang_queue q{gpu_nodes(1), policy};
  CHECK(submit(q, 1, gpus(8), terms(normal, "a")) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(normal, "a")) == answer::waits);
  CHECK(submit(q, 3, gpus(8), terms(normal, "b")) == answer::waits);
  q.advance(at(1800s));
  q.withdraw(1);
  CHECK(granted(q) == keys{3}); // Neither holds anything now.
}

TEST_CASE("NORMAL stays within the guarantee, LOW may go up to the maximum") {
  gang_queue q{gpu_nodes(4), with_quota({{"team", 8, 16, 1}})};
  CHECK(submit(q, 1, gpus(8, 2)) == answer::refused);
  CHECK(q.never_fits(gpus(8, 2)) == "needs 16 GPUs: its quota guarantees 8, and only LOW priority may use more");
  CHECK(submit(q, 1, gpus(8, 3), terms(low)) == answer::refused);
  CHECK(submit(q, 1, gpus(1), terms(low, "", "other")) == answer::refused);
  CHECK(submit(q, 2, gpus(8)) == answer::placed);
  CHECK(submit(q, 3, gpus(1)) == answer::waits);
  CHECK(q.why_waiting(3) == "waiting for 1 GPU of quota team: 0 of 8 may still be used");
  CHECK(q.explain(3)->cause == wait_cause::quota);
  CHECK(q.explain(3)->holders == keys{2});
  CHECK(submit(q, 4, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 5, gpus(1), terms(low)) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(q.preempt().empty()); // Its own quota's guarantee is used up by a NORMAL gang.
  q.withdraw(2);
  CHECK(granted(q) == keys{3, 5});
}

TEST_CASE("who waits for the guarantee of its quota is told of those that count towards it") {
  gang_queue q{gpu_nodes(4), with_quota({{"team", 8, 17, 1}})};
  CHECK(submit(q, 1, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 2, gpus(7)) == answer::placed);
  CHECK(submit(q, 3, gpus(2)) == answer::waits);
  CHECK(submit(q, 4, gpus(1)) == answer::waits);
  CHECK(granted(q).empty());
  const auto newcomer = q.explain(4);
  CHECK(newcomer->cause == wait_cause::quota);
  CHECK(newcomer->lacks.empty()); // There is one left, for the older one.
  CHECK(q.explain(3)->holders == keys{2});
  CHECK(newcomer->holders == keys{2});
  // LOW waits for the maximum, towards which all count.
  CHECK(submit(q, 5, gpus(3), terms(low)) == answer::waits);
  CHECK(q.explain(5)->holders == keys{1, 2});
}

TEST_CASE("who waits for the maximum of its quota is told of all that hold some of it") {
  gang_queue q{gpu_nodes(4), with_quota({{"team", 8, 10, 1}})};
  CHECK(submit(q, 1, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 2, gpus(1)) == answer::placed);
  CHECK(submit(q, 3, gpus(2)) == answer::waits);
  CHECK(q.explain(3)->holders == keys{1, 2});
  CHECK(granted(q).empty());
  CHECK(submit(q, 4, gpus(1)) == answer::waits);
  CHECK(q.explain(4)->lacks.empty());
  CHECK(q.explain(4)->holders == keys{1, 2}); // As the one before it does.
}

TEST_CASE("LOW makes way as whole gangs, and only if the other really fits then") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  q.advance(at(1s));
  CHECK(submit(q, 2, gpus(2, 2), terms(low)) == answer::placed);
  q.advance(at(2s));
  CHECK(submit(q, 3, gpus(2), terms(low)) == answer::placed);
  q.advance(at(3s));
  CHECK(submit(q, 4, gpus(2), terms(low)) == answer::placed);

  SECTION("nobody is named when it would not help") {
    CHECK(submit(q, 5, gpus(8, 2)) == answer::waits);
    CHECK(granted(q).empty());
    CHECK(q.preempt().empty());
  }
  SECTION("LOW preempts nobody") {
    CHECK(submit(q, 5, gpus(2), terms(low)) == answer::waits);
    CHECK(granted(q).empty());
    CHECK(q.preempt().empty());
  }
  SECTION("the youngest of the fewest goes, and its places are kept") {
    CHECK(submit(q, 5, gpus(2)) == answer::waits);
    CHECK(granted(q).empty());
    const auto named = q.preempt();
    REQUIRE(named.size() == 1);
    CHECK(named[0].winner == 5);
    CHECK(named[0].victims == keys{4});
    CHECK(q.preempt().empty());
    CHECK(q.explain(5)->cause == wait_cause::preemption);
    CHECK(q.explain(5)->holders == keys{4});
    CHECK(q.why_waiting(5) == "waiting for 1 group of low priority to make room");
    // What others give back meanwhile is free for all; what the victim gives back is not.
    CHECK(submit(q, 6, gpus(2), terms(high)) == answer::waits);
    q.withdraw(4);
    CHECK(submit(q, 7, gpus(2), terms(high)) == answer::waits);
    CHECK(q.explain(7)->cause == wait_cause::reservation);
    CHECK(q.explain(7)->ahead == 5);
    CHECK(granted(q) == keys{5});
    q.withdraw(3);
    CHECK(granted(q) == keys{6});
    CHECK(q.preempt().at(0).victims == keys{2});
  }
  SECTION("one gang of four rather than two of two each") {
    CHECK(submit(q, 5, gpus(4)) == answer::waits);
    CHECK(granted(q).empty());
    const auto named = q.preempt();
    REQUIRE(named.size() == 1);
    CHECK(named[0].victims == keys{2});
  }
  SECTION("a winner that goes away leaves the room to others") {
    CHECK(submit(q, 5, gpus(2)) == answer::waits);
    CHECK(granted(q).empty());
    CHECK(q.preempt().size() == 1);
    CHECK(submit(q, 6, gpus(1)) == answer::waits);
    CHECK(q.withdraw(5));
    q.withdraw(4);
    CHECK(granted(q) == keys{6});
    CHECK(q.waiting() == 0);
  }
  SECTION("a node that is lost meanwhile sends the winner back to its line") {
    CHECK(submit(q, 5, gpus(2)) == answer::waits);
    CHECK(granted(q).empty());
    CHECK(q.preempt().size() == 1);
    CHECK(q.set_condition("n1", node_condition::lost));
    CHECK(q.explain(5)->cause == wait_cause::resources);
    CHECK(q.holders_of("n1") == keys{2, 3, 4});
    q.withdraw(4);
    CHECK(granted(q).empty());
    CHECK(q.set_condition("n1", node_condition::ready));
    CHECK(granted(q) == keys{5});
  }
}

TEST_CASE("nobody is asked to make way on a node that cannot be reached") {
  const auto condition = GENERATE(node_condition::suspect, node_condition::lost, node_condition::gone);
  gang_queue q{gpu_nodes(3), {}};
  CHECK(submit(q, 1, gpus(8), terms(low)) == answer::placed);
  q.advance(at(1s));
  CHECK(submit(q, 2, gpus(8, 2), terms(low)) == answer::placed); // The youngest; on n1 and n2.
  CHECK(q.set_condition("n2", condition));
  CHECK(submit(q, 3, gpus(8)) == answer::waits);
  CHECK(granted(q).empty());
  const auto named = q.preempt();
  REQUIRE(named.size() == 1);
  CHECK(named[0].victims == keys{1});
  CHECK(submit(q, 4, gpus(8)) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(q.preempt().empty()); // What gang 2 has on n1 is no use while its other half cannot be ended.
  CHECK(q.set_condition("n2", node_condition::ready));
  CHECK(granted(q).empty());
  if (condition != node_condition::gone) {
    REQUIRE(q.preempt().size() == 1);
    CHECK(q.explain(4)->holders == keys{2});
  }
}

TEST_CASE("who does not make way in time is not waited for") {
  queue_policy policy;
  policy.leave_within = 40s;
  gang_queue q{gpu_nodes(2), policy};
  CHECK(submit(q, 1, gpus(8), terms(low)) == answer::placed);
  q.advance(at(1s));
  CHECK(submit(q, 2, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 3, gpus(8)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  q.advance(at(40s));
  CHECK(granted(q).empty());
  CHECK(q.preempt().empty());
  CHECK(q.explain(3)->cause == wait_cause::preemption);
  q.advance(at(41s));
  CHECK(granted(q).empty());
  CHECK(q.explain(3)->cause == wait_cause::resources);
  CHECK(q.preempt().at(0).victims == keys{1}); // Not the one that was asked already.
  q.withdraw(2);
  CHECK(granted(q) == keys{3}); // It goes after all.
  CHECK(submit(q, 4, gpus(8), terms(low)) == answer::waits);
  q.withdraw(1);
  CHECK(granted(q) == keys{4});
}

TEST_CASE("who would fit otherwise does not wait for others to make way") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 3, gpus(4)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  SECTION("it takes what others give back") {
    q.withdraw(1);
    CHECK(granted(q) == keys{3});
    q.withdraw(2);
    CHECK(submit(q, 4, gpus(8)) == answer::placed); // Nothing is kept any more.
  }
  SECTION("not what the first one waits for") {
    CHECK(submit(q, 4, gpus(8), terms(high)) == answer::waits);
    CHECK(granted(q).empty());
    q.withdraw(1);
    CHECK(granted(q) == keys{4});
    q.withdraw(2);
    CHECK(granted(q) == keys{3});
  }
  SECTION("but what only those behind it wait for") {
    CHECK(submit(q, 4, gpus(8)) == answer::waits);
    CHECK(granted(q).empty());
    q.withdraw(1);
    CHECK(granted(q) == keys{3});
  }
}

TEST_CASE("who finds what is kept for it free does not wait for others to make way, whoever is first") {
  gang_queue q{gpu_nodes(1), {}};
  CHECK(submit(q, 1, gpus(6)) == answer::placed);
  CHECK(submit(q, 2, gpus(2), terms(low)) == answer::placed);
  CHECK(submit(q, 3, gpus(2)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  CHECK(submit(q, 4, gpus(8), terms(high)) == answer::waits);
  CHECK(granted(q).empty());
  q.withdraw(1);
  CHECK(granted(q) == keys{3});
}

TEST_CASE("who waits for others to make way so that it may run in parallel has the place of who ends first") {
  queue_policy policy;
  policy.max_parallel = 2;
  gang_queue q{gpu_nodes(3), policy};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(1), terms(low)) == answer::placed);
  CHECK(submit(q, 3, gpus(1)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  CHECK(granted(q).empty());
  q.withdraw(1);
  CHECK(granted(q) == keys{3});
}

TEST_CASE("who waits for others to make way has what the first one leaves over when that has its places") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(submit(q, 1, gpus(2)) == answer::placed);
  CHECK(submit(q, 2, gpus(6)) == answer::placed);
  CHECK(submit(q, 3, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 4, gpus(2)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{3});
  CHECK(submit(q, 5, gpus(2), terms(high)) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(submit(q, 6, gpus(0)) == answer::placed); // It is planned now that the first one has the place of 1.
  q.withdraw(2);
  CHECK(granted(q) == keys{5, 4});
}

TEST_CASE("what was kept for one that has places elsewhere now is given to others at once") {
  gang_queue q{gpu_nodes(2), {}};
  auto with_cpus = gpus(2);
  with_cpus.front().cpu = q.nodes().front().total.cpu / 2 + 1;
  CHECK(submit(q, 1, with_cpus) == answer::placed);
  CHECK(submit(q, 2, gpus(6)) == answer::placed);
  CHECK(submit(q, 3, gpus(6), terms(low)) == answer::placed);
  CHECK(submit(q, 4, gpus(4)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{3});
  CHECK(submit(q, 5, gpus(2), terms(high)) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(submit(q, 6, gpus(0)) == answer::placed);  // It is planned now that the first one has the place of 1.
  CHECK(submit(q, 7, with_cpus) == answer::waits); // Beside 1 there are too few CPUs; elsewhere it is kept for 4.
  CHECK(granted(q).empty());
  q.withdraw(2);
  CHECK(granted(q) == keys{5, 4, 7});
}

TEST_CASE("a quota that has too much now keeps nobody without GPUs waiting") {
  gang_queue q{gpu_nodes(2), with_quota({{"a", 0, -1, 1}})};
  const auto only_cpus = [](std::int64_t cpu) {
    resource_request x;
    x.cpu = cpu;
    return gang{x};
  };
  const auto all = q.nodes().front().total.cpu;
  CHECK(submit(q, 1, only_cpus(all)) == answer::placed);
  auto borrowed = gpus(2);
  borrowed.front().cpu = all;
  CHECK(submit(q, 2, borrowed, terms(low, "", "a")) == answer::placed);
  CHECK(submit(q, 3, only_cpus(1)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  static_cast<void>(q.set_policy(with_quota({{"a", 0, 1, 1}}), [&](gang_key key) -> result<gang_request> {
    if (key == 2)
      return gang_request{borrowed, terms(low, "", "a")};
    return gang_request{only_cpus(key == 1 ? all : 1), {}};
  }));
  CHECK(granted(q).empty());
  CHECK(q.explain(3)->cause == wait_cause::preemption);
  q.withdraw(1);
  CHECK(granted(q) == keys{3});
}

TEST_CASE("who waits for others to make way has room elsewhere when the first one gives up") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(low)) == answer::placed);
  CHECK(submit(q, 3, gpus(4)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  CHECK(submit(q, 4, gpus(8, 2), terms(high)) == answer::waits);
  CHECK(granted(q).empty());
  q.withdraw(1);
  CHECK(granted(q).empty());
  q.withdraw(4);
  CHECK(granted(q) == keys{3});
}

TEST_CASE("room that is kept for another is named, also to the first one that waits") {
  gang_queue q{gpu_nodes(1), {}};
  CHECK(submit(q, 1, gpus(4)) == answer::placed);
  CHECK(submit(q, 2, gpus(2), terms(low)) == answer::placed);
  CHECK(submit(q, 3, gpus(4)) == answer::waits);
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().at(0).victims == keys{2});
  CHECK(submit(q, 4, gpus(2)) == answer::waits);
  CHECK(granted(q).empty());
  const auto why = q.explain(4);
  REQUIRE(why);
  CHECK(why->cause == wait_cause::reservation);
  CHECK(why->ahead == 3);
  CHECK(why->position == 1);
}

TEST_CASE("what the first one waits for is not to be had by preemption") {
  gang_queue q{gpu_nodes(1), {}};
  CHECK(submit(q, 1, gpus(6)) == answer::placed);
  CHECK(submit(q, 3, gpus(2), terms(low)) == answer::placed);
  CHECK(submit(q, 4, gpus(8)) == answer::waits); // Until both have ended, for one of them is no LOW one.
  CHECK(submit(q, 5, gpus(2)) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(q.preempt().empty());
  CHECK(q.withdraw(4));
  CHECK(granted(q).empty());
  REQUIRE(q.preempt().size() == 1);
  CHECK(q.explain(5)->holders == keys{3});
}

TEST_CASE("a quota that is within its guarantee keeps its LOW gangs from others") {
  gang_queue q{gpu_nodes(2), with_quota({{"a", 8, -1, 1}, {"b", 8, -1, 1}})};
  CHECK(submit(q, 1, gpus(8), terms(low, "", "b")) == answer::placed);
  q.advance(at(1s));
  CHECK(submit(q, 2, gpus(4), terms(low, "", "b")) == answer::placed);
  q.advance(at(2s));
  CHECK(submit(q, 3, gpus(4), terms(low, "", "a")) == answer::placed);
  CHECK(submit(q, 4, gpus(8), terms(normal, "", "a")) == answer::waits);
  CHECK(granted(q).empty());
  auto named = q.preempt();
  REQUIRE(named.size() == 1);
  std::sort(named[0].victims.begin(), named[0].victims.end());
  CHECK(named[0].victims == keys{2, 3}); // Its own, and what is beyond the guarantee of the other.
}

TEST_CASE("a LOW gang that holds more than its quota is guaranteed makes way as a whole, where nothing less does") {
  gang_queue q{gpu_nodes(2), with_quota({{"a", 8, -1, 1}, {"b", 1, -1, 1}})};
  CHECK(submit(q, 1, gang(2, gpus(8).front()), terms(low, "", "b")) == answer::placed);
  CHECK(submit(q, 2, gpus(8), terms(normal, "", "a")) == answer::waits);
  CHECK(granted(q).empty());
  const auto named = q.preempt();
  REQUIRE(named.size() == 1);
  CHECK(named[0].victims == keys{1});
  CHECK(q.withdraw(1));
  CHECK(granted(q) == keys{2});
  // What is left of it is within the guarantee.
  CHECK(submit(q, 3, gpus(1), terms(low, "", "b")) == answer::placed);
  CHECK(submit(q, 4, gpus(8), terms(normal, "", "a")) == answer::waits);
  CHECK(granted(q).empty());
  CHECK(q.preempt().empty());
}

TEST_CASE("of those who borrow, who borrowed least for its weight is next") {
  gang_queue q{gpu_nodes(1), with_quota({{"a", 0, -1, 1}, {"b", 0, -1, 3}})};
  CHECK(submit(q, 1, gpus(8), terms(low, "", "a")) == answer::placed);
  for (gang_key k = 10; k < 20; ++k)
    CHECK(submit(q, k, gpus(1), terms(low, "", "a")) == answer::waits);
  for (gang_key k = 20; k < 30; ++k)
    CHECK(submit(q, k, gpus(1), terms(low, "", "b")) == answer::waits);
  q.withdraw(1);
  const auto got = granted(q);
  CHECK(got.size() == 8);
  CHECK(std::count_if(got.begin(), got.end(), [](gang_key k) { return k < 20; }) == 2);
}

TEST_CASE("who cannot delay the first goes past it") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(submit(q, 1, gpus(8), for_at_most(100s)) == answer::placed);
  CHECK(submit(q, 2, gpus(4), for_at_most(50s)) == answer::placed);
  CHECK(submit(q, 3, gpus(8)) == answer::waits); // On the second node, within 50 s.
  CHECK(granted(q).empty());
  CHECK(submit(q, 4, gpus(4)) == answer::waits); // Nobody knows when it ends.
  CHECK(q.explain(4)->cause == wait_cause::reservation);
  CHECK(q.explain(4)->ahead == 3);
  CHECK(submit(q, 5, gpus(4), for_at_most(60s)) == answer::waits);
  CHECK(submit(q, 6, gpus(4), for_at_most(50s)) == answer::placed);
  q.withdraw(1);
  CHECK(granted(q) == keys{3}); // Sooner than planned, elsewhere.
  q.withdraw(6);
  CHECK(granted(q) == keys{4});
}

TEST_CASE("the nodes that the first waits for drain, others do not") {
  gang_queue q{gpu_nodes(3), {}};
  for (gang_key k = 0; k < 6; ++k) {
    q.advance(at(std::chrono::seconds{k}));
    CHECK(submit(q, k, gpus(4)) == answer::placed);
  }
  CHECK(submit(q, 10, gpus(8, 2)) == answer::waits);
  for (gang_key k = 20; k < 30; ++k)
    CHECK(submit(q, k, gpus(4)) == answer::waits);
  CHECK(granted(q).empty());
  q.withdraw(5); // On the third node; the others began first.
  CHECK(granted(q) == keys{20});
  q.withdraw(0);
  CHECK(granted(q).empty());
  q.withdraw(1);
  q.withdraw(2);
  CHECK(granted(q).empty());
  q.withdraw(3);
  CHECK(granted(q) == keys{10});
}

TEST_CASE("what the first one leaves over on its nodes is used") {
  queue_policy strict;
  strict.max_passes = 0;
  gang_queue q{{make_node("a", {8, 1000, 1000}, {})}, strict};
  resource_request x;
  x.memory = x.storage = 1;
  x.cpu = 4;
  CHECK(submit(q, 1, {x}) == answer::placed);
  x.cpu = 6;
  CHECK(submit(q, 2, {x}) == answer::waits);
  x.cpu = 3;
  CHECK(submit(q, 3, {x}) == answer::waits);
  x.cpu = 2;
  CHECK(submit(q, 4, {x}) == answer::placed);
  CHECK(submit(q, 5, {x}) == answer::waits);
  CHECK(granted(q).empty());
  q.withdraw(1);
  CHECK(granted(q) == keys{2});
}

TEST_CASE("cordoned nodes are named, and take gangs again") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(q.set_condition("n0", node_condition::cordoned));
  CHECK(q.set_condition("n1", node_condition::draining));
  CHECK_FALSE(q.set_condition("n2", node_condition::ready));
  CHECK(submit(q, 1, gpus(1)) == answer::waits);
  CHECK(q.why_waiting(1) == "waiting for a node that takes new tasks: 1 cordoned, 1 draining");
  const auto why = q.explain(1);
  CHECK(why->cause == wait_cause::nodes);
  CHECK(why->nodes_cordoned == 1);
  CHECK(granted(q).empty());
  q.join(gpu_node("n2"));
  CHECK(granted(q) == keys{1});
  CHECK(q.set_condition("n2", node_condition::gone));
  CHECK(q.nodes()[2].name == "n2"); // It is held still.
  q.withdraw(1);
  CHECK(q.nodes()[2].name.empty());
}

TEST_CASE("a gang that has too little room is told of nodes that are away, too") {
  gang_queue q{gpu_nodes(3), {}};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(q.set_condition("n1", node_condition::cordoned));
  CHECK(submit(q, 2, gpus(8, 2)) == answer::waits);
  CHECK_THAT(q.why_waiting(2).value(), ContainsSubstring("; of other nodes 1 cordoned"));
  CHECK(q.set_condition("n1", node_condition::suspect));
  CHECK_THAT(q.why_waiting(2).value(), ContainsSubstring("; of other nodes 1 cannot be reached"));
  CHECK(q.set_condition("n1", node_condition::ready));
  CHECK(granted(q) == keys{2});
}

TEST_CASE("a reason says which nodes are short, of what, and who has it") {
  gang_queue q{gpu_nodes(3), {}};
  for (gang_key k = 1; k <= 3; ++k)
    CHECK(submit(q, k, gpus(6)) == answer::placed);
  CHECK(submit(q, 4, gpus(3, 2)) == answer::waits);
  const auto why = q.explain(4);
  REQUIRE(why);
  CHECK(why->cause == wait_cause::resources);
  REQUIRE(why->lacks.size() == 1);
  CHECK(why->lacks[0].what == resource_kind::gpu);
  CHECK(why->lacks[0].wanted == 3);
  CHECK(why->lacks[0].free == 2);
  CHECK(why->lacks[0].total == 8);
  CHECK(why->nodes_usable == 3);
  CHECK(why->nodes_short == 3);
  CHECK(why->members == 2);
  CHECK(why->holders == keys{1});
  CHECK(why->position == 1);
  CHECK(text_of(*why) == "waiting for 3 GPUs: 2 of 8 free on node n0, after 0 of 2 tasks have a place");
  q.withdraw(2);
  CHECK(q.explain(4)->cause == wait_cause::order);
}

TEST_CASE("a gang of which some have a place is told what the next one lacks, and who has it") {
  gang_queue q{{gpu_node("small", 2), gpu_node("f1", 4), gpu_node("f2", 4)}, {}};
  CHECK(submit(q, 1, gpus(4)) == answer::placed);
  CHECK(submit(q, 2, gpus(4, 2)) == answer::waits);
  const auto why = q.explain(2);
  REQUIRE(why);
  CHECK(why->cause == wait_cause::resources);
  CHECK(why->node == "f1"); // Not f2, which its first member takes, nor one that has never so many.
  CHECK(why->members_fit == 1);
  CHECK(why->nodes_short == 2);
  REQUIRE(why->lacks.size() == 1);
  CHECK(why->lacks[0].free == 0);
  CHECK(why->lacks[0].total == 4);
  CHECK(why->holders == keys{1});
  CHECK(text_of(*why) == "waiting for 4 GPUs: 0 of 4 free on node f1, after 1 of 2 tasks have a place");
}

TEST_CASE("where each node has room for one member, but not for all, those are named who share nodes with them") {
  gang_queue q{gpu_nodes(2), {}};
  CHECK(submit(q, 1, gpus(8)) == answer::placed);
  CHECK(submit(q, 2, gpus(5)) == answer::placed);
  q.withdraw(1);
  CHECK(submit(q, 3, gpus(3, 4)) == answer::waits);
  const auto why = q.explain(3);
  REQUIRE(why);
  CHECK(why->node == "n1"); // n0 is full of its own.
  CHECK(why->lacks.empty());
  CHECK(why->holders == keys{2});
  CHECK(text_of(*why) == "waiting for nodes with more room for each task, after 3 of 4 tasks have a place");
}

TEST_CASE("what is waited for has a name") {
  queue_policy policy;
  policy.max_parallel = 2;
  gang_queue q{gpu_nodes(1), policy};
  CHECK(submit(q, 1, gpus(1, 2)) == answer::placed);
  CHECK(submit(q, 2, gpus(1)) == answer::waits);
  const auto why = q.explain(2);
  CHECK(std::string{to_string(why->cause)} == "parallel");
  CHECK(std::string{to_string(why->lacks.at(0).what)} == "slot");
  CHECK(why->lacks[0].free == 0);
  CHECK(why->lacks[0].total == 2);
  CHECK(why->holders == keys{1});
}
