#include "executors/process/warden/warden.hpp"

#include "executors/process/warden/warden_state.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace muster::process {

namespace {

constexpr std::int64_t wait_for_first_driver_us = 10'000'000;
/// A driver that takes nothing any more is let go before its answers fill the memory.
constexpr std::size_t most_unsent = 64U << 20U;
constexpr std::size_t read_at_once = 64U << 10U;

/// How long news that can wait may wait for company.
constexpr std::int64_t hold_us = 8'000;

/// The warden's sockets: takes requests in, hands them to `warden_state`, sends what it says.
class warden_loop {
public:
  warden_loop(unique_fd listener, unique_fd signals, warden_state state)
      : listener_(std::move(listener)), signals_(std::move(signals)), state_(std::move(state)),
        alone_until_us_(steady_clock_us() + wait_for_first_driver_us) {}

  void run() {
    while (!finished()) {
      wait();
      if (client_speaks_)
        read_client();
      if (driver_waits_)
        take_driver();
      drain_signals();
      state_.advance(said_);
      gather();
      // A full disk must not silence the warden: the runtime keeps its own record, and this one is tried again.
      static_cast<void>(state_.flush());
      send();
    }
    state_.close();
  }

private:
  [[nodiscard]] bool finished() const { return !client_ && state_.idle() && steady_clock_us() >= alone_until_us_; }

  void wait() {
    std::vector<pollfd> files{{signals_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    if (client_)
      files.push_back({client_.get(), static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    if (const int fd = state_.held_file(); fd >= 0)
      files.push_back({fd, POLLIN, 0});
    for (const int fd : state_.survivor_files())
      files.push_back({fd, POLLIN, 0});
    const bool is_known = ::poll(files.data(), files.size(), timeout()) >= 0;
    driver_waits_ = files[1].revents != 0;
    client_speaks_ = client_ && (!is_known || files[2].revents != 0);
  }

  [[nodiscard]] int timeout() const {
    auto due = state_.next_due();
    if (hold_until_us_ != 0)
      due = due == 0 ? hold_until_us_ : std::min(due, hold_until_us_);
    if (due == 0 && client_)
      return -1;
    if (due == 0)
      due = alone_until_us_;
    const auto left = due - steady_clock_us();
    return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>((left + 999) / 1000, 60'000));
  }

  void take_driver() {
    unique_fd next{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!next)
      return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(next.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != ::geteuid() && peer.uid != 0))
      return;
    if (client_)
      return; // One driver at a time; the end of a dead one was seen before this one was taken.
    client_ = std::move(next);
    greeted_ = false;
    received_ = {};
    hush();
  }

  void drop_client() {
    client_.reset();
    state_.drop_waiting();
    hush();
    alone_until_us_ = 0;
  }

  void read_client() {
    while (client_) {
      const auto n = ::recv(client_.get(), received_.space(read_at_once), read_at_once, 0);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
      if (n <= 0)
        return drop_client();
      received_.added(static_cast<std::size_t>(n));
      bool good = true;
      while (const auto frame = received_.next())
        good = good && handle(*frame);
      if (!good || received_.broken())
        return drop_client();
      if (static_cast<std::size_t>(n) < read_at_once)
        return;
    }
  }

  /// False if the frame makes no sense: whoever sent it is no driver of this version.
  bool handle(const wire::frame& x) {
    switch (x.what) {
      case wire::kind::hello: {
        const auto hello = wire::read_hello(x.body);
        std::string no_limits;
        if (hello && hello->limits)
          if (const auto enabled = state_.enable_limits(); !enabled)
            no_limits = enabled.failure().message;
        said_.can_wait = false;
        wire::write(said_.frames, wire::welcome_message{wire::version, ::getpid(), std::move(no_limits)});
        greeted_ = true;
        return hello.has_value();
      }
      case wire::kind::start: {
        const auto request = wire::read_start(x.body);
        if (request)
          state_.start(*request, said_);
        return request.has_value();
      }
      case wire::kind::start_after: {
        auto request = wire::read_start_after(x.body);
        const bool good = request.has_value();
        if (good)
          state_.start_after(*std::move(request), said_);
        return good;
      }
      case wire::kind::go: {
        const auto id = wire::read_id(x.body);
        if (id)
          state_.go(*id, said_);
        return id.has_value();
      }
      case wire::kind::hold: {
        auto request = wire::read_start(x.body);
        const bool good = request.has_value();
        if (good)
          state_.hold(*std::move(request), said_);
        return good;
      }
      case wire::kind::release: {
        const auto id = wire::read_id(x.body);
        if (id)
          state_.release(*id, said_);
        return id.has_value();
      }
      case wire::kind::stop: {
        const auto request = wire::read_stop(x.body);
        if (request)
          state_.stop(*request, said_);
        return request.has_value();
      }
      case wire::kind::forget: {
        const auto id = wire::read_id(x.body);
        if (id)
          state_.forget(*id);
        return id.has_value();
      }
      case wire::kind::query: {
        const auto items = wire::read_query(x.body);
        if (items)
          state_.query(*items, said_);
        return items.has_value();
      }
      default: return false;
    }
  }

  /// Moves what was said to what is sent. A start, for one, is told with what comes next, if that is soon: tasks that
  /// take a millisecond wake the runtime once, or less.
  void gather() {
    if (!greeted_) // Who is new asks for what it must know; nothing may come before the welcome.
      return hush();
    if (said_.frames.empty())
      return;
    if (said_.can_wait && hold_until_us_ == 0)
      hold_until_us_ = steady_clock_us() + hold_us;
    if (said_.can_wait && steady_clock_us() < hold_until_us_)
      return;
    unsent_ += said_.frames;
    said_ = {};
    hold_until_us_ = 0;
  }

  void hush() {
    said_ = {};
    unsent_.clear();
    hold_until_us_ = 0;
  }

  void drain_signals() const {
    signalfd_siginfo info[8];
    while (::read(signals_.get(), info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    }
  }

  void send() {
    if (!client_)
      return hush();
    while (!unsent_.empty()) {
      const auto n = ::send(client_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && unsent_.size() <= most_unsent)
        return;
      if (n <= 0)
        return drop_client();
      unsent_.erase(0, static_cast<std::size_t>(n));
    }
  }

  unique_fd listener_;
  unique_fd signals_;
  warden_state state_;
  unique_fd client_;
  wire::frame_reader received_;
  warden_news said_;
  std::int64_t hold_until_us_ = 0; ///< What was said is sent then, if not before; 0 if there is nothing.
  std::string unsent_;
  bool greeted_ = false;
  bool driver_waits_ = false;
  bool client_speaks_ = false;
  std::int64_t alone_until_us_;
};

unique_fd watch_children() {
  sigset_t children; // Blocked, as all are.
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  return unique_fd{::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK)};
}

} // namespace

int run_warden(const std::filesystem::path& folder, unique_fd listener, const warden_options& options) {
  auto signals = watch_children();
  const unique_fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  auto records = record_file::open((folder / "records").string());
  if (!signals || !null || !records)
    return 1;
  warden_loop loop{std::move(listener), std::move(signals),
                   warden_state{folder.string(), *std::move(records), options, null.get()}};
  loop.run();
  ::unlink((folder / "socket").c_str());
  return 0;
}

} // namespace muster::process
