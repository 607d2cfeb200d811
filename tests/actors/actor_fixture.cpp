#include "actor_fixture.hpp"

#include "actors/flow_workflow.hpp"
#include "actors/journal.hpp"
#include "actors/mailbox_meter.hpp"
#include "support/catch.hpp"
#include "support/stepped_config.hpp"

#include <algorithm>

namespace muster::test {

namespace {

using shared_ptr_state = std::shared_ptr<actor_fixture::shared_state>;

/// Takes the names of a chunk that follows on what is there.
void add_names(actor_fixture::shared_state& shared, const plan& chunk) {
  if (chunk.first_group().value != shared.groups.size() || chunk.first_task().value != shared.tasks.size())
    shared.failure = error{ec::conflict, "a chunk does not follow on what is there"};
  for (auto g = chunk.first_group(); g != chunk.end_group(); ++g.value)
    shared.groups.emplace_back(chunk.group_name(g));
  for (auto t = chunk.first_task(); t != chunk.end_task(); ++t.value)
    shared.tasks.emplace_back(chunk.task_name(t));
}

struct journal_double_state {
  static inline const char* name = "journal_double";
};

journal_actor::behavior_type journal_double(journal_actor::stateful_pointer<journal_double_state> self,
                                            shared_ptr_state shared) {
  const auto take = [shared](event_list& list) {
    for (auto& x : list.events) {
      if (x.type == event_type::task_status && x.task.value >= shared->tasks.size())
        shared->failure = error{ec::not_found, "a fact is ahead of its row"};
      x.seq = {shared->next_sequence++};
      shared->events.push_back(std::move(x));
    }
    return sequence{shared->next_sequence - 1};
  };
  return {
      depth_of_mailbox(self),
      [take](commit_atom, event_list& list) { return take(list); },
      [take](settle_atom, event_list& list) { return take(list); },
      [take](record_atom, event_list& list) { take(list); },
      [shared](grow_atom, const growth_ptr& more) { add_names(*shared, *more->chunk); },
      [](settle_atom, const cache_change_ptr&) { return sequence{}; },
      [self, shared](commit_atom, const service_change_ptr& x) -> caf::result<service_answer> {
        if (const auto* stopping = std::get_if<store::group_stopping>(x.get()))
          shared->stop_notes.push_back(*stopping->what);
        auto answer = self->make_response_promise<service_answer>();
        if (shared->holds_notes)
          shared->held_notes.push_back(answer);
        else
          answer.deliver(service_answer{});
        return answer;
      },
      [](record_atom, const service_change_ptr&) {},
      [](submit_atom, const submission_ptr&) { return accepted{}; },
      [shared](internal_atom, flush_atom, std::uint64_t) {
        for (auto& x : std::exchange(shared->held_notes, {}))
          x.deliver(service_answer{});
      },
  };
}

struct executor_double_state {
  static inline const char* name = "executor_double";
  struct attempt {
    script what;
    task_actor watcher;
    std::string name;
    bool live = false;
    bool prepared = false; ///< And not started.
    bool over = false;     ///< It ran and has ended, and was not stopped: whoever comes after it may start.
    bool hands_on = false;
  };
  std::unordered_map<attempt_id, attempt> attempts;
  std::unordered_map<attempt_id, attempt_id> follower_of; ///< As the start queue of a warden has them.
  report_list untold;
  shared_ptr_state shared;
};

using executor_double_pointer = executor_actor::stateful_pointer<executor_double_state>;

attempt_report report_of(attempt_id id, report_kind kind, ec problem = ec::none, std::int32_t code = 0) {
  attempt_report x;
  x.id = id;
  x.kind = kind;
  x.problem = problem;
  x.exit.code = code;
  if (problem != ec::none)
    x.exit.message = "scripted " + std::string{to_string(problem)};
  return x;
}

void tell(executor_double_pointer self, const attempt_report& x) {
  auto& state = self->state;
  const auto held = state.shared->holds_news_for;
  if (held.count() == 0)
    return self->send(state.attempts[x.id].watcher, report_atom::value, x);
  if (state.untold.empty())
    self->delayed_send(self, held, report_atom::value, report_list{});
  state.untold.push_back(x);
}

void tell_all(executor_double_pointer self) {
  for (const auto& x : std::exchange(self->state.untold, {}))
    self->send(self->state.attempts[x.id].watcher, report_atom::value, x);
}

void start(executor_double_pointer self, attempt_id id) {
  auto& x = self->state.attempts[id];
  if (!std::exchange(x.prepared, false))
    return;
  if (x.what.start_problem != ec::none) {
    tell(self, report_of(id, report_kind::start_failed, x.what.start_problem));
    return;
  }
  x.live = true;
  auto& shared = *self->state.shared;
  shared.most_live = std::max(shared.most_live, ++shared.live);
  tell(self, report_of(id, report_kind::started));
  if (x.what.runs_for.count() < 0)
    return;
  auto end = report_of(id, x.what.lost ? report_kind::lost : report_kind::exited, ec::none, x.what.exit_code);
  end.exit.result = x.what.result;
  end.exit.result_problem = x.what.result_problem;
  self->delayed_send(self, x.what.runs_for, report_atom::value, report_list{std::move(end)});
}

void note(executor_double_pointer self, const std::string& what, attempt_id id) {
  self->state.shared->facts_at_calls.push_back(self->state.shared->events.size());
  self->state.shared->calls.push_back(what + " " + self->state.attempts[id].name + " " + std::to_string(id.number));
}

/// It lives no more: whoever waits for that starts, unless nobody knows how it ended.
void end(executor_double_pointer self, const attempt_report& how) {
  auto& x = self->state.attempts[how.id];
  x.live = false;
  x.over = how.kind == report_kind::exited && how.exit.code != 143 && x.hands_on;
  --self->state.shared->live;
  tell(self, how);
  if (!x.over)
    return;
  const auto next = self->state.follower_of.find(how.id);
  if (next == self->state.follower_of.end() || !self->state.attempts[next->second].prepared)
    return;
  note(self, "start", next->second);
  start(self, next->second);
}

executor_actor::behavior_type executor_double(executor_double_pointer self, shared_ptr_state shared,
                                              std::function<script(const std::string&, std::uint32_t)> behaviour) {
  auto& state = self->state;
  state.shared = std::move(shared);
  return {
      depth_of_mailbox(self),
      [=, &state](prepare_atom, const attempt_spec_ptr& spec, const task_actor& watcher) {
        auto what = behaviour ? behaviour(spec->task.name, spec->id.number) : script{};
        const bool good = what.prepare_problem == ec::none;
        state.attempts[spec->id] = {what, watcher, spec->task.name, false, good, false, spec->hands_on};
        note(self, "prepare", spec->id);
        if (what.prepare_problem != ec::none) {
          tell(self, report_of(spec->id, report_kind::prepare_failed, what.prepare_problem));
        } else if (spec->after && !state.attempts[*spec->after].over) {
          state.follower_of[*spec->after] = spec->id;
          ++state.shared->started_after;
        } else if (spec->then_start) {
          note(self, "start", spec->id);
          start(self, spec->id);
        } else {
          tell(self, report_of(spec->id, report_kind::prepared));
        }
      },
      [=, &state](watch_atom, attempt_id id, const task_actor& watcher) {
        state.attempts[id].watcher = watcher;
        state.attempts[id].name = std::to_string(id.task.value);
        note(self, "watch", id);
        auto end = report_of(id, report_kind::exited);
        if (behaviour) {
          const auto how = behaviour(state.shared->tasks[id.task.value], id.number);
          end.exit.result = how.result;
          end.exit.code = how.exit_code;
        }
        tell(self, end);
      },
      [=, &state](start_atom, attempt_id id) {
        if (!state.attempts[id].prepared)
          return;
        note(self, "start", id);
        start(self, id);
      },
      [=, &state](stop_atom, attempt_id id, std::uint32_t grace) {
        auto& x = state.attempts[id];
        note(self, grace == 0 ? "kill" : "stop", id);
        const auto how = report_of(id, report_kind::exited, ec::none, 143);
        if (x.live)
          end(self, how);
        else if (std::exchange(x.prepared, false))
          tell(self, how);
      },
      [=, &state](publish_atom, attempt_id id) { note(self, "publish", id); },
      [=, &state](remove_atom, attempt_id id) { note(self, "remove", id); },
      [=, &state](report_atom, const report_list& due) {
        if (due.empty())
          return tell_all(self);
        for (const auto& x : due)
          if (state.attempts[x.id].live)
            end(self, x);
      },
  };
}

struct cache_double_state {
  static inline const char* name = "cache_double";
};

cache_double_actor::behavior_type cache_double(cache_double_actor::stateful_pointer<cache_double_state> self,
                                               shared_ptr_state shared) {
  return {
      depth_of_mailbox(self),
      [self, shared](check_atom, const cache_question_ptr&) {
        return shared->asked.emplace_back(self->make_response_promise<cache_answer_ptr>());
      },
      [](watch_atom, const std::string&) { return sequence{}; },
      [shared](finished_atom, const cache_end_ptr& x) { shared->told.push_back(*x); },
      [](publish_atom, const std::string&) { return sequence{}; },
      [shared](tick_atom, const cache_answer_ptr& answer) {
        shared->asked.front().deliver(answer);
        shared->asked.pop_front();
      },
  };
}

struct registry_double_state {
  static inline const char* name = "registry_double";
};

registry_actor::behavior_type registry_double(registry_actor::stateful_pointer<registry_double_state> self,
                                              shared_ptr_state shared) {
  return {
      depth_of_mailbox(self),
      [](submit_atom, const submission_ptr&) { return accepted{}; },
      [](resume_atom, const accepted& who, const plan_ptr&, const restore_ptr&) { return who; },
      [](settle_atom, workflow_key) { return sequence{}; },
      [](cancel_atom, workflow_key, const std::string&, bool) { return sequence{}; },
      [shared](finished_atom, workflow_key, status s) { shared->ended = s; },
  };
}

} // namespace

actor_fixture::actor_fixture(std::uint64_t seed)
    : config_(std::make_unique<stepped_config>()), system_(std::make_unique<caf::actor_system>(*config_)),
      scheduler_(&dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler())), random_(seed),
      random_order_(seed != 0) {
  scheduler_->clock().current_time += std::chrono::hours{1};
}

actor_fixture::~actor_fixture() {
  for (const auto& handle : {caf::actor_cast<caf::actor>(journal_), caf::actor_cast<caf::actor>(executor_),
                             caf::actor_cast<caf::actor>(pool_), caf::actor_cast<caf::actor>(clock_),
                             caf::actor_cast<caf::actor>(cache_), caf::actor_cast<caf::actor>(registry_),
                             caf::actor_cast<caf::actor>(workflow_), caf::actor_cast<caf::actor>(rival_)})
    if (handle)
      caf::anon_send_exit(handle, caf::exit_reason::kill);
  scheduler_->run();
  scheduler_->trigger_timeouts();
  scheduler_->run();
}

void actor_fixture::spawn_all() {
  shared_->holds_news_for = holds_news_for;
  journal_ = system_->spawn(journal_double, shared_);
  executor_ = system_->spawn(executor_double, shared_, behaviour);
  clock_ = system_->spawn(muster::clock);
  if (has_cache)
    cache_ = system_->spawn(cache_double, shared_);
  registry_ = system_->spawn(registry_double, shared_);
  pool_ = system_->spawn(pool, pool_config{}, failure_handler{[this](const error& x) { shared_->failure = x; }});
  pool_node node;
  node.name = "local";
  node.executor = executor();
  node.offered = offered;
  node.address = address;
  node.is_local = address.empty();
  caf::anon_send(pool_, join_atom::value, pool_node_ptr{std::make_shared<pool_node>(std::move(node))});
}

void actor_fixture::hold_stop_notes(bool hold) {
  shared_->holds_notes = hold;
  if (!hold)
    caf::anon_send(journal_, internal_atom::value, flush_atom::value, std::uint64_t{0});
  settle();
}

void actor_fixture::begin(const spec::workflow& what) {
  take_up(what, nullptr);
}

void actor_fixture::take_up(const spec::workflow& what, restore_ptr restore) {
  if (what.flow) {
    auto base = chunk_builder{std::make_shared<const spec::workflow>(what)}.base();
    if (!base)
      FAIL(base.failure().message);
    take_up_flow(what, std::make_shared<const plan>(std::move(*base)), std::move(restore));
    return;
  }
  auto built = make_plan(what);
  if (!built)
    FAIL(built.failure().message);
  auto context = prepare(what, std::make_shared<const plan>(std::move(*built)), restore);
  workflow_ = system_->spawn(workflow, std::move(context), registry_, std::move(restore));
}

void actor_fixture::take_up_flow(const spec::workflow& what, plan_ptr recorded, restore_ptr restore) {
  auto context = prepare(what, std::move(recorded), restore);
  workflow_ = system_->spawn(flow_workflow, std::move(context), registry_, std::make_shared<const spec::workflow>(what),
                             std::move(restore));
}

context_ptr actor_fixture::prepare(const spec::workflow& what, plan_ptr recorded, const restore_ptr& restore) {
  layout_ = std::move(recorded);
  add_names(*shared_, *layout_);
  spawn_all();
  if (restore)
    for (auto& [index, members] : restore->members)
      for (auto& place : members.places)
        place.executor = executor();
  if (what.timeout.exec)
    policy.exec_timeout = what.timeout.exec;
  if (what.timeout.queue)
    policy.queue_timeout = what.timeout.queue;
  return std::make_shared<const workflow_context>(workflow_context{{1},
                                                                   what.name + "-1",
                                                                   layout_,
                                                                   std::make_shared<const group_policy>(policy),
                                                                   store::state_directory{"/nonexistent"},
                                                                   journal_,
                                                                   pool_,
                                                                   clock_,
                                                                   [this](const error& x) { shared_->failure = x; },
                                                                   restore ? restore->attempts_from : nullptr,
                                                                   cache_,
                                                                   {},
                                                                   terms});
}

std::shared_ptr<pool_alone::group_double> actor_fixture::compete(const workflow_terms& on) {
  auto told = std::make_shared<pool_alone::group_double>();
  rival_ = system_->spawn(pool_alone::listen, told);
  pool_alone::request what;
  what.each.cpu = offered.total.cpu;
  placement_request x;
  x.workflow = {1000};
  x.members = {task_index{0}};
  x.terms = on;
  caf::anon_send(pool_, place_atom::value, std::move(x), pool_alone::layout_of(what), rival_);
  settle();
  return told;
}

void actor_fixture::stop_competing() {
  caf::anon_send(pool_, release_atom::value, workflow_key{1000}, group_index{0});
  settle();
}

void actor_fixture::answer_cache(cache_answer answer) {
  if (shared_->asked.empty())
    FAIL("nobody asks the cache");
  caf::anon_send(cache_, tick_atom::value, cache_answer_ptr{std::make_shared<const cache_answer>(std::move(answer))});
  settle();
}

void actor_fixture::cancel(bool force) {
  caf::anon_send(workflow_, cancel_atom::value, std::string{"canceled by the test"}, force);
}

void actor_fixture::settle() {
  auto& jobs = scheduler_->jobs;
  while (!jobs.empty()) {
    if (random_order_ && jobs.size() > 1) {
      const auto chosen = static_cast<std::ptrdiff_t>(random_() % jobs.size());
      std::rotate(jobs.begin(), jobs.begin() + chosen, jobs.begin() + chosen + 1);
    }
    scheduler_->run_once();
  }
  if (shared_->failure)
    FAIL(shared_->failure->message);
}

void actor_fixture::advance(std::chrono::milliseconds x) {
  scheduler_->advance_time(x);
  settle();
}

bool actor_fixture::run_until_finished(std::chrono::seconds limit) {
  settle();
  std::chrono::milliseconds passed{0};
  auto step = std::chrono::milliseconds{10};
  while (ended() == status::unspecified && passed < limit) {
    advance(step);
    passed += step;
    step = std::min(step * 2, std::chrono::milliseconds{60'000});
  }
  return ended() != status::unspecified;
}

std::optional<task_index> actor_fixture::find(const std::string& task) const {
  const auto found = std::find(tasks().begin(), tasks().end(), task);
  if (found == tasks().end())
    return std::nullopt;
  return task_index{static_cast<std::uint32_t>(found - tasks().begin())};
}

status actor_fixture::task_status(const std::string& name) const {
  const auto t = find(name);
  for (auto x = events().rbegin(); x != events().rend(); ++x)
    if (x->type == event_type::task_status && t && x->task == *t)
      return x->status;
  return status::unspecified;
}

std::string actor_fixture::task_text(const std::string& name) const {
  const auto t = find(name);
  for (auto x = events().rbegin(); x != events().rend(); ++x)
    if (x->type == event_type::task_status && t && x->task == *t)
      return x->text;
  return {};
}

int actor_fixture::position(const std::string& call) const {
  const auto found = std::find(calls().begin(), calls().end(), call);
  return found == calls().end() ? -1 : static_cast<int>(found - calls().begin());
}

spec::task make_task(const std::string& name, const std::vector<std::string>& inputs) {
  spec::task x;
  x.name = name;
  x.image = "none";
  x.command = {"true"};
  for (const auto& upstream : inputs)
    x.inputs.push_back({spec::task_input{upstream, {}}, {}});
  return x;
}

spec::group make_group(const std::string& name, std::vector<spec::task> tasks) {
  spec::group g;
  g.name = name;
  g.tasks = std::move(tasks);
  g.tasks.front().lead = true;
  g.barrier = g.tasks.size() > 1;
  return g;
}

spec::workflow make_workflow(std::vector<spec::task> tasks) {
  spec::workflow w;
  w.name = "wf";
  w.resources["default"] = {};
  for (auto& t : tasks) {
    const auto name = t.name + "-group";
    w.groups.push_back(make_group(name, {std::move(t)}));
  }
  return w;
}

} // namespace muster::test
