#include "support/head_program.hpp"

#include "muster/base/unique_fd.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace muster::test {

namespace {

using clock = std::chrono::steady_clock;

int pidfd_of(pid_t process) {
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

clock::time_point soon() {
  return clock::now() + std::chrono::seconds(30);
}

/// Until one of them can be read; which, or nothing at the deadline.
std::optional<std::size_t> wait_for_any(std::array<int, 2> files, clock::time_point until) {
  std::array<pollfd, 2> watched{pollfd{files[0], POLLIN, 0}, pollfd{files[1], POLLIN, 0}};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
  if (left <= 0 || ::poll(watched.data(), watched.size(), static_cast<int>(left)) <= 0)
    return std::nullopt;
  return watched[0].revents != 0 ? 0 : 1;
}

/// Where a program says that it is ready, as to a service manager: sd_notify(3).
class ready_socket {
public:
  explicit ready_socket(const std::filesystem::path& at)
      : path_(at.string()), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    ::unlink(path_.c_str()); // Of a program before this one.
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path_.copy(to.sun_path, sizeof to.sun_path - 1);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot listen at " + path_);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// False if the program ends before, or at the deadline.
  [[nodiscard]] bool wait(pid_t program) const {
    const unique_fd process{pidfd_of(program)};
    for (const auto until = soon();;) {
      const auto which = wait_for_any({socket_.get(), process.get()}, until);
      if (which != std::size_t{0})
        return false;
      std::array<char, 4096> text{};
      const auto got = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
      if (got > 0 && std::string_view(text.data(), static_cast<std::size_t>(got)).substr(0, 7) == "READY=1")
        return true;
    }
  }

private:
  std::string path_;
  unique_fd socket_;
};

} // namespace

head_program::head_program(const muster_program& muster, std::vector<std::string> options,
                           const std::map<std::string, std::string>& environment)
    : muster_(muster), log_file_((muster.folder() / "head.log").string()) {
  const auto config = muster.file("head.yaml", "log: {file: " + log_file_ + ", level: debug}\n");
  const auto has = [&](const char* name) { return std::find(options.begin(), options.end(), name) != options.end(); };
  std::vector<std::string> all{"serve", "--state-dir", muster.state().string()};
  if (!has("--config"))
    all.insert(all.end(), {"--config", config});
  if (!has("--listen"))
    all.insert(all.end(), {"--listen", "127.0.0.1:0"});
  all.insert(all.end(), options.begin(), options.end());
  const ready_socket told(muster.folder() / "head.ready");
  auto what = muster.with(all);
  for (const auto& [name, value] : environment)
    what.env[name] = value;
  what.env["NOTIFY_SOCKET"] = told.path();
  process_ = std::make_unique<subprocess>(what);
  ready_ = told.wait(process_->pid());
}

std::string head_program::address() const {
  std::ifstream in(muster_.state() / "head.json");
  const auto x = nlohmann::json::parse(in, nullptr, false);
  const bool ours = x.is_object() && x.value("pid", 0) == process_->pid() && x.value("ready", false);
  return ours ? x.value("address", "") : std::string{};
}

outcome head_program::stop(int signal) {
  process_->signal(signal);
  return process_->finish();
}

std::string head_program::log() const {
  std::ifstream in(log_file_);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool head_program::wait_for_log(const std::string& text) const {
  return wait_for_log([&](const std::string& log) { return log.find(text) != std::string::npos; });
}

bool head_program::wait_for_log(const std::function<bool(const std::string&)>& is_there) const {
  const unique_fd changes{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  const unique_fd process{pidfd_of(process_->pid())};
  ::inotify_add_watch(changes.get(), log_file_.c_str(), IN_MODIFY);
  for (const auto until = soon(); !is_there(log());) {
    const auto which = wait_for_any({changes.get(), process.get()}, until);
    if (which != std::size_t{0}) // What it wrote last counts.
      return is_there(log());
    std::array<char, 4096> dropped{};
    while (::read(changes.get(), dropped.data(), dropped.size()) > 0) {
    }
  }
  return true;
}

} // namespace muster::test
