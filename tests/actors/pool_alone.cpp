#include "pool_alone.hpp"

#include "actor_fixture.hpp"
#include "actors/system_config.hpp"
#include "support/catch.hpp"

namespace muster::test {

namespace {

using group_double_ptr = std::shared_ptr<pool_alone::group_double>;

struct group_double_state {
  static inline const char* name = "group_double";
};

group_actor::behavior_type group_double_behavior(group_actor::stateful_pointer<group_double_state>,
                                                 group_double_ptr told) {
  return {
      [told](placed_atom, std::uint32_t, const lease& given) { told->lease = given; },
      [told](delayed_atom, std::uint32_t, const std::string& why) { told->delayed = why; },
      [told](refused_atom, std::uint32_t, const refusal& why) { told->refused = why; },
      [](report_atom, const attempt_report&) {},
      [](cancel_atom, const std::string&, bool) {},
      [](timer_atom, std::uint8_t, std::uint32_t, task_index) {},
  };
}

} // namespace

struct pool_alone::testing_config : system_config {
  testing_config() : system_config(1) { set("scheduler.policy", caf::atom("testing")); }
};

std::vector<std::string> pool_alone::group_double::places() const {
  std::vector<std::string> out;
  if (lease)
    for (const auto& x : lease->places)
      out.push_back(x.node + "/" + x.address + "/" + gpus_to_text(x.gpus));
  return out;
}

std::vector<std::string> pool_alone::group_double::nodes() const {
  std::vector<std::string> out;
  if (lease)
    for (const auto& x : lease->places)
      out.push_back(x.node);
  return out;
}

pool_alone::pool_alone(pool_config config)
    : config_(std::make_unique<testing_config>()), system_(std::make_unique<caf::actor_system>(*config_)),
      scheduler_(&dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler())) {
  scheduler_->clock().current_time += std::chrono::hours{1};
  executor_ = caf::actor_cast<caf::strong_actor_ptr>(system_->spawn([] { return caf::behavior{[](int) {}}; }));
  pool_ = system_->spawn(pool, std::move(config), failure_handler{[this](const error& x) { failure_ = x; }});
  settle();
}

pool_alone::~pool_alone() {
  for (const auto& x : groups_)
    caf::anon_send_exit(x, caf::exit_reason::kill);
  caf::anon_send_exit(pool_, caf::exit_reason::kill);
  caf::anon_send_exit(caf::actor_cast<caf::actor>(executor_), caf::exit_reason::kill);
  scheduler_->run();
  scheduler_->trigger_timeouts();
  scheduler_->run();
}

pool_node pool_alone::make_node(const std::string& name, std::int64_t cpus, std::uint32_t gpus) {
  pool_node x;
  x.name = name;
  x.address = "10.0.0." + std::to_string(name.back() - 'a' + 1);
  x.offered.driver = "scripted";
  x.offered.total = {cpus, std::int64_t{1} << 40, std::int64_t{1} << 40, {}};
  for (std::uint32_t i = 0; i < gpus; ++i)
    x.offered.total.gpus.push_back(i);
  return x;
}

void pool_alone::join(pool_node x) {
  x.executor = executor_;
  caf::anon_send(pool_, join_atom::value, pool_node_ptr{std::make_shared<pool_node>(std::move(x))});
  settle();
}

void pool_alone::set(const std::string& node, node_condition x, const std::string& why) {
  caf::anon_send(pool_, set_atom::value, node, x, why);
  settle();
}

plan_ptr pool_alone::layout_of(const request& what) {
  std::vector<spec::task> tasks;
  for (std::uint32_t i = 0; i < what.members; ++i)
    tasks.push_back(make_task("t" + std::to_string(i)));
  auto w = make_workflow({});
  w.resources["default"] = what.each;
  w.groups.push_back(make_group("g", std::move(tasks)));
  auto built = make_plan(w);
  if (!built)
    FAIL(built.failure().message);
  return std::make_shared<const plan>(std::move(*built));
}

std::pair<std::int64_t, std::shared_ptr<pool_alone::group_double>> pool_alone::ask(const request& what) {
  auto told = std::make_shared<group_double>();
  groups_.push_back(system_->spawn(group_double_behavior, told));
  placement_request x;
  x.workflow = {static_cast<std::int64_t>(groups_.size())};
  x.ticket = 1;
  for (std::uint32_t i = 0; i < what.members; ++i)
    x.members.push_back(task_index{i});
  x.held = what.held;
  x.priority = what.priority;
  x.user = what.user;
  x.at_most = what.at_most;
  const auto workflow = x.workflow.value;
  caf::anon_send(pool_, place_atom::value, std::move(x), layout_of(what), groups_.back());
  settle();
  return {workflow, told};
}

void pool_alone::release(std::int64_t workflow) {
  caf::anon_send(pool_, release_atom::value, workflow_key{workflow}, group_index{0});
  settle();
}

std::vector<std::string> pool_alone::check(const request& what) {
  caf::scoped_actor self{*system_};
  std::vector<std::string> out;
  auto asked = self->request(pool_, caf::infinite, check_atom::value, layout_of(what), node_amounts{});
  settle();
  asked.receive([&](const std::vector<std::string>& x) { out = x; },
                [](const caf::error&) { FAIL("the pool does not answer"); });
  return out;
}

pool_view pool_alone::view() {
  caf::scoped_actor self{*system_};
  pool_view out;
  auto asked = self->request(pool_, caf::infinite, report_atom::value);
  settle();
  asked.receive([&](const pool_view_ptr& x) { out = *x; }, [](const caf::error&) { FAIL("the pool does not answer"); });
  return out;
}

void pool_alone::pause(const std::string& why) {
  caf::anon_send(pool_, stop_atom::value, why);
  settle();
}

void pool_alone::go_on() {
  caf::anon_send(pool_, start_atom::value);
  settle();
}

void pool_alone::advance(std::chrono::milliseconds x) {
  scheduler_->advance_time(x);
  settle();
}

void pool_alone::settle() {
  scheduler_->run();
  if (failure_)
    FAIL(failure_->message);
}

} // namespace muster::test
