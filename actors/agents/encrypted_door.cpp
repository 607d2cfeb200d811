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
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace muster::agent {

namespace {

namespace net = caf::io::network;
using net::native_socket;
using net::rw_state;
using steady = std::chrono::steady_clock;

/// Has the kernel give a connection up when the machine of the peer answers nothing for so long, whether or not there
/// is something to be sent. What fails here leaves it to the defaults of the system.
void give_up_after(std::chrono::milliseconds silence, native_socket on) {
  static std::once_flag said;
  const auto set = [on](int level, int name, int value) {
    if (::setsockopt(on, level, name, &value, sizeof value) == 0)
      return;
    const auto why = std::generic_category().message(errno);
    std::call_once(said, [&] { log::warn("agents", "silent connections are kept for long", {{"why", why}}); });
  };
  const auto seconds = std::max<std::int64_t>(2, std::chrono::duration_cast<std::chrono::seconds>(silence).count());
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(seconds / 2));
  set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>((seconds + 3) / 4));
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(seconds * 1000)); // Of probes as well, in place of a number.
}

/// Connections that have not come far enough yet. All on the multiplexer's thread.
class open_handshakes {
public:
  /// None stays for longer than `limit`, once another comes or it is asked for; nor are there ever more than `most`.
  open_handshakes(net::default_multiplexer& loop, std::chrono::milliseconds limit, std::size_t most)
      : loop_(loop), limit_(limit), most_(std::min(most, descriptors() / 4)) {}

  void add(caf::io::scribe_ptr x) {
    end_overdue();
    all_.push_back({steady::now(), std::move(x)});
  }
  /// It has come to its end, whichever.
  void forget(const caf::io::scribe* x) {
    const auto at = std::find_if(all_.begin(), all_.end(), [x](const auto& one) { return one.who.get() == x; });
    if (at == all_.end())
      return;
    const auto kept = std::move(at->who); // Until it is out of the list.
    all_.erase(at);
  }

  /// The oldest are first.
  void end_overdue() {
    while (!all_.empty() && (all_.size() >= most_ || steady::now() - all_.front().since > limit_)) {
      const auto who = all_.front().who;
      log::debug("agents", "a connection is closed: its handshake does not come to an end", {{"peer", who->addr()}});
      all_.pop_front();
      who->io_failure(&loop_, net::operation::read); // Whoever waits for it is told.
    }
  }

private:
  struct handshake {
    steady::time_point since;
    caf::io::scribe_ptr who;
  };

  /// That this process may have.
  static std::size_t descriptors() {
    constexpr rlim_t usual = 1024;
    rlimit files{};
    return static_cast<std::size_t>(::getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : usual);
  }

  net::default_multiplexer& loop_;
  const std::chrono::milliseconds limit_;
  const std::size_t most_;
  std::list<handshake> all_;
};

using overdue_atom = caf::atom_constant<caf::atom("overdue")>;
using begin_session = std::function<result<tls_session>()>;

/// A socket with TLS on it.
class encrypted_stream final : public net::stream {
public:
  /// `begin` is asked once the peer has said something: many only look whether there is a port.
  encrypted_stream(net::default_multiplexer& loop, native_socket socket, begin_session begin, const door_limits& limits,
                   const handshake_listener& on_problem)
      : stream(loop, socket), policy_{limits.standstill}, begin_(std::move(begin)) {
    give_up_after(limits.silence, socket);
    policy_.on_problem = [on_problem, peer = peer()](const std::string& why) { on_problem(peer, why); };
  }

  void on_up(std::function<void()> what) { on_up_ = std::move(what); }
  [[nodiscard]] bool is_up() const noexcept { return is_up_; }
  /// The first time that the peer has said something behind the handshake.
  void on_heard(std::function<void()> what) { policy_.on_heard = std::move(what); }
  [[nodiscard]] bool has_heard() const noexcept { return policy_.has_heard; }

  void handle_event(net::operation op) override {
    if (op == net::operation::read)
      policy_.unanswered_since.reset();
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
    std::chrono::milliseconds standstill;
    std::optional<tls_session> session{};
    std::optional<steady::time_point> unanswered_since{};
    std::function<void()> on_heard{};
    std::function<void(const std::string& why)> on_problem{};
    bool has_heard = false;

    rw_state read_some(std::size_t& got, native_socket /*from*/, void* to, std::size_t most) {
      got = 0;
      const auto out = state_of(session->read(to, most, got));
      if (got > 0 && !std::exchange(has_heard, true))
        on_heard();
      // Of TLS 1.3, who has connected learns only now that it is not taken for what it says.
      if (out == rw_state::failure && !has_heard)
        on_problem(session->problem());
      return out;
    }
    rw_state write_some(std::size_t& sent, native_socket /*to*/, const void* from, std::size_t count) {
      sent = 0;
      if (is_gone())
        return rw_state::failure;
      // CAF keeps what it has and waits for the socket if nothing was sent; for anything but success it forgets it.
      return session->write(from, count, sent) == tls_session::outcome::failed ? rw_state::failure : rw_state::success;
    }
    /// The socket does not tell of what the session has taken from it already: the rest of a record.
    [[nodiscard]] bool must_read_more(native_socket /*from*/, std::size_t /*threshold*/) const {
      return session->has_more();
    }
    /// Whether nothing was heard for too long after something was said. A program that stands still, or the end of a
    /// tunnel that leads nowhere any more, looks to the kernel as if all were well.
    bool is_gone() {
      const auto now = steady::now();
      if (!unanswered_since)
        unanswered_since = now;
      return now - *unanswered_since > standstill;
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
      policy_.on_problem(policy_.session->problem());
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
  /// Who began it.
  enum class side : std::uint8_t { peer, own };

  /// One that the peer began is `open` until the handshake has ended, one of our own until something came behind it.
  encrypted_scribe(net::default_multiplexer& loop, native_socket socket, begin_session begin, const door_limits& limits,
                   const handshake_listener& on_problem, std::shared_ptr<open_handshakes> open, side began)
      : scribe(net::conn_hdl_from_socket(socket)), stream_(loop, socket, std::move(begin), limits, on_problem),
        open_(std::move(open)) {
    stream_.on_up([this, began] {
      if (began == side::peer)
        open_->forget(this);
      stream_.flush(this);
    });
    stream_.on_heard([this] { open_->forget(this); });
  }

  /// Nothing was heard of the peer, and it is not given up.
  [[nodiscard]] bool may_wait() const noexcept { return !stream_.has_heard() && !is_over_; }

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
    is_over_ = true;
    open_->forget(this);
    stream_.passivate();
  }

private:
  encrypted_stream stream_;
  std::shared_ptr<open_handshakes> open_;
  bool is_launched_ = false;
  bool is_over_ = false;
};

/// A port.
class encrypted_doorman final : public net::doorman_impl {
public:
  encrypted_doorman(net::default_multiplexer& loop, native_socket socket, std::shared_ptr<tls_sessions> sessions,
                    const door_limits& limits, handshake_listener on_problem)
      : doorman_impl(loop, socket), sessions_(std::move(sessions)), limits_(limits), on_problem_(std::move(on_problem)),
        open_(std::make_shared<open_handshakes>(loop, limits.handshake, limits.handshakes)) {}

  bool new_connection() override {
    auto& loop = acceptor_.backend();
    const auto socket = acceptor_.accepted_socket();
    if (detached()) {
      ::close(socket);
      return false;
    }
    static_cast<void>(net::nonblocking(socket, true));
    const auto accept = [sessions = sessions_, socket] { return sessions->accept(socket); };
    auto who = caf::make_counted<encrypted_scribe>(loop, socket, accept, limits_, on_problem_, open_,
                                                   encrypted_scribe::side::peer);
    const auto handle = who->hdl();
    open_->add(who);
    parent()->add_scribe(std::move(who));
    return doorman::new_connection(&loop, handle);
  }

private:
  std::shared_ptr<tls_sessions> sessions_;
  const door_limits limits_;
  const handshake_listener on_problem_;
  std::shared_ptr<open_handshakes> open_;
};

/// Says it in the log, where a stranger that tries again and again fills nothing.
handshake_listener make_log_listener() {
  static constexpr std::chrono::seconds pause{10};
  struct memory {
    std::mutex mutex;
    std::optional<steady::time_point> said;
  };
  return [last = std::make_shared<memory>()](const std::string& peer, const std::string& why) {
    const std::lock_guard lock{last->mutex};
    const auto now = steady::now();
    const bool is_due = !last->said || now - *last->said >= pause;
    if (is_due)
      last->said = now;
    const auto& say = is_due ? log::warn : log::debug;
    say("agents", "a connection was not taken", {{"peer", peer}, {"why", why}});
  };
}

class encrypted_door final : public caf::io::middleman_actor_impl {
public:
  encrypted_door(caf::actor_config& config, caf::actor broker, link_certificates certificates, door_limits limits,
                 handshake_listener on_problem)
      : middleman_actor_impl(config, std::move(broker)),
        sessions_(std::make_shared<tls_sessions>(std::move(certificates))), limits_(limits),
        on_problem_(on_problem ? std::move(on_problem) : make_log_listener()),
        begun_(std::make_shared<open_handshakes>(loop(), limits.standstill, limits.handshakes)) {}
  const char* name() const override { return "encrypted_door"; }

protected:
  caf::expected<caf::io::doorman_ptr> open(std::uint16_t port, const char* address, bool reuse) override {
    const auto socket = net::new_tcp_acceptor_impl(port, address, reuse);
    if (!socket)
      return socket.error();
    return caf::io::doorman_ptr{caf::make_counted<encrypted_doorman>(loop(), *socket, sessions_, limits_, on_problem_)};
  }

  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, std::uint16_t port) override {
    const auto socket = net::new_tcp_connection(host, port);
    if (!socket)
      return socket.error();
    static_cast<void>(net::nonblocking(*socket, true));
    // The head waits for what it says first.
    auto begun = sessions_->connect(*socket);
    if (!begun) {
      on_problem_(host, begun.failure().message);
      ::close(*socket);
      return caf::make_error(caf::sec::cannot_connect_to_node);
    }
    auto who = caf::make_counted<encrypted_scribe>(
        loop(), *socket, [session = *std::move(begun)] { return session; }, limits_, on_problem_, begun_,
        encrypted_scribe::side::own);
    watch(who);
    return caf::io::scribe_ptr{std::move(who)};
  }

private:
  /// Whoever wants to connect to the same place meanwhile waits for this connection, so it must not last for ever.
  /// A broker, since those are of the multiplexer's thread.
  void watch(const caf::intrusive_ptr<encrypted_scribe>& who) {
    const auto held = std::make_shared<caf::intrusive_ptr<encrypted_scribe>>(who);
    const auto watcher = [held, begun = begun_, after = limits_.standstill + std::chrono::milliseconds{1}](
                             caf::io::broker* self) -> caf::behavior {
      if (const auto x = std::exchange(*held, nullptr); x->may_wait())
        begun->add(x);
      self->delayed_send(self, after, overdue_atom::value);
      return {[self, begun](overdue_atom) {
        begun->end_overdue();
        self->quit();
      }};
    };
    static_cast<void>(system().middleman().spawn_broker<caf::hidden>(watcher));
  }

  net::default_multiplexer& loop() { return dynamic_cast<net::default_multiplexer&>(system().middleman().backend()); }

  std::shared_ptr<tls_sessions> sessions_;
  const door_limits limits_;
  const handshake_listener on_problem_;
  const std::shared_ptr<open_handshakes> begun_; ///< By this end.
};

} // namespace

caf::io::middleman_actor make_encrypted_door(caf::actor_system& system, link_certificates certificates,
                                             door_limits limits, handshake_listener on_problem) {
  return system.spawn<encrypted_door, caf::detached + caf::hidden>(
      system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP")), std::move(certificates), limits,
      std::move(on_problem));
}

} // namespace muster::agent
