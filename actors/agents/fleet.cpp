#include "actors/agents/fleet.hpp"

#include "actors/agents/fleet_parts.hpp"
#include "actors/agents/node_link.hpp"
#include "actors/agents/node_rows.hpp"
#include "actors/context.hpp"
#include "actors/errors.hpp"
#include "actors/protocol/type_ids.hpp"
#include "executors/data/folders.hpp"
#include "executors/remote/attempt_text.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <utility>

namespace muster::agent {

namespace {

constexpr std::chrono::milliseconds tick{500};
/// How often agents hear that their head is there; they wait for several times as long. Each message counts: there may
/// be a thousand nodes.
constexpr std::chrono::milliseconds alive_every{6'000};
/// How often it is looked at what nodes have and nobody has asked for.
constexpr std::chrono::seconds review_every{15};

void tell(driver_listener& to, const std::string& node, const attempt_report& x) {
  const auto failed = [&] { return result<void>{error{x.problem, "on node " + node + ": " + x.exit.message}}; };
  switch (x.kind) {
    case report_kind::prepared: return to.on_prepared(x.id, {});
    case report_kind::prepare_failed: return to.on_prepared(x.id, failed());
    case report_kind::started: return to.on_started(x.id, {});
    case report_kind::start_failed: return to.on_started(x.id, failed());
    case report_kind::exited: return to.on_exited(x.id, x.exit);
    case report_kind::lost: return to.on_lost(x.id, x.exit.message);
    case report_kind::displaced: return to.on_displaced(x.id, x.exit.message);
    case report_kind::progress: return to.on_progress(x.id, x.exit.message);
  }
}

void tell_unknown(driver_listener& to, attempt_id id) {
  to.on_started(id, error{ec::not_found, "attempt " + to_string(id) + " is not prepared"});
  to.on_batch_end();
}

void pump(node& n) {
  while (auto batch = n.out.take())
    caf::anon_send(n.link, command_atom::value, std::move(*batch));
}

/// Behind all that waits in the mailbox: what several messages queue for a node, the starts of a gang's members say,
/// goes as one batch.
void pump_soon(fleet_pointer self, node& n) {
  if (n.out.waiting() == 0 || std::exchange(n.to_flush, true))
    return;
  auto& list = self->state.to_flush;
  list.push_back(n.name);
  if (list.size() == 1)
    self->send(self, flush_atom::value);
}

void flush(fleet_state& state) {
  for (const auto& name : std::exchange(state.to_flush, {})) {
    const auto found = state.nodes.find(name);
    if (found == state.nodes.end())
      continue;
    found->second.to_flush = false;
    if (found->second.link)
      pump(found->second);
  }
}

/// What cannot be sent fails here.
void queue_or_fail(fleet_pointer self, node& n, const node_command& x) {
  const auto queued = queue(n.out, x, self->state.setup.root);
  if (queued)
    return;
  node_report failed{x.lease, {}, false};
  failed.what.id = x.id;
  failed.what.kind = report_kind::prepare_failed;
  failed.what.problem = queued.failure().code;
  failed.what.exit.message = queued.failure().message;
  apply(self, n, n.attempts.reported(failed));
}

/// Says so if a node has come to take attempts.
void settle(fleet_pointer self, node& n) {
  if (n.ready || !n.met || n.attempts.unsettled() > 0)
    return;
  n.ready = true;
  log::info("fleet", "node is ready", {{"node", n.name}, {"pool", self->state.setup.pool}});
  say(self, n, fleet_change::kind::ready, {});
}

/// Why a node that is here is not used yet.
std::string why_unsettled(const node& n) {
  return "node " + n.name + " still holds " + std::to_string(n.attempts.unsettled()) +
         " attempts that were given up, or whose workflows are not taken up: it is given nothing before they have "
         "ended or somebody has taken them up";
}

/// Told to the store, without waiting for it.
void note(fleet_pointer self, store::service_change x) {
  if (self->state.setup.store)
    self->send(self->state.setup.store, record_atom::value,
               service_change_ptr{std::make_shared<store::service_change>(std::move(x))});
}

/// That its agent is there is noted without waking anybody.
void take_last_word(node& n) {
  if (n.link)
    n.heard = std::max(n.heard, n.said_alive->load(std::memory_order_relaxed));
}

void go_away(fleet_pointer self, node& n, const char* why) {
  auto& state = self->state;
  if (!n.link)
    return;
  take_last_word(n);
  log::warn("fleet", "node is away", {{"node", n.name}, {"pool", state.setup.pool}, {"why", why}});
  state.sessions.erase(n.in.session());
  n.link = nullptr;
  *n.door_may_end = true;
  self->send_exit(std::exchange(n.door, nullptr), caf::exit_reason::user_shutdown);
  n.in.end();
  n.out.end();
  if (n.met)
    n.seen = n.heard;
  n.met = n.ready = false;
  n.held.clear();
  n.attempts.disconnected();
  note(self, store::nodes_seen{{n.name}, self->state.setup.now()});
  if (n.lost) // Its agent was there, and did not come to say what it holds.
    say(self, n, fleet_change::kind::lost, why_lost(state, n));
  else
    say(self, n, fleet_change::kind::away, std::string{"node "} + n.name + " cannot be reached: " + why);
}

void declare_lost(fleet_pointer self, node& n) {
  n.lost = true;
  log::warn("fleet", "node is lost", {{"node", n.name}, {"pool", self->state.setup.pool}});
  say(self, n, fleet_change::kind::lost, why_lost(self->state, n));
}

/// Milliseconds, so that several in a row must get lost before a node counts as silent.
std::uint32_t alive_interval(std::chrono::milliseconds silence_limit) {
  constexpr std::int64_t longest = 3'300;
  constexpr std::int64_t shortest = 100;
  constexpr std::int64_t in_a_row = 3;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(silence_limit.count() / in_a_row, shortest, longest));
}

using welcome_promise = caf::typed_response_promise<welcome, fleet_link>;

/// It is written down: a session begins.
void welcome_node(fleet_pointer self, node& n, const store::node_record& row, std::uint64_t incarnation,
                  const agent_link& link, welcome_promise& answer) {
  auto& state = self->state;
  if (n.link)
    go_away(self, n, "its agent has connected again");
  auto offered = remote::decode_capabilities(row.offered);
  n.offered = offered ? std::move(*offered) : capabilities{};
  take_offer(n.noted, row);
  n.struck = false;
  n.link = link;
  n.incarnation = incarnation;
  n.heard = self->clock().now();
  const auto session = state.setup.draw_session();
  n.in.begin(session);
  n.reader.clear();
  n.out.begin(session);
  state.sessions[session] = n.name;
  n.door_may_end = std::make_shared<std::atomic<bool>>(false);
  n.said_alive = std::make_shared<last_word::element_type>(n.heard);
  n.door = self->spawn<node_link>(fleet_actor{self}, session, n.said_alive, n.door_may_end);
  self->monitor(link);
  log::info("fleet", "agent joins", {{"node", n.name}, {"pool", state.setup.pool}});
  answer.deliver(welcome{protocol_version, state.setup.incarnation, state.setup.head, session,
                         state.setup.root.string(), alive_interval(state.setup.silence_limit)},
                 n.door);
}

/// An agent that was started anew comes when the former one has ended, and with it its connection: if that one is still
/// heard of there are two, with copies of one directory. Letting the newcomer in would lose what the other runs.
error speaks_already(const fleet_state& state, const node& n) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(state.setup.silence_limit).count();
  return {ec::conflict,
          "another agent speaks for node " + n.name +
              (n.noted.address.empty() ? std::string{} : ", whose address is " + n.noted.address) +
              ": if this machine or its state directory is a copy of that one's, remove the copy of the directory and "
              "give this agent another name (--node). If that agent has ended, this one joins when nothing was heard "
              "of it for " +
              std::to_string(seconds) + " s"};
}

/// Why somebody may not be this node now.
result<void> check(const fleet_state& state, const store::node_record& row, std::uint64_t incarnation) {
  if (const auto offered = remote::decode_capabilities(row.offered); !offered)
    return offered.failure();
  const auto found = state.nodes.find(row.name);
  if (found == state.nodes.end())
    return {};
  const auto& n = found->second;
  if (n.link && n.noted.memory != row.memory)
    return {ec::conflict,
            "node " + n.name + " is here already, with another agent: give this one another name (--node)"};
  if (n.link && n.incarnation != incarnation)
    return speaks_already(state, n);
  if (n.is_being_noted)
    return {ec::unavailable, "node " + n.name + " is just joining, or being removed"};
  if (n.on_struck.pending())
    return {ec::unavailable, "node " + n.name + " is being removed"};
  return {};
}

/// What remembers from now on was told of none of the leases that were given out before.
epoch first_lease_from_now(const fleet_state& state) {
  return {std::max(state.setup.first_lease.value, state.newest_lease.value + 1)};
}

/// Nobody is welcome who could not be known again by a later runtime.
caf::result<welcome, fleet_link> join(fleet_pointer self, const hello& who, const agent_link& link) {
  auto& state = self->state;
  if (state.is_closed)
    return to_caf(error{ec::unavailable, "pool " + state.setup.pool + " is just being removed"});
  auto row = row_of(who, self->state.setup.now());
  if (const auto may = check(state, row, who.incarnation); !may) {
    log::warn("fleet", "agent refused", {{"node", who.node}, {"address", who.address}, {"why", may.failure().message}});
    return to_caf(may.failure());
  }
  auto& n = known(self, who.node);
  row.since = n.noted.memory == row.memory ? n.noted.since : first_lease_from_now(state);
  auto answer = self->make_response_promise<welcome, fleet_link>();
  if (!state.setup.store || has_same_offer(n.noted, row)) {
    welcome_node(self, n, row, who.incarnation, link, answer);
    return answer;
  }
  n.is_being_noted = true;
  self->request(state.setup.store, caf::infinite, commit_atom::value,
                service_change_ptr{std::make_shared<store::service_change>(store::node_joined{row})})
      .then(
          [self, row, incarnation = who.incarnation, link, answer](const service_answer&) mutable {
            auto& noted = known(self, row.name);
            noted.is_being_noted = false;
            welcome_node(self, noted, row, incarnation, link, answer);
          },
          [self, name = row.name, answer](caf::error& why) mutable {
            auto& refused = known(self, name);
            refused.is_being_noted = false;
            // Nobody has come to know of it.
            if (refused.noted.memory.empty() && refused.attempts.size() == 0)
              self->state.nodes.erase(name);
            answer.deliver(std::move(why));
          });
  return answer;
}

node* node_of(fleet_state& state, std::uint64_t session) {
  const auto found = state.sessions.find(session);
  return found == state.sessions.end() ? nullptr : &state.nodes.at(found->second);
}

/// The node that has this attempt; null for none.
node* node_of(fleet_state& state, attempt_id id) {
  const auto found = state.where.find(id);
  return found == state.where.end() ? nullptr : &state.nodes.at(found->second.node);
}

/// Whether an attempt is over as far as this node goes: it may have another life elsewhere.
std::function<bool(attempt_id)> is_over_on(const fleet_state& state, const node& n) {
  return [&](attempt_id id) {
    const auto found = state.where.find(id);
    return (found != state.where.end() && found->second.node != n.name) || state.setup.is_over(id);
  };
}

void take_reports(fleet_pointer self, reports& x) {
  auto& state = self->state;
  auto* n = node_of(state, x.session);
  if (n == nullptr || !n->in.accept(x.session, x.number))
    return;
  n->heard = self->clock().now();
  for (auto& one : x.list) {
    if (one.what.kind < report_kind::prepared || one.what.kind > report_kind::progress)
      continue; // Nothing that a node can say.
    auto read = n->reader.read(std::move(one));
    if (!read)
      log::warn("fleet", "report cannot be read", {{"node", n->name}, {"why", read.failure().message}});
    if (!read || !*read)
      continue;
    if (x.kind != reports_kind::news)
      n->held.push_back(**std::move(read));
    else if (n->met)
      apply(self, *n, n->attempts.reported(**read));
  }
  if (x.kind == reports_kind::held_last) {
    n->met = true;
    n->lost = false;
    n->seen = self->clock().now();
    apply(self, *n,
          n->attempts.connected(n->noted.memory, n->noted.since, std::exchange(n->held, {}), is_over_on(state, *n)));
    if (n->attempts.unsettled() > 0) {
      log::info("fleet", "node is not used yet", {{"node", n->name}, {"why", why_unsettled(*n)}});
      say(self, *n, fleet_change::kind::away, why_unsettled(*n));
    }
  }
  if (n->link)
    caf::anon_send(n->link, ack_atom::value, x.session, x.number);
  settle(self, *n);
}

void prepare(fleet_pointer self, const attempt_spec_ptr& spec) {
  auto& n = known(self, spec->node);
  self->state.where[spec->id] = {spec->node, spec->folder};
  self->state.newest_lease = std::max(self->state.newest_lease, spec->lease);
  apply(self, n, n.attempts.prepare(spec));
}

void adopt(fleet_pointer self, adoption_call& call) {
  auto& state = self->state;
  std::vector<adoption> answer;
  for (const auto& x : call.asked) {
    if (x.node.empty()) { // It had no place yet.
      answer.push_back(adoption::never_started);
      continue;
    }
    auto& n = known(self, x.node);
    // Nothing is given to a node before it is noted.
    n.struck = n.struck || (state.setup.store && n.noted.memory.empty());
    state.where[x.id] = {x.node, x.folder};
    auto [found, then] = n.attempts.adopt(x.id, x.lease);
    answer.push_back(found);
    apply(self, n, then);
    settle(self, n);
    if (!n.attempts.keeps(x.id)) // Nobody asks for its removal.
      state.where.erase(x.id);
  }
  call.answer.set_value(std::move(answer));
}

void publish(const fleet_state& state, attempt_id id) {
  const auto found = state.where.find(id);
  if (found == state.where.end())
    return;
  if (const auto shown = data::show_output(found->second.folder); !shown)
    log::error("fleet", "output cannot be published", {{"attempt", to_string(id)}, {"why", shown.failure().message}});
}

/// Nodes that an earlier runtime knew are away until they say something.
void take_known(fleet_pointer self) {
  for (auto& row : std::exchange(self->state.setup.known, {})) {
    auto& n = known(self, row.name);
    if (auto offered = remote::decode_capabilities(row.offered))
      n.offered = std::move(*offered);
    n.noted = std::move(row);
  }
}

/// What nobody will ask for.
void review(fleet_pointer self, node& n) {
  auto& state = self->state;
  const auto then = n.attempts.review(is_over_on(state, n));
  for (const auto& x : then.commands)
    if (const auto found = state.where.find(x.id); found != state.where.end() && found->second.node == n.name)
      state.where.erase(found);
  apply(self, n, then);
  settle(self, n);
}

/// What nodes said while the head was held up waits in the mailbox, behind this.
void forgive_delay(fleet_state& state, caf::actor_clock::time_point now) {
  const auto late = now - state.next_look;
  if (late > state.setup.held_up_after) {
    log::warn("fleet", "head was held up",
              {{"pool", state.setup.pool},
               {"ms", static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(late).count())}});
    // Of a node whose message was handled before this, nothing is forgiven.
    for (auto& [name, n] : state.nodes) {
      n.heard = std::min(n.heard + late, now);
      n.seen = std::min(n.seen + late, now);
    }
  }
  state.next_look = now + tick;
}

std::vector<std::string> names_met(const fleet_state& state) {
  std::vector<std::string> out;
  for (const auto& [name, n] : state.nodes)
    if (n.met)
      out.push_back(name);
  return out;
}

void look_round(fleet_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  for (auto& [name, n] : state.nodes)
    take_last_word(n);
  forgive_delay(state, now);
  const bool reviews = now >= state.next_review;
  if (reviews)
    state.next_review = now + review_every;
  const bool says_alive = now >= state.next_alive;
  if (says_alive)
    state.next_alive = now + alive_every;
  for (auto& [name, n] : state.nodes) {
    if (n.link && says_alive) // To all in one go: that wakes the network once, not a thousand times.
      caf::anon_send(n.link, alive_atom::value, n.in.session());
    if (reviews && n.met)
      review(self, n);
    if (n.link && now - n.heard > state.setup.silence_limit)
      go_away(self, n, "it is silent");
    if (!n.met && !n.lost && now - n.seen > state.setup.lost_after)
      declare_lost(self, n);
    give_up(self, n);
    strike_off_if_done(self, n);
    vacate_if_due(self, n);
  }
  forget_unknown(state);
}

} // namespace

void apply(fleet_pointer self, node& n, const attempt_table::effects& x) {
  auto& state = self->state;
  for (const auto& command : x.commands)
    queue_or_fail(self, n, command);
  if (!x.reports.empty() && state.listener) {
    for (const auto& report : x.reports) {
      tell(state.listener->get(), n.name, report);
      if (!n.attempts.keeps(report.id))
        state.where.erase(report.id);
    }
    state.listener->get().on_batch_end();
  }
  if (n.link)
    pump_soon(self, n);
}

void say(fleet_pointer self, const node& n, fleet_change::kind what, std::string why) {
  auto x = change_of(n.noted, what, std::move(why));
  x.offered = n.offered;
  self->state.setup.on_change(x);
}

/// A node that attempts were given to before it was ever heard of by this head.
node& known(fleet_pointer self, const std::string& name) {
  auto [at, fresh] = self->state.nodes.try_emplace(name);
  if (fresh) {
    at->second.name = at->second.noted.name = name;
    at->second.heard = at->second.seen = self->clock().now();
  }
  return at->second;
}

std::string why_lost(const fleet_state& state, const node& n) {
  if (n.struck)
    return "node " + n.name + " was removed";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(state.setup.lost_after).count();
  return "node " + n.name + " is lost: nothing was heard of it for " + std::to_string(seconds) + " s";
}

void give_up(fleet_pointer self, node& n) {
  if (n.met || !(n.struck || n.lost))
    return;
  const bool gives_up_all = n.struck || self->state.setup.on_loss == loss_policy::reschedule;
  const auto why = why_lost(self->state, n);
  const auto then = gives_up_all ? n.attempts.give_up(why) : n.attempts.give_up_forced(why);
  n.given_up += static_cast<std::int64_t>(then.reports.size());
  apply(self, n, then);
}

error no_such_pool(const std::string& pool) {
  return {ec::not_found, "there is no pool '" + pool + "' that agents can join"};
}

fleet_actor::behavior_type fleet(fleet_actor::stateful_pointer<fleet_state> self, fleet_setup setup) {
  auto& state = self->state;
  state.setup = std::move(setup);
  if (state.setup.on_failure)
    guard(self, "fleet", state.setup.on_failure);
  if (!state.setup.now)
    state.setup.now = [] { return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now()); };
  take_known(self);
  self->set_down_handler([self, &state](const caf::down_msg& x) {
    for (auto& [name, n] : state.nodes)
      if (n.link && n.link.address() == x.source)
        go_away(self, n, "the connection is lost");
  });
  state.next_look = self->clock().now() + tick;
  self->delayed_send(self, tick, tick_atom::value);
  return {
      [self](report_atom, reports& x) { take_reports(self, x); },
      [self, &state](ack_atom, std::uint64_t session, std::uint64_t number) {
        if (auto* n = node_of(state, session)) {
          n->heard = self->clock().now();
          n->out.acknowledge(session, number);
          pump(*n);
        }
      },
      [self](hello_atom, const hello& who, const agent_link& link) { return join(self, who, link); },
      [&state](listen_atom, const listener_ptr& to) { state.listener = to; },
      [self](prepare_atom, const attempt_spec_ptr& spec) { prepare(self, spec); },
      [self, &state](start_atom, attempt_id id) {
        if (auto* n = node_of(state, id))
          apply(self, *n, n->attempts.start(id));
        else if (state.listener)
          tell_unknown(state.listener->get(), id);
      },
      [self, &state](stop_atom, attempt_id id, std::uint32_t grace) {
        if (auto* n = node_of(state, id)) {
          apply(self, *n, n->attempts.stop(id, grace));
          give_up(self, *n);
        }
      },
      [&state](publish_atom, attempt_id id) { publish(state, id); },
      [self, &state](remove_atom, attempt_id id) {
        if (auto* n = node_of(state, id)) {
          apply(self, *n, n->attempts.remove(id));
          settle(self, *n);
          strike_off_if_done(self, *n);
        }
        state.where.erase(id);
      },
      [self](adopt_atom, const adoption_call_ptr& call) { adopt(self, *call); },
      [self](assign_atom, const service_change_ptr& what) { return assign(self, what); },
      [self](remove_atom, const std::string& name, bool force) { return remove_node(self, name, force); },
      [self](close_atom) { return close_fleet(self); },
      [&state](report_atom) { return names_met(state); },
      [&state](open_atom) { state.is_closed = false; },
      [&state](flush_atom) { flush(state); },
      [self](tick_atom) {
        self->delayed_send(self, tick, tick_atom::value);
        look_round(self);
      },
  };
}

} // namespace muster::agent
