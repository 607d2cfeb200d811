#pragma once

#include "muster/placement/prepared_gang.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/placement/wait_reason.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

/// Who waits, and in which order. Private to placement.
namespace muster {

/// Number in the order of arrival, and who.
using arrived = std::pair<std::uint64_t, gang_key>;

/// Position in `gain_log`; `never_tried` for what was not looked for yet.
using gain_mark = std::uint64_t;
constexpr gain_mark never_tried = std::numeric_limits<gain_mark>::max();

/// What a pass looks at of a line that it does not try. Such are kept close together, as there may be very many.
struct line_brief {
  gain_mark failed_at = never_tried;        ///< Had no place with what was free then.
  gain_mark failed_behind_at = never_tried; ///< Likewise, beside what is kept for the first.
  std::uint64_t failed_behind = 0;          ///< The plan that it was kept by.
  node_room smallest;                       ///< No member needs less.
  std::int64_t gpus = 0;                    ///< Of all members.
  std::uint32_t members = 0;
  std::uint32_t quota = 0;
  gang_priority priority = gang_priority::normal;
};

/// A line that has waiting gangs.
struct line_front {
  std::uint64_t arrival = 0; ///< Of the first of them.
  queue_time since;          ///< It waits.
  std::uint32_t line = 0;
};

/// Lines by the arrival of their fronts. Positions stay what they are while a pass goes through it: what is removed
/// leaves a gap until `close_gaps`.
class front_list {
public:
  static constexpr auto gap = std::numeric_limits<std::uint32_t>::max();

  void add(const line_front& x);
  void remove(std::uint64_t arrival);
  void close_gaps();
  [[nodiscard]] bool empty() const noexcept { return all_.size() == gaps_; }
  [[nodiscard]] const std::vector<line_front>& all() const noexcept { return all_; }

private:
  std::vector<line_front> all_; ///< `line` is `gap` where one was removed.
  std::size_t gaps_ = 0;
};

/// Gangs with equal requests and terms, oldest first. All that is known of one holds for all.
struct queue_line {
  prepared_gang who;
  gang_terms terms;
  std::uint32_t user = 0;
  std::uint32_t quota = 0;
  std::deque<arrived> waiting;
  std::size_t gone = 0;                          ///< How many in `waiting` wait no more.
  std::size_t entries = 0;                       ///< Gangs that refer to this line, waiting or not.
  bool fits = false;                             ///< It did once, were all nodes empty.
  std::uint64_t promised_until = 0;              ///< The newest arrival that was promised a place.
  gain_mark not_preempting_at = never_tried;     ///< Preempting LOW gangs did not help then,
  std::optional<gang_key> not_preempting_behind; ///< when this one was the first.
  std::uint64_t explained_at = 0;                ///< The change that `explanation` is of.
  wait_reason explanation;
  std::string explanation_text;
  std::string text; ///< Its key.

  [[nodiscard]] std::size_t rank() const noexcept { return static_cast<std::size_t>(terms.priority) - 1; }
  [[nodiscard]] std::int64_t gpus() const noexcept { return who.root.sum.gpus; }
};

/// A user's share of a quota.
struct share_user {
  std::uint32_t quota = 0;
  double weight = 1;
  std::int64_t gpus = 0; ///< Held.
  std::int64_t cpus = 0;
  double past = 0; ///< Mean of the share over time, newer ones counting for more.
  queue_time past_until;
  std::size_t lines = 0;
  std::array<front_list, 3> fronts; ///< By priority.
  std::string name;
  std::string text; ///< Its key.
};

/// The lines of a queue, and the users whose they are.
class queue_lines {
public:
  explicit queue_lines(const queue_policy& policy) : policy_(policy) {}

  /// A line by its text; nothing if there is none.
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& text) const;
  /// A new line; `enter` and `leave` count who refers to it.
  [[nodiscard]] std::uint32_t add(std::string text, prepared_gang who, const gang_terms& terms, std::uint32_t quota);
  /// What somebody held counts, though he may have no line.
  void remember(const std::string& user, std::uint32_t quota, double past, queue_time until);
  void enter(std::uint32_t line) { ++lines_[line].entries; }
  void leave(std::uint32_t line);

  /// A gang waits from now on. It may be older than others there.
  void push(std::uint32_t line, const arrived& x, queue_time since);
  /// The front of a line is another now, or waits since another time.
  void set_front(std::uint32_t line, std::uint64_t old_arrival, queue_time since);

  [[nodiscard]] queue_line& operator[](std::uint32_t line) { return lines_[line]; }
  [[nodiscard]] const queue_line& operator[](std::uint32_t line) const { return lines_[line]; }
  [[nodiscard]] line_brief& brief(std::uint32_t line) { return briefs_[line]; }
  [[nodiscard]] std::vector<share_user>& users() noexcept { return users_; }
  [[nodiscard]] const std::vector<share_user>& users() const noexcept { return users_; }
  [[nodiscard]] share_user& user_of(const queue_line& x) { return users_[x.user]; }

  /// How many pairs of user and priority have waiting gangs.
  [[nodiscard]] std::size_t crowds() const noexcept { return crowds_; }

private:
  [[nodiscard]] std::uint32_t user_for(const std::string& name, std::uint32_t quota);

  const queue_policy& policy_;
  std::deque<queue_line> lines_;
  std::vector<line_brief> briefs_; ///< By line.
  std::vector<std::uint32_t> free_lines_;
  std::unordered_map<std::string, std::uint32_t> by_text_;
  std::vector<share_user> users_;
  std::vector<std::uint32_t> free_users_;
  std::unordered_map<std::string, std::uint32_t> users_by_text_;
  std::size_t crowds_ = 0;
};

/// The text of a line.
[[nodiscard]] std::string text_of(const gang& who, const gang_terms& terms);

} // namespace muster
