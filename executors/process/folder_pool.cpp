#include "executors/process/folder_pool.hpp"

#include "executors/data/folders.hpp"
#include "muster/base/posix.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <unistd.h>

namespace muster::process {

namespace {

constexpr std::size_t most_spares = 64;

auto as_tuple(const timespec& x) {
  return std::tie(x.tv_sec, x.tv_nsec);
}

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
  return as_tuple(changed) < as_tuple(now);
}

void remove(const std::string& folder) {
  ::rmdir((folder + "/work").c_str());
  ::rmdir((folder + "/output").c_str());
  ::rmdir(folder.c_str());
}

/// What is masked out of the mode of files that this process makes. Asking by umask(2) would change it meanwhile.
mode_t umask_of_process() {
  const auto status = read_small_file("/proc/self/status");
  const std::string_view key = "\nUmask:\t";
  const auto at = status.find(key);
  unsigned mask = 0777; // Of an unknown one nothing is used.
  if (at != std::string::npos)
    std::from_chars(status.data() + at + key.size(), status.data() + status.size(), mask, 8);
  return mask;
}

/// The names in a folder, `most` of them.
std::vector<std::string> names_in(const std::string& folder, std::size_t most) {
  std::vector<std::string> out;
  std::error_code failed;
  for (std::filesystem::directory_iterator at{folder, failed}, end; !failed && at != end && out.size() < most;
       at.increment(failed))
    out.push_back(at->path().filename().string());
  return out;
}

/// Whether there is nothing in an attempt's folder but what it was made with.
bool has_only_own(const std::string& folder) {
  const auto names = names_in(folder, 3);
  return names.size() == 2 &&
         std::all_of(names.begin(), names.end(), [](const std::string& x) { return x == "work" || x == "output"; });
}

/// The marks of an attempt's folder in which there is nothing; `before` are those of when there was nothing.
std::optional<folder_pool::marks> marks_if_empty(const std::string& folder,
                                                 const std::optional<folder_pool::marks>& before) {
  struct stat facts {};
  // Made like the folder they are in, they have its mode; who changed all three alike meant it.
  if (::lstat(folder.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) || (facts.st_mode & 0700U) != 0700U)
    return std::nullopt;
  const auto work = mark_of(folder + "/work", facts.st_mode);
  const auto output = mark_of(folder + "/output", facts.st_mode);
  if (!work || !output)
    return std::nullopt;
  const auto is_empty = [&](const char* name, const folder_pool::mark& now, const folder_pool::mark& then) {
    return (before && now == then) || data::is_empty_folder(folder + name);
  };
  if (!is_empty("/work", *work, before ? before->work : folder_pool::mark{}) ||
      !is_empty("/output", *output, before ? before->output : folder_pool::mark{}))
    return std::nullopt;
  const bool untouched = before && as_tuple(before->modified) == as_tuple(facts.st_mtim);
  if (!untouched && !has_only_own(folder))
    return std::nullopt;
  return folder_pool::marks{*work, *output, facts.st_mtim};
}

/// Whether nobody else can put anything into a folder.
bool is_private(const std::string& folder) {
  struct stat facts {};
  return ::lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == ::geteuid() &&
         (facts.st_mode & 0022U) == 0;
}

} // namespace

bool folder_pool::is_untouched(const std::string& path, const mark& before) {
  const auto now = mark_of(path, before.mode);
  return now && *now == before;
}

folder_pool::~folder_pool() {
  if (!spares_.empty() && !kept_in_.empty())
    ::mkdir(kept_in_.c_str(), 0700);
  auto room = !kept_in_.empty() && is_private(kept_in_) ? most_spares - names_in(kept_in_, most_spares).size() : 0;
  for (const auto& x : spares_) {
    // No other folder of this file system has its number.
    const auto to = kept_in_ + '/' + std::to_string(x.known.work.inode);
    if (room > 0 && is_like_own(x.path) && ::rename(x.path.c_str(), to.c_str()) == 0)
      --room;
    else
      remove(x.path);
  }
}

void folder_pool::keep_in(std::string path) {
  kept_in_ = std::move(path);
  mode_ = 0777U & ~umask_of_process();
  kept_.clear();
  if (is_private(kept_in_))
    for (const auto& name : names_in(kept_in_, most_spares))
      kept_.push_back(kept_in_ + '/' + name);
}

bool folder_pool::is_like_own(const std::string& folder) const {
  struct stat facts {};
  return ::lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && (facts.st_mode & 07777U) == mode_ &&
         facts.st_uid == ::geteuid() && facts.st_gid == ::getegid();
}

bool folder_pool::give(const std::string& folder, const std::optional<marks>& before) {
  if (spares_.size() >= most_spares)
    return false;
  const auto known = marks_if_empty(folder, before);
  if (known)
    spares_.push_back({folder, *known});
  return known.has_value();
}

std::optional<folder_pool::spare> folder_pool::next_spare() {
  if (!spares_.empty()) {
    auto last = std::move(spares_.back());
    spares_.pop_back();
    return last;
  }
  while (!kept_.empty()) {
    auto path = std::move(kept_.back());
    kept_.pop_back();
    if (!is_like_own(path))
      continue; // Of another umask, say; it counts as one of those that are kept.
    if (const auto known = marks_if_empty(path, std::nullopt))
      return spare{std::move(path), *known};
  }
  return std::nullopt;
}

folder_pool::taken folder_pool::take(const std::string& folder) {
  const auto from = next_spare();
  if (!from)
    return {};
  bool moved = ::rename(from->path.c_str(), folder.c_str()) == 0;
  if (!moved && errno == ENOENT) { // The first attempt of a workflow.
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path{folder}.parent_path(), ignored);
    moved = ::rename(from->path.c_str(), folder.c_str()) == 0;
  }
  if (!moved)
    remove(from->path);
  const auto& known = from->known;
  if (moved && is_past_tick(known.work.changed) && is_past_tick(known.output.changed) && is_past_tick(known.modified))
    return {true, known};
  return {moved, std::nullopt};
}

} // namespace muster::process
