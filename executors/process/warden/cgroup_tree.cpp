#include "executors/process/warden/cgroup_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::process {

namespace {

constexpr const char* what_to_do =
    "; it takes root and a writable cgroup file system, or cgroup v2 delegated to this user (systemd-run with "
    "Delegate=yes and DelegateSubgroup=muster); or go without (--enforce-limits=false)";

error unsupported(const std::string& why) {
  return {ec::unsupported, "limits cannot be enforced: " + why + what_to_do};
}

std::string words_of(const std::vector<std::string>& controllers) {
  std::string out;
  for (const auto& x : controllers)
    out += ' ' + x;
  return out;
}

/// Makes the controllers of a unified group available below it.
bool enable(const std::string& folder, const std::vector<std::string>& controllers) {
  const auto file = folder + "/cgroup.subtree_control";
  if (holds_words(read_small_file(file.c_str()), controllers))
    return true;
  std::string words;
  for (const auto& x : controllers)
    words += (words.empty() ? "+" : " +") + x;
  return write_setting(file, words);
}

/// The nearest group, from this process's own upwards, that passes the controllers on. A group with processes in it
/// cannot (the kernel's rule of no internal processes), so mostly it is the parent.
result<cgroup_base> unified_parent(const cgroup_mount& mount, const std::string& own,
                                   const std::vector<std::string>& controllers) {
  std::string why;
  for (auto folder = folder_of(mount, own); folder.size() >= mount.point.size(); folder.erase(folder.rfind('/'))) {
    if (!holds_words(read_small_file((folder + "/cgroup.controllers").c_str()), controllers))
      why = folder + " does not have all of the controllers" + words_of(controllers);
    else if (::access(folder.c_str(), W_OK) != 0 || !enable(folder, controllers))
      why = os_error("the controllers of " + folder + " cannot be passed on", errno).message;
    else
      return cgroup_base{folder, controllers, true};
  }
  return unsupported(why);
}

std::string tag_of(const std::string& folder) {
  struct stat facts {};
  if (::stat(folder.c_str(), &facts) != 0)
    return {};
  char text[64];
  std::snprintf(text, sizeof text, "muster-%llx-%llx", static_cast<unsigned long long>(facts.st_dev),
                static_cast<unsigned long long>(facts.st_ino));
  return text;
}

} // namespace

result<std::vector<cgroup_base>> find_cgroup_parents(const std::string& mountinfo, const std::string& own_groups) {
  const auto mounts = parse_cgroup_mounts(mountinfo);
  std::vector<cgroup_base> out;
  std::vector<std::string> missing;
  for (const std::string controller : needed_controllers) {
    const auto mount = std::find_if(mounts.begin(), mounts.end(), [&](const cgroup_mount& x) {
      return std::find(x.controllers.begin(), x.controllers.end(), controller) != x.controllers.end();
    });
    const auto own = group_in(own_groups, controller);
    if (mount == mounts.end() || !own) {
      missing.push_back(controller);
      continue;
    }
    const auto folder = folder_of(*mount, *own);
    const auto same = std::find_if(out.begin(), out.end(), [&](const cgroup_base& x) { return x.folder == folder; });
    if (same != out.end()) // Controllers may share a hierarchy: `cpu,cpuacct`.
      same->controllers.push_back(controller);
    else
      out.push_back({folder, {controller}, false});
  }
  if (missing.empty())
    return out;
  const auto unified = std::find_if(mounts.begin(), mounts.end(), [](const cgroup_mount& x) { return x.unified; });
  const auto own = group_in(own_groups, "");
  if (unified == mounts.end() || !own)
    return unsupported("no control group hierarchy with the controller " + missing.front() + " is mounted");
  auto parent = unified_parent(*unified, *own, missing);
  if (!parent)
    return parent.failure();
  out.push_back(*std::move(parent));
  return out;
}

cgroup_tree::cgroup_tree(const std::string& warden_folder)
    : list_file_(warden_folder + "/cgroups"), tag_(tag_of(warden_folder)) {}

std::vector<std::string> cgroup_tree::listed() const {
  std::vector<std::string> out;
  const auto text = read_small_file(list_file_.c_str());
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    // A state directory that was copied brings the list of another.
    const auto name = '/' + tag_;
    if (!tag_.empty() && line.size() > name.size() && line.front() == '/' &&
        line.compare(line.size() - name.size(), name.size(), name) == 0)
      out.push_back(std::move(line));
  }
  return out;
}

result<void> cgroup_tree::list(const std::vector<cgroup_base>& bases) const {
  auto all = listed();
  for (const auto& x : bases)
    if (std::find(all.begin(), all.end(), x.folder) == all.end())
      all.push_back(x.folder);
  std::string text;
  for (const auto& x : all)
    text += x + '\n';
  const auto next = list_file_ + ".new";
  const unique_fd file{::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file || !write_all(file.get(), text) || ::rename(next.c_str(), list_file_.c_str()) != 0)
    return os_error("cannot write " + list_file_, errno);
  return {};
}

std::map<std::string, attempt_cgroup> cgroup_tree::leftovers() const {
  std::map<std::string, std::vector<std::string>> folders;
  for (const auto& base : listed())
    for (const auto& name : groups_below(base))
      folders[name].emplace_back(base).append(1, '/').append(name);
  std::map<std::string, attempt_cgroup> out;
  for (auto& [name, list] : folders)
    out.emplace(name, attempt_cgroup::found(std::move(list)));
  return out;
}

result<void> cgroup_tree::try_out(const std::vector<cgroup_base>& bases) const {
  for (const auto& base : bases) {
    if (::mkdir(base.folder.c_str(), 0755) != 0 && errno != EEXIST)
      return unsupported(os_error("cannot make the control group " + base.folder, errno).message);
    if (base.unified && !enable(base.folder, base.controllers))
      return unsupported(os_error("the controllers of " + base.folder + " cannot be passed on", errno).message);
  }
  constexpr attempt_limits trial{std::int64_t{64} << 20, 1, 64};
  const auto made = attempt_cgroup::make(bases, "trial", trial);
  if (!made)
    return unsupported(made.failure().message);
  static_cast<void>(made->remove());
  return {};
}

result<void> cgroup_tree::open() {
  if (is_open())
    return {};
  if (tag_.empty())
    return error{ec::io_error, "cannot look at the folder of " + list_file_};
  auto bases = find_cgroup_parents(read_small_file("/proc/self/mountinfo"), read_small_file("/proc/self/cgroup"));
  if (!bases)
    return bases.failure();
  for (auto& x : *bases)
    x.folder += (x.folder.back() == '/' ? "" : "/") + tag_;
  if (auto written = list(*bases); !written)
    return written;
  if (auto tried = try_out(*bases); !tried) {
    close();
    return tried;
  }
  bases_ = *std::move(bases);
  return {};
}

result<attempt_cgroup> cgroup_tree::make(const std::string& name, const attempt_limits& limits) const {
  return attempt_cgroup::make(bases_, name, limits);
}

std::string cgroup_tree::attempt_of(pid_t pid) const {
  const auto text = read_small_file(("/proc/" + std::to_string(pid) + "/cgroup").c_str());
  return attempt_in(text, tag_).value_or(std::string{});
}

void cgroup_tree::close() {
  auto folders = listed(); // Nothing, if the state directory was removed meanwhile.
  for (const auto& x : bases_)
    folders.push_back(x.folder);
  bases_.clear();
  bool all = true;
  for (const auto& folder : folders)
    all = (::rmdir(folder.c_str()) == 0 || errno == ENOENT) && all;
  if (all)
    ::unlink(list_file_.c_str());
}

} // namespace muster::process
