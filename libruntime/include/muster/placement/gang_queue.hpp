#pragma once

#include "muster/base/result.hpp"
#include "muster/placement/cluster.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace muster {

/// The caller's name for a gang in a `gang_queue`; its own, never reused while the gang is there.
using gang_key = std::uint64_t;

/// How a pool shares out its nodes.
struct queue_policy {
  std::optional<std::uint32_t> max_parallel; ///< Members that hold a place at the same time.
  std::uint32_t max_passes = 256;            ///< How many later gangs may pass the oldest one while it does not fit.
  std::uint32_t look_ahead = 64;             ///< How many different requests are tried when the oldest does not fit.
};

/// A gang that got its place.
struct grant {
  gang_key key = 0;
  assignment where;
};

/// A gang that can never have a place here.
struct refused {
  std::string reason;
};

/// The nodes of a pool and the gangs that wait for them: oldest first; a later gang may pass the oldest while that does
/// not fit, but only `max_passes` times. Gangs with equal requests share one line, so a hundred thousand gangs of one
/// cost a few dozen bytes each, and a place that frees is given away in a time that does not grow with their number.
class gang_queue {
public:
  gang_queue(std::vector<node_state> nodes, queue_policy policy);

  /// A gang asks for places: has them (`assignment`), waits (`no_place`; `poll` will grant it), or never fits
  /// (`refused`). A key that is known already is refused.
  [[nodiscard]] std::variant<assignment, no_place, refused> submit(gang_key key, const gang& who);

  /// Books a gang that runs already, by the names of its members' nodes and their GPU indices. A member without a name
  /// goes where the first one with a name is; one without GPU indices that needs some gets free ones, as far as they
  /// go. Fails with `ec::not_found` for a node that is not here, `ec::conflict` for a key that is known,
  /// `ec::invalid_argument` if the numbers of members differ.
  result<assignment> restore(gang_key key, const gang& who,
                             const std::vector<std::pair<std::string, std::vector<std::uint32_t>>>& where);

  /// Gives up a gang's places, or its place in the queue. False for an unknown key. `poll` afterwards.
  bool withdraw(gang_key key);

  /// Promises the places of the gang `of`, when it gives them up, to the oldest gang that waits and was promised none
  /// yet: which one, if it may be. It may when both are of one task, have equal requests without GPUs, and `of` holds a
  /// place or was promised one; when the only node there is leaves no choice of places; and when nobody else was
  /// promised the same. The gang still waits, and `poll` may grant it another place before. At most `max_passes` gangs
  /// are promised places before the oldest of them has one.
  [[nodiscard]] std::optional<gang_key> promise(gang_key of);

  /// Gives up a gang's places as `withdraw` does; if they were promised, to the gang that is told. `poll` afterwards.
  std::optional<grant> hand_over(gang_key key);

  /// How many gangs wait that were promised the place of this one, or of one of them; and the last of them, else `key`.
  [[nodiscard]] std::pair<std::size_t, gang_key> heirs_of(gang_key key) const;

  /// Takes up to `limit` waiting gangs that fit now and grants them. Call again while it returns `limit`.
  [[nodiscard]] std::vector<grant> poll(std::size_t limit = 64);

  /// Takes every node for at least as large as this. `poll` afterwards.
  void widen(const node_amounts& at_least);

  /// Why a gang waits, as of now; nothing if it does not.
  [[nodiscard]] std::optional<std::string> why_waiting(gang_key key) const;

  /// Why a gang would never fit; nothing if it would.
  [[nodiscard]] std::optional<std::string> never_fits(const gang& who) const;

  [[nodiscard]] const std::vector<node_state>& nodes() const noexcept { return cluster_->nodes(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  /// Gangs that hold places, and their members.
  [[nodiscard]] std::size_t holding() const noexcept { return entries_.size() - waiting_; }
  [[nodiscard]] std::size_t members_placed() const noexcept { return members_placed_; }

private:
  using arrived = std::pair<std::uint64_t, gang_key>; ///< Number in the order of arrival.
  /// Gangs with equal requests, oldest first.
  struct queue_line {
    prepared_gang who;
    std::deque<arrived> waiting;
    std::size_t gone = 0;             ///< How many in `waiting` wait no more.
    std::size_t entries = 0;          ///< Gangs that refer to this line, waiting or placed.
    std::uint64_t promised_until = 0; ///< The newest arrival that was promised a place.
    std::string text;                 ///< Its key in `lines_by_text_`.
  };
  struct entry {
    std::uint32_t line = 0;
    std::uint64_t arrival = 0; ///< 0 when it holds places.
    assignment where;
    std::optional<arrived> heir; ///< Was promised the places.
  };

  [[nodiscard]] std::uint32_t line_for(const gang& who);
  void drop_from_line(std::uint32_t number);
  void hold(entry& e, assignment where); ///< What is taken already.
  [[nodiscard]] std::optional<assignment> try_place(prepared_gang& who);
  [[nodiscard]] std::string why_not(prepared_gang& who) const;
  void clean_line(std::uint32_t number);
  [[nodiscard]] bool may_pass(std::uint32_t number);
  [[nodiscard]] bool waits(const arrived& x) const;
  [[nodiscard]] std::optional<grant> grant_one();
  void leave_line(entry& e);
  [[nodiscard]] bool has_heir(const entry& e) const;

  std::unique_ptr<cluster> cluster_;
  queue_policy policy_;
  mutable std::vector<queue_line> lines_; ///< A gang is brought up to date when it is looked at.
  std::vector<std::uint32_t> free_lines_;
  std::unordered_map<std::string, std::uint32_t> lines_by_text_;
  std::set<std::pair<std::uint64_t, std::uint32_t>> fronts_; ///< Lines that have waiting gangs, oldest front first.
  std::unordered_map<gang_key, entry> entries_;
  std::uint64_t next_arrival_ = 1;
  std::uint64_t oldest_ = 0; ///< Arrival of the gang that `passes_` counts for.
  std::uint32_t passes_ = 0;
  std::size_t waiting_ = 0;
  std::size_t members_placed_ = 0;
};

} // namespace muster
