#include "actors/group.hpp"

#include "actors/clock.hpp"
#include "actors/meters.hpp"
#include "actors/task.hpp"
#include "muster/spec/names.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace muster {

namespace {

using group_pointer = group_actor::stateful_pointer<group_state>;

group_setup setup_of(const workflow_context& context, group_index g) {
  const auto& layout = *context.layout;
  const auto range = layout.tasks(g);
  group_setup x;
  x.first_task = range.first;
  x.lead = layout.lead(g).value - range.first.value;
  x.barrier = layout.barrier(g);
  x.ignore_nonlead_status = layout.ignore_nonlead_status(g);
  x.policy = context.policy;
  for (std::uint32_t i = 0; i < range.count; ++i) {
    const task_index t{range.first.value + i};
    group_member member;
    member.name = std::string{layout.task_name(t)};
    if (context.attempts_from)
      if (const auto from = context.attempts_from->find(t.value); from != context.attempts_from->end())
        member.first_attempt = from->second;
    // A damaged body fails the member's `prepare`, with the reason.
    if (auto rules = layout.exit_actions(t))
      member.exit_actions = std::move(*rules);
    x.members.push_back(std::move(member));
  }
  return x;
}

/// Seconds that a group can hold its places; 0 if that is not known.
std::int64_t longest_hold(const group_policy& x) {
  if (!x.exec_timeout || !x.start_timeout)
    return 0;
  const auto all = std::min(*x.exec_timeout, longest_delay) + std::min(*x.start_timeout, longest_delay) + x.grace;
  return std::chrono::duration_cast<std::chrono::seconds>(all).count();
}

/// Seconds for which nodes where members could not be prepared come last, after so many failures. Without that all
/// tries of a gang are over within seconds, on one node that is idle because nothing can be prepared there.
std::int64_t avoid_for(std::uint32_t failures, const group_policy& x) {
  constexpr std::int64_t first = 60;
  constexpr std::int64_t longest = 3600;
  const auto out = std::min(first << (2 * std::min(failures - 1, 5U)), longest);
  if (!x.queue_timeout)
    return out;
  // It is to be tried there once more before it has waited for too long.
  return std::min(out, std::chrono::duration_cast<std::chrono::seconds>(*x.queue_timeout / 2).count());
}

/// Carries out effects, one kind a function.
class performer {
public:
  explicit performer(group_pointer self) : self_(self), state_(self->state) {}

  void run(const group_effects& effects) {
    for (const auto& x : effects)
      std::visit(*this, x);
    send_records();
    if (state_.finished && state_.open_commits == 0)
      end();
  }

  void operator()(const effect::record_task& x) {
    auto fact = about(x.who, x.status);
    fact.exit_code = x.exit_code;
    fact.text = x.text;
    if (x.status == status::running && !std::exchange(state_.said_running, true))
      self_->send(state_.workflow, running_atom::value, state_.index);
    if (x.status == status::running && std::exchange(state_.failed_leases, 0) > 0)
      state_.failed_on.clear();
    auto& result = state_.results[position(x.who.task)];
    if (is_group_finished(x.status))
      fact.result = result;
    else
      result.clear(); // Of the attempt before.
    state_.unsent.events.push_back(std::move(fact));
    if (x.status == status::initializing && (state_.range.count > 1 || state_.record_first))
      state_.places_unsent = true;
    if (x.status == status::completed && state_.tasks[position(x.who.task)])
      self_->send(task(x.who.task), publish_atom::value, x.who.attempt);
  }

  void operator()(const effect::record_group& x) {
    event fact;
    fact.type = event_type::group_status;
    fact.workflow = state_.context->key;
    fact.group = state_.index;
    fact.status = x.status;
    fact.text = x.text;
    fact.lease = state_.machine->lease();
    state_.unsent.events.push_back(std::move(fact));
  }

  void operator()(const effect::commit_intent& x) {
    for (const auto& who : x.attempts) {
      state_.adopted[position(who.task)] = false;
      state_.unsent.events.push_back(about(who, status::processing));
    }
    auto* self = self_;
    self_->request(state_.context->journal, caf::infinite, commit_atom::value, std::exchange(state_.unsent, {}))
        .then(
            [self, ticket = x.ticket](sequence) { performer{self}.run(self->state.machine->intent_committed(ticket)); },
            [](const caf::error&) { /* The JOURNAL has told the runtime; nothing may start any more. */ });
  }

  void operator()(const effect::ask_place& x) {
    placement_request request;
    request.workflow = state_.context->key;
    request.group = state_.index;
    request.ticket = x.ticket;
    request.members = x.members;
    request.terms = state_.context->terms;
    request.at_most = longest_hold(*state_.context->policy);
    request.waited = std::chrono::duration_cast<std::chrono::milliseconds>(x.waited).count();
    state_.asked = x.members;
    if (!x.restore) {
      drop_stop_note();
      hold_nothing(); // Before a restart it may have.
    }
    // Whoever waits for this attempt since it was placed before would not know that it waits for another place now.
    const auto number = state_.machine->attempt(0);
    const bool is_first = std::exchange(state_.placed_before, number) != number;
    if (state_.hands_on && is_first && !x.restore)
      request.last = {state_.context->key, x.members.front(), number};
    if (x.restore)
      for (const auto t : x.members)
        request.held.push_back(state_.places[position(t)]);
    if (!x.restore && state_.failed_leases > 0) {
      request.avoid = state_.failed_on;
      request.avoid_for = avoid_for(state_.failed_leases, *state_.context->policy);
    }
    state_.lease_failed = false;
    self_->send(state_.context->pool, place_atom::value, std::move(request), state_.context->layout,
                group_actor{self_});
  }

  void operator()(const effect::release&) {
    hold_nothing(); // Whoever ends before there are others has none.
    self_->send(state_.context->pool, release_atom::value, state_.context->key, state_.index);
  }

  void operator()(const effect::prepare& x) {
    if (state_.record_first && waits_for_places())
      state_.held_prepares.push_back({x, std::nullopt});
    else
      send_prepare(x);
  }

  void operator()(const effect::start& x) {
    count_wait(position(x.who.task));
    if (waits_for_places())
      state_.held_starts.push_back(x.who);
    else
      self_->send(task(x.who.task), start_atom::value, x.who.attempt);
  }

  void operator()(const effect::note_stop& x) {
    state_.stop_note = note_of(x.what);
    state_.has_stop_note = true;
  }

  void operator()(const effect::stop& x) {
    drop_held_start(x.who);
    for (auto& held : state_.held_prepares)
      if (held.what.who == x.who) {
        held.grace = x.grace;
        return;
      }
    if (state_.stop_note || state_.open_notes > 0)
      state_.held_stops.push_back(x);
    else
      send_stop(x);
  }

  void operator()(const effect::remove& x) {
    drop_held_start(x.who);
    drop_held_prepare(x.who);
    drop_held_stop(x.who);
    if (x.ran)
      state_.to_remove.push_back(x.who);
    else
      self_->send(task(x.who.task), remove_atom::value, x.who.attempt);
  }

  void operator()(const effect::set_timer& x) {
    self_->send(state_.context->clock, set_atom::value, group_actor{self_}, static_cast<std::uint8_t>(x.timer),
                x.generation, x.task, static_cast<std::int64_t>(x.delay.count()));
  }

  void operator()(const effect::cancel_timer& x) {
    self_->send(state_.context->clock, cancel_atom::value, static_cast<std::uint64_t>(self_->id()), x.generation);
  }

  /// The WORKFLOW may go on at once: what its next groups journal is behind the records of this one.
  void operator()(const effect::finished& x) {
    send_records();
    self_->send(state_.workflow, finished_atom::value, state_.index,
                group_outcome{x.status, std::exchange(state_.results, {}), state_.machine->attempt(0)});
    state_.finished = true;
  }

private:
  /// Whether it is still being written where members are.
  [[nodiscard]] bool waits_for_places() const { return state_.open_places > 0 || state_.places_unsent; }

  void hold_nothing() { std::fill(state_.places.begin(), state_.places.end(), placed_member{}); }

  void send_prepare(const effect::prepare& x) {
    self_->send(task(x.who.task), prepare_atom::value, x.who.attempt, x.then_start, state_.machine->lease(),
                state_.places[position(x.who.task)], state_.peers);
  }

  void send_stop(const effect::stop& x) {
    const auto grace = std::chrono::duration_cast<std::chrono::milliseconds>(x.grace).count();
    self_->send(task(x.who.task), stop_atom::value, x.who.attempt, static_cast<std::uint32_t>(grace));
  }

  void send_held() {
    for (const auto& held : std::exchange(state_.held_prepares, {})) {
      send_prepare(held.what);
      if (held.grace)
        send_stop({held.what.who, *held.grace});
    }
    for (const auto& who : std::exchange(state_.held_starts, {}))
      self_->send(task(who.task), start_atom::value, who.attempt);
  }

  /// How long a member of a gang was ready before it may start.
  void count_wait(std::uint32_t member) {
    if (member >= state_.prepared.size())
      return;
    const auto since = std::exchange(state_.prepared[member], {});
    if (since != caf::actor_clock::time_point{} && state_.context->counted)
      state_.context->counted->barrier_wait.add(self_->clock().now() - since);
  }

  [[nodiscard]] std::uint32_t position(task_index t) const { return t.value - state_.range.first.value; }

  [[nodiscard]] task_actor& task(task_index t) {
    auto& found = state_.tasks[position(t)];
    if (!found)
      found = self_->spawn(muster::task, state_.context, t, group_actor{self_}, state_.extras);
    return found;
  }

  [[nodiscard]] event about(task_attempt who, status s) const {
    event fact;
    fact.type = event_type::task_status;
    fact.workflow = state_.context->key;
    fact.group = state_.index;
    fact.task = who.task;
    fact.attempt = who.attempt;
    fact.status = s;
    if (s >= status::initializing) {
      const auto& place = state_.places[position(who.task)];
      fact.lease = state_.adopted[position(who.task)] ? epoch{} : state_.machine->lease(); // 0: as recorded.
      fact.node = place.node;
      fact.address = place.address;
      fact.gpus = gpus_to_text(place.gpus);
    }
    return fact;
  }

  void drop_held_start(task_attempt who) {
    auto& held = state_.held_starts;
    held.erase(std::remove(held.begin(), held.end(), who), held.end());
  }

  void drop_held_prepare(task_attempt who) {
    auto& held = state_.held_prepares;
    held.erase(std::remove_if(held.begin(), held.end(), [&](const auto& x) { return x.what.who == who; }), held.end());
  }

  void drop_held_stop(task_attempt who) {
    auto& held = state_.held_stops;
    held.erase(std::remove_if(held.begin(), held.end(), [&](const auto& x) { return x.who == who; }), held.end());
  }

  void send_records() {
    send_facts();
    if (auto note = std::exchange(state_.stop_note, nullptr))
      write_stop_note(std::move(note));
  }

  [[nodiscard]] service_change_ptr note_of(std::optional<stop_purpose> what) const {
    return std::make_shared<store::service_change>(
        store::group_stopping{state_.context->key, state_.index, std::move(what)});
  }

  /// Behind the records up to now. Who cannot be told why it ends is told to end all the same: the store may be full
  /// because of it.
  void write_stop_note(service_change_ptr note) {
    ++state_.open_notes;
    const auto written = [self = self_] {
      auto& state = self->state;
      if (--state.open_notes > 0)
        return;
      for (const auto& x : std::exchange(state.held_stops, {}))
        performer{self}.send_stop(x);
    };
    self_->request(state_.context->journal, caf::infinite, commit_atom::value, std::move(note))
        .then([written](const service_answer&) { written(); }, [written](const caf::error&) { written(); });
  }

  /// New places: whoever was told to end has ended, and an attempt that never began keeps its number.
  void drop_stop_note() {
    if (std::exchange(state_.has_stop_note, false))
      self_->send(state_.context->journal, record_atom::value, note_of({}));
  }

  /// Attempts that have ended are removed once the records up to now are durable; members of a gang start then.
  void send_facts() {
    const bool places = std::exchange(state_.places_unsent, false);
    auto& journal = state_.context->journal;
    if (state_.to_remove.empty() && !places) {
      if (!state_.unsent.events.empty())
        self_->send(journal, record_atom::value, std::exchange(state_.unsent, {}));
      return;
    }
    ++state_.open_commits;
    state_.open_places += places ? 1 : 0;
    auto* self = self_;
    auto ended = std::exchange(state_.to_remove, {});
    auto committed = [self, places, ended = std::move(ended)](sequence) { performer{self}.go_on(ended, places); };
    // The JOURNAL has told the runtime, and the driver keeps its records. The WORKFLOW knows a finished group no more.
    const auto broken = [self](const caf::error&) {
      if (self->state.finished)
        performer{self}.end();
    };
    auto facts = std::exchange(state_.unsent, {});
    if (places)
      self_->request(journal, caf::infinite, commit_atom::value, std::move(facts)).then(std::move(committed), broken);
    else
      self_->request(journal, caf::infinite, settle_atom::value, std::move(facts)).then(std::move(committed), broken);
  }

  /// What waited for the JOURNAL.
  void go_on(const std::vector<task_attempt>& ended, bool places) {
    for (const auto& who : ended)
      self_->send(task(who.task), remove_atom::value, who.attempt);
    --state_.open_commits;
    state_.open_places -= places ? 1 : 0;
    if (state_.open_places == 0)
      send_held();
    run({});
  }

  /// Behind what they were told before, such as to remove: in CAF 0.17 an exit message waits for its turn.
  void end() {
    for (const auto& member : state_.tasks)
      if (member)
        self_->send_exit(member, caf::exit_reason::user_shutdown);
    self_->quit();
  }

  group_pointer self_;
  group_state& state_;
};

/// Whether a place is needed no more once an attempt has run and ended: no rule asks for another, and nothing is
/// published from it.
bool hands_on(const workflow_context& context, const group_setup& setup) {
  const auto reschedules = [](const std::vector<spec::exit_rule>& rules) {
    return std::any_of(rules.begin(), rules.end(),
                       [](const auto& x) { return x.action == spec::exit_action::reschedule; });
  };
  return setup.members.size() == 1 && !reschedules(setup.members.front().exit_actions) &&
         !reschedules(context.policy->exit_actions);
}

void keep_places(group_state& state, const lease& given) {
  state.record_first = given.record_first;
  for (std::size_t i = 0; i < state.asked.size() && i < given.places.size(); ++i)
    state.places[state.asked[i].value - state.range.first.value] = given.places[i];
  auto peers = std::make_shared<std::map<std::string, std::string>>();
  for (std::uint32_t i = 0; i < state.range.count; ++i) {
    const auto name = state.context->layout->task_name(task_index{state.range.first.value + i});
    (*peers)[std::string{spec::local_name(name)}] = state.places[i].address;
  }
  state.peers = std::move(peers);
}

group_effects decide(group_machine& machine, const attempt_report& report) {
  const task_attempt who{report.id.task, report.id.number};
  switch (report.kind) {
    case report_kind::prepared: return machine.prepared(who, {});
    case report_kind::prepare_failed: return machine.prepared(who, error{report.problem, report.exit.message});
    case report_kind::started: return machine.started(who, {});
    case report_kind::start_failed: return machine.started(who, error{report.problem, report.exit.message});
    case report_kind::exited:
      return machine.exited(who,
                            {report.exit.code, report.exit.signal, report.exit.out_of_memory, report.exit.message});
    case report_kind::lost: return machine.lost(who, report.exit.message);
    case report_kind::displaced: return machine.displaced(who, report.exit.message);
    case report_kind::progress: return machine.progressed(who, report.exit.message);
  }
  return {};
}

/// For the record of the member's end.
void keep_result(group_state& state, const attempt_report& report) {
  const auto position = report.id.task.value - state.range.first.value;
  if (report.kind == report_kind::exited && position < state.results.size() &&
      state.machine->attempt(position) == report.id.number)
    state.results[position] = report.exit.result;
}

/// Another node may do better, if it is for the node that it failed.
void note_failed_prepare(group_state& state, const attempt_report& report) {
  constexpr std::size_t most_named = 64; // Each member of a request names them all.
  const auto position = report.id.task.value - state.range.first.value;
  if (report.kind != report_kind::prepare_failed || kind(report.problem) != error_kind::transient ||
      position >= state.places.size())
    return;
  const auto& node = state.places[position].node;
  auto& known = state.failed_on;
  if (known.size() < most_named && std::find(known.begin(), known.end(), node) == known.end())
    known.push_back(node);
  if (!std::exchange(state.lease_failed, true))
    ++state.failed_leases;
}

/// Takes up a group after a restart: watches the attempts that were found.
group_effects take_up(group_pointer self, group_restore restore) {
  auto& state = self->state;
  state.places = std::move(restore.places);
  for (std::uint32_t i = 0; i < state.range.count; ++i) {
    const auto& member = restore.members[i];
    if (!may_run(member.found))
      continue;
    state.adopted[i] = true;
    state.tasks[i] =
        self->spawn(task, state.context, task_index{state.range.first.value + i}, group_actor{self}, state.extras);
    self->send(state.tasks[i], watch_atom::value, member.attempt, epoch{}, state.places[i]);
  }
  state.has_stop_note = restore.stopping.has_value();
  auto effects = state.machine->resume(restore.members, restore.clocks, restore.stopping);
  if (restore.cancel)
    for (auto& x : state.machine->cancel(*restore.cancel, false))
      effects.push_back(std::move(x));
  return effects;
}

} // namespace

group_actor::behavior_type group(group_actor::stateful_pointer<group_state> self, context_ptr context,
                                 group_index index, workflow_actor workflow, std::optional<group_restore> restore,
                                 extras_ptr extras) {
  auto& state = self->state;
  guard(self, "group", context->on_failure);
  end_children(self, [&state](const auto& end) {
    for (const auto& actor : state.tasks)
      if (actor)
        end(actor);
  });
  state.context = std::move(context);
  state.index = index;
  state.workflow = std::move(workflow);
  state.range = state.context->layout->tasks(index);
  auto setup = setup_of(*state.context, index);
  state.hands_on = hands_on(*state.context, setup);
  state.machine.emplace(std::move(setup));
  state.extras = std::move(extras);
  state.tasks.resize(state.range.count);
  state.results.resize(state.range.count);
  state.adopted.resize(state.range.count);
  if (state.range.count > 1)
    state.prepared.resize(state.range.count);
  state.places.resize(state.range.count);
  performer{self}.run(restore ? take_up(self, std::move(*restore)) : state.machine->begin());
  return {
      [self, &state](placed_atom, std::uint32_t ticket, const lease& given) {
        keep_places(state, given);
        const bool is_free = given.places.front().is_free();
        performer{self}.run(is_free ? state.machine->placed(ticket, given.number)
                                    : state.machine->placed_ahead(ticket, given.number));
      },
      [self, &state](delayed_atom, std::uint32_t ticket, const std::string& reason) {
        performer{self}.run(state.machine->must_wait(ticket, reason));
      },
      [self, &state](refused_atom, std::uint32_t ticket, const refusal& why) {
        performer{self}.run(state.machine->cannot_place(ticket, {why.code, why.message}));
      },
      [self, &state](stop_atom, std::uint32_t, const std::string& why) {
        performer{self}.run(state.machine->preempt(why));
      },
      [self, &state](report_atom, const attempt_report& report) {
        keep_result(state, report);
        note_failed_prepare(state, report);
        if (report.kind == report_kind::prepared)
          if (const auto at = report.id.task.value - state.range.first.value; at < state.prepared.size())
            state.prepared[at] = self->clock().now();
        performer{self}.run(decide(*state.machine, report));
      },
      [self, &state](cancel_atom, const std::string& message, bool force) {
        performer{self}.run(state.machine->cancel(message, force));
      },
      [self, &state](timer_atom, std::uint8_t kind, std::uint32_t generation, task_index which) {
        performer{self}.run(state.machine->timer_fired(static_cast<group_timer>(kind), generation, which));
      },
  };
}

} // namespace muster
