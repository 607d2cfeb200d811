#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace muster {

/// An integer that cannot be mixed up with another kind of integer. `Tag` tells kinds apart.
template <class Tag, class Rep>
struct strong_id {
  using rep = Rep;
  Rep value{};

  friend constexpr bool operator==(strong_id a, strong_id b) noexcept { return a.value == b.value; }
  friend constexpr bool operator!=(strong_id a, strong_id b) noexcept { return a.value != b.value; }
  friend constexpr bool operator<(strong_id a, strong_id b) noexcept { return a.value < b.value; }

  /// For CAF's serialisers; nothing of CAF is needed here.
  template <class Inspector>
  friend auto inspect(Inspector& f, strong_id& x) {
    return f(x.value);
  }
};

/// A workflow's number in the store: 1, 2, ... never reused. Users see its id, `<name>-<n>`.
using workflow_key = strong_id<struct workflow_key_tag, std::int64_t>;
/// A group's position in its workflow's plan, from 0.
using group_index = strong_id<struct group_index_tag, std::uint32_t>;
/// A task's position in its workflow's plan, from 0.
using task_index = strong_id<struct task_index_tag, std::uint32_t>;
/// Fences leases: a lease with a lower epoch than the newest one of its group has no rights.
using epoch = strong_id<struct epoch_tag, std::uint64_t>;
/// Position of an event in the journal: 1, 2, ... without gaps.
using sequence = strong_id<struct sequence_tag, std::uint64_t>;

/// One execution of a task; `number` 0 is the first. Unique for ever within one state directory.
struct attempt_id {
  workflow_key workflow;
  task_index task;
  std::uint32_t number = 0;

  friend constexpr bool operator==(const attempt_id& a, const attempt_id& b) noexcept {
    return a.workflow == b.workflow && a.task == b.task && a.number == b.number;
  }
  friend constexpr bool operator!=(const attempt_id& a, const attempt_id& b) noexcept { return !(a == b); }

  template <class Inspector>
  friend auto inspect(Inspector& f, attempt_id& x) {
    return f(x.workflow, x.task, x.number);
  }
};

/// `<workflow>.<task>.<number>` in numbers, for logs and for naming records.
[[nodiscard]] inline std::string to_string(const attempt_id& x) {
  return std::to_string(x.workflow.value) + '.' + std::to_string(x.task.value) + '.' + std::to_string(x.number);
}

} // namespace muster

namespace std {

template <class Tag, class Rep>
struct hash<muster::strong_id<Tag, Rep>> {
  size_t operator()(muster::strong_id<Tag, Rep> x) const noexcept { return hash<Rep>{}(x.value); }
};

template <>
struct hash<muster::attempt_id> {
  size_t operator()(const muster::attempt_id& x) const noexcept {
    const auto mix = static_cast<uint64_t>(x.workflow.value) * 0x9e3779b97f4a7c15ULL +
                     (static_cast<uint64_t>(x.task.value) << 20U) + x.number;
    return hash<uint64_t>{}(mix * 0x9e3779b97f4a7c15ULL);
  }
};

} // namespace std
