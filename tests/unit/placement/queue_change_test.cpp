#include "gpu_gangs.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

// A queue whose policy changes while gangs hold places and wait.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

constexpr auto high = gang_priority::high;
constexpr auto normal = gang_priority::normal;
constexpr auto low = gang_priority::low;

queue_policy quotas(std::vector<gpu_quota> all) {
  queue_policy x;
  x.quotas = std::move(all);
  x.age_step = 0s;
  return x;
}

/// A queue, and what its gangs ask for.
struct known_queue {
  known_queue(std::vector<node_state> nodes, queue_policy policy) : queue(std::move(nodes), std::move(policy)) {}

  /// Whether it has places at once.
  bool submit(gang_key key, gang who, gang_terms on = {}) {
    asked[key] = {who, on};
    auto answer = queue.submit(key, who, on);
    REQUIRE_FALSE(std::holds_alternative<refused>(answer));
    return std::holds_alternative<assignment>(answer);
  }

  std::vector<gang_key> change(queue_policy policy) {
    std::vector<gang_key> out;
    for (const auto& x :
         queue.set_policy(std::move(policy), [this](gang_key key) -> result<gang_request> { return asked.at(key); })) {
      CHECK_FALSE(x.why.empty());
      asked.erase(x.key);
      out.push_back(x.key);
    }
    return out;
  }

  std::vector<gang_key> granted() {
    std::vector<gang_key> out;
    for (const auto& x : queue.poll())
      out.push_back(x.key);
    return out;
  }

  gang_queue queue;
  std::map<gang_key, gang_request> asked;
};

using keys = std::vector<gang_key>;

} // namespace

TEST_CASE("who holds more than a smaller quota keeps it, and nobody gets more") {
  known_queue q{{gpu_node("a")}, quotas({{"all", 8, 8, 1}})};
  CHECK(q.submit(1, gpus(4), terms(normal, "ann", "all")));
  CHECK(q.submit(2, gpus(2), terms(normal, "ann", "all")));
  CHECK(q.change(quotas({{"all", 4, 4, 1}})).empty());
  CHECK(q.granted().empty());
  CHECK(q.queue.holding() == 2);
  CHECK_FALSE(q.submit(3, gpus(2), terms(normal, "ann", "all")));
  CHECK(q.queue.explain(3)->cause == wait_cause::quota);
  CHECK(q.queue.withdraw(2));
  CHECK(q.granted().empty());
  CHECK(q.queue.withdraw(1));
  CHECK(q.granted() == keys{3});
}

TEST_CASE("who can run by a larger quota does at once") {
  known_queue q{{gpu_node("a")}, quotas({{"all", 4, 4, 1}})};
  CHECK(q.submit(1, gpus(4), terms(normal, "ann", "all")));
  CHECK_FALSE(q.submit(2, gpus(2), terms(normal, "ann", "all")));
  CHECK_FALSE(q.submit(3, gpus(2), terms(normal, "ann", "all")));
  CHECK(q.change(quotas({{"all", 6, 6, 1}})).empty());
  CHECK(q.granted() == keys{2});
  CHECK(q.change({}) == keys{3}); // There is no quota `all`.
}

TEST_CASE("a gang that needs a topology key which is taken away is ruled out") {
  queue_policy racks;
  racks.topology_keys = {{"rack", "rack"}, {"row", "row"}};
  auto node = gpu_node("a");
  node.labels = {{"rack", "r"}, {"row", "w"}};
  known_queue q{{node}, racks};
  auto in_a_row = gpus(1, 2);
  for (auto& x : in_a_row)
    x.topologies = {{"row", "default", true}};
  CHECK(q.submit(1, gpus(8)));
  CHECK_FALSE(q.submit(2, gpus(8)));
  CHECK_FALSE(q.submit(3, in_a_row));
  CHECK_FALSE(q.submit(4, in_a_row));
  CHECK_FALSE(q.submit(5, gpus(8)));
  racks.topology_keys.pop_back();
  CHECK(q.change(racks) == keys{3, 4});
  CHECK(q.queue.waiting() == 2);
  CHECK(q.queue.explain(3) == std::nullopt);
  CHECK(q.queue.withdraw(1));
  CHECK(q.granted() == keys{2});
}

TEST_CASE("who asks for what others hold, and nobody may have any more, is refused") {
  known_queue q{{gpu_node("a")}, quotas({{"x", 8, 8, 1}})};
  CHECK(q.submit(1, gpus(4), terms(normal, "ann", "x")));
  CHECK(q.change(quotas({{"x", 2, 2, 1}})).empty());
  CHECK(std::holds_alternative<refused>(q.queue.submit(2, gpus(4), terms(normal, "ann", "x"))));
  CHECK(q.change(quotas({{"x", 4, 4, 1}})).empty());
  CHECK_FALSE(q.submit(2, gpus(4), terms(normal, "ann", "x")));
}

TEST_CASE("what a gang has waited counts on, and so does its turn") {
  queue_policy policy;
  policy.age_step = 100s;
  known_queue q{{gpu_node("a")}, policy};
  CHECK(q.submit(1, gpus(8)));
  CHECK_FALSE(q.submit(2, gpus(8), terms(low)));
  q.queue.advance(queue_time{350s});
  CHECK_FALSE(q.submit(3, gpus(8), terms(high)));
  CHECK(q.change(policy).empty());
  CHECK(q.queue.withdraw(1));
  CHECK(q.granted() == keys{2}); // Overdue.
  policy.age_step = 0s;
  CHECK(q.change(policy).empty());
  CHECK(q.queue.withdraw(2));
  CHECK(q.granted() == keys{3});
}

TEST_CASE("weights of users count from then on, and what they hold does") {
  queue_policy policy;
  policy.age_step = 0s;
  known_queue q{{gpu_node("a")}, policy};
  CHECK(q.submit(1, gpus(4), terms(normal, "ann")));
  CHECK(q.submit(2, gpus(2), terms(normal, "bob")));
  CHECK(q.submit(3, gpus(2), terms(normal, "bob")));
  CHECK_FALSE(q.submit(4, gpus(3), terms(normal, "bob")));
  CHECK_FALSE(q.submit(5, gpus(2), terms(normal, "ann")));
  policy.user_weights = {{"ann", 4}};
  CHECK(q.change(policy).empty());
  CHECK(q.queue.withdraw(2));
  CHECK(q.granted() == keys{5});
}

TEST_CASE("what users held before counts on under the quota of the same name") {
  auto policy = quotas({{"x", -1, -1, 1}, {"y", -1, -1, 1}});
  policy.usage_half_life = 1000s;
  known_queue q{{gpu_node("a")}, policy};
  CHECK(q.submit(1, gpus(8), terms(normal, "ann", "y")));
  q.queue.advance(queue_time{1000s});
  CHECK(q.queue.withdraw(1));
  CHECK(q.submit(2, gpus(8), terms(normal, "cid", "y")));
  CHECK_FALSE(q.submit(3, gpus(8), terms(normal, "ann", "y")));
  CHECK_FALSE(q.submit(4, gpus(8), terms(normal, "bob", "y")));
  std::swap(policy.quotas[0], policy.quotas[1]);
  CHECK(q.change(policy).empty());
  CHECK(q.queue.withdraw(2));
  CHECK(q.granted() == keys{4});
}

TEST_CASE("who holds places and is taken by no quota counts with the first") {
  known_queue q{{gpu_node("a")}, quotas({{"x", 8, 8, 1}})};
  CHECK(q.submit(1, gpus(6), terms(normal, "ann", "x")));
  CHECK_FALSE(q.submit(2, gpus(6), terms(normal, "ann", "x")));
  const auto out = q.queue.set_policy(quotas({{"y", 4, 6, 1}}), [](gang_key) -> result<gang_request> {
    return error{ec::never_fits, "no quota takes it"};
  });
  REQUIRE(out.size() == 1);
  CHECK(out[0].key == 2);
  CHECK(out[0].why == "no quota takes it");
  CHECK_FALSE(q.submit(3, gpus(1), terms(low, "bob", "y")));
  CHECK(q.queue.explain(3)->cause == wait_cause::quota);
  CHECK(q.queue.withdraw(1));
  CHECK(q.granted() == keys{3});
}

TEST_CASE("a gang that others end for still has their places, unless its quota does not allow it") {
  known_queue q{{gpu_node("a")}, quotas({{"x", 8, 8, 1}})};
  CHECK(q.submit(1, gpus(8), terms(low, "bob", "x")));
  CHECK_FALSE(q.submit(2, gpus(4), terms(high, "ann", "x")));
  const auto asked = q.queue.preempt();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].winner == 2);

  SECTION("it does") {
    CHECK(q.change(quotas({{"x", 6, 8, 1}})).empty());
    CHECK(q.granted().empty());
    CHECK(q.queue.explain(2)->cause == wait_cause::preemption);
    CHECK(q.queue.preempt().empty());
    CHECK_FALSE(q.submit(3, gpus(1), terms(low, "cid", "x")));
    CHECK(q.queue.withdraw(1));
    CHECK(q.granted() == keys{2, 3});
  }
  SECTION("it has none") {
    CHECK(q.change(quotas({{"x", 2, 8, 1}})) == keys{2});
    CHECK(q.queue.withdraw(1));
    CHECK(q.granted().empty());
    CHECK(q.submit(3, gpus(8), terms(low, "cid", "x")));
  }
  SECTION("others hold of it by now") {
    CHECK_FALSE(q.submit(3, gpus(1), terms(normal, "cid", "x")));
    auto other = gpus(4);
    CHECK(q.change(quotas({{"x", 4, 8, 1}})).empty());
    CHECK(q.queue.explain(2)->cause == wait_cause::preemption);
    CHECK(q.queue.withdraw(1));
    CHECK(q.granted() == keys{2});
    CHECK(q.queue.explain(3)->cause == wait_cause::quota);
  }
}

TEST_CASE("a place that was promised is handed over all the same") {
  gang one(1);
  one[0].memory = one[0].storage = 1;
  one[0].cpu = 64;
  known_queue q{{gpu_node("a")}, {}};
  CHECK(q.submit(1, one));
  CHECK_FALSE(q.submit(2, one));
  CHECK_FALSE(q.submit(3, one));
  REQUIRE(q.queue.promise(1) == std::optional<gang_key>{2});
  // Nobody has a right to anything by these.
  const auto out = q.queue.set_policy(quotas({{"y", 0, 0, 1}}), [](gang_key) -> result<gang_request> {
    return error{ec::never_fits, "no"};
  });
  REQUIRE(out.size() == 1);
  CHECK(out[0].key == 3);
  const auto next = q.queue.hand_over(1);
  REQUIRE(next);
  CHECK(next->key == 2);
  CHECK(q.queue.waiting() == 0);
  CHECK(q.queue.withdraw(2));
  CHECK(q.queue.nodes()[0].free.cpu == 64);
}

namespace {

/// What happened to a gang, and when.
struct past {
  gang who;
  gang_terms terms;
  std::optional<assignment> where;
  queue_time since; ///< It holds its places, or waits.
  std::uint64_t order = 0;
};

/// Gangs come and go, and the policy changes. After each change the queue is compared with one that knew no other.
class changing_world {
public:
  explicit changing_world(std::uint64_t seed) : random_(seed), policy_(any_policy()), queue_({}, policy_) {
    for (std::uint64_t n = 0, count = 1 + below(6); n < count; ++n)
      queue_.join(node(n));
  }

  void step() {
    queue_.advance(queue_time{std::chrono::seconds{++seconds_}});
    const auto what = below(10);
    if (what < 5)
      submit();
    else if (what < 8)
      end_one();
    else
      change();
    poll();
  }

  /// Whoever waits has its turn.
  void finish() {
    for (auto left = gangs_.size() * 3; queue_.waiting() != 0; --left) {
      REQUIRE(left > 0);
      REQUIRE(queue_.holding() > 0);
      queue_.advance(queue_time{std::chrono::seconds{++seconds_}});
      end_one();
      poll();
    }
    while (queue_.holding() > 0)
      end_one();
    for (const auto& x : queue_.nodes()) {
      CHECK(x.free.cpu == x.total.cpu);
      CHECK(x.free_gpus == x.gpus);
    }
  }

  [[nodiscard]] std::size_t compared() const { return compared_; }

private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  queue_policy any_policy() {
    queue_policy x;
    x.max_parallel = 12;
    x.max_passes = static_cast<std::uint32_t>(below(3));
    x.age_step = std::chrono::seconds{below(2) == 0 ? 0 : 20};
    if (below(4) != 0)
      x.topology_keys = {{"rack", below(3) == 0 ? "row" : "rack"}};
    if (below(4) != 0) {
      const auto quota = [&](const char* name) {
        const auto guarantee = static_cast<std::int64_t>(below(10));
        return gpu_quota{name, guarantee, guarantee + static_cast<std::int64_t>(below(6)), 1.0 + double(below(3))};
      };
      x.quotas = {quota("a"), quota("b")};
      if (below(2) == 0)
        std::swap(x.quotas[0], x.quotas[1]);
    }
    if (below(2) == 0)
      x.user_weights = {{"u", 1.0 + double(below(4))}};
    return x;
  }

  static node_state node(std::uint64_t n) {
    auto x = gpu_node("n" + std::to_string(n), n % 3 == 2 ? 0 : 4);
    x.labels = {{"rack", "r" + std::to_string(n / 2)}, {"row", "w" + std::to_string(n % 2)}};
    return x;
  }

  /// As a pool sees to it: by which quota somebody goes depends on the policy.
  [[nodiscard]] result<gang_request> asks(gang_key key) const {
    const auto& x = gangs_.at(key);
    gang_request out{x.who, x.terms};
    out.terms.quota.clear();
    if (!policy_.quotas.empty() && x.terms.user == "w")
      return error{ec::never_fits, "no quota takes w"};
    if (!policy_.quotas.empty())
      out.terms.quota = x.terms.user == "u" ? "a" : "b";
    return out;
  }

  void submit() {
    past x;
    resource_request each;
    each.memory = each.storage = 1;
    each.cpu = static_cast<std::int64_t>(8 + 8 * below(4));
    each.gpu = static_cast<std::int64_t>(below(4));
    if (below(3) == 0)
      each.topologies = {{"rack", "default", below(2) == 0}};
    x.who = gang(1 + below(3), each);
    x.terms.priority = static_cast<gang_priority>(1 + below(3));
    x.terms.user = std::string(1, static_cast<char>('u' + below(3)));
    if (below(3) == 0)
      x.terms.at_most = std::chrono::seconds{1 + below(30)};
    x.since = queue_time{std::chrono::seconds{seconds_}};
    x.order = ++events_;
    const auto key = ++last_key_;
    gangs_[key] = x;
    const auto request = asks(key);
    auto answer = request ? queue_.submit(key, request->who, request->terms)
                          : std::variant<assignment, no_place, refused>{refused{}};
    if (std::holds_alternative<refused>(answer))
      gangs_.erase(key);
    else if (auto* where = std::get_if<assignment>(&answer))
      has_places(key, *where);
  }

  void end_one() {
    std::vector<gang_key> held;
    for (const auto& [key, x] : gangs_)
      if (x.where)
        held.push_back(key);
    if (held.empty())
      return;
    const auto key = held[below(held.size())];
    CHECK(queue_.withdraw(key));
    gangs_.erase(key);
  }

  /// Nothing new beyond what the quota has, whatever was held before.
  void has_places(gang_key key, const assignment& where) {
    auto& x = gangs_.at(key);
    REQUIRE_FALSE(x.where);
    x.where = where;
    x.since = queue_time{std::chrono::seconds{seconds_}};
    x.order = ++events_;
    std::int64_t mine = 0;
    for (const auto& member : x.who)
      mine += member.gpu;
    if (mine == 0 || policy_.quotas.empty())
      return;
    const auto request = asks(key);
    REQUIRE(request);
    const auto name = request->terms.quota;
    const auto& quota =
        *std::find_if(policy_.quotas.begin(), policy_.quotas.end(), [&](const auto& q) { return q.name == name; });
    std::int64_t all = 0;
    std::int64_t firm = 0;
    for (const auto& [other, y] : gangs_) {
      const auto theirs = asks(other);
      const auto counts_with = theirs ? theirs->terms.quota : policy_.quotas.front().name;
      if (!y.where || counts_with != name)
        continue;
      for (const auto& member : y.who) {
        all += member.gpu;
        firm += y.terms.priority == low ? 0 : member.gpu;
      }
    }
    CHECK(all <= quota.maximum);
    if (x.terms.priority != low)
      CHECK(firm <= quota.guarantee);
  }

  void change() {
    policy_ = any_policy();
    for (const auto& x : queue_.set_policy(policy_, [this](gang_key key) { return asks(key); })) {
      REQUIRE(gangs_.count(x.key) == 1);
      REQUIRE_FALSE(gangs_.at(x.key).where);
      const auto request = asks(x.key);
      CHECK((!request || queue_.ruled_out(request->who, request->terms)));
      gangs_.erase(x.key);
    }
    for (const auto key : queue_.stranded()) {
      CHECK(queue_.withdraw(key));
      gangs_.erase(key);
    }
    for (const auto& [key, x] : gangs_)
      if (const auto request = asks(key); !x.where)
        CHECK((request && !queue_.never_fits(request->who, request->terms)));
    auto fresh = queue_that_knew_no_other();
    for (;;) {
      const auto now = queue_.poll(1);
      const auto expected = fresh.poll(1);
      REQUIRE(now.size() == expected.size());
      if (now.empty())
        break;
      CHECK(now[0].key == expected[0].key);
      for (std::size_t i = 0; i < now[0].where.size(); ++i) {
        CHECK(now[0].where[i].node == expected[0].where[i].node);
        CHECK(now[0].where[i].gpus == expected[0].where[i].gpus);
      }
      has_places(now[0].key, now[0].where);
    }
    for (const auto& [key, x] : gangs_)
      CHECK(queue_.why_waiting(key) == fresh.why_waiting(key));
    CHECK(queue_.members_placed() == fresh.members_placed());
    ++compared_;
  }

  /// All that is there came in its order, under this policy.
  gang_queue queue_that_knew_no_other() {
    gang_queue out{{}, policy_};
    for (auto x : queue_.nodes()) {
      auto empty = node(static_cast<std::uint64_t>(x.name[1] - '0'));
      empty.condition = node_condition::cordoned;
      out.join(std::move(empty));
    }
    std::map<std::uint64_t, gang_key> in_order;
    for (const auto& [key, x] : gangs_)
      in_order[x.order] = key;
    for (const auto& [order, key] : in_order) {
      const auto& x = gangs_.at(key);
      out.advance(x.since);
      auto request = asks(key);
      if (!request)
        request = gang_request{x.who, x.terms}; // Of the first quota.
      if (!x.where) {
        const auto answer = out.submit(key, request->who, request->terms);
        REQUIRE(std::holds_alternative<no_place>(answer));
        continue;
      }
      std::vector<std::pair<std::string, std::vector<std::uint32_t>>> where;
      for (const auto& member : *x.where)
        where.emplace_back(queue_.nodes()[member.node].name, member.gpus);
      REQUIRE(out.restore(key, request->who, where, request->terms));
    }
    out.advance(queue_time{std::chrono::seconds{seconds_}});
    for (const auto& x : queue_.nodes())
      out.set_condition(x.name, node_condition::ready);
    return out;
  }

  void poll() {
    for (;;) {
      const auto grants = queue_.poll(1);
      if (grants.empty())
        return;
      has_places(grants[0].key, grants[0].where);
    }
  }

  std::mt19937_64 random_;
  queue_policy policy_;
  gang_queue queue_;
  std::map<gang_key, past> gangs_;
  gang_key last_key_ = 0;
  std::uint64_t events_ = 0;
  std::int64_t seconds_ = 0;
  std::size_t compared_ = 0;
};

} // namespace

TEST_CASE("after any change who can run does, as if there had been no other policy, and nobody beyond a quota") {
  std::size_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    changing_world world{seed};
    for (int i = 0; i < 120; ++i)
      world.step();
    world.finish();
    compared += world.compared();
  }
  CHECK(compared > 2000);
}
