#include "executors/process/host.hpp"

#include "executors/process/posix.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace muster::process {

namespace {

std::int64_t cpus_of_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
}

/// The folders of the cgroup hierarchy `controller` (empty for version 2) from this process's own up to the root.
std::vector<std::string> cgroup_folders(const std::string& controller) {
  std::istringstream lines{read_small_file("/proc/self/cgroup")};
  std::string line;
  while (std::getline(lines, line)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    const auto names = ',' + line.substr(first + 1, second - first - 1) + ',';
    if (controller.empty() ? names != ",," : names.find(',' + controller + ',') == std::string::npos)
      continue;
    std::vector<std::string> out;
    const auto root = controller.empty() ? std::string{"/sys/fs/cgroup"} : "/sys/fs/cgroup/" + controller;
    for (auto path = line.substr(second + 1); !path.empty() && path != "/"; path.erase(path.rfind('/')))
      out.push_back(root + path);
    out.push_back(root);
    return out;
  }
  return {};
}

std::optional<double> number_in(const std::string& path) {
  const auto text = read_small_file(path.c_str());
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str())
    return std::nullopt; // Absent, or `max`.
  return value;
}

std::optional<double> cpu_quota() {
  std::optional<double> least;
  const auto note = [&](double quota, double period) {
    if (quota > 0 && period > 0)
      least = std::min(least.value_or(quota / period), quota / period);
  };
  for (const auto& folder : cgroup_folders("")) {
    double quota = 0;
    double period = 0;
    if (std::sscanf(read_small_file((folder + "/cpu.max").c_str()).c_str(), "%lf %lf", &quota, &period) == 2)
      note(quota, period);
  }
  for (const auto& folder : cgroup_folders("cpu"))
    note(number_in(folder + "/cpu.cfs_quota_us").value_or(0), number_in(folder + "/cpu.cfs_period_us").value_or(0));
  return least;
}

std::int64_t memory_limit(std::int64_t total) {
  const auto note = [&](std::optional<double> limit) {
    if (limit && *limit > 0 && *limit < static_cast<double>(total))
      total = static_cast<std::int64_t>(*limit);
  };
  for (const auto& folder : cgroup_folders(""))
    note(number_in(folder + "/memory.max"));
  for (const auto& folder : cgroup_folders("memory"))
    note(number_in(folder + "/memory.limit_in_bytes"));
  return total;
}

} // namespace

result<capacity> host_capacity(const std::filesystem::path& state) {
  capacity out;
  out.cpu = cpus_of_affinity();
  if (const auto quota = cpu_quota())
    out.cpu = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(*quota)), 1, out.cpu);
  out.memory = memory_limit(static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGE_SIZE));
  struct statvfs facts {};
  if (::statvfs(state.c_str(), &facts) != 0)
    return os_error("cannot look at the file system of " + state.string(), errno);
  out.storage = static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
  return out;
}

} // namespace muster::process
