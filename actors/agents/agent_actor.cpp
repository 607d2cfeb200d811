#include "actors/agents/agent_actor.hpp"

#include "actors/context.hpp"
#include "actors/errors.hpp"
#include "actors/executor.hpp"
#include "actors/report_gatherer.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <fstream>
#include <utility>

namespace muster::agent {

namespace {

using agent_pointer = kept_actor<agent_actor::stateful_base<agent_state>>*;

void pump(agent_pointer self) {
  auto& state = self->state;
  while (auto batch = state.out.take())
    self->send(state.to, report_atom::value, std::move(*batch));
}

void end_session(agent_pointer self, const char* why) {
  auto& state = self->state;
  if (state.in.session() == 0)
    return;
  log::warn("agent", "session ended", {{"why", why}});
  state.in.end();
  state.out.end();
  state.to = nullptr;
  state.setup.on_end();
}

void tell(agent_pointer self, const node_report& x) {
  queue(self->state.out, x, reports_kind::news);
}

void carry_out(agent_pointer self, const held_attempts::calls& calls);

void take_report(agent_pointer self, const attempt_report& x) {
  const auto [told, calls] = self->state.held.report(x);
  carry_out(self, calls);
  if (told)
    tell(self, *told);
}

/// Empty if this node has the driver that the attempt names.
std::string why_no_driver(const agent_setup& setup, const attempt_spec& x) {
  const auto& wanted = x.resource.driver;
  if (wanted.empty() || std::find(setup.drivers.begin(), setup.drivers.end(), wanted) != setup.drivers.end())
    return {};
  std::string all;
  for (const auto& has : setup.drivers)
    all += (all.empty() ? "" : " and ") + has;
  return "this node runs tasks by " + all + ", and not by " + wanted;
}

void refuse(agent_pointer self, attempt_id id, const error& why) {
  attempt_report failed;
  failed.id = id;
  failed.kind = report_kind::prepare_failed;
  failed.problem = why.code;
  failed.exit.message = why.message;
  take_report(self, failed);
}

/// What cannot be noted must not be started: nobody would know of it after a crash. Its driver is noted as well: the
/// first one may be another when this node is started again.
void prepare(agent_pointer self, const node_command& x) {
  auto& state = self->state;
  if (auto why = why_no_driver(state.setup, *x.spec); !why.empty())
    return refuse(self, x.id, {ec::unavailable, std::move(why)}); // Another node may have it.
  auto spec = *x.spec;
  if (spec.resource.driver.empty())
    spec.resource.driver = state.setup.drivers.front();
  if (const auto noted = state.ledger->note(spec); !noted)
    return refuse(self, x.id, noted.failure());
  state.setup.runs->prepare(std::move(spec));
}

/// A driver that has forgotten an attempt takes it for one that was never started: it must not be asked again.
void remove(agent_state& state, attempt_id id) {
  auto done = state.ledger->let_go(id);
  if (done) {
    state.setup.runs->remove(id);
    done = state.ledger->drop(id);
  }
  if (!done)
    log::warn("agent", "attempt cannot be forgotten", {{"why", done.failure().message}});
}

/// A driver that is not here cannot say what became of what it runs.
result<void> check_drivers(const agent_setup& setup, const std::vector<attempt_spec>& noted) {
  for (const auto& x : noted)
    if (const auto why = why_no_driver(setup, x); !why.empty())
      return {ec::unsupported, why + ", which may still run " + to_string(x.id) +
                                   ": have the agent start with --driver " + setup.drivers.front() + ',' +
                                   x.resource.driver + " until that has ended"};
  return {};
}

/// Lets go of what it was letting go of when it was ended.
result<void> finish_removals(agent_state& state) {
  const auto& leaving = state.ledger->leaving();
  if (leaving.empty())
    return {};
  if (const auto known = state.setup.runs->adopt(leaving); !known) // It removes only what it knows.
    return known.failure();
  for (const auto& x : leaving)
    remove(state, x.id);
  return {};
}

void carry_out(agent_pointer self, const held_attempts::calls& calls) {
  auto& state = self->state;
  for (const auto& x : calls) {
    switch (x.verb) {
      case node_verb::prepare: prepare(self, x); break;
      case node_verb::start: state.setup.runs->start(x.id); break;
      case node_verb::stop: state.setup.runs->stop(x.id, std::chrono::milliseconds{x.grace}); break;
      case node_verb::remove: remove(state, x.id); break;
    }
  }
}

/// Tasks have their folders in the head's state directory: it must be here as well.
result<void> check_root(const std::filesystem::path& root, const std::string& head) {
  std::ifstream file{root / "head-id"};
  std::string found;
  std::getline(file, found);
  if (found == head)
    return {};
  return {ec::unsupported,
          found.empty() ? "the head's state directory " + root.string() +
                              " is not to be found on this node: its tasks have their folders there, so share it "
                              "at the same path (NFS, a bind mount)"
                        : root.string() + " on this node is the state directory of another head, " + found +
                              ", and not of " + head};
}

/// Opens what was noted for this head, and asks the driver what became of it.
result<void> take_up(agent_pointer self, const std::string& head, const std::filesystem::path& root) {
  auto& state = self->state;
  if (state.head == head && state.root == root)
    return {};
  if (auto shared = check_root(root, head); !shared)
    return shared;
  if (state.held.size() > 0)
    return {ec::conflict, "this node still has tasks of the head " + state.head + ", and not of " + head};
  auto opened = remote::ledger::open(state.setup.ledger, head, root);
  if (!opened)
    return opened.failure();
  state.ledger.emplace(std::move(*opened));
  for (const auto* noted : {&state.ledger->found(), &state.ledger->leaving()})
    if (auto good = check_drivers(state.setup, *noted); !good)
      return good;
  if (auto finished = finish_removals(state); !finished)
    return finished;
  const auto& noted = state.ledger->found();
  const auto found = noted.empty() ? std::vector<adoption>{} : state.setup.runs->adopt(noted);
  if (!found)
    return found.failure(); // Asked again when it connects again: it holds what it does not know yet.
  state.head = head;
  state.root = root;
  state.reader = command_reader{root};
  if (noted.empty())
    return {};
  for (std::size_t i = 0; i < noted.size(); ++i)
    carry_out(self, state.held.restore(std::make_shared<const attempt_spec>(noted[i]), (*found)[i]));
  log::info("agent", "attempts taken up", {{"count", std::to_string(noted.size())}});
  return {};
}

void list_what_is_held(agent_state& state) {
  auto all = state.held.all();
  for (const auto& x : all)
    queue(state.out, x, reports_kind::held);
  reports last;
  last.kind = reports_kind::held_last;
  state.out.add(std::move(last));
}

caf::result<std::uint64_t> begin(agent_pointer self, const welcome& answer, const fleet_link& head) {
  auto& state = self->state;
  if (const auto taken = take_up(self, answer.head, answer.root); !taken)
    return to_caf(taken.failure());
  state.to = head;
  state.in.begin(answer.session);
  state.out.begin(answer.session);
  state.reader.clear();
  state.heard = self->clock().now();
  state.alive_every = std::chrono::milliseconds{answer.alive_every};
  self->monitor(head);
  list_what_is_held(state);
  pump(self);
  return answer.session;
}

void take_command(agent_pointer self, command x) {
  auto& state = self->state;
  const auto id = x.id;
  const auto lease = x.lease;
  const bool prepares = x.verb == static_cast<std::uint8_t>(node_verb::prepare);
  auto read = state.reader.read(std::move(x));
  if (read) {
    if (*read)
      carry_out(self, state.held.command(**read));
    return;
  }
  log::warn("agent", "command cannot be read", {{"attempt", to_string(id)}, {"why", read.failure().message}});
  if (!prepares)
    return;
  node_report refused{lease, {}, false};
  refused.what.id = id;
  refused.what.kind = report_kind::prepare_failed;
  refused.what.problem = read.failure().code;
  refused.what.exit.message = read.failure().message;
  tell(self, refused);
}

/// Until it looks again whether to say that it is there.
std::chrono::milliseconds pause_of(const agent_state& state) {
  constexpr std::chrono::milliseconds shortest{50}; // Whatever the head wants.
  return state.in.session() == 0 ? state.setup.look_every
                                 : std::clamp(state.alive_every, shortest, state.setup.silence_limit / 3);
}

/// From the driver's thread to the AGENT.
class listener final : public report_gatherer {
public:
  explicit listener(caf::actor_addr to) : to_(std::move(to)) {}

private:
  void send(report_list reports) override {
    if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(to_))
      caf::anon_send(caf::actor_cast<agent_actor>(strong), report_atom::value, std::move(reports));
  }

  caf::actor_addr to_;
};

} // namespace

agent_actor::behavior_type run_agent(kept_actor<agent_actor::stateful_base<agent_state>>* self, agent_setup setup) {
  auto& state = self->state;
  state.setup = std::move(setup);
  self->keep(state.setup.may_end);
  if (state.setup.on_failure)
    guard(self, "agent", state.setup.on_failure);
  state.listener = std::make_unique<listener>(self->address());
  state.setup.runs->listen(*state.listener);
  self->set_down_handler([self, &state](const caf::down_msg& x) {
    if (state.to && state.to.address() == x.source)
      end_session(self, "the connection to the head is lost");
  });
  self->delayed_send(self, state.setup.look_every, tick_atom::value);
  return {
      [self, &state](command_atom, commands& x) {
        if (!state.in.accept(x.session, x.number))
          return;
        for (auto& one : x.list)
          take_command(self, std::move(one));
        self->send(state.to, ack_atom::value, x.session, x.number);
        pump(self);
      },
      [self, &state](ack_atom, std::uint64_t session, std::uint64_t number) {
        if (session == state.in.session())
          state.heard = self->clock().now();
        state.out.acknowledge(session, number);
        pump(self);
      },
      [self, &state](alive_atom, std::uint64_t session) {
        if (session == state.in.session())
          state.heard = self->clock().now();
      },
      [self](begin_atom, const welcome& answer, const fleet_link& head) { return begin(self, answer, head); },
      [self](renew_atom) { end_session(self, "what this node has is not what it joined with"); },
      [self](report_atom, const report_list& list) {
        for (const auto& x : list)
          take_report(self, x);
        pump(self);
      },
      [self, &state](tick_atom) {
        self->delayed_send(self, pause_of(state), tick_atom::value);
        if (state.in.session() == 0)
          return;
        if (self->clock().now() - state.heard > state.setup.silence_limit)
          end_session(self, "the head is silent");
        else
          self->send(state.to, alive_atom::value, state.in.session());
      },
  };
}

} // namespace muster::agent
