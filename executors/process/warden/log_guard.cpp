#include "executors/process/warden/log_guard.hpp"

#include "muster/base/posix.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::process {

result<bool> guard_log(const std::string& path, const log_limits& limits) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0)
    return errno == ENOENT ? result<bool>{false} : os_error("cannot look at " + path, errno);
  if (facts.st_size <= limits.most)
    return false;
  const unique_fd file{::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW)};
  if (!file)
    return os_error("cannot open " + path, errno);
  std::string kept(static_cast<std::size_t>(std::min(limits.tail, limits.most / 4)), '\0');
  const auto from = facts.st_size - static_cast<off_t>(kept.size());
  const auto n = ::pread(file.get(), kept.data(), kept.size(), from);
  kept.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  const auto head = std::min(limits.head, limits.most / 4);
  if (::ftruncate(file.get(), head) != 0)
    return os_error("cannot shorten " + path, errno);
  const auto gone = facts.st_size - head - static_cast<off_t>(kept.size());
  const auto line = "\n[muster: the log grew over " + std::to_string(limits.most) + " bytes; " + std::to_string(gone) +
                    " bytes were cut out here]\n";
  if (!write_all(file.get(), line) || !write_all(file.get(), kept))
    return os_error("cannot write " + path, errno);
  return true;
}

} // namespace muster::process
