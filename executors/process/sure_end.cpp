#include "executors/process/sure_end.hpp"

#include "executors/process/procfs.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <poll.h>

namespace muster::process {

namespace {

namespace fs = std::filesystem;

/// A millisecond apart. A process stops when it is next given a CPU.
constexpr int most_looks = 50;

/// The status texts of all threads; empty if the process is gone.
std::vector<std::string> threads_of(pid_t pid) {
  std::vector<std::string> out;
  std::error_code failed;
  for (fs::directory_iterator at{"/proc/" + std::to_string(pid) + "/task", failed}, end; !failed && at != end;
       at.increment(failed))
    out.push_back(read_small_file((at->path() / "status").c_str()));
  return out;
}

std::string field(const std::string& status, const std::string& name) {
  const auto at = status.find('\n' + name + ":\t");
  if (at == std::string::npos)
    return {};
  const auto begin = at + name.size() + 3;
  return status.substr(begin, status.find('\n', begin) - begin);
}

bool holds(const std::string& status, const std::string& mask, int signal) {
  const auto text = field(status, mask);
  // Unreadable is as good as held.
  return text.empty() || ((std::strtoull(text.c_str(), nullptr, 16) >> static_cast<unsigned>(signal - 1)) & 1U) != 0;
}

bool must_die_of(const std::string& status, int signal) {
  return signal == SIGKILL ||
         !(holds(status, "SigBlk", signal) || holds(status, "SigIgn", signal) || holds(status, "SigCgt", signal));
}

} // namespace

bool end_for_sure(pid_t pid, int signal) {
  const auto all = [&](const auto& is_so) {
    const auto threads = threads_of(pid);
    return !threads.empty() && std::all_of(threads.begin(), threads.end(), is_so);
  };
  const auto must_die = [&](const std::string& x) { return must_die_of(x, signal); };
  const auto is_stopped = [](const std::string& x) { return field(x, "State").substr(0, 1) == "T"; };
  const auto before = facts_of(pid);
  if (!before || before->state == 'Z' || before->state == 'X' || !all(must_die) || ::kill(pid, SIGSTOP) != 0)
    return false;
  for (int look = 0; look < most_looks; ++look) {
    if (all(is_stopped)) {
      // It may have changed its mind before it was stopped.
      if (all(must_die) && ::kill(pid, signal) == 0)
        return true;
      break;
    }
    ::poll(nullptr, 0, 1);
  }
  if (before->state != 'T')
    ::kill(pid, SIGCONT);
  return false;
}

} // namespace muster::process
