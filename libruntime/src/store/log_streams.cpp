#include "muster/store/log_streams.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::store {

namespace {

constexpr unsigned bits_per_byte = 7;
constexpr unsigned most_bits = 63;

/// The text of a file from `offset` on, and which file that is.
struct text_of_file {
  bool there = false;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
};

/// Looks at the file; reads from `offset` on, or from the beginning if it is not the file `inode` any more.
text_of_file read_from(const std::filesystem::path& path, std::uint64_t inode, std::uint64_t offset,
                       std::string& text) {
  text_of_file found;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (file < 0)
    return found;
  struct stat facts {};
  if (::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode)) {
    found = {true, facts.st_ino, static_cast<std::uint64_t>(facts.st_size)};
    std::uint64_t at = found.inode == inode && offset <= found.size ? offset : 0;
    std::array<char, 65536> buffer{};
    for (;;) {
      const auto got = ::pread(file, buffer.data(), buffer.size(), static_cast<off_t>(at));
      if (got <= 0)
        break;
      text.append(buffer.data(), static_cast<std::size_t>(got));
      at += static_cast<std::uint64_t>(got);
    }
  }
  ::close(file);
  return found;
}

} // namespace

std::filesystem::path streams_of(const std::filesystem::path& log) {
  auto path = log;
  path += ".streams";
  return path;
}

void append_run(std::string& to, const log_run& run) {
  auto number = run.size * 4 + static_cast<std::uint64_t>(run.from);
  while (number >= 0x80U) {
    to.push_back(static_cast<char>((number & 0x7fU) | 0x80U));
    number >>= bits_per_byte;
  }
  to.push_back(static_cast<char>(number));
}

bool take_run(std::string_view& text, log_run& run) {
  std::uint64_t number = 0;
  unsigned shift = 0;
  for (std::size_t i = 0; i < text.size() && shift < most_bits; ++i, shift += bits_per_byte) {
    const auto byte = static_cast<unsigned char>(text[i]);
    number |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) != 0)
      continue;
    run = {static_cast<log_origin>(number & 3U), number / 4};
    text.remove_prefix(i + 1);
    return true;
  }
  return false;
}

void merge_run(std::vector<log_run>& runs, const log_run& run) {
  if (run.size == 0)
    return;
  if (!runs.empty() && runs.back().from == run.from)
    runs.back().size += run.size;
  else
    runs.push_back(run);
}

log_streams::log_streams(const std::filesystem::path& log) : file_(streams_of(log)) {}

bool log_streams::known() const {
  struct stat facts {};
  return ::stat(file_.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

void log_streams::refresh() {
  struct stat facts {};
  if (::stat(file_.c_str(), &facts) == 0 && static_cast<std::uint64_t>(facts.st_ino) == inode_ &&
      static_cast<std::uint64_t>(facts.st_size) == read_)
    return;
  std::string text;
  const auto found = read_from(file_, inode_, read_, text);
  if (!found.there)
    return;
  if (found.inode != inode_ || found.size < read_) {
    runs_.clear();
    read_ = 0;
    partly_unknown_ = false;
  }
  inode_ = found.inode;
  std::string_view left = text;
  for (log_run run; take_run(left, run);) {
    partly_unknown_ = partly_unknown_ || run.from == log_origin::unknown;
    const auto end = (runs_.empty() ? 0 : runs_.back().end) + run.size;
    if (run.size == 0)
      continue;
    if (!runs_.empty() && runs_.back().from == run.from)
      runs_.back().end = end;
    else
      runs_.push_back({end, run.from});
  }
  read_ += text.size() - left.size();
}

log_origin log_streams::origin_at(std::uint64_t offset) const {
  const auto run = std::upper_bound(runs_.begin(), runs_.end(), offset,
                                    [](std::uint64_t at, const placed_run& x) { return at < x.end; });
  return run == runs_.end() ? log_origin::unknown : run->from;
}

void log_streams::pass(std::uint64_t offset, std::string_view piece, log_origin wanted,
                       const std::function<void(std::string_view)>& use) const {
  auto run = std::upper_bound(runs_.begin(), runs_.end(), offset,
                              [](std::uint64_t at, const placed_run& x) { return at < x.end; });
  while (!piece.empty()) {
    const auto from = run == runs_.end() ? log_origin::unknown : run->from;
    const auto size = run == runs_.end()
                          ? piece.size()
                          : static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), run->end - offset));
    if (from == wanted || from == log_origin::unknown)
      use(piece.substr(0, size));
    piece.remove_prefix(size);
    offset += size;
    if (run != runs_.end())
      ++run;
  }
}

} // namespace muster::store
