#include "muster/base/posix.hpp"

#include <cerrno>
#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace muster {

error os_error(const std::string& what, int number) {
  return {ec::io_error, what + ": " + std::generic_category().message(number)};
}

bool write_all(int fd, std::string_view data) noexcept {
  while (!data.empty()) {
    const auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string read_small_file(const char* path, std::size_t limit) {
  std::string out;
  const unique_fd file{::open(path, O_RDONLY | O_CLOEXEC)};
  if (!file)
    return out;
  char part[4096];
  while (out.size() < limit) {
    const auto n = ::read(file.get(), part, sizeof part);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    out.append(part, static_cast<std::size_t>(n));
  }
  return out;
}

std::int64_t wall_clock_us() noexcept {
  return std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t steady_clock_us() noexcept {
  return std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace muster
