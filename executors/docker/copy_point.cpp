#include "executors/docker/copy_point.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <limits>

namespace muster::docker {

namespace {

constexpr std::int64_t slack_ns = std::chrono::nanoseconds(copy_filter::slack).count();
constexpr std::int64_t margin_ns = std::chrono::nanoseconds(copy_filter::margin).count();

/// The head of a frame and a time, to each record.
constexpr std::uint64_t bytes_around = 40;

/// Takes one number and the blank before it off the front.
template <class T>
bool take(std::string_view& text, T& to) {
  if (text.empty() || text.front() != ' ')
    return false;
  text.remove_prefix(1);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), to);
  if (read.ec != std::errc{})
    return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

bool take(std::string_view& text, bool& to) {
  int number = 0;
  if (!take(text, number))
    return false;
  to = number != 0;
  return true;
}

bool ends_line(std::string_view text) noexcept {
  return !text.empty() && text.back() == '\n';
}

std::int64_t nanoseconds_of(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

} // namespace

void copy_point::add(std::size_t which, std::int64_t at, std::string_view text, const clock_reading& clocks) {
  auto& own = streams[which];
  // A record of the future was written before somebody set the clock back.
  went_back = went_back || at < own.last || at > clocks.now + margin_ns / 2;
  clock = clocks.offset;
  own.same = at == own.last ? own.same + 1 : 1;
  own.last = at;
  const bool ends = lost_line_end(which, text) || ends_line(text);
  own.open_line = !ends && text.size() >= piece_size;
  if (first < 0)
    first = at;
  recent = at;
  ++records;
  bytes += text.size() + bytes_around;
  mid_line = !ends;
}

bool copy_point::lost_line_end(std::size_t which, std::string_view text) const noexcept {
  return streams[which].open_line && text.size() < piece_size && !ends_line(text);
}

std::string copy_point::to_text() const {
  std::string out = "1";
  const auto add_number = [&](auto number) { out += ' ' + std::to_string(number); };
  for (const auto& x : streams) {
    add_number(x.last);
    add_number(x.same);
    add_number(static_cast<int>(x.open_line));
  }
  add_number(records);
  add_number(bytes);
  add_number(first);
  add_number(recent);
  add_number(clock);
  add_number(static_cast<int>(went_back));
  add_number(static_cast<int>(mid_line));
  add_number(static_cast<int>(ended));
  return out;
}

std::optional<copy_point> copy_point::from_text(std::string_view text) {
  copy_point x;
  if (text.substr(0, 1) != "1")
    return std::nullopt;
  text.remove_prefix(1);
  for (auto& stream : x.streams)
    if (!take(text, stream.last) || !take(text, stream.same) || !take(text, stream.open_line))
      return std::nullopt;
  const bool read = take(text, x.records) && take(text, x.bytes) && take(text, x.first) && take(text, x.recent) &&
                    take(text, x.clock) && take(text, x.went_back) && take(text, x.mid_line) && take(text, x.ended);
  return read && text.empty() ? std::optional(x) : std::nullopt;
}

clock_reading read_clocks() noexcept {
  const auto now = nanoseconds_of(CLOCK_REALTIME);
  return {now, now - nanoseconds_of(CLOCK_BOOTTIME)};
}

copy_filter::copy_filter(const copy_point& from, const clock_reading& clocks) : from_(from) {
  if (from.records == 0)
    return;
  const auto jump = std::max(clocks.offset, from.clock) - std::min(clocks.offset, from.clock);
  if (from.bytes <= little || from.went_back || jump > margin_ns / 2) {
    mode_ = mode::counting;
    return;
  }
  auto since = std::numeric_limits<std::int64_t>::max();
  for (const auto& x : from.streams) {
    const auto usual = std::min(from.recent, std::max(x.last, from.recent - slack_ns));
    since = std::min(since, x.open_line && x.last >= 0 ? x.last : usual);
  }
  begin_by_time(since - margin_ns); // The clock may have been set back a little.
}

std::optional<nano_timestamp> copy_filter::since() const {
  if (mode_ != mode::by_time || since_ < 0)
    return std::nullopt;
  return nano_timestamp{std::chrono::nanoseconds{since_}};
}

void copy_filter::begin_by_time(std::int64_t since) {
  mode_ = mode::by_time;
  since_ = since;
  // What comes of a stream that ended before `since` is new.
  for (std::size_t i = 0; i < found_.size(); ++i)
    found_[i] = from_.streams[i].last < since;
}

copy_filter::verdict copy_filter::judge(std::size_t which, std::int64_t at) {
  if (mode_ == mode::counting) {
    if (seen_ > 0 || at == from_.first) {
      if (seen_ < from_.records) {
        ++seen_;
        return verdict::known;
      }
      mode_ = mode::all;
      return verdict::fresh;
    }
    // The daemon has dropped the beginning.
    if (from_.went_back) {
      mode_ = mode::all;
      return verdict::after_gap;
    }
    begin_by_time(-1);
  }
  return mode_ == mode::all ? verdict::fresh : judge_by_time(which, at);
}

copy_filter::verdict copy_filter::judge_by_time(std::size_t which, std::int64_t at) {
  const auto& own = from_.streams[which];
  if (found_[which])
    return verdict::fresh;
  if (at < own.last)
    return verdict::known;
  if (at == own.last && matched_[which] < own.same) {
    found_[which] = ++matched_[which] == own.same; // What follows is new, even where the clock went back.
    return verdict::known;
  }
  found_[which] = true;
  if (own.same == 0 || gap_)
    return verdict::fresh;
  gap_ = true;
  return verdict::after_gap;
}

} // namespace muster::docker
