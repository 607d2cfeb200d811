#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/state/group_effect.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// What a head keeps beside workflows: who may do what, who did what, and who is told of it. None of it has events.
namespace muster::store {

// -- tokens

/// What a token allows. Stored: numbers never change.
enum class role : std::uint8_t {
  unspecified = 0,
  viewer = 1, ///< Reads everything.
  user = 2,   ///< Reads and changes what is its own.
  admin = 3,  ///< Everything.
  node = 4,   ///< Lets an agent join as a node, and nothing else.
};

/// `viewer`, `user`, `admin`, `node`.
[[nodiscard]] std::string_view to_string(role x) noexcept;
/// The inverse; `unspecified` for anything else.
[[nodiscard]] role role_from(std::string_view text) noexcept;

/// A token as it is known; the token itself is known to its owner alone.
struct token_record {
  std::int64_t number = 0; ///< Given by the store, in the order of making; for cursors.
  std::string id;          ///< Unique; made by the caller.
  std::string name;        ///< What it is for, in its owner's words.
  std::string user;
  store::role role = role::unspecified;
  std::string hash; ///< Of the token, unique. Only for writing: what is read has none.
  timestamp created{};
  std::optional<timestamp> expires{};
  std::optional<timestamp> last_used{};
  std::optional<timestamp> revoked{};
  std::string node{}; ///< Of the role `node`: which one may join by it; empty for any.
};

/// Which tokens to list, newest first.
struct token_query {
  std::optional<std::string> user{}; ///< Of this one only.
  std::int64_t before = 0;           ///< Cursor: only with lower numbers; 0 to begin.
  std::size_t limit = 100;
};

// -- audit

/// What somebody did. Written before it is carried out; what became of it is added after.
struct audit_record {
  std::int64_t number = 0; ///< Given by the store.
  timestamp time{};
  std::string user;
  std::string token;   ///< Id of the token; empty if none was needed.
  std::string peer;    ///< Where from.
  std::string action;  ///< `workflow.cancel`
  std::string target;  ///< `fan-3`
  std::string request; ///< Id of the request.
  std::string detail;  ///< JSON of what was asked for, without secrets; may be empty.
  std::optional<timestamp> ended{};
  std::string outcome{}; ///< `ok`, the code of the error, or `unknown`; empty while it goes on.
};

/// Which rows to list, newest first.
struct audit_query {
  std::optional<std::string> user{};
  std::string action;      ///< Exact; empty for any.
  std::int64_t before = 0; ///< Cursor: only with lower numbers; 0 to begin.
  std::size_t limit = 100;
};

// -- submissions that may be sent twice

/// How long the key of a submission is remembered.
constexpr duration idempotency_span = std::chrono::hours{24};

/// The key under which a submission is accepted once.
struct idempotency_key {
  std::string user;
  std::string key;
  std::string digest; ///< Of what was sent.
  std::string answer; ///< What the caller wants to know again; may be empty.
};

/// A submission that was accepted under a key.
struct idempotency_record {
  idempotency_key sent;
  workflow_key workflow;
  std::string id; ///< `<name>-<n>`, also if the workflow is gone.
  timestamp created{};
};

// -- webhooks

/// Stored: numbers never change.
enum class webhook_state : std::uint8_t {
  unspecified = 0,
  active = 1,
  disabled = 2, ///< Nothing is sent any more; `reason` says why.
};

/// Somebody who is told of events. The secret is kept apart, so that no list has it.
struct webhook_record {
  std::int64_t number = 0; ///< Given by the store.
  std::string id;          ///< Unique; made by the caller.
  std::string user;        ///< Whose it is, and whose events it gets.
  std::string token{};     ///< Id of the token by which it was made: it ends with it. Empty: none was needed.
  bool sees_all = false;   ///< It gets everybody's.
  std::string url;
  std::string filter; ///< JSON; what it means is the caller's.
  timestamp created{};
  webhook_state state = webhook_state::active;
  std::string reason{};            ///< Why it is disabled.
  sequence cursor;                 ///< Everything up to here was delivered, or is a dead letter.
  std::uint32_t failures = 0;      ///< In a row.
  std::optional<timestamp> next{}; ///< When it is tried again.
  std::optional<timestamp> last{}; ///< When it was tried last.
  std::string last_outcome{};      ///< `200`, or what went wrong.
};

/// The most dead letters that are kept of one webhook; the oldest go.
constexpr std::size_t max_dead_letters = 1000;

/// What could not be delivered.
struct dead_letter {
  std::int64_t number = 0; ///< Given by the store.
  std::string webhook;     ///< Id.
  std::string message;     ///< Id of the message, as in `webhook-id`.
  sequence first;          ///< Events from here
  sequence last;           ///< to here.
  timestamp time{};
  std::uint32_t attempts = 0;
  std::string problem;
  std::string body;
};

// -- nodes

/// Whether a node is given work, as somebody decided. Stored: numbers never change.
enum class node_duty : std::uint8_t {
  unspecified = 0,
  serving = 1,
  cordoned = 2, ///< It is given nothing new.
  draining = 3, ///< Likewise, and what runs there is to end, at the latest at a deadline.
};

/// `serving`, `cordoned`, `draining`.
[[nodiscard]] std::string_view to_string(node_duty x) noexcept;

/// A machine that an agent has joined with, as it was when it joined last.
struct node_record {
  std::string name; ///< Unique.
  std::string pool;
  std::string memory;  ///< What it remembers by.
  epoch since;         ///< The first lease that it can remember.
  std::string offered; ///< What it has, as text; what it means is the caller's.
  std::string platform;
  std::map<std::string, std::string> labels;
  std::string address; ///< Where other nodes reach its tasks.
  node_duty duty = node_duty::serving;
  std::string reason;                  ///< Of the duty, in the words of who decided.
  std::optional<timestamp> deadline{}; ///< Of `draining`: when what still runs is stopped.
  timestamp first_seen{};
  timestamp last_seen{};
};

// -- pools

/// A pool that was made while a head ran, beside those of the configuration.
struct pool_record {
  std::int64_t number = 0; ///< Given by the store, in the order of making.
  std::string name;        ///< Unique.
  std::string settings;    ///< How it treats its nodes, as JSON; what it means is the caller's.
  timestamp created{};
};

// -- changes

struct token_created {
  token_record token;
};
/// A second one changes nothing.
struct token_revoked {
  std::string id;
  timestamp time{};
};
/// Tokens that are gone are passed over.
struct tokens_used {
  std::vector<std::pair<std::string, timestamp>> used; ///< Id, when.
};
struct audit_begun {
  audit_record row;
};
struct audit_ended {
  std::int64_t number = 0;
  std::string outcome;
  timestamp time{};
  std::string target{}; ///< Put behind the one that is there: what was made.
};
/// Rows that a head left open when it ended: what became of those is not known.
struct audit_abandoned {
  timestamp time{};
};
/// Removes the oldest rows, at most so many.
struct audit_expired {
  timestamp before{};
  std::size_t most = 1000;
};
/// Likewise of the keys of submissions.
struct idempotency_expired {
  timestamp before{};
  std::size_t most = 1000;
};
struct webhook_created {
  webhook_record webhook;
  std::string secret;
};
/// With its secret and its dead letters.
struct webhook_deleted {
  std::string id;
};
/// What deliveries change: state, reason, cursor, failures, next, last, last_outcome; and at most one dead letter.
struct webhook_progress {
  webhook_record webhook;
  std::optional<dead_letter> dead{};
};
/// A node has joined; duty, its reason and when it was first seen stay as they are if it is known. `conflict` if it is
/// one of another pool.
struct node_joined {
  node_record node;
};
/// Nodes that were there at that time; those that are gone are passed over.
struct nodes_seen {
  std::vector<std::string> names;
  timestamp time{};
};
struct node_assigned {
  std::string name;
  node_duty duty = node_duty::serving;
  std::string reason;
  std::optional<timestamp> deadline{};
};
struct node_removed {
  std::string name;
};
/// What is set of a pool's policy beside the configuration, as JSON; see `config::patched`. An empty object: nothing.
struct pool_policy_set {
  std::string pool;
  std::string set;
  timestamp time{};
};
/// With what is set of its policy, as in `pool_policy_set`, in place of what may have been set of one of that name.
/// `conflict` if there is one.
struct pool_created {
  pool_record pool;
  std::string set;
};
/// With what is set of its policy. That nobody needs it any more is the caller's to know.
struct pool_deleted {
  std::string name;
};
/// What attempts of a group were told to end for; in place of what was noted before. Nothing: they have ended.
struct group_stopping {
  workflow_key workflow;
  group_index group;
  std::optional<stop_purpose> what{};
};
/// By which drivers its tasks are run from now on; see `workflow_record::driver`.
struct workflow_given {
  workflow_key workflow;
  std::string driver;
};
/// How much a finished workflow's folder holds.
struct workflow_measured {
  workflow_key workflow;
  std::int64_t bytes = 0;
};

// -- what need not be kept

/// Deletes a finished workflow, as `writer::remove_workflow`. The number is that of its event.
struct workflow_removed {
  workflow_key workflow;
  std::string text; ///< Why.
};
/// As `writer::sweep`. The number is 1 if there is more.
struct rows_swept {
  std::size_t rows = 2000;
};
/// As `writer::compact`. The number of events that were removed.
struct events_compacted {
  sequence through;
  std::size_t rows = 2000;
};

/// One change; what belongs together is one alternative.
using service_change = std::variant<token_created, token_revoked, tokens_used, audit_begun, audit_ended, audit_expired,
                                    idempotency_expired, webhook_created, webhook_deleted, webhook_progress,
                                    workflow_measured, workflow_removed, rows_swept, events_compacted, audit_abandoned,
                                    node_joined, nodes_seen, node_assigned, node_removed, group_stopping,
                                    pool_policy_set, pool_created, pool_deleted, workflow_given>;

} // namespace muster::store
