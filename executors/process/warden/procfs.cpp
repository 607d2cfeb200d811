#include "executors/process/warden/procfs.hpp"

#include <charconv>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace muster::process {

namespace {

std::string proc_path(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + file;
}

void append_numbers(std::string_view text, std::vector<pid_t>& out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, failed] = std::from_chars(at, end, pid);
    if (failed == std::errc{})
      out.push_back(pid);
    at = next + 1;
  }
}

} // namespace

std::optional<process_facts> parse_stat(std::string_view text) {
  const auto close = text.rfind(')');
  if (close == std::string_view::npos || close + 2 >= text.size())
    return std::nullopt;
  process_facts out;
  const std::string rest{text.substr(close + 2)};
  long long parent = 0;
  long long group = 0;
  long long session = 0;
  unsigned long long start = 0;
  // Fields 3 to 22 of proc(5).
  const int read =
      std::sscanf(rest.c_str(), "%c %lld %lld %lld %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                  &out.state, &parent, &group, &session, &start);
  if (read != 5)
    return std::nullopt;
  out.parent = static_cast<pid_t>(parent);
  out.group = static_cast<pid_t>(group);
  out.session = static_cast<pid_t>(session);
  out.start_ticks = start;
  return out;
}

std::optional<process_facts> facts_of(pid_t pid) {
  return parse_stat(read_small_file(proc_path(pid, "/stat").c_str()));
}

std::optional<std::string> find_variable(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto entry = text.substr(0, text.find('\0'));
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.substr(0, name.size()) == name)
      return std::string{entry.substr(name.size() + 1)};
    text.remove_prefix(entry.size() < text.size() ? entry.size() + 1 : text.size());
  }
  return std::nullopt;
}

std::optional<std::string> initial_environment(pid_t pid, std::string_view name) {
  return find_variable(read_small_file(proc_path(pid, "/environ").c_str(), 4U << 20U), name);
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir("/proc"), &::closedir};
  if (!folder)
    return out;
  while (const auto* entry = ::readdir(folder.get())) {
    const std::string_view name{entry->d_name};
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed == std::errc{} && end == name.data() + name.size())
      out.push_back(pid);
  }
  return out;
}

std::uint64_t boot_ticks() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(now.tv_sec) * per_second +
         static_cast<std::uint64_t>(now.tv_nsec) * per_second / 1'000'000'000U;
}

std::uint64_t boot_number() {
  // FNV-1a of the boot id.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : read_small_file("/proc/sys/kernel/random/boot_id"))
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

children_list::children_list() : buffer_(64U << 10U, '\0') {
  const auto self = std::to_string(::getpid());
  file_.reset(::open(("/proc/" + self + "/task/" + self + "/children").c_str(), O_RDONLY | O_CLOEXEC));
}

void children_list::read(std::vector<pid_t>& out) {
  out.clear();
  if (!file_)
    return read_by_parent(out);
  std::string rest; // A number that was cut in two by the end of the buffer.
  off_t at = 0;
  for (;;) {
    const auto n = ::pread(file_.get(), buffer_.data(), buffer_.size(), at);
    if (n <= 0)
      break;
    at += n;
    rest.append(buffer_.data(), static_cast<std::size_t>(n));
    const auto whole = rest.rfind(' ') + 1;
    append_numbers(std::string_view{rest}.substr(0, whole), out);
    rest.erase(0, whole);
  }
}

void children_list::read_by_parent(std::vector<pid_t>& out) const {
  const auto self = ::getpid();
  for (const auto pid : all_processes())
    if (const auto facts = facts_of(pid); facts && facts->parent == self)
      out.push_back(pid);
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> out;
  const auto text = read_small_file(proc_path(pid, ("/task/" + std::to_string(pid) + "/children").c_str()).c_str());
  append_numbers(text, out);
  if (!text.empty())
    return out;
  for (const auto other : all_processes())
    if (const auto facts = facts_of(other); facts && facts->parent == pid)
      out.push_back(other);
  return out;
}

} // namespace muster::process
