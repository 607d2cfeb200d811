#include "gateway/api/beneath.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <memory>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace muster::gateway {

namespace {

error not_there(const std::string& path) {
  return {ec::not_found, "there is no file " + path + " here"};
}

error failed(const std::string& what) {
  return {ec::io_error, what + ": " + std::generic_category().message(errno)};
}

/// Without openat2 (Linux before 5.6, and some sandboxes) no link at all is followed.
int open_without_links(int folder, const std::string& path) {
  unique_fd at(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
  std::string_view rest = path;
  while (at && !rest.empty()) {
    const auto end = std::min(rest.find('/'), rest.size());
    const std::string part(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty() || part == "." || part == "..") {
      errno = ENOENT;
      return -1;
    }
    at = unique_fd(::openat(at.get(), part.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    struct stat found {};
    if (at && ::fstat(at.get(), &found) == 0 && S_ISLNK(found.st_mode)) {
      errno = ELOOP;
      return -1;
    }
  }
  return at.release();
}

/// A descriptor of the place only: nothing is done to what is there, even if it is a device.
int open_place(int folder, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0; tries < 8; ++tries) {
    const auto fd = ::syscall(SYS_openat2, folder, path.empty() ? "." : path.c_str(), &how, sizeof how);
    if (fd >= 0)
      return static_cast<int>(fd);
    if (errno == ENOSYS || errno == EPERM)
      return open_without_links(folder, path);
    if (errno != EAGAIN) // The folder was changed meanwhile.
      return -1;
  }
  return -1;
}

/// Opens what a descriptor of the place stands for.
int open_to_read(int place, int flags) {
  return ::open(("/proc/self/fd/" + std::to_string(place)).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
}

} // namespace

result<unique_fd> open_folder(const std::filesystem::path& path) {
  unique_fd x(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (x)
    return x;
  if (errno == ENOENT || errno == ENOTDIR)
    return {ec::not_found, "there is no such folder"};
  return failed("cannot open " + path.string());
}

result<opened_file> open_beneath(const unique_fd& folder, const std::string& path) {
  if (path.find('\0') != std::string::npos || (!path.empty() && path.front() == '/'))
    return not_there(path);
  const unique_fd place(open_place(folder.get(), path));
  struct stat found {};
  if (!place || ::fstat(place.get(), &found) != 0)
    return not_there(path);
  opened_file x;
  x.kind = S_ISREG(found.st_mode) ? file_kind::file : S_ISDIR(found.st_mode) ? file_kind::folder : file_kind::other;
  x.size = x.kind == file_kind::file ? static_cast<std::uint64_t>(found.st_size) : 0;
  x.modified_ns = static_cast<std::int64_t>(found.st_mtim.tv_sec) * 1'000'000'000 + found.st_mtim.tv_nsec;
  x.inode = found.st_ino;
  if (x.kind == file_kind::other)
    return x;
  x.fd = unique_fd(open_to_read(place.get(), x.kind == file_kind::folder ? O_DIRECTORY : 0));
  if (!x.fd)
    return failed("cannot read " + path);
  return x;
}

result<folder_names> folder_names::of(const opened_file& folder) {
  // A stream of its own: where it stands is not shared with the descriptor.
  unique_fd own(::openat(folder.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  folder_names out;
  if (own)
    out.stream_.reset(::fdopendir(own.get()));
  if (!out.stream_)
    return failed("cannot list the folder");
  static_cast<void>(own.release());
  return out;
}

std::vector<std::string> folder_names::next(std::size_t room) {
  std::vector<std::string> names;
  for (std::size_t size = 0; stream_ && size < room;) {
    const auto* entry = ::readdir(stream_.get()); // NOLINT(concurrency-mt-unsafe): the stream is this object's own.
    if (entry == nullptr) {
      stream_.reset();
      break;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..")
      continue;
    size += name.size() + sizeof(std::string);
    names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

result<std::vector<std::string>> names_in(const opened_file& folder, std::size_t most) {
  auto names = folder_names::of(folder);
  if (!names)
    return names.failure();
  std::vector<std::string> all;
  constexpr std::size_t piece = 64 * 1024;
  for (auto some = names->next(piece); !some.empty(); some = names->next(piece)) {
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    if (all.size() > most)
      return {ec::limit_exceeded, "the folder has more than " + std::to_string(most) + " entries"};
  }
  std::sort(all.begin(), all.end());
  return all;
}

} // namespace muster::gateway
