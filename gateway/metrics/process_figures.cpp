#include "gateway/metrics/process_figures.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace muster::gateway {

namespace {

/// The fields of /proc/self/stat from the third on (proc(5)): the second may hold spaces.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  std::istringstream rest(name_end == std::string::npos ? "" : line.substr(name_end + 1));
  std::vector<std::string> out;
  for (std::string word; rest >> word;)
    out.push_back(word);
  return out;
}

double field(const std::vector<std::string>& fields, std::size_t number) {
  return number < fields.size() + 3 ? std::stod(fields[number - 3]) : 0;
}

/// Seconds since 1970 at which the machine was started.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("btime ", 0) == 0)
      return std::stod(line.substr(6));
  return 0;
}

std::size_t open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  std::size_t count = 0;
  while (folder && readdir(folder.get()) != nullptr)
    ++count;
  return count > 3 ? count - 3 : 0; // `.`, `..` and the folder itself.
}

} // namespace

void write_process_figures(metrics_page& to) {
  constexpr std::size_t user_time = 14;
  constexpr std::size_t system_time = 15;
  constexpr std::size_t threads = 20;
  constexpr std::size_t start_time = 22;
  constexpr std::size_t virtual_bytes = 23;
  constexpr std::size_t resident_pages = 24;
  const auto stat = stat_fields();
  if (stat.size() + 2 < resident_pages)
    return;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  to.counter("process_cpu_seconds_total", "Processor time of the head.",
             (field(stat, user_time) + field(stat, system_time)) / ticks);
  to.gauge("process_resident_memory_bytes", "Memory of the head.",
           field(stat, resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  to.gauge("process_virtual_memory_bytes", "Address space of the head.", field(stat, virtual_bytes));
  to.gauge("process_threads", "Threads of the head.", field(stat, threads));
  to.gauge("process_start_time_seconds", "When the head was started, since 1970.",
           boot_time() + field(stat, start_time) / ticks);
  to.gauge("process_open_fds", "Descriptors that are open.", static_cast<double>(open_descriptors()));
  rlimit most{};
  if (getrlimit(RLIMIT_NOFILE, &most) == 0)
    to.gauge("process_max_fds", "Descriptors that may be open.", static_cast<double>(most.rlim_cur));
}

} // namespace muster::gateway
