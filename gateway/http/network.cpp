#include "gateway/http/network.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace muster::http {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;
using clock = std::chrono::steady_clock;
using strand = net::strand<net::io_context::executor_type>;
using strand_socket = net::basic_stream_socket<tcp, strand>;
using strand_timer = net::basic_waitable_timer<clock, net::wait_traits<clock>, strand>;

/// How much the kernel takes of what the client is not ready for.
constexpr int unsent_limit = 128 * 1024;

/// A client that vanished without a word is found out after a minute and a half, also where nothing is sent to it.
void ask_for_life(int listener) {
  constexpr int on = 1;
  constexpr int silence = 60; // Seconds.
  constexpr int between = 10;
  constexpr int most = 3;
  ::setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof silence);
  ::setsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
  ::setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &most, sizeof most);
}

io_result result_of(const error_code& error) {
  if (!error)
    return io_result::ok;
  return error == net::error::eof ? io_result::end : io_result::failed;
}

/// A timer whose deadline is moved for every request, but which is set anew only when it fires too early.
class lazy_timer {
public:
  explicit lazy_timer(const strand& where) : timer_(where) {}

  template <class Fire>
  void expire_at(clock::time_point when, std::weak_ptr<transport_user> user, Fire fire) {
    wanted_ = when;
    if (when != transport::never && when < armed_)
      arm(when, std::move(user), fire);
  }

  void cancel() {
    wanted_ = armed_ = transport::never;
    ++generation_;
    timer_.cancel();
  }

private:
  template <class Fire>
  void arm(clock::time_point when, std::weak_ptr<transport_user> user, Fire fire) {
    armed_ = when;
    timer_.expires_at(when);
    timer_.async_wait([this, user, fire, mine = ++generation_](const error_code&) {
      const auto alive = user.lock();
      if (alive == nullptr || mine != generation_)
        return;
      armed_ = transport::never;
      if (wanted_ > clock::now())
        return expire_at(wanted_, user, fire);
      wanted_ = transport::never;
      fire(*alive);
    });
  }

  strand_timer timer_;
  clock::time_point wanted_ = transport::never;
  clock::time_point armed_ = transport::never;
  std::uint64_t generation_ = 0;
};

/// What plain and encrypted transports share. Handlers hold the user, and the user owns the transport.
class socket_transport : public transport {
public:
  explicit socket_transport(strand_socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    // As SO_SNDBUF would, but without making the kernel's own tuning stop.
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_limit, sizeof unsent_limit);
    if (const auto peer = socket_.remote_endpoint(ignored); !ignored) {
      auto address = peer.address();
      if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
      peer_ = address.to_string();
      peer_is_local_ = address.is_loopback();
    }
  }

  void set_user(std::weak_ptr<transport_user> user) override { user_ = std::move(user); }
  void post(std::function<void()> work) override { net::post(socket_.get_executor(), std::move(work)); }
  void expire_at(clock::time_point when) override {
    timer_.expire_at(when, user_, [](transport_user& x) { x.on_deadline(); });
  }
  void close(bool reset) override {
    error_code ignored;
    timer_.cancel();
    if (reset)
      socket_.set_option(net::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }
  [[nodiscard]] bool has_unread() const override {
    error_code ignored;
    return socket_.available(ignored) != 0;
  }
  [[nodiscard]] std::string peer() const override { return peer_; }
  [[nodiscard]] bool peer_is_local() const override { return peer_is_local_; }

protected:
  /// A handler that keeps the user alive and tells it how many bytes came or went.
  template <void (transport_user::*Member)(io_result, std::size_t)>
  auto counted() {
    return [user = user_.lock()](const error_code& error, std::size_t count) {
      (user.get()->*Member)(result_of(error), count);
    };
  }

  void end_sending() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  static std::array<net::const_buffer, 3> buffers_of(const parts& what) {
    return {net::buffer(what[0].data(), what[0].size()), net::buffer(what[1].data(), what[1].size()),
            net::buffer(what[2].data(), what[2].size())};
  }

  strand_socket socket_;
  std::weak_ptr<transport_user> user_;

private:
  lazy_timer timer_;
  std::string peer_;
  bool peer_is_local_ = false;
};

class plain_transport final : public socket_transport {
public:
  using socket_transport::socket_transport;

  void handshake() override {}
  void read(char* into, std::size_t size) override {
    socket_.async_read_some(net::buffer(into, size), counted<&transport_user::on_read>());
  }
  void write(const parts& what) override {
    socket_.async_write_some(buffers_of(what), counted<&transport_user::on_write>());
  }
  void say_goodbye() override {
    end_sending();
    net::post(socket_.get_executor(), [user = user_.lock()] { user->on_goodbye(); });
  }
  [[nodiscard]] bool is_encrypted() const override { return false; }
};

class tls_transport final : public socket_transport {
public:
  tls_transport(strand_socket socket, SSL_CTX* context)
      : socket_transport(std::move(socket)), context_(shared(context)), stream_(socket_, context_) {}

  void handshake() override {
    stream_.async_handshake(net::ssl::stream_base::server, [user = user_.lock()](const error_code& error) {
      user->on_handshake(error ? io_result::failed : io_result::ok);
    });
  }
  void read(char* into, std::size_t size) override {
    if (has_said_goodbye_) // What the client still sends is not even decrypted.
      return socket_.async_read_some(net::buffer(into, size), counted<&transport_user::on_read>());
    reading_ = true;
    stream_.async_read_some(
        net::buffer(into, size), [this, user = user_.lock()](const error_code& error, std::size_t count) {
          reading_ = false;
          // A client that goes without saying so over TLS has ended as well.
          user->on_read(error == net::ssl::error::stream_truncated ? io_result::end : result_of(error), count);
        });
  }
  void write(const parts& what) override {
    // One record each; the user puts small parts together.
    for (const auto& x : what)
      if (!x.empty())
        return stream_.async_write_some(net::buffer(x.data(), x.size()), counted<&transport_user::on_write>());
  }
  void say_goodbye() override {
    if (reading_) { // TLS cannot say it meanwhile.
      end_sending();
      return net::post(socket_.get_executor(), [user = user_.lock()] { user->on_goodbye(); });
    }
    // Ends when the client has said it as well, and fails if it sends something else first.
    stream_.async_shutdown([this, user = user_.lock()](const error_code&) {
      has_said_goodbye_ = true;
      end_sending();
      user->on_goodbye();
    });
  }
  [[nodiscard]] bool is_encrypted() const override { return true; }

private:
  /// Asio's context frees what it is given.
  static SSL_CTX* shared(SSL_CTX* context) {
    SSL_CTX_up_ref(context);
    return context;
  }

  net::ssl::context context_;
  net::ssl::stream<strand_socket&> stream_;
  bool reading_ = false;
  bool has_said_goodbye_ = false;
};

class asio_network final : public network {
public:
  asio_network() : acceptor_(net::make_strand(io_)), retry_(acceptor_.get_executor()) {}
  ~asio_network() override { stop(); }

  result<void> bind(const std::string& text, std::uint16_t wanted) {
    error_code error;
    const auto address = net::ip::make_address(text, error);
    if (error)
      return {ec::invalid_argument, "the address to listen on, '" + text + "', is no IP address"};
    const tcp::endpoint endpoint(address, wanted);
    acceptor_.open(endpoint.protocol(), error);
    if (!error)
      acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error)
      acceptor_.bind(endpoint, error);
    if (!error)
      acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error)
      return {error == net::error::address_in_use ? ec::unavailable : ec::invalid_argument,
              "cannot listen on " + text + " port " + std::to_string(wanted) + ": " + error.message()};
    ask_for_life(acceptor_.native_handle()); // Those that are accepted have it from there.
    port_ = acceptor_.local_endpoint(error).port();
    return {};
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

  void start(std::size_t threads, tls_source tls, accepted on_accepted) override {
    tls_ = std::move(tls);
    on_accepted_ = std::move(on_accepted);
    net::post(acceptor_.get_executor(), [this] { accept(); });
    for (std::size_t i = 0; i < (threads == 0 ? 1 : threads); ++i)
      threads_.emplace_back([this] { io_.run(); });
  }

  void stop_accepting() override {
    net::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
    });
  }

  void stop() override {
    io_.stop();
    for (auto& x : threads_)
      x.join();
    threads_.clear();
  }

private:
  void accept() {
    if (!acceptor_.is_open())
      return;
    next_.emplace(net::make_strand(io_));
    acceptor_.async_accept(*next_, [this](const error_code& error) {
      if (!acceptor_.is_open())
        return;
      if (error == net::error::no_descriptors || error == net::error::no_memory ||
          error == net::error::no_buffer_space || error == error_code(ENFILE, boost::system::system_category()))
        return retry_later();
      if (!error)
        take();
      accept();
    });
  }

  /// Descriptors run short: others end meanwhile.
  void retry_later() {
    retry_.expires_after(std::chrono::milliseconds(50));
    retry_.async_wait([this](const error_code& error) {
      if (!error)
        accept();
    });
  }

  void take() {
    auto socket = std::move(*next_);
    if (const auto context = tls_(); context != nullptr)
      on_accepted_(std::make_unique<tls_transport>(std::move(socket), context.get()));
    else
      on_accepted_(std::make_unique<plain_transport>(std::move(socket)));
  }

  net::io_context io_;
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  net::basic_socket_acceptor<tcp, strand> acceptor_;
  strand_timer retry_;
  std::optional<strand_socket> next_;
  tls_source tls_;
  accepted on_accepted_;
  std::uint16_t port_ = 0;
  std::vector<std::thread> threads_;
};

} // namespace

result<std::unique_ptr<network>> network::listen(const std::string& address, std::uint16_t port) {
  auto x = std::make_unique<asio_network>();
  if (auto bound = x->bind(address, port); !bound)
    return bound.failure();
  return result<std::unique_ptr<network>>(std::move(x));
}

} // namespace muster::http
