#include "actors/monitor_gate.hpp"

#include "actors/errors.hpp"
#include "muster/base/log.hpp"
#include "muster/base/random.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace muster {

namespace {

using gate_pointer = monitor::gate_actor::stateful_pointer<monitor_gate_state>;

/// Events in one message, and about how many bytes of text: far below what counts as silence of a peer.
constexpr std::size_t page = 256;
constexpr std::size_t most_bytes = std::size_t{256} << 10U;

/// The type of that name, whichever there are.
std::optional<event_type> type_named(const std::string& name) {
  constexpr int all = 256;
  for (int i = 1; i < all; ++i)
    if (const auto type = static_cast<event_type>(i);
        to_string(type) == name && name != to_string(event_type::unspecified))
      return type;
  return std::nullopt;
}

monitor::fact fact_of(store::named_event& x) {
  auto& from = x.fact;
  monitor::fact out;
  out.seq = from.seq.value;
  out.time_us = from.time.time_since_epoch().count();
  out.type = std::string{to_string(from.type)};
  out.workflow = std::move(x.workflow);
  out.group = std::move(x.group);
  out.task = std::move(x.task);
  out.attempt = from.attempt;
  out.status = from.status == status::unspecified ? std::string{} : std::string{to_string(from.status)};
  out.exit_code = from.exit_code;
  out.lease = from.lease.value;
  out.text = std::move(from.text);
  out.node = std::move(from.node);
  out.address = std::move(from.address);
  out.gpus = std::move(from.gpus);
  return out;
}

std::size_t bytes_of(const monitor::fact& x) {
  constexpr std::size_t fixed = 100;
  return fixed + x.workflow.size() + x.group.size() + x.task.size() + x.text.size() + x.node.size() + x.gpus.size();
}

result<void> open(monitor_gate_state& state) {
  if (state.reader)
    return {};
  auto opened = store::reader::open(state.directory);
  if (!opened)
    return opened.failure();
  state.reader.emplace(std::move(*opened));
  return {};
}

result<std::vector<event_type>> types_of(const std::vector<std::string>& names) {
  std::vector<event_type> out;
  for (const auto& name : names) {
    const auto found = type_named(name);
    if (!found)
      return error{ec::invalid_argument, "there are no events of type " + name};
    out.push_back(*found);
  }
  return out;
}

/// What the log is to be asked for.
result<store::event_query> query_of(store::reader& from, const monitor::subscription& x, const monitor_guest& guest) {
  store::event_query out;
  out.after = {x.after};
  auto types = types_of(x.types);
  if (!types)
    return types.failure();
  out.types = std::move(*types);
  if (x.workflow.empty()) {
    if (!x.group.empty() || !x.task.empty())
      return error{ec::invalid_argument, "a group or a task goes with a workflow"};
    return out;
  }
  const auto record = from.workflow(x.workflow);
  if (!record)
    return record.failure();
  if (guest.only_user && record->user != *guest.only_user)
    return error{ec::not_found, "there is no workflow " + x.workflow};
  out.workflow = record->key;
  if (!x.task.empty()) {
    const auto task = from.task(record->key, x.task);
    if (!task)
      return task.failure();
    out.task = task->index;
  }
  if (!x.group.empty()) {
    const auto group = from.group(record->key, x.group);
    if (!group)
      return group.failure();
    out.group = group->index;
  }
  return out;
}

void wake(gate_pointer self) {
  if (!self->state.signal->awake.exchange(true))
    self->send(self, monitor::wake_atom::value);
}

result<monitor_guest> admitted(monitor_gate_state& state, const std::string& token, bool is_new) {
  return state.admit ? state.admit(token, is_new) : monitor_guest{};
}

/// Sends one page to one subscriber. False: it is to be dropped.
bool serve(gate_pointer self, std::uint64_t number, monitor_gate_state::subscriber& x) {
  auto& state = self->state;
  if (const auto guest = admitted(state, x.token, false); !guest && guest.failure().code == ec::invalid_argument) {
    self->send_exit(x.to, caf::exit_reason::user_shutdown);
    return false;
  } else if (!guest) {
    log::warn("monitors", "token cannot be looked up", {{"why", guest.failure().message}});
    x.at_end = true; // Until the next wake.
    return true;
  }
  x.query.limit = std::min<std::size_t>(page, x.credit);
  auto events = state.reader->events(x.query);
  if (!events) {
    if (events.failure().code == ec::not_found) {
      const auto earliest = state.reader->earliest();
      self->send(x.to, monitor::gone_atom::value, monitor::gone{number, earliest ? earliest->value : 0});
      return false;
    }
    log::warn("monitors", "log cannot be read", {{"why", events.failure().message}});
    state.reader.reset(); // Opened again with the next wake.
    return true;
  }
  monitor::batch out{number, events->next_after.value, {}};
  std::size_t bytes = 0;
  for (auto& named : events->events) {
    if (x.only_user && named.user != *x.only_user)
      continue;
    out.facts.push_back(fact_of(named));
    bytes += bytes_of(out.facts.back());
    if (bytes < most_bytes || &named == &events->events.back())
      continue;
    out.bookmark = out.facts.back().seq; // The rest is read again.
    events->at_end = false;
    break;
  }
  x.query.after = {out.bookmark};
  x.at_end = events->at_end;
  const auto now = self->clock().now();
  if (out.facts.empty() && now - x.last_sent < monitor_gate_state::bookmark_interval)
    return true;
  x.credit -= std::max<std::uint32_t>(1, static_cast<std::uint32_t>(out.facts.size()));
  x.last_sent = now;
  self->send(x.to, monitor::batch_atom::value, std::move(out));
  return true;
}

/// A page for each who has credit, again and again while there is more: nobody waits for another's history.
void serve_all(gate_pointer self) {
  auto& state = self->state;
  bool more = false;
  for (auto at = state.subscribers.begin(); at != state.subscribers.end();) {
    if (!open(state))
      return;
    auto& x = at->second;
    if (x.credit == 0 || serve(self, at->first, x)) {
      more = more || (x.credit > 0 && !x.at_end && state.reader);
      ++at;
      continue;
    }
    at = state.subscribers.erase(at);
  }
  state.counted->monitors = state.subscribers.size();
  if (more)
    wake(self);
}

caf::result<monitor::welcome> greet(gate_pointer self, const monitor::hello& who) {
  auto& state = self->state;
  if (who.version != monitor::protocol_version)
    return to_caf({ec::unsupported, "this head speaks version " + std::to_string(monitor::protocol_version) +
                                        " of the protocol for monitors, not " + std::to_string(who.version)});
  if (auto opened = open(state); !opened)
    return to_caf(opened.failure());
  monitor::welcome out;
  out.incarnation = state.incarnation;
  if (auto id = state.reader->log_id())
    out.log_id = std::move(*id);
  if (const auto x = state.reader->earliest())
    out.earliest = x->value;
  if (const auto x = state.reader->latest())
    out.latest = x->value;
  log::info("monitors", "monitor connected", {{"name", who.name}});
  return out;
}

caf::result<std::uint64_t> subscribe(gate_pointer self, const monitor::subscription& what,
                                     const monitor::monitor_actor& who) {
  auto& state = self->state;
  if (state.subscribers.size() >= monitor_gate_state::most_subscriptions)
    return to_caf({ec::limit_exceeded, "there are too many monitors"});
  if (auto opened = open(state); !opened)
    return to_caf(opened.failure());
  const auto guest = admitted(state, what.token, true);
  if (!guest)
    return to_caf(guest.failure());
  auto query = query_of(*state.reader, what, *guest);
  if (!query)
    return to_caf(query.failure());
  self->monitor(who);
  const auto number = state.next_number++;
  state.subscribers[number] = {who,
                               std::move(*query),
                               what.token,
                               guest->only_user,
                               std::min(what.credit, monitor::most_credit),
                               self->clock().now(),
                               false};
  state.counted->monitors = state.subscribers.size();
  wake(self);
  return number;
}

} // namespace

monitor::gate_actor::behavior_type monitor_gate(monitor::gate_actor::stateful_pointer<monitor_gate_state> self,
                                                store::state_directory directory, std::shared_ptr<meters> counted,
                                                std::shared_ptr<gate_signal> signal, monitor_admission admit) {
  auto& state = self->state;
  state.directory = std::move(directory);
  state.counted = std::move(counted);
  state.signal = std::move(signal);
  state.admit = std::move(admit);
  state.incarnation = random_number();
  self->set_down_handler([&state](const caf::down_msg& x) {
    for (auto at = state.subscribers.begin(); at != state.subscribers.end();)
      at = at->second.to.address() == x.source ? state.subscribers.erase(at) : std::next(at);
    state.counted->monitors = state.subscribers.size();
  });
  self->delayed_send(self, monitor_gate_state::bookmark_interval, monitor::wake_atom::value);
  return {
      [self](monitor::hello_atom, const monitor::hello& who) { return greet(self, who); },
      [self](monitor::subscribe_atom, const monitor::subscription& what, const monitor::monitor_actor& who) {
        return subscribe(self, what, who);
      },
      [self, &state](monitor::credit_atom, std::uint64_t number, std::uint32_t more) {
        const auto found = state.subscribers.find(number);
        if (found == state.subscribers.end())
          return;
        auto& credit = found->second.credit;
        credit += std::min(more, monitor::most_credit - credit);
        wake(self);
      },
      [&state](monitor::end_atom, std::uint64_t number) {
        state.subscribers.erase(number);
        state.counted->monitors = state.subscribers.size();
      },
      [self, &state](monitor::wake_atom) {
        // Who asks from now on is served by a later one.
        if (!state.signal->awake.exchange(false))
          self->delayed_send(self, monitor_gate_state::bookmark_interval, monitor::wake_atom::value);
        serve_all(self);
      },
  };
}

} // namespace muster
