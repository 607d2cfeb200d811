#include "executors/process/folder_pool.hpp"

#include "executors/process/posix.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::process {

namespace {

constexpr std::size_t most_spares = 64;

/// Empty, its owner's, and with the mode that such folders have here.
bool is_pristine(const std::string& path, mode_t mode) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) || (facts.st_mode & 07777U) != (mode & 07777U) ||
      facts.st_uid != ::geteuid())
    return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir(path.c_str()), &::closedir};
  if (!folder)
    return false;
  while (const auto* entry = ::readdir(folder.get()))
    if (const std::string_view name{entry->d_name}; name != "." && name != "..")
      return false;
  return true;
}

} // namespace

folder_pool::~folder_pool() {
  for (const auto& folder : spares_) {
    ::rmdir((folder + "/work").c_str());
    ::rmdir((folder + "/output").c_str());
    ::rmdir(folder.c_str());
  }
}

bool folder_pool::give(const std::string& folder) {
  if (spares_.size() >= most_spares)
    return false;
  struct stat facts {};
  // Made like the folder they are in, they have its mode; who changed all three alike meant it.
  if (::stat(folder.c_str(), &facts) != 0 || (facts.st_mode & 0700U) != 0700U ||
      !is_pristine(folder + "/work", facts.st_mode) || !is_pristine(folder + "/output", facts.st_mode))
    return false;
  spares_.push_back(folder);
  return true;
}

bool folder_pool::take(const std::string& folder) {
  if (spares_.empty())
    return false;
  const auto from = std::move(spares_.back());
  spares_.pop_back();
  if (::rename(from.c_str(), folder.c_str()) == 0)
    return true;
  if (errno == ENOENT) { // The first attempt of a workflow.
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path{folder}.parent_path(), ignored);
    if (::rename(from.c_str(), folder.c_str()) == 0)
      return true;
  }
  return false;
}

} // namespace muster::process
