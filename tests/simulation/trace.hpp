#pragma once

#include "timeline.hpp"

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <utility>

namespace muster::simulation {

/// How much of what happens is written down.
enum class detail : std::uint8_t {
  none,  ///< Only a sum of all of it.
  last,  ///< And the last steps.
  print, ///< And every step, to stdout.
};

/// What has happened in a world. Two runs of a seed have the same sum, whatever is written down.
class trace {
public:
  explicit trace(detail how) : how_(how) {}

  [[nodiscard]] bool wants_text() const noexcept { return how_ != detail::none; }

  /// Counts a step.
  void mix(std::uint64_t x) noexcept { sum_ = (sum_ ^ x) * 0x100000001b3ULL; }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

  /// Writes it down. To be asked for only where it `wants_text`.
  void say(moment now, const std::string& what) {
    char time[32];
    std::snprintf(time, sizeof time, "%14.6f  ", static_cast<double>(now.count()) / 1e6);
    auto line = time + what;
    if (how_ == detail::print)
      std::puts(line.c_str());
    lines_.push_back(std::move(line));
    if (lines_.size() > kept)
      lines_.pop_front();
  }
  [[nodiscard]] const std::deque<std::string>& lines() const noexcept { return lines_; }

private:
  static constexpr std::size_t kept = 100;
  detail how_;
  std::uint64_t sum_ = 0xcbf29ce484222325ULL;
  std::deque<std::string> lines_;
};

} // namespace muster::simulation
