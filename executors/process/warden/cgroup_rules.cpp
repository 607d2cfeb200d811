#include "executors/process/warden/cgroup_rules.hpp"

#include <algorithm>
#include <charconv>

namespace muster::process {

namespace {

/// The kernel's default: quotas are per 100 ms.
constexpr std::int64_t cpu_period_us = 100'000;
constexpr std::int64_t most_cpus = 100'000; // More is refused by kernels.

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(at), text.size());
    if (end > 0)
      out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// Undoes what proc_pid_mountinfo(5) does to blanks and the like: `\040`.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ec == std::errc{}) {
      out.push_back(static_cast<char>(code));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.substr(0, folder.size()) == folder && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string join(const std::string& folder, std::string_view rest) {
  while (!rest.empty() && rest.front() == '/')
    rest.remove_prefix(1);
  return rest.empty() ? folder : folder + '/' + std::string{rest};
}

} // namespace

std::vector<cgroup_mount> parse_cgroup_mounts(std::string_view mountinfo) {
  std::vector<cgroup_mount> out;
  for (const auto line : split(mountinfo, '\n')) {
    const auto separator = line.find(" - ");
    if (separator == std::string_view::npos)
      continue;
    const auto before = split(line.substr(0, separator), ' ');
    const auto after = split(line.substr(separator + 3), ' ');
    if (before.size() < 5 || after.size() < 3 || (after[0] != "cgroup" && after[0] != "cgroup2"))
      continue;
    cgroup_mount x;
    x.root = unescape(before[3]);
    x.point = unescape(before[4]);
    x.unified = after[0] == "cgroup2";
    if (!x.unified)
      for (const auto word : split(after.back(), ','))
        x.controllers.emplace_back(word);
    out.push_back(std::move(x));
  }
  return out;
}

std::optional<std::string> group_in(std::string_view text, std::string_view controller) {
  for (const auto line : split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos)
      continue;
    const auto names = line.substr(first + 1, second - first - 1);
    const auto words = split(names, ',');
    if (controller.empty() ? names.empty() : std::find(words.begin(), words.end(), controller) != words.end())
      return std::string{line.substr(second + 1)};
  }
  return std::nullopt;
}

std::string folder_of(const cgroup_mount& mount, const std::string& group) {
  if (mount.root == "/")
    return join(mount.point, group);
  return is_below(group, mount.root) ? join(mount.point, std::string_view{group}.substr(mount.root.size()))
                                     : mount.point;
}

std::optional<std::string> attempt_in(std::string_view text, std::string_view tag) {
  const auto folder = '/' + std::string{tag} + '/';
  for (const auto line : split(text, '\n')) {
    const auto at = line.find(folder);
    if (at == std::string_view::npos)
      continue;
    const auto name = line.substr(at + folder.size());
    return std::string{name.substr(0, name.find_first_of("/ "))};
  }
  return std::nullopt;
}

std::vector<cgroup_setting> settings_of(const attempt_limits& limits, std::string_view controller, bool unified) {
  std::vector<cgroup_setting> out;
  if (controller == "memory" && limits.memory > 0) {
    const auto bytes = std::to_string(limits.memory);
    if (unified) {
      out.push_back({"memory.max", bytes});
      out.push_back({"memory.swap.max", "0", true});
    } else {
      out.push_back({"memory.limit_in_bytes", bytes});
      out.push_back({"memory.memsw.limit_in_bytes", bytes, true});
    }
  }
  if (controller == "cpu" && limits.cpu > 0) {
    const auto quota = std::to_string(std::min(limits.cpu, most_cpus) * cpu_period_us);
    if (unified) {
      out.push_back({"cpu.max", quota + ' ' + std::to_string(cpu_period_us)});
    } else {
      out.push_back({"cpu.cfs_period_us", std::to_string(cpu_period_us)});
      out.push_back({"cpu.cfs_quota_us", quota});
    }
  }
  if (controller == "pids" && limits.processes > 0)
    out.push_back({"pids.max", std::to_string(limits.processes)});
  return out;
}

std::uint64_t parse_oom_kills(std::string_view text) {
  for (const auto line : split(text, '\n')) {
    const auto words = split(line, ' ');
    std::uint64_t count = 0;
    if (words.size() == 2 && words[0] == "oom_kill" &&
        std::from_chars(words[1].data(), words[1].data() + words[1].size(), count).ec == std::errc{})
      return count;
  }
  return 0;
}

bool holds_words(std::string_view text, const std::vector<std::string>& wanted) {
  std::string plain{text};
  std::replace(plain.begin(), plain.end(), '\n', ' ');
  const auto words = split(plain, ' ');
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const std::string& x) { return std::find(words.begin(), words.end(), x) != words.end(); });
}

} // namespace muster::process
