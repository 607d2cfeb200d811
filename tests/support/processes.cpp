#include "support/processes.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <sstream>
#include <unistd.h>

namespace muster::test {

namespace fs = std::filesystem;

namespace {

/// Empty where the process has ended meanwhile.
std::string contents(const fs::path& path) {
  std::string out;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return out;
  std::array<char, 4096> part{};
  for (ssize_t n = 0; (n = ::read(file, part.data(), part.size())) > 0;)
    out.append(part.data(), static_cast<std::size_t>(n));
  ::close(file);
  return out;
}

/// 0 if it is gone.
pid_t parent_of(pid_t process) {
  const auto text = contents("/proc/" + std::to_string(process) + "/stat");
  const auto end = text.rfind(')');
  return end == std::string::npos || end + 4 >= text.size() ? 0 : static_cast<pid_t>(std::stol(text.substr(end + 4)));
}

bool is_zombie(const fs::path& process) {
  const auto text = contents(process / "stat");
  const auto end = text.rfind(')');
  return end == std::string::npos || end + 2 >= text.size() || text[end + 2] == 'Z' || text[end + 2] == 'X';
}

std::vector<pid_t> find(const std::string& file, const std::function<bool(const std::string&)>& fits) {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos || is_zombie(entry.path()))
      continue;
    if (const auto text = contents(entry.path() / file); !text.empty() && fits(text))
      out.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return out;
}

} // namespace

double cpu_seconds(pid_t of) {
  const auto text = contents("/proc/" + std::to_string(of) + "/stat");
  const auto end = text.rfind(')');
  if (end == std::string::npos)
    return 0;
  constexpr int fields_before = 11;
  std::istringstream fields{text.substr(end + 1)};
  std::string skipped;
  for (int i = 0; i < fields_before; ++i)
    fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::vector<pid_t> processes_with_environment(const std::string& text) {
  return find("environ", [&](const std::string& found) { return found.find(text) != std::string::npos; });
}

std::vector<pid_t> processes_with_argument(const std::string& argument) {
  const auto word = '\0' + argument + '\0';
  return find("cmdline", [&](const std::string& words) { return words.find(word) != std::string::npos; });
}

std::vector<pid_t> programs_with_argument(const std::string& argument) {
  const auto all = processes_with_argument(argument);
  std::vector<pid_t> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](pid_t x) {
    const auto parent = parent_of(x);
    return parent != 0 && std::find(all.begin(), all.end(), parent) == all.end();
  });
  return out;
}

pid_t warden_of(const fs::path& state) {
  const auto argument = '\0' + (state / "warden").string() + '\0';
  const auto found = find("cmdline", [&](const std::string& words) {
    return words.rfind("muster-warden", 0) == 0 && words.find(argument) != std::string::npos;
  });
  return found.empty() ? 0 : found.front();
}

bool eventually(const std::function<bool()>& is_so, std::chrono::milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() >= until)
      return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

std::string left_behind(const fs::path& state, std::chrono::milliseconds deadline) {
  const auto owner = "MUSTER_ATTEMPT_FOLDER=" + (state / "workflows").string() + '/';
  if (eventually([&] { return warden_of(state) == 0 && processes_with_environment(owner).empty(); }, deadline))
    return {};
  std::string out;
  if (const auto warden = warden_of(state); warden != 0)
    out += "the warden, " + std::to_string(warden) + "; ";
  for (const auto pid : processes_with_environment(owner))
    out += std::to_string(pid) + ' ' + contents("/proc/" + std::to_string(pid) + "/cmdline") + "; ";
  return out;
}

cleaner::~cleaner() {
  if (const auto warden = warden_of(state_); warden != 0)
    ::kill(warden, SIGKILL);
  for (const auto pid : processes_with_environment("MUSTER_ATTEMPT_FOLDER=" + (state_ / "workflows").string() + '/'))
    ::kill(pid, SIGKILL);
}

} // namespace muster::test
