#include "executors/process/warden/sure_end.hpp"

#include "executors/process/warden/procfs.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <poll.h>

namespace muster::process {

namespace {

namespace fs = std::filesystem;

using clock = std::chrono::steady_clock;

/// A process stops when it is next given a CPU, and a shell blocks all signals while it forks: then it is let go on for
/// a moment and stopped again. Where many want a CPU either may last.
constexpr std::chrono::seconds patience{3};

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

bool is_stopped(const std::string& status) {
  return field(status, "State").substr(0, 1) == "T";
}

/// It does with the signal what it does by default: it ends.
bool leaves_alone(const std::string& status, int signal) {
  return signal == SIGKILL || !(holds(status, "SigIgn", signal) || holds(status, "SigCgt", signal));
}

bool is_open_for(const std::string& status, int signal) {
  return signal == SIGKILL || !holds(status, "SigBlk", signal);
}

template <class F>
bool all_threads(pid_t pid, const F& is_so) {
  const auto threads = threads_of(pid);
  return !threads.empty() && std::all_of(threads.begin(), threads.end(), is_so);
}

/// It has ended, or is gone.
bool is_over(pid_t pid) {
  const auto facts = facts_of(pid);
  return !facts || facts->state == 'Z' || facts->state == 'X';
}

bool stop_all(pid_t pid, clock::time_point until) {
  if (::kill(pid, SIGSTOP) != 0)
    return false;
  while (!all_threads(pid, is_stopped)) {
    if (clock::now() >= until || is_over(pid))
      return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

} // namespace

bool end_for_sure(pid_t pid, int signal) {
  const auto obeys = [&](const std::string& x) { return leaves_alone(x, signal); };
  const auto is_open = [&](const std::string& x) { return is_open_for(x, signal); };
  const auto before = facts_of(pid);
  if (!before || before->state == 'Z' || before->state == 'X')
    return false;
  const bool may_go_on = before->state != 'T';
  for (const auto until = clock::now() + patience; clock::now() < until && all_threads(pid, obeys);) {
    if (!stop_all(pid, until))
      break;
    // It may have changed its mind before it was stopped.
    if (all_threads(pid, obeys) && all_threads(pid, is_open) && ::kill(pid, signal) == 0)
      return true;
    if (!may_go_on)
      return false;
    ::kill(pid, SIGCONT);
    ::poll(nullptr, 0, 1);
  }
  if (may_go_on)
    ::kill(pid, SIGCONT);
  return false;
}

} // namespace muster::process
