#pragma once

#include "placement/queue_lines.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace muster {

/// Which nodes got more room, in order. A gang that had no place has none now either, unless one of its members could
/// use a node that got room since. Private to placement.
class gain_log {
public:
  void add(std::uint32_t node) {
    nodes_.push_back(node);
    if (nodes_.size() > 2 * kept) {
      nodes_.erase(nodes_.begin(), nodes_.begin() + kept);
      begin_ += kept;
    }
  }
  /// Everything may have changed.
  void forget() {
    begin_ += nodes_.size() + 1;
    nodes_.clear();
  }
  [[nodiscard]] gain_mark now() const noexcept { return begin_ + nodes_.size(); }

  /// Nothing that got room since `mark` is of use, as `useful(node)` says; sets `mark` to now then.
  template <class Predicate>
  [[nodiscard]] bool nothing_since(gain_mark& mark, Predicate useful) const {
    constexpr std::size_t many = 256; // Trying is no dearer then.
    if (mark == never_tried || mark < begin_ || now() - mark > many)
      return false;
    for (auto i = mark - begin_; i < nodes_.size(); ++i)
      if (useful(nodes_[i]))
        return false;
    mark = now();
    return true;
  }

private:
  static constexpr std::ptrdiff_t kept = 4096;
  std::vector<std::uint32_t> nodes_;
  gain_mark begin_ = 1;
};

} // namespace muster
