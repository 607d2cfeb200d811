#include "actors/agents/held_attempts.hpp"

#include <utility>

namespace muster {

held_attempts::calls held_attempts::command(const node_command& x) {
  const auto at = known_.find(x.id);
  if (x.verb == node_verb::prepare) {
    if (at == known_.end())
      return begin(x.spec);
    auto& e = at->second;
    if (!(e.lease < x.lease) || (e.again && !(e.again->lease < x.lease)))
      return {};
    e.again = x.spec;
    e.remove = true;
    return e.ended ? forget(x.id) : calls{{node_verb::stop, x.id, e.lease, 0, nullptr}};
  }
  if (at == known_.end())
    return {};
  if (at->second.lease != x.lease) {
    auto& next = at->second.again;
    if (x.verb == node_verb::remove && next && next->lease == x.lease)
      next.reset(); // Nobody wants it any more, before it has begun.
    return {};
  }
  // Its driver says only later that it runs, and a head that is new meanwhile must not take it for one that never did.
  if (x.verb == node_verb::start)
    at->second.then_start = true;
  if (x.verb != node_verb::remove)
    return {x};
  at->second.remove = true;
  // Whose end nobody waits for is ended: a head that is new took it for one that never came here.
  return at->second.ended ? forget(x.id) : calls{{node_verb::stop, x.id, x.lease, 0, nullptr}};
}

std::pair<std::optional<node_report>, held_attempts::calls> held_attempts::report(const attempt_report& x) {
  const auto at = known_.find(x.id);
  if (at == known_.end() || at->second.ended) // What has ended stays so, whatever is said late or once more.
    return {};
  auto& e = at->second;
  const node_report told{e.lease, x, e.then_start};
  if (x.kind == report_kind::progress)
    return {told, {}};
  e.newest = x;
  e.ended = x.kind != report_kind::prepared && x.kind != report_kind::started;
  if (e.ended && e.remove)
    return {told, forget(x.id)};
  // Once the head knows that it failed, no restart of this node may try it again.
  if (x.kind == report_kind::prepare_failed || x.kind == report_kind::start_failed)
    return {told, {{node_verb::remove, x.id, e.lease, 0, nullptr}}};
  return {told, {}};
}

held_attempts::calls held_attempts::restore(attempt_spec_ptr spec, adoption found) {
  const auto id = spec->id;
  if (found == adoption::never_started)
    return begin(std::move(spec));
  auto& e = known_[id];
  e.lease = spec->lease;
  e.newest.emplace();
  e.newest->id = id;
  e.newest->kind = report_kind::started; // If it has ended, the driver says how in a moment.
  if (found == adoption::lost) {
    e.newest->kind = report_kind::lost;
    e.newest->problem = ec::warden_lost;
    e.newest->exit.message = "nobody on its node saw how it ended";
    e.ended = true;
  }
  return {};
}

node_reports held_attempts::all() const {
  node_reports out;
  out.reserve(known_.size());
  for (const auto& [id, e] : known_) {
    if (e.newest) {
      out.push_back({e.lease, *e.newest, e.then_start});
      continue;
    }
    attempt_report x;
    x.id = id;
    x.kind = report_kind::progress;
    out.push_back({e.lease, std::move(x), e.then_start});
  }
  return out;
}

held_attempts::calls held_attempts::begin(attempt_spec_ptr spec) {
  const auto id = spec->id;
  const auto lease = spec->lease;
  auto& e = known_[id];
  e.lease = lease;
  e.then_start = spec->then_start;
  return {{node_verb::prepare, id, lease, 0, std::move(spec)}};
}

held_attempts::calls held_attempts::forget(attempt_id id) {
  const auto at = known_.find(id);
  auto again = std::move(at->second.again);
  calls out{{node_verb::remove, id, at->second.lease, 0, nullptr}};
  known_.erase(at);
  if (again)
    for (auto& x : begin(std::move(again)))
      out.push_back(std::move(x));
  return out;
}

} // namespace muster
