#pragma once

#include "actors/agents/attempt_table.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// What the head and the agents of other nodes say to each other over CAF's network.
///
/// An agent connects and says `hello`; the head answers `welcome` with the number of the session, or why not. Then the
/// agent lists what it holds, and only when that list is complete does the head send commands. Both sides number their
/// batches within a session, acknowledge each, and send no more than `window` that are not acknowledged; what bears
/// another session's number is dropped. A session ends with its connection, and both sides agree anew in the next:
/// nothing is repeated because it may have been lost (attempt_table.hpp).
///
/// Fields are only ever appended; but `hello` and `welcome` travel with an actor behind them, which an older peer would
/// look for where the new field is: one with another field gets another name, and an agent then sees before it says
/// anything that this is no head that it can join. No message is much larger than `most_bytes`: a large one would count
/// as silence.
namespace muster::agent {

/// Raised by any change that an older peer would misread.
constexpr std::uint32_t protocol_version = 4;
/// Peers that name neither this one nor that of monitors are refused when they connect.
constexpr const char* application = "muster-agent-1";
/// Batches in flight, in each direction.
constexpr std::uint64_t window = 16;
/// Of one message, about.
constexpr std::size_t most_bytes = std::size_t{256} << 10U;
/// Of the description of one attempt, with all files that it brings.
constexpr std::size_t most_description = std::size_t{64} << 20U;
/// Of the result of one attempt.
constexpr std::size_t most_result = std::size_t{16} << 20U;

/// Who joins.
struct hello {
  std::uint32_t version = protocol_version;
  std::string node; ///< Its name, by which the head knows it.
  std::string pool;
  std::string memory;            ///< What it remembers by: another one after its disk was replaced.
  std::uint64_t incarnation = 0; ///< Random per start of the agent.
  std::string token;             ///< Of the right to join.
  std::string offered;           ///< What it has: `remote::encode(capabilities)`.
  std::string platform;
  std::map<std::string, std::string> labels;
  std::string address; ///< Where other nodes reach its tasks.
  /// Where the connection is encrypted: the certificate of the node, PEM, and what its key signed: `statement_of`. CAF
  /// checks that there is a certificate, and does not say whose.
  std::string certificate;
  std::string signature;
};

/// What an agent signs: that it is this node, in this life.
[[nodiscard]] inline std::string statement_of(const hello& x) {
  return std::string{application} + ' ' + x.node + ' ' + x.memory + ' ' + std::to_string(x.incarnation);
}

/// What it joined.
struct welcome {
  std::uint32_t version = protocol_version;
  std::uint64_t incarnation = 0; ///< Random per start of the head.
  std::string head;              ///< Id of its state directory.
  std::uint64_t session = 0;
  std::string root;                  ///< Its state directory, where attempts have their folders.
  std::uint32_t alive_every = 1'000; ///< Milliseconds: how often it wants to hear that the agent is there.
};

/// One `node_command`. A description that is too large for one message comes in pieces, of which the last is `prepare`.
struct command {
  std::uint8_t verb = 0; ///< A `node_verb`, or `piece`.
  attempt_id id;
  epoch lease;
  std::uint32_t grace = 0; ///< Milliseconds.
  std::string text;        ///< `remote::encode(attempt_spec)`, or a piece of it.
};

/// `command::verb` of a piece of a description, more of which follows.
constexpr std::uint8_t piece = 100;

struct commands {
  std::uint64_t session = 0;
  std::uint64_t number = 0; ///< 1, 2, ... within the session.
  std::vector<command> list;
};

/// One `node_report`. A result that is too large for one message comes in pieces, each in a report of its own, with
/// nothing between them.
struct report {
  epoch lease;
  bool then_start = false;
  attempt_report what;
  bool is_piece = false; ///< Of `what` only the id and a piece of the result count; the rest follows.
};

/// What a batch of reports is.
enum class reports_kind : std::uint8_t {
  news = 1,
  held = 2,      ///< Of the list of all that it holds; more follows.
  held_last = 3, ///< The end of that list.
};

struct reports {
  std::uint64_t session = 0;
  std::uint64_t number = 0; ///< 1, 2, ... within the session.
  reports_kind kind = reports_kind::news;
  std::vector<report> list;
};

using ack_atom = caf::atom_constant<caf::atom("ack")>;
using alive_atom = caf::atom_constant<caf::atom("alive")>;
using command_atom = caf::atom_constant<caf::atom("command")>;
using hello_atom = caf::atom_constant<caf::atom("hello")>;
using report_atom = caf::atom_constant<caf::atom("report")>;

/// The AGENT, as the head sees it.
using agent_link = caf::typed_actor<
    /// From the FLEET: do this, in this order.
    caf::reacts_to<command_atom, commands>,
    /// Batches of reports of this session up to this number have come.
    caf::reacts_to<ack_atom, std::uint64_t, std::uint64_t>,
    /// The head is there, and so is the session.
    caf::reacts_to<alive_atom, std::uint64_t>>;

/// The head, as an agent sees it: the LINK of its session.
using fleet_link = caf::typed_actor<
    /// From the AGENT: this happened, in this order; or this is what it holds.
    caf::reacts_to<report_atom, reports>,
    /// Batches of commands of this session up to this number have come.
    caf::reacts_to<ack_atom, std::uint64_t, std::uint64_t>,
    /// The agent is there. Answered in kind.
    caf::reacts_to<alive_atom, std::uint64_t>>;

/// A question of `driver::adopt` to the FLEET, and who is told what becomes of attempts: within the head alone.
struct adoption_call;
using adoption_call_ptr = std::shared_ptr<adoption_call>;
using listener_ptr = std::shared_ptr<std::reference_wrapper<driver_listener>>;

/// Where agents connect. Fails with `unsupported` for another version, `invalid_argument` for what cannot be and
/// without the right to join, `conflict` while another agent is the node, `not_found` for the pool.
using gate_actor = caf::typed_actor<caf::replies_to<hello_atom, hello, agent_link>::with<welcome, fleet_link>>;

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hello& x) {
  return f(caf::meta::type_name("hello"), x.version, x.node, x.pool, x.memory, x.incarnation, x.token, x.offered,
           x.platform, x.labels, x.address, x.certificate, x.signature);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, welcome& x) {
  return f(caf::meta::type_name("welcome"), x.version, x.incarnation, x.head, x.session, x.root, x.alive_every);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, command& x) {
  return f(caf::meta::type_name("command"), x.verb, x.id, x.lease, x.grace, x.text);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, commands& x) {
  return f(caf::meta::type_name("commands"), x.session, x.number, x.list);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, report& x) {
  return f(caf::meta::type_name("report"), x.lease, x.then_start, x.what, x.is_piece);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reports& x) {
  return f(caf::meta::type_name("reports"), x.session, x.number, x.kind, x.list);
}

} // namespace muster::agent

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::agent::adoption_call_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::agent::listener_ptr)

// Apart from the types of the head and of monitors, whose blocks begin lower.
CAF_BEGIN_TYPE_ID_BLOCK(muster_agent, caf::first_custom_type_id + 2000)

CAF_ADD_TYPE_ID(muster_agent, (muster::agent::adoption_call_ptr))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::agent_link))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::commands))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::fleet_link))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::gate_actor))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::hello))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::listener_ptr))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::reports))
CAF_ADD_TYPE_ID(muster_agent, (muster::agent::welcome))

CAF_END_TYPE_ID_BLOCK(muster_agent)
