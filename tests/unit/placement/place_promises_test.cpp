#include "cpu_gangs.hpp"
#include "seeds.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>

// Places that are promised before they are free.

using namespace muster;
using namespace muster::test;

TEST_CASE("a place can be promised to the oldest that waits for one like it") {
  auto q = queue_of(2);
  for (gang_key k = 1; k <= 6; ++k)
    static_cast<void>(submit(q, k, {ask(1)}));
  CHECK_FALSE(q.promise(3)); // It has none itself.
  CHECK(q.promise(1) == gang_key{3});
  CHECK_FALSE(q.promise(1)); // Once.
  CHECK(q.promise(3) == gang_key{4});
  CHECK(q.promise(2) == gang_key{5});
  CHECK(q.heirs_of(1) == std::make_pair(std::size_t{2}, gang_key{4}));
  CHECK(q.heirs_of(2) == std::make_pair(std::size_t{1}, gang_key{5}));
  CHECK(q.waiting() == 4);
  CHECK(q.why_waiting(3) == "waiting for 1 CPU: 0 of 2 free on node local");

  SECTION("and is handed over") {
    const auto next = q.hand_over(2);
    REQUIRE(next);
    CHECK(next->key == 5);
    CHECK(q.members_placed() == 2);
    CHECK(granted(q).empty());
    CHECK(q.promise(5) == gang_key{6});
  }
  SECTION("or another is there before") {
    CHECK(q.hand_over(2)->key == 5);
    CHECK_FALSE(q.hand_over(5));
    const auto next = q.poll();
    REQUIRE(next.size() == 1);
    CHECK(next[0].key == 3);
    CHECK(next[0].giver == gang_key{1}); // Whose place it does not need.
    CHECK_FALSE(q.is_promised(3));
    CHECK(q.heirs_of(3) == std::make_pair(std::size_t{1}, gang_key{4}));
    CHECK_FALSE(q.hand_over(1)); // Who was promised that one has a place.
    CHECK(granted(q) == keys{4});
  }
  SECTION("or who was promised it goes away, and whoever was behind it follows whoever was ahead") {
    CHECK_FALSE(q.hand_over(3));
    CHECK(q.heirs_of(1) == std::make_pair(std::size_t{1}, gang_key{4}));
    CHECK_FALSE(q.promise(1));
    CHECK(q.hand_over(1)->key == 4);
    CHECK(granted(q).empty());
  }
  SECTION("or it asks again, as another") {
    CHECK(q.withdraw(3));
    CHECK(submit(q, 3, {ask(1)}) == answer::waits);
    CHECK_FALSE(q.is_promised(3));
    CHECK(q.hand_over(1)->key == 4);
  }
  SECTION("or the last goes away, and another may be promised the same") {
    CHECK(q.withdraw(4));
    CHECK(q.promise(3) == gang_key{6});
  }
}

TEST_CASE("no place is promised past whoever is older, nor far ahead") {
  queue_policy policy;
  policy.max_passes = 3;
  auto q = queue_of(2, policy);
  static_cast<void>(submit(q, 1, {ask(1)}));
  static_cast<void>(submit(q, 2, {ask(1)}));
  SECTION("an older one needs more") {
    static_cast<void>(submit(q, 3, {ask(2)}));
    static_cast<void>(submit(q, 4, {ask(1)}));
    CHECK_FALSE(q.promise(1));
  }
  SECTION("a younger one needs more") {
    static_cast<void>(submit(q, 3, {ask(1)}));
    static_cast<void>(submit(q, 4, {ask(2)}));
    static_cast<void>(submit(q, 5, {ask(1)}));
    CHECK(q.promise(1) == gang_key{3});
    CHECK_FALSE(q.promise(2));
  }
  SECTION("the oldest would be passed too often") {
    for (gang_key k = 3; k < 10; ++k)
      static_cast<void>(submit(q, k, {ask(1)}));
    CHECK(q.promise(1) == gang_key{3});
    CHECK(q.promise(2) == gang_key{4});
    CHECK(q.promise(4) == gang_key{5});
    CHECK_FALSE(q.promise(5));
    CHECK(q.hand_over(1)->key == 3);
    CHECK(q.promise(5) == gang_key{6});
  }
  SECTION("gangs and GPUs") {
    auto gpu = ask(1);
    gpu.gpu = 1;
    gang_queue g{{make_node("local", {2, 1000, 1000}, {0})}, policy};
    static_cast<void>(submit(g, 1, {gpu}));
    static_cast<void>(submit(g, 2, {gpu}));
    CHECK_FALSE(g.promise(1));
    static_cast<void>(submit(q, 3, {ask(1), ask(1)}));
    CHECK_FALSE(q.promise(1));
  }
}

TEST_CASE("nobody makes way whose place is promised: it goes to the one that was told") {
  const auto on = [](gang_priority x) {
    gang_terms terms;
    terms.priority = x;
    return terms;
  };
  for (const gang_key giver : {1, 2}) {
    INFO("the place of " << giver << " is promised");
    auto q = queue_of(2);
    for (const gang_key k : {1, 2, 3})
      static_cast<void>(q.submit(k, {ask(1)}, on(gang_priority::low)));
    REQUIRE(q.promise(giver) == gang_key{3});
    static_cast<void>(q.submit(4, {ask(1)}, on(gang_priority::high)));
    const auto ends = q.preempt();
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].winner == 4);
    CHECK(ends[0].victims == keys{3 - giver});
  }
}

TEST_CASE("a place goes to who was promised it also where others make way for that one") {
  auto q = queue_of(2);
  const auto on = [](gang_priority x) {
    gang_terms terms;
    terms.priority = x;
    return terms;
  };
  static_cast<void>(q.submit(1, {ask(1)}, on(gang_priority::low)));
  static_cast<void>(q.submit(2, {ask(1)}, on(gang_priority::normal)));
  static_cast<void>(q.submit(3, {ask(1)}, on(gang_priority::normal)));
  REQUIRE(q.promise(2) == gang_key{3});
  const auto ends = q.preempt();
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].winner == 3);
  static_cast<void>(q.submit(4, {ask(1)}, on(gang_priority::normal)));
  const auto next = q.hand_over(2); // It may run there already.
  REQUIRE(next);
  CHECK(next->key == 3);
  CHECK(granted(q).empty());
  CHECK(q.withdraw(1)); // Nothing is kept any more.
  CHECK(granted(q) == keys{4});
  CHECK(q.waiting() == 0);
}

namespace {

/// What runs where starts wait for the ends of others: an attempt starts when it is told to, or when the one has ended
/// that it was told to follow. Tells of ends in no order.
class machine {
public:
  void prepare(gang_key key, std::int64_t cpu, std::optional<gang_key> after) {
    auto& x = all_[key];
    x.cpu = cpu;
    if (after && all_[*after].at != phase::over)
      followers_[*after] = key;
    else
      start(key);
  }

  void start(gang_key key) {
    auto& x = all_[key];
    if (x.at != phase::ready)
      return;
    x.at = phase::runs;
    running_.push_back(key);
    cpus_ += x.cpu;
  }

  /// Whoever was to follow it starts, if nobody has told it to end.
  void end(gang_key key) {
    auto& x = all_.at(key);
    x.at = x.is_stopped ? phase::stopped : phase::over;
    cpus_ -= x.cpu;
    running_.erase(std::find(running_.begin(), running_.end(), key));
    untold_.push_back(key);
    if (const auto next = followers_.find(key); next != followers_.end() && !x.is_stopped)
      start(next->second);
  }

  /// It is told to end, which takes a while if it runs.
  void stop(gang_key key) {
    auto& x = all_.at(key);
    x.is_stopped = true;
    if (x.at != phase::ready)
      return;
    x.at = phase::stopped;
    untold_.push_back(key);
  }

  [[nodiscard]] bool knows(gang_key key) const { return all_.count(key) != 0; }
  [[nodiscard]] std::int64_t cpus() const { return cpus_; }
  [[nodiscard]] const std::vector<gang_key>& running() const { return running_; }
  /// Those that have ended, until they are taken out.
  std::vector<gang_key>& untold() { return untold_; }

private:
  enum class phase { ready, runs, over, stopped };
  struct attempt {
    phase at = phase::ready;
    bool is_stopped = false;
    std::int64_t cpu = 0;
  };

  std::map<gang_key, attempt> all_;
  std::map<gang_key, gang_key> followers_;
  std::vector<gang_key> running_;
  std::vector<gang_key> untold_;
  std::int64_t cpus_ = 0;
};

/// Gangs of one come and go, start as soon as others have ended, and are heard of in any order.
class promising_world {
public:
  explicit promising_world(std::uint64_t seed)
      : random_(seed), cpus_(1 + static_cast<std::int64_t>(below(4))), mixed_(below(2) == 0), queue_(queue_of(cpus_)) {}

  void step() {
    const auto what = below(20);
    if (what < 5)
      submit();
    else if (what < 9)
      promise(any(jobs_.running()));
    else if (what < 13)
      end_one();
    else if (what < 17)
      hear_of_one();
    else if (what < 18)
      stop_one();
    else if (what < 19)
      preempt();
    else
      change_policy();
    check();
  }

  /// Nobody comes any more, and nobody waits for ever.
  void finish() {
    while (!here_.empty()) {
      REQUIRE_FALSE((jobs_.running().empty() && jobs_.untold().empty()));
      end_one();
      hear_of_one();
      check();
    }
    CHECK(queue_.waiting() == 0);
    CHECK(queue_.holding() == 0);
    CHECK(jobs_.cpus() == 0);
  }

private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  std::optional<gang_key> any(const std::vector<gang_key>& of) {
    return of.empty() ? std::nullopt : std::make_optional(of[below(of.size())]);
  }

  void submit() {
    const auto key = ++last_key_;
    const auto cpu = mixed_ && below(200) == 0 ? cpus_ : 1; // Few: there are promises among equals only.
    gang_terms terms;
    if (mixed_ && (key == 1 || below(200) == 0)) // The first has a place that others may need.
      terms.priority = key == 1 || below(4) != 0 ? gang_priority::low : gang_priority::high;
    asked_[key] = {{ask(cpu)}, terms};
    here_.push_back(key);
    if (std::holds_alternative<assignment>(queue_.submit(key, asked_[key].who, terms)))
      granted(key);
  }

  void granted(gang_key key) {
    if (jobs_.knows(key))
      jobs_.start(key);
    else
      jobs_.prepare(key, asked_[key].who[0].cpu, std::nullopt);
  }

  void poll() {
    queue_.advance(queue_time{std::chrono::seconds{++seconds_}});
    for (const auto& x : queue_.poll(1000)) {
      granted(x.key);
      if (x.giver && below(2) == 0)
        promise(x.giver);
    }
  }

  /// Up to three are to have this one's place, behind those that are already.
  void promise(std::optional<gang_key> of) {
    for (int i = 0; of && i < 3; ++i) {
      const auto last = queue_.heirs_of(*of).second;
      const auto next = queue_.promise(last);
      if (!next)
        return;
      jobs_.prepare(*next, asked_[*next].who[0].cpu, last);
    }
  }

  void end_one() {
    const auto key = any(jobs_.running());
    if (key && (*key != 1 || below(20) == 0)) // That one runs for long.
      jobs_.end(*key);
  }

  void hear_of_one() {
    auto& all = jobs_.untold();
    if (all.empty())
      return;
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(below(all.size()));
    const auto key = *at;
    all.erase(at);
    gone(key);
  }

  void gone(gang_key key) {
    here_.erase(std::find(here_.begin(), here_.end(), key));
    if (const auto heir = queue_.hand_over(key))
      granted(heir->key);
    poll();
  }

  void stop_one() {
    if (const auto key = any(here_)) {
      if (jobs_.knows(*key))
        jobs_.stop(*key);
      else
        gone(*key);
    }
  }

  void preempt() {
    for (const auto& x : queue_.preempt())
      for (const auto victim : x.victims)
        jobs_.stop(victim);
    poll();
  }

  void change_policy() {
    static_cast<void>(queue_.set_policy({}, [this](gang_key key) -> result<gang_request> { return asked_.at(key); }));
    poll();
  }

  void check() {
    REQUIRE(jobs_.cpus() <= cpus_);
    REQUIRE(queue_.waiting() + queue_.holding() == here_.size());
  }

  std::mt19937_64 random_;
  std::int64_t cpus_;
  bool mixed_; ///< They ask for several things.
  gang_queue queue_;
  machine jobs_;
  std::map<gang_key, gang_request> asked_;
  std::vector<gang_key> here_; ///< The queue knows them.
  gang_key last_key_ = 0;
  std::int64_t seconds_ = 0;
};

} // namespace

TEST_CASE("whoever starts early and whatever is heard of first, no more run than there is room for, and all run") {
  for_seeds(500, [](std::uint64_t seed) {
    promising_world world{seed};
    for (int i = 0; i < 300; ++i)
      world.step();
    world.finish();
  });
}
