#pragma once

#include "executors/docker/engine/timestamps.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::docker {

/// What the clocks say, in ns.
struct clock_reading {
  std::int64_t now = 0;    ///< The wall clock: since 1970.
  std::int64_t offset = 0; ///< It less a clock that never jumps: changes when somebody sets the wall clock.
};

/// The clocks of this host, which is the daemon's as a rule.
[[nodiscard]] clock_reading read_clocks() noexcept;

/// How far a container's log was copied: what it takes to find the place again in what the daemon sends. Times are
/// nanoseconds since 1970, -1 for none.
///
/// The times of one stream never go back (but with the daemon's clock), those of both together do: all pieces of a long
/// line carry the time of the first one. So places are kept by stream.
struct copy_point {
  /// Of stdout, or stderr.
  struct stream {
    std::int64_t last = -1; ///< Time of its last record.
    std::uint64_t same = 0; ///< Its last records that have this time.
    bool open_line = false; ///< The last record is a piece of a line that goes on.
  };
  std::array<stream, 2> streams; ///< stdout, stderr.
  std::uint64_t records = 0;     ///< Of both.
  std::uint64_t bytes = 0;       ///< That the daemon sent for them.
  std::int64_t first = -1;       ///< Time of the very first record.
  std::int64_t recent = -1;      ///< Time of the last one.
  std::int64_t clock = 0;        ///< `clock_reading::offset` when the last record was taken.
  bool went_back = false;        ///< The daemon's clock was seen to go back: times do not find the place any more.
  bool mid_line = false;         ///< What was written last does not end a line.
  bool ended = false;            ///< All is copied.

  /// Counts a record of stream `which` (0: stdout, 1: stderr).
  void add(std::size_t which, std::int64_t at, std::string_view text, const clock_reading& clocks);

  /// Whether the end of a line was lost behind `text`, the next record of stream `which`: the daemon cuts long lines
  /// into pieces of `piece_size`, and its `local` driver forgets the end behind the last of them (Docker 20.10). What
  /// is not known is whether the very last line had one: if it is that long, it gets one.
  [[nodiscard]] bool lost_line_end(std::size_t which, std::string_view text) const noexcept;
  /// The daemon's `defaultBufSize`.
  static constexpr std::size_t piece_size = std::size_t{16} << 10U;

  /// As one line of text, without its end.
  [[nodiscard]] std::string to_text() const;
  /// Nothing if `text` is not that.
  [[nodiscard]] static std::optional<copy_point> from_text(std::string_view text);
};

/// Finds the place in a log that is read again: which records are new.
class copy_filter {
public:
  /// A record of one stream may come this much later than records of the other with the same time.
  static constexpr std::chrono::milliseconds slack{2000};
  /// Steps of the clock that are smaller than half of this are not looked for, but allowed for.
  static constexpr std::chrono::milliseconds margin{20};
  /// As long as not more was copied, a log is read again from its beginning, where counting finds the place.
  static constexpr std::uint64_t little = std::uint64_t{128} << 10U;

  enum class verdict : std::uint8_t {
    known,     ///< It was copied.
    fresh,     ///< It is new.
    after_gap, ///< It is new, and others before it may have been lost: the daemon dropped them.
  };

  /// To go on from `from`.
  copy_filter(const copy_point& from, const clock_reading& clocks);

  /// From when on the log is to be read; nothing: from its beginning.
  [[nodiscard]] std::optional<nano_timestamp> since() const;
  /// Judges the next record that came, of stream `which`.
  [[nodiscard]] verdict judge(std::size_t which, std::int64_t at);

private:
  enum class mode : std::uint8_t { counting, by_time, all };

  [[nodiscard]] verdict judge_by_time(std::size_t which, std::int64_t at);
  void begin_by_time(std::int64_t since);

  copy_point from_;
  mode mode_ = mode::all;
  std::int64_t since_ = -1;
  std::uint64_t seen_ = 0;
  bool gap_ = false; ///< It was said once.
  std::array<bool, 2> found_{};
  std::array<std::uint64_t, 2> matched_{};
};

} // namespace muster::docker
