#include "executors/docker/log_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::docker {

namespace {

/// The position lies in the file twice, in turn, each in a slot of this size.
constexpr std::size_t slot_size = 1024;
/// Largest file of runs; beyond it streams are not told apart.
constexpr std::uint64_t streams_limit = std::uint64_t{4} << 20U;
/// Limits below this make no sense: the mark would be cut as well.
constexpr std::int64_t smallest_log = std::int64_t{64} << 10U;
/// How far the end of a line is looked for when the middle is cut out.
constexpr std::size_t line_search = std::size_t{16} << 10U;

/// FNV-1a: finds a text that was written in part.
std::uint64_t checksum(std::string_view text) noexcept {
  std::uint64_t sum = 14695981039346656037U;
  for (const char c : text)
    sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return sum;
}

/// `text` with its checksum in front of it, as a line.
std::string sealed(std::string_view text) {
  return std::to_string(checksum(text)) + ' ' + std::string(text) + '\n';
}

/// What was sealed; false if it is not whole.
bool unsealed(std::string_view line, std::string_view& text) {
  const auto end = line.find('\n');
  const auto blank = line.find(' ');
  if (end == std::string_view::npos || blank == std::string_view::npos || blank > end)
    return false;
  std::uint64_t sum = 0;
  const auto read = std::from_chars(line.data(), line.data() + blank, sum);
  text = line.substr(blank + 1, end - blank - 1);
  return read.ec == std::errc{} && read.ptr == line.data() + blank && sum == checksum(text);
}

/// Takes a number and one character behind it off the front.
bool take_number(std::string_view& text, std::uint64_t& to) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), to);
  if (read.ec != std::errc{} || read.ptr == text.data() + text.size())
    return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()) + 1);
  return true;
}

result<void> write_at(int file, std::string_view data, std::uint64_t offset, const std::filesystem::path& path) {
  while (!data.empty()) {
    const auto put = ::pwrite(file, data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return os_error("cannot write " + path.string(), put < 0 ? errno : ENOSPC);
    data.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

/// At most `size` bytes from `offset` on.
std::string read_at(int file, std::uint64_t offset, std::uint64_t size) {
  std::string text(size, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = ::pread(file, text.data() + filled, text.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return text;
}

unique_fd open_file(const std::filesystem::path& path, int how) {
  return unique_fd(::open(path.c_str(), how | O_CLOEXEC | O_NOFOLLOW, 0644));
}

result<std::uint64_t> size_of(int file, const std::filesystem::path& path) {
  struct stat facts {};
  if (::fstat(file, &facts) != 0)
    return os_error("cannot look at " + path.string(), errno);
  if (!S_ISREG(facts.st_mode))
    return {ec::io_error, path.string() + " is not a plain file"};
  return static_cast<std::uint64_t>(facts.st_size);
}

/// The whole of a small file; empty if it is not there.
std::string whole_file(const std::filesystem::path& path, std::uint64_t limit) {
  const auto file = open_file(path, O_RDONLY);
  const auto size = file ? size_of(file.get(), path) : result<std::uint64_t>{0};
  return size && *size > 0 ? read_at(file.get(), 0, std::min(*size, limit)) : std::string{};
}

std::vector<store::log_run> runs_of(std::string_view text) {
  std::vector<store::log_run> runs;
  for (store::log_run run; store::take_run(text, run);)
    store::merge_run(runs, run);
  return runs;
}

std::string text_of(const std::vector<store::log_run>& runs) {
  std::string text;
  for (const auto& run : runs)
    store::append_run(text, run);
  return text;
}

/// Those of the bytes [from, to).
std::vector<store::log_run> part_of(const std::vector<store::log_run>& runs, std::uint64_t from, std::uint64_t to) {
  std::vector<store::log_run> part;
  std::uint64_t at = 0;
  for (const auto& run : runs) {
    const auto begin = std::max(at, from);
    at += run.size;
    if (const auto end = std::min(at, to); end > begin)
      store::merge_run(part, {run.from, end - begin});
  }
  if (const auto begin = std::max(at, from); to > begin)
    store::merge_run(part, {store::log_origin::unknown, to - begin});
  return part;
}

log_limits sensible(log_limits limits) {
  limits.most = std::max(limits.most, smallest_log);
  limits.head = std::clamp<std::int64_t>(limits.head, 0, limits.most / 4);
  limits.tail = std::clamp<std::int64_t>(limits.tail, 0, limits.most / 4);
  return limits;
}

} // namespace

log_file::log_file(std::filesystem::path log, const log_limits& limits)
    : log_(std::move(log)), limits_(sensible(limits)) {}

std::filesystem::path log_file::beside(const char* suffix) const {
  auto path = log_;
  path += suffix;
  return path;
}

std::string log_file::to_text(const place& x) {
  std::string text;
  for (const auto number : {x.sequence, x.size, x.dropped, x.head, x.mark})
    text += std::to_string(number) + ' ';
  return text + x.point.to_text();
}

bool log_file::from_text(std::string_view text, place& x) {
  for (auto* number : {&x.sequence, &x.size, &x.dropped, &x.head, &x.mark})
    if (!take_number(text, *number))
      return false;
  const auto point = copy_point::from_text(text);
  if (point)
    x.point = *point;
  return point.has_value();
}

result<copy_point> log_file::open() {
  rest();
  at_ = {};
  recovered_ = false;
  known_ = false;
  const auto text = whole_file(beside(".position"), 2 * slot_size);
  for (std::size_t i = 0; i < 2; ++i) {
    place x;
    std::string_view line;
    if (text.size() > i * slot_size && unsealed(std::string_view(text).substr(i * slot_size), line) &&
        from_text(line, x) && x.sequence >= at_.sequence) {
      at_ = x;
      known_ = true;
    }
  }
  if (const auto redone = redo_cut(); !redone)
    return redone.failure();
  if (!known_)
    return copy_point{};
  struct stat facts {};
  // Shorter than it should be: a disk that lost power. What is there is worth nothing then.
  if (::stat(log_.c_str(), &facts) != 0 || static_cast<std::uint64_t>(facts.st_size) < at_.size) {
    at_ = {};
    known_ = false;
  }
  return at_.point;
}

void log_file::rest() noexcept {
  file_.reset();
  streams_.reset();
  position_.reset();
}

result<void> log_file::reopen() {
  if (!file_)
    file_ = open_file(log_, O_RDWR | O_CREAT);
  if (!file_)
    return os_error("cannot open " + log_.string(), errno);
  return {};
}

/// Makes the files agree with `at_`: what was written after the last position goes.
result<void> log_file::recover() {
  if (auto redone = redo_cut(); !redone)
    return redone;
  if (auto opened = reopen(); !opened)
    return opened;
  const auto size = size_of(file_.get(), log_);
  if (!size)
    return size.failure();
  if (*size > at_.size && ::ftruncate(file_.get(), static_cast<off_t>(at_.size)) != 0)
    return os_error("cannot shorten " + log_.string(), errno);
  const auto path = store::streams_of(log_);
  auto text = whole_file(path, 2 * streams_limit);
  std::string_view left = text;
  std::uint64_t covered = 0;
  streams_full_ = false;
  for (store::log_run run; covered < at_.size && store::take_run(left, run); covered += run.size)
    streams_full_ = streams_full_ || run.size == 0;
  streams_size_ = text.size() - left.size();
  if (streams_full_ || (covered == at_.size && left.empty())) {
    recovered_ = true;
    return {};
  }
  // A run that ends behind the log, or one that is missing.
  const auto exact = text_of(part_of(runs_of(text), 0, at_.size));
  if (const auto file = open_file(path, O_WRONLY | O_CREAT); !file || ::ftruncate(file.get(), 0) != 0)
    return os_error("cannot shorten " + path.string(), errno);
  else if (auto written = write_at(file.get(), exact, 0, path); !written)
    return written;
  streams_size_ = exact.size();
  streams_.reset();
  recovered_ = true;
  return {};
}

result<void> log_file::write_streams(const std::vector<store::log_run>& runs) {
  if (streams_full_)
    return {};
  auto text = text_of(runs);
  const bool full = streams_size_ + text.size() > streams_limit;
  if (full) {
    text.clear();
    store::append_run(text, {store::log_origin::unknown, 0});
  }
  const auto path = store::streams_of(log_);
  if (!streams_)
    streams_ = open_file(path, O_WRONLY | O_CREAT);
  if (!streams_)
    return os_error("cannot open " + path.string(), errno);
  if (auto written = write_at(streams_.get(), text, streams_size_, path); !written)
    return written;
  streams_size_ += text.size();
  streams_full_ = full;
  return {};
}

result<void> log_file::write_place(const place& x) {
  const auto path = beside(".position");
  if (!position_)
    position_ = open_file(path, O_WRONLY | O_CREAT);
  if (!position_)
    return os_error("cannot open " + path.string(), errno);
  return write_at(position_.get(), sealed(to_text(x)), (x.sequence % 2) * slot_size, path);
}

result<void> log_file::append(const log_batch& batch) {
  if (batch.bytes.empty() && known_ && at_.point.ended == batch.last)
    return {};
  // An end without a byte leaves what earlier ones copied, should the container be gone.
  if (!batch.bytes.empty() || known_ || ::access(log_.c_str(), F_OK) != 0) {
    if (auto opened = reopen(); !opened)
      return opened;
    if (!recovered_)
      if (auto recovered = recover(); !recovered)
        return recovered;
  }
  auto next = at_;
  next.sequence += 1;
  next.size += batch.bytes.size();
  next.point = batch.after;
  next.point.ended = batch.last;
  if (!batch.bytes.empty()) {
    const auto before = streams_size_;
    const bool full_before = streams_full_;
    if (auto written = write_streams(batch.runs); !written)
      return written;
    if (auto written = write_at(file_.get(), batch.bytes, at_.size, log_); !written) {
      streams_size_ = before;
      streams_full_ = full_before;
      return written;
    }
  }
  // A log that came as one is copied again rather than found again: most are, and need no third file.
  if (known_ || !batch.last) {
    if (auto written = write_place(next); !written) {
      recovered_ = false;
      return written;
    }
    known_ = true;
  }
  at_ = next;
  // If that fails the log is a little too large, and it is tried again with the next batch.
  if (at_.size > static_cast<std::uint64_t>(limits_.most))
    static_cast<void>(cut());
  return {};
}

/// The middle goes. A journal comes first, which holds all that has to be written; what follows can be done again.
result<void> log_file::cut() {
  auto next = at_;
  next.sequence += 1;
  if (next.head == 0) {
    next.head = static_cast<std::uint64_t>(limits_.head);
    const auto searched = std::min<std::uint64_t>(next.head, line_search);
    const auto end = read_at(file_.get(), next.head - searched, searched).rfind('\n');
    if (end != std::string::npos)
      next.head -= searched - end - 1;
  }
  auto from = at_.size - static_cast<std::uint64_t>(limits_.tail);
  auto kept = read_at(file_.get(), from, at_.size - from);
  if (kept.size() != at_.size - from)
    return os_error("cannot read " + log_.string(), EIO);
  if (const auto end = kept.find('\n'); end < line_search && end + 1 < kept.size()) {
    kept.erase(0, end + 1);
    from += end + 1;
  }
  next.dropped += from - next.head - at_.mark;
  const bool in_line = next.head > 0 && read_at(file_.get(), next.head - 1, 1) != "\n";
  const auto mark = (in_line ? "\n" : "") + std::string("[muster: the log grew over ") + std::to_string(limits_.most) +
                    " bytes; " + std::to_string(next.dropped) + " bytes were cut out here]\n";
  next.mark = mark.size();
  next.size = next.head + mark.size() + kept.size();
  const auto all = runs_of(whole_file(store::streams_of(log_), 2 * streams_limit));
  auto runs = part_of(all, 0, next.head);
  store::merge_run(runs, {store::log_origin::muster, mark.size()});
  for (const auto& run : part_of(all, from, at_.size))
    store::merge_run(runs, run);
  const auto streams = text_of(runs);
  auto journal = to_text(next) + '\n' + std::to_string(streams.size()) + '\n' + streams + mark + kept;
  journal = std::to_string(checksum(journal)) + '\n' + journal;
  const auto path = beside(".cut");
  {
    const auto file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file)
      return os_error("cannot open " + path.string(), errno);
    if (auto written = write_at(file.get(), journal, 0, path); !written) {
      ::unlink(path.c_str());
      return written;
    }
  }
  return apply_cut(journal);
}

/// Carries a journal out; one that is not whole is as none.
result<void> log_file::apply_cut(std::string_view journal) {
  std::uint64_t sum = 0;
  std::uint64_t streams = 0;
  place next;
  const auto path = beside(".cut");
  const auto drop = [&]() -> result<void> {
    ::unlink(path.c_str());
    return {};
  };
  if (!take_number(journal, sum) || sum != checksum(journal))
    return drop();
  const auto line = journal.find('\n');
  if (!from_text(journal.substr(0, line), next) || (known_ && next.sequence <= at_.sequence))
    return drop();
  journal.remove_prefix(line + 1);
  if (!take_number(journal, streams) || streams > journal.size())
    return drop();
  recovered_ = false;
  const auto told = store::streams_of(log_);
  const auto fresh = beside(".streams.new");
  {
    const auto file = open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file)
      return os_error("cannot open " + fresh.string(), errno);
    if (auto written = write_at(file.get(), journal.substr(0, streams), 0, fresh); !written)
      return written;
  }
  if (auto opened = reopen(); !opened)
    return opened;
  if (::ftruncate(file_.get(), static_cast<off_t>(next.head)) != 0)
    return os_error("cannot shorten " + log_.string(), errno);
  if (auto written = write_at(file_.get(), journal.substr(streams), next.head, log_); !written)
    return written;
  streams_.reset();
  if (::rename(fresh.c_str(), told.c_str()) != 0)
    return os_error("cannot replace " + told.string(), errno);
  if (auto written = write_place(next); !written)
    return written;
  at_ = next;
  known_ = true;
  streams_size_ = streams;
  streams_full_ = false;
  recovered_ = true;
  return drop();
}

result<void> log_file::redo_cut() {
  const auto path = beside(".cut");
  if (::access(path.c_str(), F_OK) != 0)
    return {};
  return apply_cut(whole_file(path, streams_limit * 2 + static_cast<std::uint64_t>(limits_.most)));
}

} // namespace muster::docker
