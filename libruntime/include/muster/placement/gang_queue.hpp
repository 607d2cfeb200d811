#pragma once

#include "muster/base/result.hpp"
#include "muster/placement/placement.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/placement/wait_reason.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace muster {

/// A gang that got its place.
struct grant {
  gang_key key = 0;
  assignment where;
  std::optional<gang_key> giver; ///< Whose place it was promised and does not need now: it may be promised anew.
};

/// A gang that can never have a place here.
struct refused {
  std::string reason;
};

/// A gang that waited and has no right to any place now.
struct ruled_out_gang {
  gang_key key = 0;
  std::string why;
};

/// What a gang asks for.
struct gang_request {
  gang who;
  gang_terms terms;
};

/// Gangs that are to end so that another has their places.
struct preemption {
  gang_key winner = 0;
  std::vector<gang_key> victims;
};

/// The nodes of a pool and the gangs that wait for them. Who comes first: `queue_policy` and `gang_terms`. Gangs with
/// equal requests and terms share one line, so a hundred thousand gangs of one cost a few dozen bytes each, and a place
/// that frees is given away in a time that does not grow with their number. Has no clock: `advance` says what time it
/// is. The same calls in the same order always have the same answers.
class gang_queue {
public:
  gang_queue(std::vector<node_state> nodes, queue_policy policy);
  ~gang_queue();
  gang_queue(gang_queue&&) noexcept;
  gang_queue& operator=(gang_queue&&) noexcept;

  /// It is `now`, for everything that follows. Time does not go back.
  void advance(queue_time now);

  /// Another policy from now on. `asks` says of each gang what it asks for under it, or why it may not: only quota,
  /// strategy and which nodes do may differ from before. Whoever holds places or was promised some keeps them, and
  /// counts; who is not taken by any quota counts with the first. Those that wait keep their turn and what they have
  /// waited; places that are kept for some stay so where the policy allows it. Answers who waited and is ruled out
  /// whatever nodes there are, oldest first: they are withdrawn. `poll` afterwards.
  using asks_anew = std::function<result<gang_request>(gang_key)>;
  [[nodiscard]] std::vector<ruled_out_gang> set_policy(queue_policy policy, const asks_anew& asks);

  // Gangs

  /// A gang asks for places: has them (`assignment`), waits (`no_place`; `poll` will grant it), or never fits
  /// (`refused`). A key that is known already is refused, as is a quota that there is not. Its age counts from `waited`
  /// before now: its turn among equals does not.
  [[nodiscard]] std::variant<assignment, no_place, refused>
  submit(gang_key key, const gang& who, const gang_terms& terms = {}, queue_time::duration waited = {});

  /// Books a gang that runs already, by the names of its members' nodes and their GPU indices. A member without a name
  /// goes where the first one with a name is; one without GPU indices that needs some gets free ones, as far as they
  /// go. Fails with `ec::not_found` for a node that is not here, `ec::conflict` for a key that is known,
  /// `ec::invalid_argument` if the numbers of members differ.
  result<assignment> restore(gang_key key, const gang& who,
                             const std::vector<std::pair<std::string, std::vector<std::uint32_t>>>& where,
                             const gang_terms& terms = {});

  /// Gives up a gang's places, or its place in the queue. False for an unknown key. `poll` afterwards.
  bool withdraw(gang_key key);

  /// Takes up to `limit` waiting gangs that fit now and grants them. Call again while it returns `limit`.
  [[nodiscard]] std::vector<grant> poll(std::size_t limit = 64);

  /// Which gangs of LOW priority should end so that some of higher that wait have room; none unless those then really
  /// fit. The caller ends the victims and withdraws them; what they held is kept for the winner, which `poll` grants
  /// when the last of them is gone. Whoever is named once is not named again. `poll` before and
  /// afterwards.
  [[nodiscard]] std::vector<preemption> preempt(std::size_t limit = 16);

  /// Whether a gang holds places that `preempt` might name.
  [[nodiscard]] bool has_victims() const noexcept;

  /// Promises the places of the gang `of`, when it gives them up, to the oldest gang that waits and was promised none
  /// yet: which one, if it may be. It may when both are of one task, have equal requests without GPUs, and `of` holds a
  /// place or was promised one; when the only node there is leaves no choice of places; and when nobody else was
  /// promised the same, and all who wait are of one user and priority. The gang still waits, and `poll` may grant it
  /// another place before; if it leaves instead, whoever was promised its place has the promise that it had. At most
  /// `max_passes` gangs are promised places before the oldest of them has one.
  [[nodiscard]] std::optional<gang_key> promise(gang_key of);

  /// Gives up a gang's places as `withdraw` does; if they were promised, to the gang that is told. `poll` afterwards.
  std::optional<grant> hand_over(gang_key key);

  /// How many gangs wait that were promised the place of this one, or of one of them; and the last of them, else `key`.
  [[nodiscard]] std::pair<std::size_t, gang_key> heirs_of(gang_key key) const;
  /// Whether it waits and was promised a place.
  [[nodiscard]] bool is_promised(gang_key key) const;

  // Nodes. `poll` afterwards.

  /// A node joins, or is there again under its name with what it has now; what is held there stays held.
  void join(node_state node);
  /// Whether a node takes gangs, from now on. One that is `gone` is forgotten when nobody holds a place there. False
  /// for a name that is not known.
  bool set_condition(const std::string& name, node_condition x);
  /// Takes every node for at least as large as this.
  void widen(const node_amounts& at_least);
  /// Who hold places on a node.
  [[nodiscard]] std::vector<gang_key> holders_of(const std::string& name) const;
  /// By the positions that assignments name. Those that were forgotten have no name.
  [[nodiscard]] const std::vector<node_state>& nodes() const noexcept;

  // Questions

  /// Why a gang waits, as of now; nothing if it does not.
  [[nodiscard]] std::optional<wait_reason> explain(gang_key key) const;
  /// The same in words, without its position.
  [[nodiscard]] std::optional<std::string> why_waiting(gang_key key) const;
  /// Why a gang would never fit; nothing if it would.
  [[nodiscard]] std::optional<std::string> never_fits(const gang& who, const gang_terms& terms = {}) const;
  /// Why it would not, whatever nodes there were; nothing if that is not so.
  [[nodiscard]] std::optional<std::string> ruled_out(const gang& who, const gang_terms& terms = {}) const;
  /// What the nodes that there are lack for a gang, were they all empty; nothing if it would fit then.
  [[nodiscard]] std::optional<wait_reason> lacks_nodes(const gang& who, const gang_terms& terms = {}) const;
  /// Gangs that wait and fitted once, but would not now, were all nodes empty: some have left. Oldest first.
  [[nodiscard]] std::vector<gang_key> stranded() const;

  [[nodiscard]] std::size_t waiting() const noexcept;
  /// Gangs that hold places, and their members.
  [[nodiscard]] std::size_t holding() const noexcept;
  [[nodiscard]] std::size_t members_placed() const noexcept;

  struct state; ///< Private to placement.

private:
  std::unique_ptr<state> state_;
};

} // namespace muster
