#include "muster/store/log_tail.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace muster::store {

namespace {

constexpr std::size_t block_size = 64 * 1024;

/// A file opened for reading; closed at the end.
class open_file {
public:
  explicit open_file(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)) {}
  ~open_file() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  [[nodiscard]] std::uint64_t size() const {
    struct stat found {};
    return descriptor_ >= 0 && ::fstat(descriptor_, &found) == 0 && S_ISREG(found.st_mode)
               ? static_cast<std::uint64_t>(found.st_size)
               : 0;
  }
  /// What could be read at `offset`, at most the size of the buffer.
  [[nodiscard]] std::size_t read(std::vector<char>& buffer, std::size_t limit, std::uint64_t offset) const {
    const auto got = ::pread(descriptor_, buffer.data(), std::min(limit, buffer.size()), static_cast<off_t>(offset));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

private:
  int descriptor_;
};

} // namespace

std::uint64_t offset_of_last_lines(const std::filesystem::path& path, std::uint64_t lines,
                                   std::optional<log_origin> only) {
  const open_file file(path);
  const std::uint64_t size = file.size();
  if (lines == 0)
    return size;
  log_streams streams(path);
  if (only)
    streams.refresh();
  std::vector<char> buffer(block_size);
  std::uint64_t ends = 0;
  bool last_seen = false;
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t begin = end > block_size ? end - block_size : 0;
    const auto got = file.read(buffer, static_cast<std::size_t>(end - begin), begin);
    for (std::size_t i = got; i > 0; --i) {
      if (buffer[i - 1] != '\n')
        continue;
      const auto from = only ? streams.origin_at(begin + i - 1) : log_origin::unknown;
      if (only && from != *only && from != log_origin::unknown)
        continue;
      // The end of the last line does not begin another one.
      if (only ? !std::exchange(last_seen, true) : begin + i == size)
        continue;
      if (++ends == lines)
        return begin + i;
    }
    end = begin;
  }
  return 0;
}

bool tells_streams(const std::filesystem::path& log) {
  return open_file(log).size() == 0 || log_streams(log).known();
}

log_tail::log_tail(std::filesystem::path file, std::uint64_t offset, std::optional<log_origin> only)
    : file_(std::move(file)), offset_(offset), only_(only) {
  if (only_)
    streams_.emplace(file_);
}

std::size_t log_tail::read(std::size_t limit, const std::function<void(std::string_view)>& use) {
  // Most looks at a log find nothing new: they cost no open.
  struct stat found {};
  if (::stat(file_.c_str(), &found) != 0 || !S_ISREG(found.st_mode))
    return 0;
  const auto size = static_cast<std::uint64_t>(found.st_size);
  // The middle of a log that grew too large is cut out: go on at its new end, where the task goes on writing.
  if (size < offset_)
    offset_ = size > block_size ? size - block_size : 0;
  if (size == offset_)
    return 0;
  const open_file file(file_);
  if (streams_)
    streams_->refresh(); // Whoever writes says first who wrote it.
  std::vector<char> buffer(std::min(limit, block_size));
  std::size_t total = 0;
  while (total < limit) {
    const auto got = file.read(buffer, limit - total, offset_);
    if (got == 0)
      break;
    if (streams_)
      streams_->pass(offset_, {buffer.data(), got}, *only_, use);
    else
      use({buffer.data(), got});
    offset_ += got;
    total += got;
  }
  return total;
}

} // namespace muster::store
