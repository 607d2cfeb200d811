#include "pool_alone.hpp"

#include "actor_fixture.hpp"
#include "support/catch.hpp"
#include "support/stepped_config.hpp"

namespace muster::test {

group_actor::behavior_type pool_alone::listen(group_actor::pointer, std::shared_ptr<group_double> told) {
  return {
      [told](placed_atom, std::uint32_t, const lease& given) { told->lease = given; },
      [told](delayed_atom, std::uint32_t, const std::string& why) { told->delayed = why; },
      [told](refused_atom, std::uint32_t, const refusal& why) { told->refused = why; },
      [told](stop_atom, std::uint32_t, const std::string& why) { told->asked_to_leave = why; },
      [](report_atom, const attempt_report&) {},
      [](cancel_atom, const std::string&, bool) {},
      [](timer_atom, std::uint8_t, std::uint32_t, task_index) {},
  };
}

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
    : config_(std::make_unique<stepped_config>()), system_(std::make_unique<caf::actor_system>(*config_)),
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

void pool_alone::vacate(const std::string& node, const std::string& why) {
  caf::anon_send(pool_, release_atom::value, node, why);
  settle();
}

plan_ptr pool_alone::layout_of(const request& what) {
  std::vector<spec::task> tasks;
  for (std::uint32_t i = 0; i < what.members; ++i)
    tasks.push_back(make_task("t" + std::to_string(i)));
  auto w = make_workflow({});
  w.resources["default"] = what.each;
  w.labels = what.labels;
  w.groups.push_back(make_group("g", std::move(tasks)));
  auto built = make_plan(w);
  if (!built)
    FAIL(built.failure().message);
  return std::make_shared<const plan>(std::move(*built));
}

std::pair<std::int64_t, std::shared_ptr<pool_alone::group_double>> pool_alone::ask(const request& what) {
  constexpr std::int64_t first = 100;
  const auto workflow = first + static_cast<std::int64_t>(groups_.size());
  return {workflow, ask(workflow, what)};
}

placement_request pool_alone::request_of(std::int64_t workflow, const request& what) {
  placement_request x;
  x.workflow = {workflow};
  x.ticket = 1;
  for (std::uint32_t i = 0; i < what.members; ++i)
    x.members.push_back(task_index{i});
  x.held = what.held;
  x.terms = {what.priority, what.user};
  x.at_most = what.at_most;
  x.waited = what.waited.count();
  x.avoid = what.avoid;
  x.avoid_for = what.avoid_for.count();
  return x;
}

std::shared_ptr<pool_alone::group_double> pool_alone::ask(std::int64_t workflow, const request& what) {
  auto told = std::make_shared<group_double>();
  groups_.push_back(system_->spawn(listen, told));
  caf::anon_send(pool_, place_atom::value, request_of(workflow, what), layout_of(what), groups_.back());
  settle();
  return told;
}

void pool_alone::expect(std::int64_t workflow, const request& what) {
  caf::anon_send(pool_, place_atom::value, request_of(workflow, what), layout_of(what));
  settle();
}

void pool_alone::release(std::int64_t workflow) {
  caf::anon_send(pool_, release_atom::value, workflow_key{workflow}, group_index{0});
  settle();
}

std::vector<std::string> pool_alone::check(const request& what) {
  caf::scoped_actor self{*system_};
  std::vector<std::string> out;
  auto asked = self->request(pool_, caf::infinite, check_atom::value, layout_of(what), node_amounts{},
                             workflow_terms{what.priority, what.user});
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

std::optional<group_wait> pool_alone::why(std::int64_t workflow) {
  caf::scoped_actor self{*system_};
  std::optional<group_wait> out;
  auto asked = self->request(pool_, caf::infinite, check_atom::value, workflow_key{workflow},
                             std::vector<group_index>{group_index{0}});
  settle();
  asked.receive(
      [&](const wait_report_ptr& x) {
        if (!x->groups.empty())
          out = x->groups.front();
      },
      [](const caf::error&) { FAIL("the pool does not answer"); });
  return out;
}

void pool_alone::rule(config::pool_policy policy, std::chrono::seconds leave_within) {
  const auto what = std::make_shared<config::pool_policy>(std::move(policy));
  caf::anon_send(pool_, set_atom::value, pool_rules_ptr{std::make_shared<pool_rules>(pool_rules{what, leave_within})});
  settle();
}

void pool_alone::pause(const std::string& why) {
  caf::anon_send(pool_, stop_atom::value, std::string{"test"}, why);
  settle();
}

void pool_alone::go_on() {
  caf::anon_send(pool_, start_atom::value, std::string{"test"});
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
