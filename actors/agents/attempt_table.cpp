#include "actors/agents/attempt_table.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace muster {

namespace {

bool is_end(report_kind x) {
  return x == report_kind::prepare_failed || x == report_kind::start_failed || x == report_kind::exited ||
         x == report_kind::lost;
}

attempt_report report_of(attempt_id id, report_kind kind, ec code, const std::string& why) {
  attempt_report x;
  x.id = id;
  x.kind = kind;
  x.problem = code;
  x.exit.message = why;
  return x;
}

} // namespace

// -- from the head

attempt_table::effects attempt_table::prepare(attempt_spec_ptr spec) {
  effects out;
  const auto id = spec->id;
  auto& e = entries_[id];
  const bool is_known = e.spec || !e.sent_to.empty();
  if (is_known && !((e.over || e.stray) && e.lease < spec->lease))
    return out;
  note_gone(e); // The node ends an older life before it begins another.
  e = {};
  e.lease = spec->lease;
  e.starts = spec->then_start;
  e.spec = std::move(spec);
  send_prepare(id, e, out);
  return out;
}

attempt_table::effects attempt_table::start(attempt_id id) {
  effects out;
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    out.reports.push_back(report_of(id, report_kind::start_failed, ec::not_found, "it is not prepared"));
    return out;
  }
  auto& e = at->second;
  const bool waits = e.spec && e.spec->after;
  if (e.over || (e.starts && !waits))
    return out;
  e.starts = true;
  if (e.ready || waits)
    send(id, e, node_verb::start, out);
  return out;
}

attempt_table::effects attempt_table::stop(attempt_id id, std::uint32_t grace) {
  effects out;
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.over || at->second.stray)
    return out;
  auto& e = at->second;
  e.grace = std::min(grace, e.grace.value_or(grace));
  if (e.sent_to.empty())
    say_never(id, ec::canceled, "stopped before its start", out);
  else
    send(id, e, node_verb::stop, out);
  return out;
}

attempt_table::effects attempt_table::remove(attempt_id id) {
  effects out;
  const auto at = entries_.find(id);
  if (at == entries_.end())
    return out;
  auto& e = at->second;
  e.forget = true;
  const bool heard_of_end = std::exchange(e.over, true);
  if (e.stray) { // Its end is known here already.
    disown(id, e, out);
    return out;
  }
  if (heard_of_end && !e.gone)
    return out; // It was given up, and is ended when the node is back.
  if (e.gone || e.sent_to.empty()) {
    discard(id, out);
  } else { // It was prepared, and nobody wants it started.
    e.grace = 0;
    send(id, e, node_verb::stop, out);
  }
  return out;
}

std::pair<adoption, attempt_table::effects> attempt_table::adopt(attempt_id id, epoch lease) {
  std::pair<adoption, effects> out{adoption::running, {}};
  auto [at, fresh] = entries_.try_emplace(id);
  auto& e = at->second;
  if (fresh && is_here()) {
    entries_.erase(at);
    out.first = lease < since_ ? adoption::lost : adoption::never_started;
  } else if (fresh) {
    e.lease = lease;
    e.sent_to = "?"; // Whoever has it, has it from an earlier run of the head.
    e.said_prepared = e.starts = true;
    out.first = adoption::away;
  } else if (e.stray) {
    out.first = claim(id, e, lease, out.second);
  }
  return out;
}

/// Whether an attempt of which the node said this last may have been started.
bool attempt_table::may_start(const node_report& x) noexcept {
  switch (x.what.kind) {
    case report_kind::started:
    case report_kind::exited:
    case report_kind::displaced:
    case report_kind::lost: return true;
    case report_kind::progress:
    case report_kind::prepared: return x.then_start;
    case report_kind::prepare_failed:
    case report_kind::start_failed: return false;
  }
  return true;
}

/// Somebody here asks for what the node has had all along.
adoption attempt_table::claim(attempt_id id, entry& e, epoch lease, effects& out) {
  e.stray = false;
  const auto held = *std::exchange(e.newest, std::nullopt);
  const bool is_wanted = may_start(held) && e.lease == lease;
  if (is_wanted)
    trust(e);                                         // Its places are booked for whoever asks.
  e.said_prepared = e.said_started = e.starts = true; // So it was recorded.
  const auto kind = held.what.kind;
  if (is_wanted) {
    take(held, out);
    e.unasked = kind == report_kind::lost;
    return kind == report_kind::exited ? adoption::exited
           : kind == report_kind::lost ? adoption::lost
                                       : adoption::running;
  }
  e.over = e.forget = true;
  e.grace = 0;
  if (is_end(kind))
    discard(id, out);
  else
    send(id, e, node_verb::stop, out);
  return adoption::never_started;
}

// -- from the node

attempt_table::effects attempt_table::connected(const std::string& memory, epoch since, const node_reports& held,
                                                const std::function<bool(attempt_id)>& is_over) {
  effects out;
  here_ = memory;
  since_ = since;
  std::unordered_set<attempt_id> known;
  for (const auto& x : held) {
    const auto at = entries_.find(x.what.id);
    if (at != entries_.end() && x.lease < at->second.lease) { // The newer life never came there.
      out.commands.push_back({node_verb::stop, x.what.id, x.lease, 0, nullptr});
      out.commands.push_back({node_verb::remove, x.what.id, x.lease, 0, nullptr});
      continue;
    }
    known.insert(x.what.id);
    meet_held(x, is_over, out);
  }
  std::vector<attempt_id> absent;
  for (const auto& [id, e] : entries_)
    if (known.count(id) == 0)
      absent.push_back(id);
  for (const auto id : absent)
    meet_absent(id, out);
  return out;
}

/// The node has it.
void attempt_table::meet_held(const node_report& held, const std::function<bool(attempt_id)>& is_over, effects& out) {
  const auto id = held.what.id;
  auto [at, fresh] = entries_.try_emplace(id);
  auto& e = at->second;
  e.lease = held.lease;
  e.sent_to = here_;
  e.acknowledged = true;
  e.stray = e.stray || fresh;
  if (e.stray && is_over(id)) {
    e.stray = false;
    e.forget = true;
    fence(e); // An earlier run of the head gave it up, or did not come to end it.
  }
  if (e.stray) {
    e.newest = held;
    is_end(held.what.kind) ? note_gone(e) : doubt(e);
    return;
  }
  // An adopted one that was not started: nobody prepared it for where its gang is now.
  if (!e.over && !e.spec && !is_end(held.what.kind) && !may_start(held))
    say_displaced(id, e, "the head ended before it was started", out);
  e.ready = false; // It may have been prepared anew.
  if (e.over)      // Nobody waits for its end.
    e.grace = 0;
  if (e.grace && !is_end(held.what.kind))
    send(id, e, node_verb::stop, out);
  take(held, out);
}

/// The node does not have it, or not any more.
void attempt_table::meet_absent(attempt_id id, effects& out) {
  auto& e = entries_.at(id);
  const bool never_received = e.sent_to.empty() || (e.sent_to == here_ && !e.acknowledged);
  if (e.over || e.stray) {
    note_gone(e);
    if (e.forget || e.stray)
      discard(id, out);
  } else if (!e.spec && !(e.lease < since_)) {
    note_gone(e);
    say_displaced(id, e, "the head ended before it came to its node", out);
  } else if (!e.spec || (!never_received && e.starts)) {
    // The same memory would know it, had it come there; of another nobody can tell.
    note_gone(e);
    say_lost(id, e, "node came back without it: it was never started there, or the node's memory was lost", out);
  } else if (e.grace) {
    say_never(id, ec::canceled, "stopped before its start", out);
  } else {
    e.acknowledged = e.ready = false;
    send_prepare(id, e, out);
  }
}

attempt_table::effects attempt_table::review(const std::function<bool(attempt_id)>& is_over) {
  effects out;
  std::vector<attempt_id> over;
  for (const auto& [id, e] : entries_)
    if ((e.stray || (e.unasked && e.gone)) && is_here() && is_over(id))
      over.push_back(id);
  for (const auto id : over) {
    auto& e = entries_.at(id);
    if (e.stray)
      disown(id, e, out);
    else
      discard(id, out);
  }
  return out;
}

/// Nobody here wants what the node has.
void attempt_table::disown(attempt_id id, entry& e, effects& out) {
  e.stray = false;
  e.over = e.forget = true;
  e.grace = 0;
  if (e.gone)
    discard(id, out);
  else
    send(id, e, node_verb::stop, out);
}

attempt_table::effects attempt_table::reported(const node_report& x) {
  effects out;
  const auto at = entries_.find(x.what.id);
  if (at == entries_.end() || x.lease != at->second.lease)
    return out;
  auto& e = at->second;
  e.acknowledged = true;
  if (!e.stray) {
    take(x, out);
  } else if (x.what.kind != report_kind::progress) {
    e.newest = x;
    if (is_end(x.what.kind))
      note_gone(e);
  }
  return out;
}

attempt_table::effects attempt_table::give_up(const std::string& why) {
  return give_up_those(why, [](const entry&) { return true; });
}

attempt_table::effects attempt_table::give_up_forced(const std::string& why) {
  return give_up_those(why, [](const entry& e) { return e.grace && *e.grace == 0; });
}

attempt_table::effects attempt_table::give_up_those(const std::string& why,
                                                    const std::function<bool(const entry&)>& which) {
  effects out;
  std::vector<attempt_id> never;
  for (auto& [id, e] : entries_) {
    if (e.over || e.stray || !which(e))
      continue;
    say_displaced(id, e, why, out);
    if (e.sent_to.empty())
      never.push_back(id);
  }
  for (const auto id : never) {
    note_gone(entries_.at(id));
    entries_.erase(id);
  }
  return out;
}

/// Nobody hears of it any more, and it may still run there.
void attempt_table::fence(entry& e) {
  e.over = true;
  if (e.gone)
    return;
  doubt(e);
  e.forget = e.forget || !e.starts; // Who hears that asks for another place, and never for its removal.
}

/// Whoever books places does not know of what it holds.
void attempt_table::doubt(entry& e) {
  if (!std::exchange(e.doubtful, true))
    ++unsettled_;
}

void attempt_table::trust(entry& e) {
  if (std::exchange(e.doubtful, false))
    --unsettled_;
}

bool attempt_table::keeps(attempt_id id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && !found->second.forget;
}

std::size_t attempt_table::needed() const {
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& x) {
    return !x.second.stray && !x.second.forget && !x.second.unasked;
  }));
}

// -- what follows

void attempt_table::send(attempt_id id, const entry& e, node_verb verb, effects& out) const {
  if (is_here() && !e.sent_to.empty())
    out.commands.push_back({verb, id, e.lease, verb == node_verb::stop ? e.grace.value_or(0) : 0,
                            verb == node_verb::prepare ? e.spec : nullptr});
}

void attempt_table::send_prepare(attempt_id id, entry& e, effects& out) const {
  e.sent_to = here_;
  send(id, e, node_verb::prepare, out);
}

/// What the node says of an attempt that somebody here knows.
void attempt_table::take(const node_report& x, effects& out) {
  const auto id = x.what.id;
  const auto kind = x.what.kind;
  auto& e = entries_.at(id);
  if (!e.over && (kind != report_kind::progress || !x.what.exit.message.empty()))
    say(id, e, x.what, out);
  if (kind == report_kind::prepared && !std::exchange(e.ready, true) && e.starts && !e.over)
    send(id, e, node_verb::start, out);
  if (!is_end(kind))
    return;
  note_gone(e);
  // What could not be prepared or started is left to nobody.
  if (e.forget || kind == report_kind::prepare_failed || kind == report_kind::start_failed)
    discard(id, out);
}

/// Passes on what the node says, and before it what got lost with a connection. Nothing twice.
void attempt_table::say(attempt_id id, entry& e, const attempt_report& x, effects& out) const {
  switch (x.kind) {
    case report_kind::prepared:
      if (std::exchange(e.said_prepared, true))
        return;
      break;
    case report_kind::started:
      if (std::exchange(e.said_started, true))
        return;
      break;
    case report_kind::exited:
      if (x.exit.started == timestamp{} && !e.spec) {
        e.over = true; // The head took it for running, after a restart: it can be elsewhere.
        out.reports.push_back(report_of(id, report_kind::displaced, ec::unavailable, "it was never started"));
        return;
      }
      if (x.exit.started == timestamp{} && !e.said_prepared && e.spec && !e.spec->then_start) {
        e.over = e.forget = true;
        out.reports.push_back(report_of(id, report_kind::prepare_failed, ec::canceled, x.exit.message));
        return;
      }
      if (x.exit.started != timestamp{} && !std::exchange(e.said_started, true))
        out.reports.push_back(report_of(id, report_kind::started, ec::none, {}));
      e.over = true;
      break;
    case report_kind::prepare_failed:
    case report_kind::start_failed:
      e.over = true;
      if (!e.spec) { // The head took it for running, after a restart: it can be elsewhere.
        out.reports.push_back(report_of(id, report_kind::displaced, x.problem, x.exit.message));
        return;
      }
      if (x.kind == report_kind::prepare_failed ? e.said_prepared : e.said_started) {
        out.reports.push_back(report_of(id, report_kind::lost, x.problem, x.exit.message));
        return; // Its node prepared it once more, after a restart.
      }
      break;
    case report_kind::displaced: // No node says so.
    case report_kind::lost: e.over = true; break;
    case report_kind::progress: break;
  }
  out.reports.push_back(x);
}

void attempt_table::say_displaced(attempt_id id, entry& e, const std::string& why, effects& out) {
  fence(e);
  out.reports.push_back(report_of(id, report_kind::displaced, ec::unavailable, why));
}

void attempt_table::say_lost(attempt_id id, entry& e, const std::string& why, effects& out) {
  fence(e);
  out.reports.push_back(report_of(id, report_kind::lost, ec::warden_lost, why));
}

/// It was never there: nothing of it is left.
void attempt_table::say_never(attempt_id id, ec code, const std::string& why, effects& out) {
  auto& e = entries_.at(id);
  if (!e.said_prepared) {
    out.reports.push_back(report_of(id, report_kind::prepare_failed, code, why));
    entries_.erase(id);
    return;
  }
  e.over = e.gone = true;
  e.sent_to.clear();
  constexpr std::int32_t signal = 15;
  auto end = report_of(id, report_kind::exited, ec::none, why);
  end.exit.signal = signal;
  end.exit.code = 128 + signal;
  out.reports.push_back(std::move(end));
}

void attempt_table::note_gone(entry& e) {
  e.gone = true;
  trust(e);
}

/// Nobody needs it any more, here or there. A node that is away says itself that it still has it.
void attempt_table::discard(attempt_id id, effects& out) {
  send(id, entries_.at(id), node_verb::remove, out);
  entries_.erase(id);
}

} // namespace muster
