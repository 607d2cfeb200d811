#include "cli/serve/notify.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace muster::cli {

namespace {

/// For a service manager that has much to read.
constexpr timeval longest_wait{5, 0};

std::optional<unsigned long long> number_of(const char* text) {
  if (text == nullptr || *text == '\0' || std::strlen(text) > 18 ||
      std::strspn(text, "0123456789") != std::strlen(text))
    return std::nullopt;
  return std::stoull(text);
}

/// On one line: a line is an assignment.
std::string one_line(std::string_view text) {
  std::string out{text};
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

} // namespace

notifier::notifier(const store::environment& get) {
  if (const auto* path = get("NOTIFY_SOCKET"); path != nullptr && (*path == '/' || *path == '@'))
    socket_ = path;
  const auto interval = number_of(get("WATCHDOG_USEC"));
  const auto* whose = get("WATCHDOG_PID");
  const auto pid = number_of(whose);
  const bool ours = whose == nullptr || (pid && *pid == static_cast<unsigned long long>(::getpid()));
  if (!socket_.empty() && interval && *interval > 0 && ours)
    watchdog_ = std::chrono::microseconds{*interval};
}

void notifier::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + one_line(status), when_full::wait);
}

void notifier::stopping(std::string_view text) const {
  send("STOPPING=1\nSTATUS=" + one_line(text), when_full::wait);
}

void notifier::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  constexpr long long million = 1'000'000;
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.tv_sec * million + now.tv_nsec / 1000) +
           "\nSTATUS=reading the configuration again",
       when_full::wait);
}

void notifier::status(std::string_view text) const {
  send("STATUS=" + one_line(text), when_full::drop);
}

void notifier::alive() const {
  send("WATCHDOG=1", when_full::drop);
}

void notifier::extend(std::chrono::microseconds more) const {
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(more.count()), when_full::drop);
}

void notifier::send(const std::string& text, when_full then) const {
  sockaddr_un to{};
  if (socket_.empty() || socket_.size() >= sizeof to.sun_path)
    return;
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return;
  to.sun_family = AF_UNIX;
  std::memcpy(static_cast<char*>(to.sun_path), socket_.data(), socket_.size());
  if (socket_.front() == '@')
    to.sun_path[0] = '\0'; // An abstract name.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &longest_wait, sizeof longest_wait);
  const int flags = MSG_NOSIGNAL | (then == when_full::drop ? MSG_DONTWAIT : 0);
  // Who does not listen is not told: nothing depends on it.
  while (::sendto(descriptor, text.data(), text.size(), flags,
                  reinterpret_cast<const sockaddr*>(&to), // NOLINT: as the interface has it
                  length) < 0 &&
         errno == EINTR) {
  }
  ::close(descriptor);
}

} // namespace muster::cli
