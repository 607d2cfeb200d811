#include "seeds.hpp"
#include "support/catch.hpp"

#include "muster/placement/gang_queue.hpp"
#include "muster/placement/prepared_gang.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

// What must hold whatever comes.

using namespace muster;
using namespace muster::test;

namespace {

constexpr std::int64_t gib = std::int64_t{1} << 30U;

/// A gang, as the test knows it.
struct known_gang {
  gang who;
  gang_terms terms;
  std::optional<assignment> where;
  bool ending = false;

  [[nodiscard]] std::int64_t gpus() const {
    std::int64_t sum = 0;
    for (const auto& x : who)
      sum += x.gpu;
    return sum;
  }
};

/// Random nodes, gangs and events, and what is expected of the queue.
class random_world {
public:
  explicit random_world(std::uint64_t seed) : random_(seed), policy_(make_policy()), queue_({}, policy_) {
    const auto count = 1 + below(8);
    for (std::uint64_t n = 0; n < count; ++n)
      add_node(n);
  }

  /// One event, and the checks.
  void step() {
    queue_.advance(queue_time{std::chrono::seconds{++seconds_}});
    const auto what = below(21);
    if (what < 9)
      submit();
    else if (what < 14)
      end_one();
    else if (what < 15)
      withdraw_waiting();
    else if (what < 17)
      change_node();
    else if (what < 20)
      preempt();
    else
      change_policy();
    poll();
    check();
  }

  /// Everything ends; whoever waits must have had its turn.
  void finish() {
    for (const auto& node : names_)
      queue_.join(make(node.first, node.second));
    disturbed_ = true;
    poll();
    check();
    for (std::size_t left = gangs_.size() * 3; queue_.waiting() != 0; --left) {
      REQUIRE(left > 0);
      REQUIRE(queue_.holding() > 0); // Else those who wait never run.
      queue_.advance(queue_time{std::chrono::seconds{seconds_ += 7}});
      end_one();
      poll();
      check();
    }
    while (queue_.holding() > 0)
      end_one();
    for (const auto& node : queue_.nodes()) {
      CHECK(node.free.cpu == node.total.cpu);
      CHECK(node.free_gpus == node.gpus);
    }
  }

  /// All answers, for the comparison of two runs.
  [[nodiscard]] const std::string& trace() const { return trace_; }

private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  queue_policy make_policy() {
    queue_policy x;
    x.max_passes = static_cast<std::uint32_t>(below(4));
    x.topology_keys = {{"zone", "zone"}, {"rack", "rack"}};
    x.age_step = std::chrono::seconds{below(2) == 0 ? 0 : 50};
    x.usage_half_life = std::chrono::seconds{below(2) == 0 ? 0 : 30};
    if (below(3) == 0)
      x.max_parallel = static_cast<std::uint32_t>(6 + below(20));
    if (below(2) == 0)
      x.quotas = {{"a", static_cast<std::int64_t>(4 + below(8)), 24, 1},
                  {"b", 8, static_cast<std::int64_t>(8 + below(8)), 2}};
    x.leave_within = std::chrono::seconds{below(2) == 0 ? 0 : 10};
    return x;
  }

  node_state make(const std::string& name, std::uint64_t n) {
    std::vector<std::uint32_t> gpus;
    for (std::uint32_t i = 0; i < (n % 3 == 2 ? 0U : 4U + 4U * static_cast<std::uint32_t>(n % 2)); ++i)
      gpus.push_back(i);
    auto node = make_node(name, {16, 64 * gib, 64 * gib}, gpus);
    node.labels = {{"zone", "z" + std::to_string(n / 4)}, {"rack", "r" + std::to_string(n / 2 % 2)}};
    node.platform = n % 4 == 3 ? "arm" : "";
    if (gpus.size() == 8)
      node.gpu_links = {{0, 1, 2, 3}, {4, 5, 6, 7}};
    return node;
  }

  void add_node(std::uint64_t n) {
    const auto name = "n" + std::to_string(n);
    names_[name] = n;
    queue_.join(make(name, n));
  }

  gang make_gang() {
    gang who;
    resource_request x;
    x.memory = x.storage = gib;
    x.cpu = static_cast<std::int64_t>(1 + below(4));
    x.gpu = static_cast<std::int64_t>(below(3) == 0 ? 0 : 1 + below(4));
    if (below(6) == 0)
      x.platform = "arm";
    if (below(6) == 0)
      x.nodes_excluded = {"n" + std::to_string(below(4))};
    if (below(4) == 0)
      x.topologies = {{below(2) == 0 ? "zone" : "rack", "default", below(2) == 0}};
    for (std::uint64_t i = 0, n = 1 + below(4); i < n; ++i)
      who.push_back(x);
    if (who.size() > 1 && below(3) == 0)
      who.front().gpu = 0;
    return who;
  }

  void submit() {
    known_gang x;
    x.who = make_gang();
    x.terms.priority = static_cast<gang_priority>(1 + below(3));
    x.terms.user = std::string(1, static_cast<char>('u' + below(3)));
    x.terms.strategy = below(4) == 0 ? placement_strategy::spread : placement_strategy::pack;
    if (!policy_.quotas.empty())
      x.terms.quota = below(2) == 0 ? "a" : "b";
    if (below(3) == 0)
      x.terms.at_most = std::chrono::seconds{1 + below(40)};
    const auto key = ++last_key_;
    auto answer = queue_.submit(key, x.who, x.terms);
    trace_ += "s" + std::to_string(answer.index());
    if (std::holds_alternative<refused>(answer))
      return;
    if (auto* where = std::get_if<assignment>(&answer))
      x.where = std::move(*where);
    gangs_[key] = std::move(x);
  }

  void end(std::map<gang_key, known_gang>::iterator at) {
    for (auto& [winner, victims] : expected_)
      victims.erase(at->first);
    CHECK(queue_.withdraw(at->first));
    gangs_.erase(at);
  }

  void end_one() {
    std::vector<gang_key> held;
    for (const auto& [key, x] : gangs_)
      if (x.where)
        held.push_back(key);
    if (!held.empty())
      end(gangs_.find(held[below(held.size())]));
  }

  void withdraw_waiting() {
    for (auto at = gangs_.begin(); at != gangs_.end(); ++at)
      if (!at->second.where && below(3) == 0) {
        expected_.erase(at->first);
        end(at);
        return;
      }
  }

  void change_node() {
    const auto at = std::next(names_.begin(), static_cast<std::ptrdiff_t>(below(names_.size())));
    disturbed_ = true;
    switch (below(4)) {
      case 0: queue_.set_condition(at->first, node_condition::cordoned); break;
      case 1: queue_.set_condition(at->first, node_condition::lost); break;
      case 2: queue_.join(make(at->first, at->second)); break;
      default:
        if (names_.size() < 10)
          add_node(names_.size());
    }
  }

  /// Quotas stay as many, so that gangs know theirs; who holds more than a smaller one keeps it.
  void change_policy() {
    auto next = make_policy();
    next.max_parallel = policy_.max_parallel;
    next.quotas = policy_.quotas;
    for (auto& x : next.quotas) {
      x.guarantee = static_cast<std::int64_t>(below(12));
      x.maximum = x.guarantee + static_cast<std::int64_t>(below(12));
    }
    if (below(2) == 0)
      next.topology_keys.pop_back();
    policy_ = std::move(next);
    disturbed_ = true;
    for (const auto& x : queue_.set_policy(policy_, [this](gang_key key) -> result<gang_request> {
           return gang_request{gangs_.at(key).who, gangs_.at(key).terms};
         })) {
      trace_ += "r" + std::to_string(x.key);
      forget(x.key);
    }
    for (const auto key : queue_.stranded()) {
      CHECK(queue_.withdraw(key));
      forget(key);
    }
    beyond_.clear();
    for (const auto& [key, x] : gangs_)
      if (x.where)
        count(x, beyond_);
  }

  /// It has no right to places any more.
  void forget(gang_key key) {
    REQUIRE(gangs_.count(key) == 1);
    CHECK_FALSE(gangs_.at(key).where);
    expected_.erase(key);
    gangs_.erase(key);
  }

  using quota_sums = std::map<std::string, std::pair<std::int64_t, std::int64_t>>; ///< Firm, all.

  static void count(const known_gang& x, quota_sums& to) {
    to[x.terms.quota].second += x.gpus();
    if (x.terms.priority != gang_priority::low)
      to[x.terms.quota].first += x.gpus();
  }

  void preempt() {
    for (const auto& x : queue_.preempt(1 + below(3))) {
      trace_ += "p" + std::to_string(x.winner);
      REQUIRE(gangs_.count(x.winner) == 1);
      CHECK(gangs_[x.winner].terms.priority != gang_priority::low);
      CHECK_FALSE(gangs_[x.winner].where);
      CHECK_FALSE(x.victims.empty());
      for (const auto victim : x.victims) {
        REQUIRE(gangs_.count(victim) == 1);
        auto& y = gangs_[victim];
        CHECK(y.terms.priority == gang_priority::low);
        REQUIRE(y.where);
        for (const auto& place : *y.where) // Nobody could end it there.
          CHECK(queue_.nodes()[place.node].condition != node_condition::lost);
        CHECK_FALSE(std::exchange(y.ending, true));
        trace_ += "v" + std::to_string(victim);
      }
      expected_[x.winner] = {x.victims.begin(), x.victims.end()};
    }
  }

  void poll() {
    for (;;) {
      const auto grants = queue_.poll(4);
      for (const auto& g : grants) {
        trace_ += "g" + std::to_string(g.key) + "@";
        REQUIRE(gangs_.count(g.key) == 1);
        REQUIRE_FALSE(gangs_[g.key].where);
        gangs_[g.key].where = g.where;
        for (const auto& x : g.where)
          trace_ += std::to_string(x.node) + ",";
        expected_.erase(g.key);
      }
      if (grants.size() < 4)
        break;
    }
    // Whoever others end for has its places when the last of them is gone, unless nodes changed or that took too long.
    for (auto at = expected_.begin(); at != expected_.end();) {
      const bool waits_again = queue_.explain(at->first)->cause != wait_cause::preemption;
      CHECK((disturbed_ || policy_.leave_within.count() > 0 || !(waits_again || at->second.empty())));
      at = waits_again ? expected_.erase(at) : std::next(at);
    }
    if (expected_.empty())
      disturbed_ = false;
  }

  void check() {
    std::map<std::uint32_t, node_room> held;
    std::map<std::uint32_t, std::set<std::uint32_t>> gpus;
    quota_sums quotas;
    std::size_t holding = 0;
    std::size_t members = 0;
    for (const auto& [key, x] : gangs_) {
      if (!x.where) {
        check_reason(key);
        continue;
      }
      ++holding;
      members += x.who.size();
      check_places(x);
      for (std::size_t i = 0; i < x.who.size(); ++i) {
        const auto& place = (*x.where)[i];
        held[place.node] = plus(held[place.node], need_of(x.who[i]));
        for (const auto gpu : place.gpus)
          CHECK(gpus[place.node].insert(gpu).second); // Leased once.
      }
      count(x, quotas);
    }
    CHECK(queue_.holding() == holding);
    CHECK(queue_.waiting() == gangs_.size() - holding);
    CHECK(queue_.members_placed() == members);
    if (policy_.max_parallel)
      CHECK(members <= *policy_.max_parallel);
    for (const auto& x : policy_.quotas) {
      CHECK(quotas[x.name].first <= std::max(x.guarantee, beyond_[x.name].first));
      CHECK(quotas[x.name].second <= std::max(x.maximum, beyond_[x.name].second));
    }
    beyond_ = quotas;
    for (std::uint32_t n = 0; n < queue_.nodes().size(); ++n) {
      const auto& node = queue_.nodes()[n];
      CHECK(node.free.cpu == node.total.cpu - held[n].cpu);
      CHECK(node.free.cpu >= 0);
      CHECK(node.free.memory == node.total.memory - held[n].memory);
      CHECK(node.free_gpus.size() + gpus[n].size() == node.gpus.size());
      for (const auto gpu : node.free_gpus)
        CHECK(gpus[n].count(gpu) == 0);
    }
  }

  /// All members have what they asked for, where they may be.
  void check_places(const known_gang& x) {
    REQUIRE(x.where->size() == x.who.size());
    std::map<std::string, std::set<std::string>> domains;
    for (std::size_t i = 0; i < x.who.size(); ++i) {
      const auto& asks = x.who[i];
      const auto& node = queue_.nodes()[(*x.where)[i].node];
      CHECK(static_cast<std::int64_t>((*x.where)[i].gpus.size()) == asks.gpu);
      CHECK((asks.platform.empty() || node.platform.empty() || asks.platform == node.platform));
      CHECK(std::count(asks.nodes_excluded.begin(), asks.nodes_excluded.end(), node.name) == 0);
      for (const auto& wish : asks.topologies)
        if (wish.required)
          domains[wish.key].insert(node.labels.at("zone") + (wish.key == "rack" ? node.labels.at("rack") : ""));
    }
    for (const auto& [key, values] : domains)
      CHECK(values.size() == 1);
  }

  void check_reason(gang_key key) {
    const auto why = queue_.explain(key);
    REQUIRE(why);
    CHECK_FALSE(text_of(*why).empty());
    CHECK(why->waiting == queue_.waiting());
    if (why->cause != wait_cause::preemption) {
      CHECK(why->position >= 1);
      CHECK(why->position <= why->waiting);
    }
    for (const auto holder : why->holders)
      CHECK((gangs_.count(holder) == 1 && gangs_[holder].where));
  }

  std::mt19937_64 random_;
  queue_policy policy_;
  gang_queue queue_;
  std::map<std::string, std::uint64_t> names_;
  std::map<gang_key, known_gang> gangs_;
  std::map<gang_key, std::set<gang_key>> expected_; ///< Winners, and the victims that are there still.
  bool disturbed_ = false;                          ///< Nodes or policy changed while places were kept.
  quota_sums beyond_; ///< What was held before, be it more than a quota that was changed since.
  gang_key last_key_ = 0;
  std::int64_t seconds_ = 0;
  std::string trace_;
};

std::string run(std::uint64_t seed, int steps) {
  random_world world{seed};
  for (int i = 0; i < steps; ++i)
    world.step();
  world.finish();
  return world.trace();
}

} // namespace

TEST_CASE("whatever comes, nothing is leased twice, quotas hold, and everybody has a turn") {
  for_seeds(60, [](std::uint64_t seed) {
    const auto trace = run(seed, 250);
    CHECK(trace == run(seed, 250));
  });
}
