#pragma once

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

/// What a monitor in another process and a head say to each other over CAF's network. This header alone is needed to
/// write one; examples/cpp/monitor.cpp is one.
///
/// A monitor connects, says `hello`, and subscribes with a credit: how many events it is ready to take. The gate sends
/// batches while there is credit, and the monitor gives more as it works them off. After a lost connection it
/// connects again and subscribes after the last sequence that it has seen: nothing is missed and nothing comes twice.
///
/// A subscription shows a token where the head asks for them, and gets what that token may see; it ends with the token.
/// Nothing is encrypted: a head listens on loopback unless it is told otherwise. Fields are only ever appended.
namespace muster::monitor {

/// Raised by any change that an older peer would misread.
constexpr std::uint32_t protocol_version = 2;
/// Peers that do not name this one are refused when they connect.
constexpr const char* application = "muster-monitor-2";
/// The most that counts as credit at any time.
constexpr std::uint32_t most_credit = 10'000;

/// Who connects.
struct hello {
  std::uint32_t version = protocol_version;
  std::string name; ///< For the head's log.
};

/// What it connected to.
struct welcome {
  std::uint32_t version = protocol_version;
  std::uint64_t incarnation = 0; ///< Random per start of the head.
  std::string log_id;            ///< Sequences of another log mean something else.
  std::uint64_t earliest = 0;    ///< The first event that is still there.
  std::uint64_t latest = 0;
};

/// Which events. Empty texts and lists: all.
struct subscription {
  std::uint64_t after = 0;        ///< Only what comes after this sequence.
  std::string workflow;           ///< Id.
  std::string group;              ///< Name; only with `workflow`.
  std::string task;               ///< Name; only with `workflow`.
  std::vector<std::string> types; ///< `task.status`, ...
  std::uint32_t credit = 1'000;
  std::string token; ///< Whose events; not looked at by a head that asks for none.
};

/// One committed fact, with names.
struct fact {
  std::uint64_t seq = 0;
  std::int64_t time_us = 0; ///< Microseconds since 1970.
  std::string type;
  std::string workflow;
  std::string group;
  std::string task;
  std::uint32_t attempt = 0;
  std::string status;
  std::int32_t exit_code = -1; ///< -1 for none.
  std::uint64_t lease = 0;
  std::string text;
  std::string node;
  std::string address;
  std::string gpus;
};

/// Events in order. All up to `bookmark` was looked at: where to go on after. Without facts it is a sign of life, for
/// which one credit is taken.
struct batch {
  std::uint64_t number = 0; ///< Of the subscription.
  std::uint64_t bookmark = 0;
  std::vector<fact> facts;
};

/// Events after the sequence asked for were deleted; the subscription has ended.
struct gone {
  std::uint64_t number = 0;
  std::uint64_t earliest = 0;
};

using batch_atom = caf::atom_constant<caf::atom("batch")>;
using credit_atom = caf::atom_constant<caf::atom("credit")>;
using gone_atom = caf::atom_constant<caf::atom("gone")>;
using hello_atom = caf::atom_constant<caf::atom("hello")>;
using subscribe_atom = caf::atom_constant<caf::atom("subscribe")>;
using end_atom = caf::atom_constant<caf::atom("end")>;
using wake_atom = caf::atom_constant<caf::atom("wake")>;

using monitor_actor = caf::typed_actor<
    /// From the MONITOR GATE.
    caf::reacts_to<batch_atom, batch>, caf::reacts_to<gone_atom, gone>>;

using gate_actor = caf::typed_actor<
    /// First of all. Idempotent.
    caf::replies_to<hello_atom, hello>::with<welcome>,
    /// Answered with the number of the subscription; `not_found` for a name that is not known, `limit_exceeded` if
    /// there are too many, `invalid_argument` for a token that is not valid. It ends with the monitor, or by `end`;
    /// with the token, by an exit message to the monitor.
    caf::replies_to<subscribe_atom, subscription, monitor_actor>::with<std::uint64_t>,
    /// So many more events may be sent for this subscription.
    caf::reacts_to<credit_atom, std::uint64_t, std::uint32_t>, caf::reacts_to<end_atom, std::uint64_t>,
    /// INTERNAL, and harmless: there may be something to send.
    caf::reacts_to<wake_atom>>;

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hello& x) {
  return f(caf::meta::type_name("hello"), x.version, x.name);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, welcome& x) {
  return f(caf::meta::type_name("welcome"), x.version, x.incarnation, x.log_id, x.earliest, x.latest);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, subscription& x) {
  return f(caf::meta::type_name("subscription"), x.after, x.workflow, x.group, x.task, x.types, x.credit, x.token);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fact& x) {
  return f(caf::meta::type_name("fact"), x.seq, x.time_us, x.type, x.workflow, x.group, x.task, x.attempt, x.status,
           x.exit_code, x.lease, x.text, x.node, x.address, x.gpus);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, batch& x) {
  return f(caf::meta::type_name("batch"), x.number, x.bookmark, x.facts);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, gone& x) {
  return f(caf::meta::type_name("gone"), x.number, x.earliest);
}

} // namespace muster::monitor

// Apart from the types of the head, whose block begins lower.
CAF_BEGIN_TYPE_ID_BLOCK(muster_monitor, caf::first_custom_type_id + 1000)

CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::batch))
CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::fact))
CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::gone))
CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::hello))
CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::monitor_actor))
CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::subscription))
CAF_ADD_TYPE_ID(muster_monitor, (muster::monitor::welcome))

CAF_END_TYPE_ID_BLOCK(muster_monitor)

namespace muster::monitor {

/// Makes an actor system speak this protocol. Intervals must be the same at both ends.
inline void configure(caf::actor_system_config& x) {
  x.add_message_types<caf::id_block::muster_monitor>();
  x.load<caf::io::middleman>();
  x.set("middleman.app-identifiers", std::vector<std::string>{application});
  x.set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{8}});
  x.set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{20}});
}

} // namespace muster::monitor
