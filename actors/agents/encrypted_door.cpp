#include "actors/agents/encrypted_door.hpp"

#include "actors/agents/tls_session.hpp"
#include "muster/base/log.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/stream.hpp>
#include <caf/io/scribe.hpp>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muster::agent {

namespace {

namespace net = caf::io::network;
using net::native_socket;
using net::rw_state;
using steady = std::chrono::steady_clock;

/// Handshakes that are under way. All on the multiplexer's thread.
class open_handshakes {
public:
  void add(caf::io::scribe_ptr x) {
    end_overdue();
    all_.push_back({steady::now(), std::move(x)});
  }
  /// It has come to an end, whichever.
  void forget(const caf::io::scribe* x) {
    const auto at = std::find_if(all_.begin(), all_.end(), [x](const auto& one) { return one.who.get() == x; });
    if (at == all_.end())
      return;
    const auto kept = std::move(at->who); // Until it is out of the list.
    all_.erase(at);
  }

private:
  static constexpr std::chrono::seconds limit{10};

  struct handshake {
    steady::time_point since;
    caf::io::scribe_ptr who;
  };

  /// Others need descriptors, too.
  static std::size_t most_open() {
    constexpr rlim_t most = 4096;
    rlimit files{};
    const bool is_known = ::getrlimit(RLIMIT_NOFILE, &files) == 0;
    return static_cast<std::size_t>(is_known ? std::min(most, files.rlim_cur / 4) : most / 4);
  }

  /// The oldest are first.
  void end_overdue() {
    while (!all_.empty() && (all_.size() >= most_ || steady::now() - all_.front().since > limit)) {
      const auto who = all_.front().who;
      log::debug("agents", "a connection is closed: its handshake does not come to an end", {{"peer", who->addr()}});
      all_.pop_front();
      who->graceful_shutdown();
    }
  }

  const std::size_t most_ = most_open();
  std::list<handshake> all_;
};

using begin_session = std::function<result<tls_session>()>;

/// A socket with TLS on it.
class encrypted_stream final : public net::stream {
public:
  /// `begin` is asked once the peer has said something: many only look whether there is a port.
  encrypted_stream(net::default_multiplexer& loop, native_socket socket, begin_session begin)
      : stream(loop, socket), begin_(std::move(begin)) {}

  void on_up(std::function<void()> what) { on_up_ = std::move(what); }
  [[nodiscard]] bool is_up() const noexcept { return is_up_; }

  void handle_event(net::operation op) override {
    if (!is_up_ && op == net::operation::read) {
      const auto now = shake_hands();
      if (now == rw_state::indeterminate)
        return; // The peer has more to say.
      if (now == rw_state::failure)
        return handle_event_impl(net::operation::propagate_error, policy_);
      is_up_ = true;
      on_up_();
    }
    handle_event_impl(op, policy_);
  }

private:
  /// Of the session, once there is one.
  struct policy {
    std::optional<tls_session> session;
    rw_state read_some(std::size_t& got, native_socket /*from*/, void* to, std::size_t most) {
      got = 0;
      return state_of(session->read(to, most, got));
    }
    rw_state write_some(std::size_t& sent, native_socket /*to*/, const void* from, std::size_t count) {
      sent = 0;
      // CAF keeps what it has and waits for the socket if nothing was sent; for anything but success it forgets it.
      return session->write(from, count, sent) == tls_session::outcome::failed ? rw_state::failure : rw_state::success;
    }
    /// The socket does not tell of what the session has taken from it already: the rest of a record.
    [[nodiscard]] bool must_read_more(native_socket /*from*/, std::size_t /*threshold*/) const {
      return session->has_more();
    }
  };

  static rw_state state_of(tls_session::outcome x) {
    switch (x) {
      case tls_session::outcome::done: return rw_state::success;
      case tls_session::outcome::later: return rw_state::indeterminate;
      case tls_session::outcome::failed: break;
    }
    return rw_state::failure;
  }

  /// Goes on with it: `indeterminate` while it lasts.
  rw_state shake_hands() {
    char byte = 0;
    if (!policy_.session)
      if (const auto got = ::recv(fd(), &byte, 1, MSG_PEEK); got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? rw_state::indeterminate : rw_state::failure;
    if (!policy_.session && !begin())
      return rw_state::failure;
    const auto now = policy_.session->shake_hands();
    if (now == tls_session::outcome::failed)
      log::debug("agents", "a handshake failed", {{"peer", peer()}, {"why", policy_.session->problem()}});
    return state_of(now);
  }

  [[nodiscard]] std::string peer() const {
    const auto x = net::remote_addr_of_fd(fd());
    return x ? *x : std::string{};
  }

  bool begin() {
    auto begun = begin_();
    if (!begun) {
      log::error("agents", "a connection cannot be encrypted", {{"why", begun.failure().message}});
      return false;
    }
    policy_.session = *std::move(begun);
    return true;
  }

  policy policy_;
  begin_session begin_;
  std::function<void()> on_up_;
  bool is_up_ = false;
};

/// A connection. What is written before the handshake has ended waits for that.
class encrypted_scribe final : public caf::io::scribe {
public:
  /// `open` is null for one that this end began.
  encrypted_scribe(net::default_multiplexer& loop, native_socket socket, begin_session begin,
                   std::shared_ptr<open_handshakes> open)
      : scribe(net::conn_hdl_from_socket(socket)), stream_(loop, socket, std::move(begin)), open_(std::move(open)) {
    stream_.on_up([this] {
      end_handshake();
      stream_.flush(this);
    });
  }

  void configure_read(caf::io::receive_policy::config x) override {
    stream_.configure_read(x);
    if (!std::exchange(is_launched_, true))
      stream_.start(this);
  }
  void ack_writes(bool x) override { stream_.ack_writes(x); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void flush() override {
    if (stream_.is_up())
      stream_.flush(this);
  }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  std::string addr() const override {
    const auto x = net::remote_addr_of_fd(stream_.fd());
    return x ? *x : std::string{};
  }
  std::uint16_t port() const override {
    const auto x = net::remote_port_of_fd(stream_.fd());
    return x ? *x : std::uint16_t{0};
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override {
    end_handshake();
    stream_.passivate();
  }

private:
  void end_handshake() {
    if (open_)
      open_->forget(this);
  }

  encrypted_stream stream_;
  std::shared_ptr<open_handshakes> open_;
  bool is_launched_ = false;
};

/// A port.
class encrypted_doorman final : public net::doorman_impl {
public:
  encrypted_doorman(net::default_multiplexer& loop, native_socket socket, std::shared_ptr<tls_sessions> sessions)
      : doorman_impl(loop, socket), sessions_(std::move(sessions)) {}

  bool new_connection() override {
    auto& loop = acceptor_.backend();
    const auto socket = acceptor_.accepted_socket();
    if (detached()) {
      ::close(socket);
      return false;
    }
    static_cast<void>(net::nonblocking(socket, true));
    const auto accept = [sessions = sessions_, socket] { return sessions->accept(socket); };
    auto who = caf::make_counted<encrypted_scribe>(loop, socket, accept, open_);
    const auto handle = who->hdl();
    open_->add(who);
    parent()->add_scribe(std::move(who));
    return doorman::new_connection(&loop, handle);
  }

private:
  std::shared_ptr<tls_sessions> sessions_;
  std::shared_ptr<open_handshakes> open_ = std::make_shared<open_handshakes>();
};

class encrypted_door final : public caf::io::middleman_actor_impl {
public:
  encrypted_door(caf::actor_config& config, caf::actor broker, link_certificates certificates)
      : middleman_actor_impl(config, std::move(broker)),
        sessions_(std::make_shared<tls_sessions>(std::move(certificates))) {}
  const char* name() const override { return "encrypted_door"; }

protected:
  caf::expected<caf::io::doorman_ptr> open(std::uint16_t port, const char* address, bool reuse) override {
    const auto socket = net::new_tcp_acceptor_impl(port, address, reuse);
    if (!socket)
      return socket.error();
    return caf::io::doorman_ptr{caf::make_counted<encrypted_doorman>(loop(), *socket, sessions_)};
  }

  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, std::uint16_t port) override {
    const auto socket = net::new_tcp_connection(host, port);
    if (!socket)
      return socket.error();
    static_cast<void>(net::nonblocking(*socket, true));
    // The head waits for what it says first.
    auto begun = sessions_->connect(*socket);
    if (!begun) {
      log::error("agents", "a connection cannot be encrypted", {{"why", begun.failure().message}});
      ::close(*socket);
      return caf::make_error(caf::sec::cannot_connect_to_node);
    }
    return caf::io::scribe_ptr{caf::make_counted<encrypted_scribe>(
        loop(), *socket, [session = *std::move(begun)] { return session; }, nullptr)};
  }

private:
  net::default_multiplexer& loop() { return dynamic_cast<net::default_multiplexer&>(system().middleman().backend()); }

  std::shared_ptr<tls_sessions> sessions_;
};

} // namespace

caf::io::middleman_actor make_encrypted_door(caf::actor_system& system, link_certificates certificates) {
  return system.spawn<encrypted_door, caf::detached + caf::hidden>(
      system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP")), std::move(certificates));
}

} // namespace muster::agent
