#include "executors/machine/host_capacity.hpp"

#include "muster/base/posix.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace muster::machine {

namespace {

namespace fs = std::filesystem;

std::int64_t cpus_of_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
}

/// Reads limits of control groups, from the group of this process up to the root.
class cgroup_limits {
public:
  explicit cgroup_limits(fs::path root) : root_(std::move(root)) {}

  /// CPUs by the scarcest quota.
  [[nodiscard]] std::optional<double> cpus() const {
    std::optional<double> least;
    const auto note = [&](double quota, double period) {
      if (quota > 0 && period > 0)
        least = std::min(least.value_or(quota / period), quota / period);
    };
    for (const auto& folder : folders("")) {
      double quota = 0;
      double period = 0;
      const auto text = read_small_file((folder / "cpu.max").c_str());
      if (std::sscanf(text.c_str(), "%lf %lf", &quota, &period) == 2)
        note(quota, period);
    }
    for (const auto& folder : folders("cpu"))
      note(number_in(folder / "cpu.cfs_quota_us").value_or(0), number_in(folder / "cpu.cfs_period_us").value_or(0));
    return least;
  }

  /// Bytes: the smallest limit, at most `total`.
  [[nodiscard]] std::int64_t memory(std::int64_t total) const {
    const auto note = [&](std::optional<double> limit) {
      if (limit && *limit > 0 && *limit < static_cast<double>(total))
        total = static_cast<std::int64_t>(*limit);
    };
    for (const auto& folder : folders(""))
      note(number_in(folder / "memory.max"));
    for (const auto& folder : folders("memory"))
      note(number_in(folder / "memory.limit_in_bytes"));
    return total;
  }

private:
  /// Of the hierarchy `controller` (empty for version 2), from this process's own folder up to the root.
  [[nodiscard]] std::vector<fs::path> folders(const std::string& controller) const {
    std::istringstream lines{read_small_file((root_ / "proc/self/cgroup").c_str())};
    std::string line;
    while (std::getline(lines, line)) {
      const auto first = line.find(':');
      const auto second = line.find(':', first + 1);
      if (second == std::string::npos)
        continue;
      const auto names = ',' + line.substr(first + 1, second - first - 1) + ',';
      if (controller.empty() ? names != ",," : names.find(',' + controller + ',') == std::string::npos)
        continue;
      const auto top = hierarchy(controller);
      std::vector<fs::path> out;
      for (auto path = line.substr(second + 1); !path.empty() && path != "/"; path.erase(path.rfind('/')))
        out.push_back(top / path.substr(1));
      out.push_back(top);
      return out;
    }
    return {};
  }

  [[nodiscard]] fs::path hierarchy(const std::string& controller) const {
    const auto all = root_ / "sys/fs/cgroup";
    std::error_code ignored;
    if (!controller.empty())
      return all / controller;
    return fs::exists(all / "unified", ignored) ? all / "unified" : all; // Both versions at once.
  }

  [[nodiscard]] static std::optional<double> number_in(const fs::path& file) {
    const auto text = read_small_file(file.c_str());
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end == text.c_str())
      return std::nullopt; // Absent, or `max`.
    return value;
  }

  fs::path root_;
};

/// Of `MemTotal: 32768 kB`; what the system says where that cannot be read.
std::int64_t memory_of_host(const fs::path& root) {
  constexpr std::int64_t kibi = 1024;
  const auto text = read_small_file((root / "proc/meminfo").c_str());
  long long total = 0;
  if (std::sscanf(text.c_str(), "MemTotal: %lld", &total) == 1 && total > 0)
    return total * kibi;
  return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGE_SIZE);
}

} // namespace

result<capacity> host_capacity(const fs::path& state, const fs::path& root) {
  capacity out;
  const cgroup_limits limits{root};
  out.cpu = cpus_of_affinity();
  if (const auto quota = limits.cpus())
    out.cpu = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(*quota)), 1, out.cpu);
  out.memory = limits.memory(memory_of_host(root));
  struct statvfs facts {};
  if (::statvfs(state.c_str(), &facts) != 0)
    return os_error("cannot look at the file system of " + state.string(), errno);
  out.storage = static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
  return out;
}

} // namespace muster::machine
