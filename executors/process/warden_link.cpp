#include "executors/process/warden_link.hpp"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace muster::process {

namespace {

constexpr std::size_t read_at_once = 64U << 10U;
constexpr std::chrono::seconds handshake_deadline{5};

} // namespace

result<void> warden_link::open(const std::filesystem::path& state, const warden_options& options, bool limits) {
  const auto give_up = std::chrono::steady_clock::now() + handshake_deadline;
  for (;;) {
    close();
    auto connected = connect_to_warden(state, options);
    if (!connected)
      return connected.failure();
    socket_ = *std::move(connected);
    auto shaken = shake_hands(limits);
    // A warden that is just ending, or that has not seen yet that its last driver died, hangs up.
    if (shaken || shaken.failure().code != ec::unavailable || std::chrono::steady_clock::now() >= give_up)
      return shaken;
    ::poll(nullptr, 0, 5);
  }
}

result<void> warden_link::shake_hands(bool limits) {
  wire::write_hello(unsent_, limits);
  if (!send())
    return error{ec::unavailable, "the warden hangs up: another driver may be connected to it"};
  const auto give_up = std::chrono::steady_clock::now() + handshake_deadline;
  for (;;) {
    pollfd file{socket_.get(), POLLIN, 0};
    ::poll(&file, 1, 100);
    const bool here = receive();
    if (const auto frame = next()) {
      auto welcome = frame->what == wire::kind::welcome ? wire::read_welcome(frame->body) : std::nullopt;
      if (!welcome || welcome->version != wire::version)
        return error{ec::warden_lost,
                     "the warden of this state directory belongs to another version of Muster; it ends "
                     "when its tasks have ended"};
      warden_pid_ = welcome->pid;
      no_limits_ = std::move(welcome->no_limits);
      return {};
    }
    if (!here)
      return error{ec::unavailable, "the warden hangs up: another driver may be connected to it"};
    if (std::chrono::steady_clock::now() >= give_up)
      return error{ec::warden_lost, "the warden does not answer"};
  }
}

bool warden_link::send() {
  std::size_t sent = 0;
  bool good = true;
  while (sent < unsent_.size()) {
    const auto n = ::send(socket_.get(), unsent_.data() + sent, unsent_.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      good = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      break;
    }
    sent += static_cast<std::size_t>(n);
  }
  unsent_.erase(0, sent);
  return good;
}

bool warden_link::receive() {
  for (;;) {
    const auto n = ::recv(socket_.get(), received_.space(read_at_once), read_at_once, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno == EAGAIN || errno == EWOULDBLOCK;
    received_.added(static_cast<std::size_t>(n));
    // Frames must be taken out before there is space for more.
    return n > 0;
  }
}

void warden_link::close() {
  socket_.reset();
  received_ = {};
  unsent_.clear();
}

} // namespace muster::process
