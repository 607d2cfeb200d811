#include "reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace muster::store {

reserve::reserve(const state_directory& where) : path_(where.root() / "reserve") {}

void reserve::keep() noexcept {
  if (!missing_)
    return;
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && static_cast<std::uint64_t>(found.st_blocks) * 512 >= size) {
    missing_ = false;
    return;
  }
  struct statvfs space {};
  if (::statvfs(path_.parent_path().c_str(), &space) != 0 ||
      std::uint64_t{space.f_bavail} * space.f_frsize < least_free)
    return;
  ::unlink(path_.c_str());
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); // NOLINT
  if (file < 0)
    return;
  missing_ = ::posix_fallocate(file, 0, static_cast<off_t>(size)) != 0; // Writes where file systems cannot allocate.
  ::close(file);
  if (missing_)
    ::unlink(path_.c_str());
}

bool reserve::release() noexcept {
  missing_ = true;
  return ::unlink(path_.c_str()) == 0;
}

} // namespace muster::store
