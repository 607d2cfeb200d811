#include "executors/process/folder_pool.hpp"

#include "executors/data/folders.hpp"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <tuple>

#include <unistd.h>

namespace muster::process {

namespace {

constexpr std::size_t most_spares = 64;

bool operator==(const folder_pool::mark& a, const folder_pool::mark& b) {
  const auto parts = [](const folder_pool::mark& x) {
    return std::tie(x.device, x.inode, x.mode, x.changed.tv_sec, x.changed.tv_nsec);
  };
  return parts(a) == parts(b);
}

/// The mark of a folder that is its owner's and has the mode that such folders have here.
std::optional<folder_pool::mark> mark_of(const std::string& path, mode_t mode) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) || (facts.st_mode & 07777U) != (mode & 07777U) ||
      facts.st_uid != ::geteuid())
    return std::nullopt;
  return folder_pool::mark{facts.st_dev, facts.st_ino, facts.st_mode, facts.st_ctim};
}

/// The kernel's clock for files goes in ticks: what changes in this one does not show.
bool is_past_tick(const timespec& changed) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::tie(changed.tv_sec, changed.tv_nsec) < std::tie(now.tv_sec, now.tv_nsec);
}

} // namespace

bool folder_pool::is_untouched(const std::string& path, const mark& before) {
  const auto now = mark_of(path, before.mode);
  return now && *now == before;
}

folder_pool::~folder_pool() {
  for (const auto& x : spares_) {
    ::rmdir((x.path + "/work").c_str());
    ::rmdir((x.path + "/output").c_str());
    ::rmdir(x.path.c_str());
  }
}

bool folder_pool::give(const std::string& folder, const std::optional<marks>& before) {
  if (spares_.size() >= most_spares)
    return false;
  struct stat facts {};
  // Made like the folder they are in, they have its mode; who changed all three alike meant it.
  if (::stat(folder.c_str(), &facts) != 0 || (facts.st_mode & 0700U) != 0700U)
    return false;
  const auto work = mark_of(folder + "/work", facts.st_mode);
  const auto output = mark_of(folder + "/output", facts.st_mode);
  if (!work || !output)
    return false;
  const auto is_empty = [&](const char* name, const mark& now, const mark& then) {
    return (before && now == then) || data::is_empty_folder(folder + name);
  };
  if (!is_empty("/work", *work, before ? before->work : mark{}) ||
      !is_empty("/output", *output, before ? before->output : mark{}))
    return false;
  spares_.push_back({folder, {*work, *output}});
  return true;
}

folder_pool::taken folder_pool::take(const std::string& folder) {
  if (spares_.empty())
    return {};
  const auto from = std::move(spares_.back());
  spares_.pop_back();
  bool moved = ::rename(from.path.c_str(), folder.c_str()) == 0;
  if (!moved && errno == ENOENT) { // The first attempt of a workflow.
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path{folder}.parent_path(), ignored);
    moved = ::rename(from.path.c_str(), folder.c_str()) == 0;
  }
  if (moved && is_past_tick(from.known.work.changed) && is_past_tick(from.known.output.changed))
    return {true, from.known};
  return {moved, std::nullopt};
}

} // namespace muster::process
