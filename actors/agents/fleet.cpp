#include "actors/agents/fleet.hpp"

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

using fleet_pointer = fleet_actor::stateful_pointer<fleet_state>;
using node = fleet_state::node;

constexpr std::chrono::milliseconds tick{500};
constexpr std::size_t longest_name = 253; ///< As host names have it.

void tell(driver_listener& to, const attempt_report& x) {
  const auto failed = [&] { return result<void>{error{x.problem, x.exit.message}}; };
  switch (x.kind) {
    case report_kind::prepared: return to.on_prepared(x.id, {});
    case report_kind::prepare_failed: return to.on_prepared(x.id, failed());
    case report_kind::started: return to.on_started(x.id, {});
    case report_kind::start_failed: return to.on_started(x.id, failed());
    case report_kind::exited: return to.on_exited(x.id, x.exit);
    case report_kind::lost: return to.on_lost(x.id, x.exit.message);
    case report_kind::progress: return to.on_progress(x.id, x.exit.message);
  }
}

void tell_unknown(driver_listener& to, attempt_id id) {
  to.on_started(id, error{ec::not_found, "attempt " + to_string(id) + " is not prepared"});
  to.on_batch_end();
}

void pump(fleet_pointer self, node& n) {
  while (auto batch = n.out.take())
    self->send(n.link, command_atom::value, std::move(*batch));
}

void apply(fleet_pointer self, node& n, const attempt_table::effects& x);

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

void apply(fleet_pointer self, node& n, const attempt_table::effects& x) {
  auto& state = self->state;
  for (const auto& command : x.commands)
    queue_or_fail(self, n, command);
  if (!x.reports.empty() && state.listener) {
    for (const auto& report : x.reports) {
      tell(state.listener->get(), report);
      if (!n.attempts.keeps(report.id))
        state.where.erase(report.id);
    }
    state.listener->get().on_batch_end();
  }
  if (n.link)
    pump(self, n);
}

void say(fleet_pointer self, const node& n, fleet_change::kind what, std::string why) {
  fleet_change x{n.name, what, std::move(why), n.offered, n.who.platform, n.who.labels, n.who.address};
  self->state.setup.on_change(x);
}

/// Says so if a node has come to take attempts.
void settle(fleet_pointer self, node& n) {
  if (n.ready || !n.met || n.attempts.unsettled() > 0)
    return;
  n.ready = true;
  n.lost = false;
  log::info("fleet", "node is ready", {{"node", n.name}, {"pool", self->state.setup.pool}});
  say(self, n, fleet_change::kind::ready, {});
}

void go_away(fleet_pointer self, node& n, const char* why) {
  auto& state = self->state;
  if (!n.link)
    return;
  log::warn("fleet", "node is away", {{"node", n.name}, {"pool", state.setup.pool}, {"why", why}});
  state.sessions.erase(n.in.session());
  n.link = nullptr;
  n.in.end();
  n.out.end();
  n.met = n.ready = false;
  n.held.clear();
  n.attempts.disconnected();
  say(self, n, fleet_change::kind::away, std::string{"node "} + n.name + " cannot be reached: " + why);
}

void give_up(fleet_pointer self, node& n) {
  auto& state = self->state;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(state.setup.lost_after).count();
  const auto why = "node " + n.name + " is lost: nothing was heard of it for " + std::to_string(seconds) + " s";
  n.lost = true;
  log::warn("fleet", "node is lost", {{"node", n.name}, {"pool", state.setup.pool}});
  say(self, n, fleet_change::kind::lost, why);
  if (state.setup.on_loss == loss_policy::reschedule)
    apply(self, n, n.attempts.give_up(why));
}

bool is_name(const std::string& x) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !x.empty() && x.size() <= longest_name && x.front() != '.' && std::all_of(x.begin(), x.end(), allowed);
}

result<capabilities> check(const fleet_state& state, const hello& who) {
  if (who.version != protocol_version)
    return {ec::unsupported, "this head speaks version " + std::to_string(protocol_version) +
                                 " of the protocol for agents, and the agent of node " + who.node + " version " +
                                 std::to_string(who.version) + ": install the same Muster on both"};
  if (!is_name(who.node))
    return {ec::invalid_argument, "'" + who.node +
                                      "' is no name for a node: letters, digits, '-', '_' and '.', at most " +
                                      std::to_string(longest_name)};
  if (who.memory.empty())
    return {ec::invalid_argument, "node " + who.node + " does not say what it remembers by"};
  if (who.pool != state.setup.pool)
    return {ec::not_found, "there is no pool " + who.pool + " that agents can join; there is " + state.setup.pool};
  if (auto admitted = state.setup.admit(who); !admitted)
    return admitted.failure();
  return remote::decode_capabilities(who.offered);
}

caf::result<welcome, fleet_link> join(fleet_pointer self, hello who, const agent_link& link) {
  auto& state = self->state;
  auto offered = check(state, who);
  if (!offered) {
    log::warn("fleet", "agent refused", {{"node", who.node}, {"why", offered.failure().message}});
    return to_caf(offered.failure());
  }
  auto& n = state.nodes[who.node];
  if (n.link && n.who.memory != who.memory)
    return to_caf({ec::conflict, "node " + who.node +
                                     " is here already, with another agent: give this one another "
                                     "name (--name)"});
  const auto since = state.setup.remember(who.node, who.memory);
  if (!since)
    return to_caf(since.failure());
  if (n.link)
    go_away(self, n, "its agent has connected again");
  who.token.clear();
  n.name = who.node;
  n.who = std::move(who);
  n.offered = std::move(*offered);
  n.link = link;
  n.since = *since;
  n.heard = self->clock().now();
  const auto session = state.next_session++;
  n.in.begin(session);
  n.out.begin(session);
  state.sessions[session] = n.name;
  self->monitor(link);
  log::info("fleet", "agent joins", {{"node", n.name}, {"pool", state.setup.pool}});
  return {welcome{protocol_version, state.setup.incarnation, state.setup.head, session}, fleet_link{self}};
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

void take_reports(fleet_pointer self, const reports& x) {
  auto& state = self->state;
  auto* n = node_of(state, x.session);
  if (n == nullptr || !n->in.accept(x.session, x.number))
    return;
  n->heard = self->clock().now();
  for (const auto& one : x.list) {
    const node_report report{one.lease, one.what, one.then_start};
    if (x.kind != reports_kind::news)
      n->held.push_back(report);
    else if (n->met)
      apply(self, *n, n->attempts.reported(report));
  }
  if (x.kind == reports_kind::held_last) {
    n->met = true;
    apply(self, *n, n->attempts.connected(n->who.memory, n->since, std::exchange(n->held, {}), state.setup.is_over));
  }
  if (n->link)
    self->send(n->link, ack_atom::value, x.session, x.number);
  settle(self, *n);
}

/// A node that attempts were given to before it was ever heard of by this head.
node& known(fleet_pointer self, const std::string& name) {
  auto [at, fresh] = self->state.nodes.try_emplace(name);
  if (fresh) {
    at->second.name = name;
    at->second.heard = self->clock().now();
  }
  return at->second;
}

void prepare(fleet_pointer self, const attempt_spec_ptr& spec) {
  auto& n = known(self, spec->node);
  self->state.where[spec->id] = {spec->node, spec->folder};
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
    state.where[x.id] = {x.node, x.folder};
    auto [found, then] = n.attempts.adopt(x.id, x.lease);
    answer.push_back(found);
    apply(self, n, then);
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

void look_round(fleet_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  for (auto& [name, n] : state.nodes) {
    if (n.link && now - n.heard > state.setup.silence_limit)
      go_away(self, n, "it is silent");
    if (!n.link && !n.lost && now - n.heard > state.setup.lost_after)
      give_up(self, n);
  }
}

/// The FLEET from outside of the actors.
class fleet_driver final : public driver {
public:
  fleet_driver(fleet_actor to, capabilities offered) : to_(std::move(to)), offered_(std::move(offered)) {}
  ~fleet_driver() override { caf::anon_send(to_, listen_atom::value, listener_ptr{}); }
  fleet_driver(const fleet_driver&) = delete;
  fleet_driver& operator=(const fleet_driver&) = delete;

  result<capabilities> probe() override { return offered_; }
  void listen(driver_listener& to) override {
    caf::anon_send(to_, listen_atom::value, std::make_shared<std::reference_wrapper<driver_listener>>(to));
  }
  void prepare(attempt_spec spec) override {
    caf::anon_send(to_, prepare_atom::value, attempt_spec_ptr{std::make_shared<attempt_spec>(std::move(spec))});
  }
  void start(attempt_id id) override { caf::anon_send(to_, start_atom::value, id); }
  void stop(attempt_id id, std::chrono::milliseconds grace) override {
    caf::anon_send(to_, stop_atom::value, id, static_cast<std::uint32_t>(grace.count()));
  }
  void publish(attempt_id id) override { caf::anon_send(to_, publish_atom::value, id); }
  void remove(attempt_id id) override { caf::anon_send(to_, remove_atom::value, id); }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    auto call = std::make_shared<adoption_call>();
    call->asked = attempts;
    auto answer = call->answer.get_future();
    caf::anon_send(to_, adopt_atom::value, call);
    call.reset(); // Dropped unanswered, it breaks the promise.
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return error{ec::unavailable, "the fleet has ended"};
    }
  }

private:
  fleet_actor to_;
  capabilities offered_;
};

} // namespace

fleet_actor::behavior_type fleet(fleet_actor::stateful_pointer<fleet_state> self, fleet_setup setup) {
  auto& state = self->state;
  state.setup = std::move(setup);
  self->set_down_handler([self, &state](const caf::down_msg& x) {
    for (auto& [name, n] : state.nodes)
      if (n.link && n.link.address() == x.source)
        go_away(self, n, "the connection is lost");
  });
  self->delayed_send(self, tick, tick_atom::value);
  return {
      [self](report_atom, const reports& x) { take_reports(self, x); },
      [self, &state](ack_atom, std::uint64_t session, std::uint64_t number) {
        if (auto* n = node_of(state, session)) {
          n->out.acknowledge(session, number);
          pump(self, *n);
        }
      },
      [self, &state](alive_atom, std::uint64_t session) {
        if (auto* n = node_of(state, session)) {
          n->heard = self->clock().now();
          self->send(n->link, alive_atom::value, session);
        }
      },
      [self](hello_atom, hello& who, const agent_link& link) { return join(self, std::move(who), link); },
      [&state](listen_atom, const listener_ptr& to) { state.listener = to; },
      [self](prepare_atom, const attempt_spec_ptr& spec) { prepare(self, spec); },
      [self, &state](start_atom, attempt_id id) {
        if (auto* n = node_of(state, id))
          apply(self, *n, n->attempts.start(id));
        else if (state.listener)
          tell_unknown(state.listener->get(), id);
      },
      [self, &state](stop_atom, attempt_id id, std::uint32_t grace) {
        if (auto* n = node_of(state, id))
          apply(self, *n, n->attempts.stop(id, grace));
      },
      [&state](publish_atom, attempt_id id) { publish(state, id); },
      [self, &state](remove_atom, attempt_id id) {
        if (auto* n = node_of(state, id)) {
          apply(self, *n, n->attempts.remove(id));
          settle(self, *n);
        }
        state.where.erase(id);
      },
      [self](adopt_atom, const adoption_call_ptr& call) { adopt(self, *call); },
      [self](tick_atom) {
        self->delayed_send(self, tick, tick_atom::value);
        look_round(self);
      },
  };
}

std::unique_ptr<driver> make_fleet_driver(fleet_actor to, capabilities offered) {
  return std::make_unique<fleet_driver>(std::move(to), std::move(offered));
}

} // namespace muster::agent
