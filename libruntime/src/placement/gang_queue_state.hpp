#pragma once

#include "muster/placement/cluster.hpp"
#include "muster/placement/gang_queue.hpp"
#include "placement/candidates.hpp"
#include "placement/fair_share.hpp"
#include "placement/gain_log.hpp"
#include "placement/gpu_quotas.hpp"
#include "placement/place_promises.hpp"
#include "placement/queue_lines.hpp"

#include <map>
#include <set>
#include <unordered_map>

namespace muster {

enum class gang_stage : std::uint8_t {
  waits,
  reserved, ///< Its places are kept for it until others are gone.
  holds,
  ending, ///< Holds places, and was named as a victim.
};

struct queue_entry {
  std::uint32_t line = 0;
  gang_stage stage = gang_stage::waits;
  std::uint64_t arrival = 0;
  queue_time since; ///< It waits, or holds its places.
  assignment where;

  [[nodiscard]] bool has_places() const noexcept { return stage == gang_stage::holds || stage == gang_stage::ending; }
};

/// Places that are kept for a gang while others end.
struct kept_places {
  node_choice nodes;
  std::set<gang_key> until_gone;
  queue_time since;
  gain_mark tried_elsewhere = never_tried; ///< There was no other room then,
  std::optional<gang_key> tried_behind;    ///< beside what this one waited for.
};

/// Where and when the first gang that does not fit will have its places, as far as can be said.
struct head_plan {
  std::uint64_t number = 0; ///< 0: there is none.
  queue_time begins;        ///< Not before all of these have ended; the end of time if that is not known.
  /// What others may use of each of its nodes without keeping it waiting.
  std::vector<std::pair<std::uint32_t, node_room>> spare;
};

/// The state of a `gang_queue`. Its parts: gang_queue.cpp (who is there), queue_pass.cpp (who is next), head_plan.cpp
/// (what is kept for the first), preemption.cpp, queue_change.cpp (another policy), explain.cpp.
struct gang_queue::state {
  explicit state(queue_policy p);

  // Who is there
  [[nodiscard]] std::optional<std::string> never_fits(prepared_gang& who, const gang_terms& terms);
  [[nodiscard]] std::optional<std::string> ruled_out(const prepared_gang& who, const gang_terms& terms) const;
  [[nodiscard]] std::vector<gang_key> stranded();
  [[nodiscard]] bool waits(const arrived& x) const;
  void wait(gang_key key, queue_entry& e);
  void stop_waiting(gang_key key, queue_entry& e);
  void clean_line(std::uint32_t number);
  std::optional<gang_key> hold(gang_key key, queue_entry& e, assignment where);
  void let_go(gang_key key, queue_entry& e);
  bool withdraw(gang_key key);
  void node_changed(std::uint32_t node);
  void forget_gone(std::uint32_t node);
  void count_capacity();

  // Another policy
  [[nodiscard]] std::vector<ruled_out_gang> take_over(state& before, const asks_anew& asks);
  void take_over_shares(const state& before);
  [[nodiscard]] queue_entry& enter(gang_key key, const queue_entry& was, gang_request asks, const state& before);
  void take_over_holders(const state& before, const asks_anew& asks);
  void take_over_kept(gang_key winner, queue_entry& e, const state& before);
  [[nodiscard]] bool may_stay_kept(const queue_line& line, const kept_places& x) const;

  // Who is next
  [[nodiscard]] std::vector<grant> poll(std::size_t limit);
  void let_all_try(std::vector<grant>& grants, std::size_t limit);
  void grant_kept(std::vector<grant>& grants, std::size_t limit);
  [[nodiscard]] std::optional<assignment> admit(std::uint32_t line);
  [[nodiscard]] std::optional<assignment> admit_newcomer(std::uint32_t line);
  [[nodiscard]] std::optional<assignment> place_freely(std::uint32_t line);
  [[nodiscard]] bool certainly_fails(std::uint32_t line);
  [[nodiscard]] bool quota_allows(const line_brief& x);
  [[nodiscard]] bool has_slots(std::size_t members) const;

  // What is kept for the first
  void set_head(std::optional<gang_key> key, bool waits_for_slots);
  [[nodiscard]] std::optional<gang_key> head_that_waits() const;
  [[nodiscard]] std::optional<assignment> place_behind_head(std::uint32_t line);
  [[nodiscard]] std::optional<assignment> place_beside_plan(std::uint32_t line);
  [[nodiscard]] bool of_use(std::uint32_t line, std::uint32_t node);
  [[nodiscard]] bool ends_in_time(const queue_line& line) const;
  [[nodiscard]] bool may_delay_head(const queue_line& line) const;
  void make_plan();
  [[nodiscard]] bool plan_after(prepared_gang& who, const std::vector<std::pair<queue_time, gang_key>>& ends,
                                std::size_t count);
  [[nodiscard]] std::vector<std::pair<queue_time, gang_key>> ends_of_holders();
  void restrict_to_spare();
  void lift_restriction();

  // Preemption
  [[nodiscard]] std::vector<preemption> preempt(std::size_t limit);
  [[nodiscard]] std::vector<gang_key> gangs_to_preempt_for(queue_line& line, bool may, std::size_t& tried);
  void keep_plan_from_others();
  void keep_places(gang_key winner, queue_entry& e, const std::vector<gang_key>& victims);
  void drop_kept(gang_key winner);
  [[nodiscard]] bool is_free_for(const prepared_gang& who, const node_choice& chosen) const;
  [[nodiscard]] bool lacks_room_only(const queue_line& line) const;
  [[nodiscard]] bool comes_before(const queue_entry& a, const queue_entry& b);
  [[nodiscard]] std::optional<node_choice> choose_elsewhere(gang_key winner);
  [[nodiscard]] bool may_wait_on(const kept_places& x) const;
  void wait_again(gang_key winner);
  void victim_gone(gang_key victim);

  // Why
  [[nodiscard]] std::optional<wait_reason> explain(gang_key key);
  [[nodiscard]] const wait_reason& explain_line(queue_line& line);
  [[nodiscard]] std::optional<gang_key> kept_from(queue_line& line);
  [[nodiscard]] std::size_t position_of(const queue_entry& e);
  [[nodiscard]] bool guarantee_is_short(const wait_reason& x, const queue_line& line) const;
  [[nodiscard]] std::vector<gang_key> holders_near(const wait_reason& x, const queue_line& line) const;

  queue_policy policy;
  cluster nodes;
  queue_lines lines;
  gpu_quotas quotas;
  fair_share shares;
  candidates order;
  queue_time now;
  std::unordered_map<gang_key, queue_entry> entries;
  std::vector<std::vector<gang_key>> holders;    ///< By node.
  std::set<std::pair<queue_time, gang_key>> low; ///< Of LOW priority, hold places and are not ending; oldest first.
  place_promises promises;
  std::map<gang_key, kept_places> kept;             ///< By winner.
  std::unordered_map<gang_key, gang_key> winner_of; ///< By victim.
  gain_log gains;
  bool capacity_changed = true; ///< Since `shares` were told of it.
  std::uint64_t changes = 1;    ///< Of anything that a reason may say.

  std::optional<gang_key> head;      ///< The first that did not fit, at the last pass.
  std::optional<gang_key> last_head; ///< That `passes` and `plan` are about.
  bool head_waits_for_slots = false;
  std::uint32_t passes = 0; ///< How often it was passed.
  head_plan plan;
  std::uint64_t plans = 0;
  std::vector<std::pair<std::uint32_t, node_room>> held_down; ///< What `restrict_to_spare` took.
  std::vector<bool> firm_blocked;                             ///< By quota: somebody waits for its guarantee.
  std::vector<bool> all_blocked;                              ///< Likewise for its maximum.

  std::uint64_t next_arrival = 1;
  std::size_t waiting = 0;
  std::size_t members_placed = 0;
  std::size_t members_kept = 0; ///< Of gangs that places are kept for.
};

} // namespace muster
