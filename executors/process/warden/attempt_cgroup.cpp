#include "executors/process/warden/attempt_cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::process {

namespace {

/// Each round finds what was made during the one before; nothing is made once all that could has been signalled.
constexpr int most_rounds = 100;
/// A task that runs as root may make groups; nobody nests them deeper for a purpose.
constexpr int deepest = 32;

std::string below(std::string folder, const std::string& name) {
  return folder.append(1, '/').append(name);
}

void append_processes(const std::string& folder, std::vector<pid_t>& out, int depth = 0) {
  const auto text = read_small_file((folder + "/cgroup.procs").c_str(), 8U << 20U);
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, failed] = std::from_chars(at, end, pid);
    if (failed == std::errc{} && pid > 0)
      out.push_back(pid);
    at = next + 1;
  }
  if (depth < deepest)
    for (const auto& name : groups_below(folder))
      append_processes(below(folder, name), out, depth + 1);
}

bool remove_tree(const std::string& folder, int depth = 0) {
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT)
    return true;
  if (depth >= deepest)
    return false;
  for (const auto& name : groups_below(folder))
    if (!remove_tree(below(folder, name), depth + 1))
      return false;
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

} // namespace

bool write_setting(const std::string& file, std::string_view value) noexcept {
  const unique_fd to{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  return to && write_all(to.get(), value);
}

std::vector<std::string> groups_below(const std::string& folder) {
  std::vector<std::string> out;
  struct stat facts {};
  // Of a group's folder the number of links says how many are below: most have none.
  if (::stat(folder.c_str(), &facts) != 0 || facts.st_nlink == 2)
    return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> opened{::opendir(folder.c_str()), &::closedir};
  while (const auto* entry = opened ? ::readdir(opened.get()) : nullptr)
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      out.emplace_back(entry->d_name);
  return out;
}

result<void> attempt_cgroup::make_in(const cgroup_base& base, const std::string& name, const attempt_limits& limits) {
  const auto folder = base.folder + '/' + name;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return os_error("cannot make the control group " + folder, errno);
  folders_.push_back(folder);
  for (const auto& controller : base.controllers)
    for (const auto& x : settings_of(limits, controller, base.unified))
      if (!write_setting(folder + '/' + x.file, x.value) && !x.may_fail)
        return os_error("cannot write " + x.value + " to " + folder + '/' + x.file, errno);
  // A single thread that moves itself by version 1's `tasks` needs no lock that waits for every CPU: 0.1 ms, not 10.
  const auto file = folder + (base.unified ? "/cgroup.procs" : "/tasks");
  join_.emplace_back(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!join_.back())
    return os_error("cannot open " + file, errno);
  return {};
}

result<attempt_cgroup> attempt_cgroup::make(const std::vector<cgroup_base>& bases, const std::string& name,
                                            const attempt_limits& limits) {
  attempt_cgroup out;
  for (const auto& base : bases)
    if (const auto made = out.make_in(base, name, limits); !made) {
      static_cast<void>(out.remove());
      return made.failure();
    }
  return out;
}

attempt_cgroup attempt_cgroup::found(std::vector<std::string> folders) {
  attempt_cgroup out;
  out.folders_ = std::move(folders);
  return out;
}

std::vector<int> attempt_cgroup::join_files() const {
  std::vector<int> out;
  for (const auto& file : join_)
    out.push_back(file.get());
  return out;
}

std::vector<pid_t> attempt_cgroup::processes() const {
  std::vector<pid_t> out;
  for (const auto& folder : folders_)
    append_processes(folder, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void attempt_cgroup::kill_all() const {
  for (const auto& folder : folders_) {
    if (exists(folder + "/pids.max"))
      static_cast<void>(write_setting(folder + "/pids.max", "0"));
    if (exists(folder + "/cgroup.kill"))
      static_cast<void>(write_setting(folder + "/cgroup.kill", "1"));
  }
  std::set<pid_t> signalled;
  bool found_new = true;
  for (int round = 0; found_new && round < most_rounds; ++round) {
    found_new = false;
    for (const auto pid : processes())
      if (signalled.insert(pid).second) {
        ::kill(pid, SIGKILL);
        found_new = true;
      }
  }
}

bool attempt_cgroup::ran_out_of_memory() const {
  return std::any_of(folders_.begin(), folders_.end(), [](const std::string& folder) {
    return parse_oom_kills(read_small_file((folder + "/memory.events").c_str())) > 0 ||
           parse_oom_kills(read_small_file((folder + "/memory.oom_control").c_str())) > 0;
  });
}

bool attempt_cgroup::remove() const {
  bool all = true;
  for (const auto& folder : folders_)
    all = remove_tree(folder) && all;
  return all;
}

} // namespace muster::process
