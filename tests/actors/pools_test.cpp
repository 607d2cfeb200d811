#include "actor_fixture.hpp"

#include "actors/runtime.hpp"
#include "actors/wall_clock.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>
#include <mutex>
#include <thread>

using namespace muster;
using namespace muster::test;

namespace {

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{60};
}

/// A null driver that cannot be probed, or asked what it runs, until somebody lets it.
class late_driver final : public driver {
public:
  late_driver(std::shared_ptr<std::atomic<bool>> up, std::shared_ptr<std::atomic<bool>> adopts, null_config how)
      : up_(std::move(up)), adopts_(std::move(adopts)), real_(make_null_driver(how)) {}

  result<capabilities> probe() override {
    if (!*up_)
      return {ec::unavailable, "nobody is at home"};
    return real_->probe();
  }
  void listen(driver_listener& to) override { real_->listen(to); }
  void prepare(attempt_spec spec) override { real_->prepare(std::move(spec)); }
  void start(attempt_id id) override { real_->start(id); }
  void stop(attempt_id id, std::chrono::milliseconds grace) override { real_->stop(id, grace); }
  void publish(attempt_id id) override { real_->publish(id); }
  void remove(attempt_id id) override { real_->remove(id); }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    if (!*adopts_)
      return {ec::unavailable, "the engine does not answer"};
    return real_->adopt(attempts);
  }

private:
  std::shared_ptr<std::atomic<bool>> up_;
  std::shared_ptr<std::atomic<bool>> adopts_;
  std::unique_ptr<driver> real_;
};

/// Pools `small` (2 CPUs), which is the default one, and `large` (64 CPUs), both without an end of tasks if `endless`.
struct two_pools {
  std::shared_ptr<std::atomic<bool>> large_up = std::make_shared<std::atomic<bool>>(true);
  std::shared_ptr<std::atomic<bool>> large_adopts = std::make_shared<std::atomic<bool>>(true);
  bool endless = false;
  bool any_name = false;

  [[nodiscard]] null_config with(std::int64_t cpus) const {
    null_config x;
    x.total = {cpus, std::int64_t{1} << 40, std::int64_t{1} << 40, {0, 1}};
    if (endless)
      x.run = std::chrono::hours{1};
    return x;
  }

  [[nodiscard]] runtime_config over(const std::filesystem::path& state) const {
    runtime_config x;
    x.state_directory = state;
    x.any_pool_name = any_name;
    x.probe_again = {std::chrono::milliseconds{5}, std::chrono::milliseconds{20}};
    pool_setup small{"small", make_null_driver(with(2))};
    small.gpus = std::vector<std::uint32_t>{1};
    pool_setup large{"large", std::make_shared<late_driver>(large_up, large_adopts, with(64))};
    large.may_be_down = true;
    x.pools = {std::move(small), std::move(large)};
    return x;
  }
};

std::unique_ptr<runtime> start(runtime_config config) {
  auto started = runtime::start(std::move(config));
  if (!started)
    FAIL(started.failure().message);
  return std::move(*started);
}

result<accepted_workflow> submit(runtime& r, const spec::workflow& w, const std::string& pool = {}) {
  submission_info info{"text", "muster", "{}"};
  info.pool = pool;
  return r.submit(w, std::move(info));
}

spec::workflow wants_cpus(std::int64_t cpus) {
  auto w = make_workflow({make_task("a")});
  w.resources["default"].cpu = cpus;
  return w;
}

std::vector<pool_view> pools_of(runtime& r) {
  auto x = r.pools();
  if (!x)
    FAIL(x.failure().message);
  return std::move(*x);
}

} // namespace

TEST_CASE("a workflow runs in the pool that it names") {
  const temporary_folder state;
  auto r = start(two_pools{}.over(state.path()));
  CHECK(submit(*r, wants_cpus(3)).failure().code == ec::never_fits);
  const auto large = submit(*r, wants_cpus(3), "large");
  REQUIRE(large);
  CHECK(r->wait(large->key, deadline()) == status::completed);
  auto named = wants_cpus(64);
  named.pool = "large";
  const auto by_spec = submit(*r, named);
  REQUIRE(by_spec);
  CHECK(submit(*r, named, "small").failure().code == ec::never_fits);
  auto reader = store::reader::open(store::state_directory{state.path()});
  REQUIRE(reader);
  CHECK(reader->workflow(large->id)->pool == "large");
  CHECK(reader->workflow(by_spec->id)->pool == "large");
}

TEST_CASE("a pool that is not there is refused with those that are") {
  const temporary_folder state;
  two_pools how;
  {
    auto r = start(how.over(state.path()));
    const auto refused = submit(*r, wants_cpus(1), "larg");
    REQUIRE_FALSE(refused);
    CHECK(refused.failure().code == ec::invalid_argument);
    CHECK_THAT(refused.failure().message, ContainsSubstring("did you mean 'large'?"));
    CHECK_THAT(refused.failure().message, ContainsSubstring("small, large"));
  }
  how.any_name = true;
  auto r = start(how.over(state.path()));
  const auto taken = submit(*r, wants_cpus(1), "larg");
  REQUIRE(taken);
  CHECK(r->wait(taken->key, deadline()) == status::completed);
}

TEST_CASE("pools say what they have and what is taken") {
  const temporary_folder state;
  two_pools how;
  how.endless = true;
  auto r = start(how.over(state.path()));
  auto x = pools_of(*r);
  REQUIRE(x.size() == 2);
  CHECK(x[0].name == "small");
  CHECK(x[0].is_default);
  CHECK(x[0].available);
  CHECK(x[0].driver == "null");
  CHECK(x[0].total.cpu == 2);
  CHECK(x[0].total.gpus == std::vector<std::uint32_t>{1});
  CHECK_FALSE(x[1].is_default);
  CHECK(x[1].total.gpus == std::vector<std::uint32_t>{0, 1});
  for (int i = 0; i < 3; ++i)
    REQUIRE(submit(*r, wants_cpus(1)));
  const auto until = deadline();
  do
    x = pools_of(*r);
  while (x[0].waiting_gangs + x[0].placed_gangs < 3 && std::chrono::steady_clock::now() < until);
  CHECK(x[0].placed_gangs == 2);
  CHECK(x[0].waiting_gangs == 1);
  CHECK(x[0].free.cpu == 0);
  REQUIRE(x[0].nodes.size() == 1);
  CHECK(x[0].nodes[0].free.cpu == 0);
  CHECK(x[1].free.cpu == 64);
}

TEST_CASE("a pool that must be there keeps the runtime from starting") {
  const temporary_folder state;
  two_pools how;
  *how.large_up = false;
  auto config = how.over(state.path());
  config.pools[1].may_be_down = false;
  const auto refused = runtime::start(std::move(config));
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().message == "nobody is at home");
}

TEST_CASE("what is submitted to a pool that is down waits with the reason and runs when it is back") {
  const temporary_folder state;
  two_pools how;
  *how.large_up = false;
  auto r = start(how.over(state.path()));
  const auto x = pools_of(*r)[1];
  CHECK_FALSE(x.available);
  CHECK(x.reason == "nobody is at home");

  const auto waiting = submit(*r, wants_cpus(3), "large");
  REQUIRE(waiting);
  CHECK_THAT(waiting->notes.front(), ContainsSubstring("nobody is at home"));
  const auto too_large = submit(*r, wants_cpus(65), "large");
  REQUIRE(too_large);
  auto privileged = wants_cpus(1);
  privileged.groups[0].tasks[0].privileged = true;
  CHECK(submit(*r, privileged, "large").failure().code == ec::unavailable);
  const auto canceled = submit(*r, wants_cpus(1), "large");
  REQUIRE(canceled);
  REQUIRE(r->cancel(canceled->key, "enough", false));
  CHECK(r->wait(canceled->key, deadline()) == status::failed_canceled);

  auto reader = store::reader::open(store::state_directory{state.path()});
  REQUIRE(reader);
  const auto until = deadline();
  std::string why;
  while (why.empty() && std::chrono::steady_clock::now() < until)
    if (const auto tasks = reader->tasks(waiting->key, task_index{0}, 1); tasks && !tasks->empty())
      why = tasks->front().reason;
  CHECK(why == "pool large is unavailable: nobody is at home");

  *how.large_up = true;
  CHECK(r->wait(waiting->key, deadline()) == status::completed);
  const auto failed = r->wait(too_large->key, deadline());
  REQUIRE(failed);
  CHECK(is_failed(*failed));
  CHECK(pools_of(*r)[1].waiting_gangs == 0);
}

TEST_CASE("all unfinished workflows are taken up, each in its own pool") {
  const temporary_folder state;
  two_pools how;
  how.endless = true;
  std::vector<workflow_key> all;
  {
    auto r = start(how.over(state.path()));
    for (int i = 0; i < 20; ++i) {
      const auto x = submit(*r, wants_cpus(1), i % 2 == 0 ? "small" : "large");
      REQUIRE(x);
      all.push_back(x->key);
    }
  }
  how.endless = false;
  auto r = start(how.over(state.path()));
  CHECK(r->cancel(all.front(), "enough", false)); // Not live yet.
  std::mutex mutex;
  recovery_progress last;
  const auto report = r->recover([&](const recovery_progress& x) {
    const std::lock_guard lock{mutex};
    last = x;
  });
  REQUIRE(report);
  CHECK(report->counts.found == 20);
  CHECK(report->counts.taken_up == 20);
  CHECK(last.done() == 20);
  CHECK(r->wait(all.front(), deadline()) == status::failed_canceled);
  for (std::size_t i = 1; i < all.size(); ++i)
    CHECK(r->wait(all[i], deadline()) == status::completed);
  CHECK(r->cancel(all.back(), "too late", false).failure().code == ec::conflict);
  CHECK(r->cancel(workflow_key{999}, "", false).failure().code == ec::not_found);
}

TEST_CASE("what an engine does not answer for is taken up when it does") {
  const temporary_folder state;
  two_pools how;
  how.endless = true;
  workflow_key who;
  {
    auto r = start(how.over(state.path()));
    const auto x = submit(*r, wants_cpus(1), "large");
    REQUIRE(x);
    who = x->key;
    auto reader = store::reader::open(store::state_directory{state.path()});
    REQUIRE(reader);
    const auto until = deadline();
    while (reader->workflow(who)->status != status::running && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  how.endless = false;
  *how.large_adopts = false;
  auto r = start(how.over(state.path()));
  const auto report = r->recover();
  REQUIRE(report);
  CHECK(report->counts.held == 1);
  CHECK(report->counts.failed == 0);
  CHECK_THAT(r->why_held(who), ContainsSubstring("the engine does not answer"));
  CHECK(pools_of(*r)[1].free.cpu == 63); // It may run: nobody else is given what it holds.
  *how.large_adopts = true;
  CHECK(r->wait(who, deadline()) == status::completed);
  CHECK(r->why_held(who).empty());
}

TEST_CASE("what cannot run now is not retried, and can be when it can") {
  const temporary_folder state;
  two_pools how;
  auto failing = wants_cpus(1);
  failing.groups[0].tasks[0].environment = {{"MUSTER_NULL_EXIT", "1,0"}};
  accepted_workflow who;
  {
    auto r = start(how.over(state.path()));
    const auto x = submit(*r, failing, "large");
    REQUIRE(x);
    who = *x;
    CHECK(r->wait(who.key, deadline()) == status::failed);
  }
  *how.large_up = false;
  auto r = start(how.over(state.path()));
  REQUIRE(r->recover());
  CHECK(r->retry(who.id, {}).failure().code == ec::unavailable);
  *how.large_up = true;
  const auto until = deadline();
  while (!pools_of(*r)[1].available && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  REQUIRE(r->retry(who.id, {}));
  CHECK(r->wait(who.key, deadline()) == status::completed);
}

TEST_CASE("workflows of a pool that is down are taken up when it is back, the others at once") {
  const temporary_folder state;
  two_pools how;
  how.endless = true;
  std::vector<accepted_workflow> all;
  {
    auto r = start(how.over(state.path()));
    for (const auto* pool : {"small", "large", "large", "large"}) {
      const auto x = submit(*r, wants_cpus(1), pool);
      REQUIRE(x);
      all.push_back(*x);
    }
  }
  how.endless = false;
  *how.large_up = false;
  auto r = start(how.over(state.path()));
  const auto report = r->recover();
  REQUIRE(report);
  CHECK(report->counts.taken_up == 1);
  CHECK(report->counts.held == 3);
  CHECK(r->wait(all[0].key, deadline()) == status::completed);
  CHECK(r->why_held(all[0].key).empty());
  CHECK_THAT(r->why_held(all[1].key), ContainsSubstring("nobody is at home"));
  CHECK(r->resume(all[1].id).failure().code == ec::unavailable);
  REQUIRE(r->cancel(all[3].key, "enough", false));
  *how.large_up = true;
  CHECK(r->wait(all[1].key, deadline()) == status::completed);
  CHECK(r->wait(all[2].key, deadline()) == status::completed);
  CHECK(r->wait(all[3].key, deadline()) == status::failed_canceled);
  CHECK(r->why_held(all[1].key).empty());
}

TEST_CASE("what cannot be taken up stops nobody else and is told") {
  const temporary_folder state;
  two_pools how;
  how.endless = true;
  std::vector<accepted_workflow> all;
  {
    auto r = start(how.over(state.path()));
    for (const auto* pool : {"large", "small"}) {
      const auto x = submit(*r, wants_cpus(1), pool);
      REQUIRE(x);
      all.push_back(*x);
    }
  }
  how.endless = false;
  auto config = how.over(state.path());
  config.pools.pop_back();
  auto r = start(std::move(config));
  const auto report = r->recover();
  REQUIRE(report);
  CHECK(report->counts.taken_up == 1);
  CHECK(report->counts.failed == 1);
  REQUIRE(report->failures.size() == 1);
  CHECK(report->failures[0].id == all[0].id);
  CHECK_THAT(r->why_held(all[0].key), ContainsSubstring("there is no pool large"));
  CHECK(r->wait(all[1].key, deadline()) == status::completed);
}

TEST_CASE("a runtime that is being stopped admits nothing and goes on with what it has") {
  const temporary_folder state;
  auto r = start(two_pools{}.over(state.path()));
  const auto before = submit(*r, wants_cpus(1));
  REQUIRE(before);
  r->stop_admitting();
  CHECK(submit(*r, wants_cpus(1)).failure().code == ec::unavailable);
  CHECK(r->retry(before->id, {}).failure().code == ec::unavailable);
  CHECK(r->wait(before->key, deadline()) == status::completed);
}

TEST_CASE("pools that share a driver share its executor") {
  const temporary_folder state;
  runtime_config config;
  config.state_directory = state.path();
  std::shared_ptr<driver> shared = make_null_driver();
  config.pools = {{"a", shared}, {"b", std::move(shared)}};
  auto r = start(std::move(config));
  for (const auto* pool : {"a", "b"}) {
    const auto x = submit(*r, wants_cpus(1), pool);
    REQUIRE(x);
    CHECK(r->wait(x->key, deadline()) == status::completed);
  }
  runtime_config twice;
  twice.state_directory = state.path() / "other";
  twice.pools = {{"a", make_null_driver()}, {"a", make_null_driver()}};
  CHECK(runtime::start(std::move(twice)).failure().code == ec::invalid_argument);
}

TEST_CASE("the wall clock may jump") {
  const timestamp now{std::chrono::hours{1'000'000}};
  CHECK(passed_since(std::nullopt, now) == duration{});
  CHECK(passed_since(now - std::chrono::hours{2}, now) == std::chrono::hours{2});
  CHECK(passed_since(now + std::chrono::hours{2}, now) == duration{});
  const auto first = epoch_after({}, now);
  CHECK(epoch_after(first, now + std::chrono::hours{24}).value > first.value);
  CHECK(epoch_after(first, now - std::chrono::hours{24}).value > first.value);
  CHECK(epoch_after({}, timestamp{} - std::chrono::hours{1}).value > 0);
  const temporary_folder state;
  const store::state_directory directory{state.path()};
  const auto one = take_first_epoch(directory, now);
  const auto two = take_first_epoch(directory, now - std::chrono::hours{24});
  CHECK(two.value > one.value);
}
