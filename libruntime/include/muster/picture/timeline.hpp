#pragma once

#include "muster/base/time.hpp"
#include "muster/event/event.hpp"
#include "muster/state/status.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::picture {

/// One attempt of a task, as a timeline shows it.
struct attempt_bar {
  std::string task;
  std::vector<std::string> scope; ///< Headings above it, the outermost first.
  std::string family; ///< What elements of the same `foreach` share, such as `map.*.leaf.*`; empty for no element.
  std::uint32_t attempt = 0;
  muster::status status = muster::status::unspecified;
  std::int32_t exit_code = no_exit_code;
  std::string reason;
  std::string node;
  timestamp queued{};                    ///< When it was made.
  std::optional<timestamp> initializing; ///< When it was placed.
  std::optional<timestamp> running;
  std::optional<timestamp> ended;
};

/// `map.*.leaf.*` of `map.1.leaf.2`: what the elements of one `foreach` share; empty of what is no element.
[[nodiscard]] std::string family_of(const std::string& task);

/// Sets `scope` and `family` of a task of a flow from its dotted name.
void place_in_flow(attempt_bar& x);

/// Many attempts in one row.
struct density_band {
  std::uint64_t attempts = 0;
  std::uint64_t failed = 0;
  std::vector<std::uint32_t> running; ///< How many were placed or ran, per slice of the whole time.
};

/// A heading, an attempt, or a band.
struct timeline_row {
  std::size_t depth = 0;
  std::string label;
  std::optional<attempt_bar> bar;
  std::optional<density_band> band;
};

/// What happened when, to be drawn.
struct timeline {
  std::string title;
  timestamp from{};
  timestamp to{}; ///< Later than `from`.
  std::vector<timeline_row> rows;
};

/// How much is shown one by one.
struct timeline_limits {
  std::size_t elements = 50; ///< Of one family; more become a band.
  std::size_t rows = 2000;   ///< What is beyond becomes a band.
  std::size_t slices = 200;  ///< Of a band.
};

/// Takes attempts one by one, and keeps little of those that become a band.
class timeline_builder {
public:
  explicit timeline_builder(timeline_limits limits = {}) : limits_(limits) {}
  void add(attempt_bar x);
  /// From `from` to `to`, or further where an attempt ended later. What has not ended is drawn up to there.
  [[nodiscard]] timeline finish(std::string title, timestamp from, timestamp to);

private:
  struct interval {
    timestamp begin{};
    std::optional<timestamp> end;
    bool failed = false;
  };
  struct family {
    std::vector<std::size_t> bars; ///< Until there are too many.
    std::vector<interval> intervals;
    std::size_t entry = 0; ///< Where the band stands.
  };
  /// A bar, or the place of a band, in the order of coming.
  struct entry {
    std::vector<std::string> scope;
    std::optional<attempt_bar> bar;
    std::string family; ///< Of a band.
    bool gone = false;
  };
  struct branch;

  [[nodiscard]] static interval interval_of(const attempt_bar& x);
  [[nodiscard]] density_band band_of(const std::vector<interval>& x, const timeline& within) const;
  void flatten(const branch& from, std::size_t depth, timeline& out, std::vector<interval>& rest) const;

  timeline_limits limits_;
  std::vector<entry> entries_;
  std::map<std::string, family> families_;
  timestamp latest_{};
};

/// Points of the axis: at most `most`, in steps that people count in, from `from` on.
[[nodiscard]] std::vector<duration> ticks_of(duration whole, std::size_t most);

/// `250ms`, `1.5s`, `2m`, `1h30m`: a point of the axis.
[[nodiscard]] std::string tick_text(duration x);

/// A picture that needs nothing else: readable on light and on dark, each bar with a tooltip.
[[nodiscard]] std::string to_svg(const timeline& x);

/// A line of text, and the status that decides its colour.
struct timeline_line {
  std::string text;
  std::optional<muster::status> status;
};

/// The same for a terminal of `width` columns: `·` queued, `░` initialising, `█` running.
[[nodiscard]] std::vector<timeline_line> to_text(const timeline& x, std::size_t width);

/// `text` within XML: entities for what means something there, `?` for what may not be there at all.
[[nodiscard]] std::string xml_text(std::string_view text);

} // namespace muster::picture
