#include "actor_fixture.hpp"

#include "actors/protocol/monitor.hpp"
#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/subprocess.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <atomic>
#include <sstream>

using namespace muster;
using namespace muster::test;

namespace {

using std::chrono::seconds;

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + seconds{60};
}

/// A head that monitors can reach.
struct head {
  std::unique_ptr<runtime> engine;
  std::uint16_t port = 0;

  explicit head(const std::filesystem::path& state, std::uint16_t at = 0, monitor_admission admit = {}) {
    runtime_config x;
    x.state_directory = state;
    x.pools.push_back({"local", make_null_driver()});
    x.with_network = true;
    auto started = runtime::start(std::move(x));
    if (!started)
      FAIL(started.failure().message);
    engine = std::move(*started);
    const auto bound = engine->publish_monitors("127.0.0.1", at, std::move(admit));
    if (!bound)
      FAIL(bound.failure().message);
    port = *bound;
  }

  /// Runs workflows of that many tasks to their end; the last sequence then.
  void work(int tasks, const std::string& user = {}) const {
    std::vector<spec::task> all;
    for (int i = 0; i < tasks; ++i)
      all.push_back(make_task("t" + std::to_string(i)));
    const auto who = engine->submit(make_workflow(all), {"text", "muster", "{}", user});
    REQUIRE(who);
    REQUIRE(engine->wait(who->key, deadline()) == status::completed);
  }
};

std::uint64_t latest(const std::filesystem::path& state) {
  auto reader = store::reader::open(store::state_directory{state});
  REQUIRE(reader);
  const auto x = reader->latest();
  REQUIRE(x);
  return x->value;
}

/// How many events there are of workflows of that user.
std::size_t count_of(const std::filesystem::path& state, const std::string& user) {
  auto reader = store::reader::open(store::state_directory{state});
  REQUIRE(reader);
  store::event_query all;
  all.limit = 10'000;
  const auto page = reader->events(all);
  REQUIRE(page);
  REQUIRE(page->at_end);
  return static_cast<std::size_t>(std::count_if(page->events.begin(), page->events.end(),
                                                [&](const store::named_event& x) { return x.user == user; }));
}

/// A process that monitors, as far as the protocol is concerned.
struct far_system {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;

  far_system() {
    monitor::configure(config);
    system = std::make_unique<caf::actor_system>(config);
  }
};

struct seen {
  std::mutex mutex;
  std::vector<std::uint64_t> facts;
  std::vector<std::string> tasks;
  std::optional<std::uint64_t> gone;
  std::uint64_t number = 0;

  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock{mutex};
    return facts.size();
  }
  bool wait_for(std::size_t n) {
    const auto until = deadline();
    while (count() < n && std::chrono::steady_clock::now() < until) {
    }
    return count() >= n;
  }
};

/// Notes what comes; gives no credit.
monitor::monitor_actor::behavior_type quiet_monitor(monitor::monitor_actor::pointer, std::shared_ptr<seen> into) {
  return {
      [into](monitor::batch_atom, const monitor::batch& x) {
        const std::lock_guard lock{into->mutex};
        for (const auto& f : x.facts) {
          into->facts.push_back(f.seq);
          into->tasks.push_back(f.task);
        }
      },
      [into](monitor::gone_atom, const monitor::gone& x) {
        const std::lock_guard lock{into->mutex};
        into->gone = x.earliest;
      },
  };
}

} // namespace

TEST_CASE("a monitor in another process prints every event once, also across a restart of the head") {
  const temporary_folder state;
  auto first = std::make_unique<head>(state.path());
  const auto port = first->port;
  first->work(20);
  subprocess monitor({{in_build("examples/cpp/example_monitor"), "127.0.0.1", std::to_string(port)}, {}, {}, false});
  REQUIRE(monitor.wait_for("\n" + std::to_string(latest(state.path())) + " "));
  first->work(20);
  REQUIRE(monitor.wait_for("\n" + std::to_string(latest(state.path())) + " "));
  first.reset();
  first = std::make_unique<head>(state.path(), port);
  first->work(300);
  const auto last = latest(state.path());
  REQUIRE(monitor.wait_for("\n" + std::to_string(last) + " "));
  monitor.signal(15);
  std::istringstream lines(monitor.finish().out);
  std::uint64_t next = 1;
  for (std::string line; std::getline(lines, line); ++next)
    REQUIRE(line.rfind(std::to_string(next) + " ", 0) == 0);
  CHECK(next == last + 1);
}

TEST_CASE("a monitor gets no more than its credit, what it asked for, and an end when it goes") {
  const temporary_folder state;
  const head h(state.path());
  h.work(50);
  far_system far;
  auto gate = far.system->middleman().remote_actor<monitor::gate_actor>("127.0.0.1", h.port);
  REQUIRE(gate);
  caf::scoped_actor self{*far.system};
  const auto fail = [](const caf::error& x) { FAIL(caf::to_string(x)); };
  self->request(*gate, seconds{10}, monitor::hello_atom::value, monitor::hello{})
      .receive(
          [&](const monitor::welcome& x) {
            CHECK(x.version == monitor::protocol_version);
            CHECK(x.latest == latest(state.path()));
            CHECK(x.earliest == 1);
            CHECK_FALSE(x.log_id.empty());
          },
          fail);
  bool was_refused = false;
  const auto refused = [&](const caf::error&) { was_refused = true; };
  monitor::hello old;
  old.version = 99;
  self->request(*gate, seconds{10}, monitor::hello_atom::value, old).receive([](const monitor::welcome&) {}, refused);
  CHECK(std::exchange(was_refused, false));

  const auto slow = std::make_shared<seen>();
  const auto slow_actor = far.system->spawn(quiet_monitor, slow);
  monitor::subscription few;
  few.credit = 5;
  self->request(*gate, seconds{10}, monitor::subscribe_atom::value, few, slow_actor)
      .receive([&](std::uint64_t n) { slow->number = n; }, fail);
  const auto one = std::make_shared<seen>();
  const auto one_actor = far.system->spawn(quiet_monitor, one);
  monitor::subscription filtered;
  filtered.workflow = "wf-1";
  filtered.task = "t7";
  filtered.types = {"task.status", "workflow.deleted"};
  self->request(*gate, seconds{10}, monitor::subscribe_atom::value, filtered, one_actor)
      .receive([](std::uint64_t) {}, fail);
  monitor::subscription wrong = filtered;
  wrong.task = "nobody";
  self->request(*gate, seconds{10}, monitor::subscribe_atom::value, wrong, one_actor)
      .receive([](std::uint64_t) {}, refused);
  CHECK(std::exchange(was_refused, false));
  wrong = filtered;
  wrong.types = {"task.exploded"};
  self->request(*gate, seconds{10}, monitor::subscribe_atom::value, wrong, one_actor)
      .receive([](std::uint64_t) {}, refused);
  CHECK(was_refused);

  REQUIRE(slow->wait_for(5));
  REQUIRE(one->wait_for(3));
  {
    const std::lock_guard lock{one->mutex};
    for (const auto& x : one->tasks)
      CHECK(x == "t7");
  }
  CHECK(slow->count() == 5);
  self->send(*gate, monitor::credit_atom::value, slow->number, std::uint32_t{2});
  REQUIRE(slow->wait_for(7));
  h.work(1); // A round of the gate in which the slow one has no credit.
  CHECK(slow->count() == 7);
  CHECK(h.engine->measures().monitors == 2);

  self->send_exit(slow_actor, caf::exit_reason::user_shutdown);
  self->send_exit(one_actor, caf::exit_reason::user_shutdown);
  const auto until = deadline();
  while (h.engine->measures().monitors > 0 && std::chrono::steady_clock::now() < until) {
  }
  CHECK(h.engine->measures().monitors == 0);
}

TEST_CASE("a monitor sees what its token may see, for as long as that is valid") {
  const temporary_folder state;
  const auto ann_is_in = std::make_shared<std::atomic<bool>>(true);
  const head h(state.path(), 0, [ann_is_in](const std::string& token, bool) -> result<monitor_guest> {
    if (token == "all")
      return monitor_guest{};
    if (token == "ann" && *ann_is_in)
      return monitor_guest{"ann"};
    return {ec::invalid_argument, "nobody"};
  });
  h.work(5, "ann"); // wf-1
  h.work(5, "bob"); // wf-2
  far_system far;
  auto gate = far.system->middleman().remote_actor<monitor::gate_actor>("127.0.0.1", h.port);
  REQUIRE(gate);
  caf::scoped_actor self{*far.system};
  const auto subscribe = [&](const std::string& token, const std::string& workflow, const std::shared_ptr<seen>& into) {
    auto reader = far.system->spawn(quiet_monitor, into);
    monitor::subscription x;
    x.token = token;
    x.workflow = workflow;
    x.credit = monitor::most_credit;
    std::string refusal;
    self->request(*gate, seconds{10}, monitor::subscribe_atom::value, x, reader)
        .receive([](std::uint64_t) {}, [&](const caf::error& why) { refusal = caf::to_string(why); });
    if (!refusal.empty())
      self->send_exit(reader, caf::exit_reason::user_shutdown);
    return std::pair{refusal, reader};
  };
  for (const auto* token : {"", "bob"})
    CHECK_THAT(subscribe(token, "", std::make_shared<seen>()).first, ContainsSubstring("nobody"));
  CHECK_FALSE(subscribe("ann", "wf-2", std::make_shared<seen>()).first.empty());
  const auto all = std::make_shared<seen>();
  const auto own = std::make_shared<seen>();
  const auto [refused, everything] = subscribe("all", "", all);
  REQUIRE(refused.empty());
  const auto [refused_too, reader] = subscribe("ann", "", own);
  REQUIRE(refused_too.empty());
  h.work(5, "bob");
  h.work(5, "ann");
  REQUIRE(all->wait_for(latest(state.path())));
  const auto of_ann = count_of(state.path(), "ann");
  CHECK(of_ann > 20);
  REQUIRE(own->wait_for(of_ann));
  *ann_is_in = false;
  h.work(5, "ann");
  self->wait_for(reader); // It is ended.
  CHECK(own->count() == of_ann);
  REQUIRE(all->wait_for(latest(state.path())));
  self->send_exit(everything, caf::exit_reason::user_shutdown);
}

TEST_CASE("monitors need a network, and one gate is enough") {
  const temporary_folder state;
  const head h(state.path());
  CHECK(h.engine->publish_monitors("127.0.0.1", 0).failure().code == ec::conflict);
  runtime_config x;
  x.state_directory = state.path() / "other";
  x.pools.push_back({"local", make_null_driver()});
  auto r = runtime::start(std::move(x));
  REQUIRE(r);
  CHECK((*r)->publish_monitors("127.0.0.1", 0).failure().code == ec::unsupported);
}
