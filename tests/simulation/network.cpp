#include "network.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <utility>

namespace muster::simulation {

namespace {

constexpr std::uint64_t sent_twice = 2; ///< In per mille.

struct stand_in_state {
  static inline const char* name = "stand_in";
};

agent::agent_link::behavior_type agent_stand_in(agent::agent_link::stateful_pointer<stand_in_state>,
                                                connection_ptr over, agent::agent_link real) {
  using agent::ack_atom;
  using agent::alive_atom;
  using agent::command_atom;
  const auto from = connection::head_side;
  return {
      [=](command_atom, agent::commands& x) {
        over->send(from, "commands", [=, x = std::move(x)] { caf::anon_send(real, command_atom::value, x); });
      },
      [=](ack_atom, std::uint64_t session, std::uint64_t number) {
        over->send(from, "ack", [=] { caf::anon_send(real, ack_atom::value, session, number); });
      },
      [=](alive_atom, std::uint64_t session) {
        over->send(from, "alive", [=] { caf::anon_send(real, alive_atom::value, session); });
      },
  };
}

agent::fleet_link::behavior_type fleet_stand_in(agent::fleet_link::stateful_pointer<stand_in_state>,
                                                connection_ptr over, agent::fleet_link real) {
  using agent::ack_atom;
  using agent::alive_atom;
  using agent::report_atom;
  const auto from = connection::agent_side;
  return {
      [=](report_atom, agent::reports& x) {
        over->send(from, "reports", [=, x = std::move(x)] { caf::anon_send(real, report_atom::value, x); });
      },
      [=](ack_atom, std::uint64_t session, std::uint64_t number) {
        over->send(from, "ack", [=] { caf::anon_send(real, ack_atom::value, session, number); });
      },
      [=](alive_atom, std::uint64_t session) {
        over->send(from, "alive", [=] { caf::anon_send(real, alive_atom::value, session); });
      },
  };
}

connection::side other(connection::side x) {
  return x == connection::agent_side ? connection::head_side : connection::agent_side;
}

} // namespace

connection_ptr connection::open(universe& all, std::string name, process& agent, process& head) {
  connection_ptr x{new connection(all, std::move(name))};
  x->ends_[agent_side].where = &agent;
  x->ends_[head_side].where = &head;
  return x;
}

moment connection::latency() {
  return all_.random.spread(std::chrono::microseconds{50}, std::chrono::seconds{2});
}

void connection::send(side from, std::string what, std::function<void()> deliver) {
  if (!ends_[from].open || !ends_[from].where->is_alive())
    return;
  if (all_.random.permille(sent_twice)) // TCP does not, but nobody is to rely on that.
    push(other(from), {what, deliver, false});
  push(other(from), {std::move(what), std::move(deliver), false});
}

void connection::push(side to, packet x) {
  auto& end = ends_[to];
  if (!end.open)
    return;
  end.incoming.push_back(std::move(x));
  end.busy_until = std::max(end.busy_until, all_.time.now() + latency());
  all_.time.after(end.busy_until - all_.time.now(), [self = shared_from_this(), to] { self->arrive(to); });
}

void connection::arrive(side to) {
  auto& end = ends_[to];
  if (cut_ || !end.open || end.incoming.empty() || end.where->is_frozen()) // It waits.
    return;
  const auto x = std::move(end.incoming.front());
  end.incoming.pop_front();
  if (x.closes)
    return close(to, "the other end has closed it");
  all_.say(name_ + ": " + x.what + (to == agent_side ? " come to the agent" : " come to the head"));
  x.deliver();
}

agent::agent_link connection::stand_in(const agent::agent_link& real) {
  auto& end = ends_[head_side];
  auto made = end.where->own(end.where->system().spawn(agent_stand_in, shared_from_this(), real));
  end.proxies.push_back(caf::actor_cast<caf::strong_actor_ptr>(made));
  return made;
}

agent::fleet_link connection::stand_in(const agent::fleet_link& real) {
  auto& end = ends_[agent_side];
  auto made = end.where->own(end.where->system().spawn(fleet_stand_in, shared_from_this(), real));
  end.proxies.push_back(caf::actor_cast<caf::strong_actor_ptr>(made));
  return made;
}

void connection::set_cut(bool x) {
  if (cut_ == x)
    return;
  cut_ = x;
  ++cuts_;
  if (cut_) {
    watch_silence();
    return;
  }
  // What was held up comes with the next retransmission.
  for (const auto to : {agent_side, head_side}) {
    auto& end = ends_[to];
    end.busy_until = std::max(
        end.busy_until, all_.time.now() + all_.random.spread(std::chrono::milliseconds{1}, std::chrono::seconds{3}));
    for (std::size_t i = 0; i < end.incoming.size(); ++i)
      all_.time.after(end.busy_until - all_.time.now(), [self = shared_from_this(), to] { self->arrive(to); });
    if (!ends_[other(to)].open) // Whose kernel knows nothing of it any more.
      push(to, {"end", {}, true});
  }
}

void connection::watch_silence() {
  for (const auto who : {agent_side, head_side})
    all_.time.after(patience + all_.random.between(moment{0}, std::chrono::seconds{1}),
                    [self = shared_from_this(), who, cut = cuts_] {
                      if (self->cuts_ == cut)
                        self->close(who, "nothing is heard over it");
                    });
}

void connection::close(side who, const char* why) {
  auto& end = ends_[who];
  if (!end.open || !end.where->is_alive())
    return;
  if (end.where->is_frozen()) { // It finds that out when it goes on.
    end.where->when_awake([self = shared_from_this(), who, why] { self->close(who, why); });
    return;
  }
  all_.say(name_ + (who == agent_side ? ": lost to the agent: " : ": lost to the head: ") + why);
  end.open = false;
  end.incoming.clear();
  for (const auto& x : std::exchange(end.proxies, {}))
    caf::anon_send_exit(caf::actor_cast<caf::actor>(x), caf::exit_reason::remote_link_unreachable);
  push(other(who), {"end", {}, true});
}

void connection::end(side who, bool can_tell) {
  auto& end = ends_[who];
  if (!end.open)
    return;
  end.open = false;
  end.incoming.clear();
  for (const auto& x : std::exchange(end.proxies, {}))
    caf::anon_send_exit(caf::actor_cast<caf::actor>(x), caf::exit_reason::kill);
  auto& rest = ends_[other(who)].incoming;
  while (!rest.empty() && all_.random.percent(50)) // What the network still had is lost with it.
    rest.pop_back();
  if (can_tell)
    push(other(who), {"end", {}, true});
  else
    set_cut(true);
}

} // namespace muster::simulation
