#include "cli/commands/signals.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

namespace muster::cli {

result<signal_inbox> signal_inbox::open() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction current {};
    // What the caller ignores, as nohup does, stays ignored.
    if (::sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN)
      continue;
    sigaddset(&set, number);
  }
  const int failed = ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int signals = failed == 0 ? ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
  const int wakes = signals >= 0 ? ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
  if (wakes < 0) {
    const auto why = std::string(std::strerror(failed != 0 ? failed : errno));
    if (signals >= 0)
      ::close(signals);
    return {ec::io_error, "cannot wait for signals: " + why};
  }
  return signal_inbox{signals, wakes};
}

signal_inbox::signal_inbox(signal_inbox&& other) noexcept
    : signals_(std::exchange(other.signals_, -1)), wakes_(std::exchange(other.wakes_, -1)) {}

signal_inbox::~signal_inbox() {
  if (signals_ >= 0)
    ::close(signals_);
  if (wakes_ >= 0)
    ::close(wakes_);
}

unsigned signal_inbox::take() {
  unsigned count = 0;
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    ++count;
  return count;
}

std::optional<int> signal_inbox::next() {
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) != static_cast<ssize_t>(sizeof info))
    return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

bool signal_inbox::pending() const {
  pollfd watched{signals_, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

void signal_inbox::wait(std::chrono::milliseconds most) {
  std::array<pollfd, 2> watched{pollfd{signals_, POLLIN, 0}, pollfd{wakes_, POLLIN, 0}};
  ::poll(watched.data(), watched.size(), static_cast<int>(most.count()));
  std::uint64_t count = 0;
  // Nothing to read is the usual case: what counts is that the counter is zero afterwards.
  [[maybe_unused]] const auto got = ::read(wakes_, &count, sizeof count);
}

void signal_inbox::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wakes_, &one, sizeof one);
}

} // namespace muster::cli
