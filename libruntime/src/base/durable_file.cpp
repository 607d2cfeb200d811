#include "muster/base/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace muster {

namespace {

error failed(const char* what, const std::filesystem::path& path, int problem) {
  return {problem == ENOSPC || problem == EDQUOT ? ec::store_full : ec::io_error,
          std::string{"cannot "} + what + ' ' + path.string() + ": " + std::generic_category().message(problem)};
}

/// Makes a file that nobody has open yet, and that is on disk when this returns.
result<void> write_new_file(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return failed("remove", path, errno);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode); // NOLINT
  if (file < 0)
    return failed("make", path, errno);
  errno = ENOSPC; // A write that was cut short says nothing else.
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  const int problem = errno;
  ::close(file);
  return written ? result<void>{} : failed("write", path, problem);
}

} // namespace

result<void> replace_file_durably(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  const std::filesystem::path temporary = path.string() + ".new";
  if (auto written = write_new_file(temporary, text, mode); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int problem = errno;
    ::unlink(temporary.c_str());
    return failed("write", path, problem);
  }
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  const int folder = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); // NOLINT
  if (folder >= 0) {
    [[maybe_unused]] const int done = ::fsync(folder); // Where that is not possible, the file is there all the same.
    ::close(folder);
  }
  return {};
}

} // namespace muster
