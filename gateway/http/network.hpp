#pragma once

#include "gateway/http/server.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;

namespace muster::http {

/// How an operation on a connection ended.
enum class io_result : std::uint8_t {
  ok,
  end,    ///< The client sends no more; reads only.
  failed, ///< The connection is of no use any more.
};

/// Whoever uses a transport. Each is called on the transport's strand: never two at once.
class transport_user {
public:
  virtual ~transport_user() = default;
  virtual void on_handshake(io_result how) = 0;
  virtual void on_read(io_result how, std::size_t count) = 0;
  virtual void on_write(io_result how, std::size_t count) = 0;
  virtual void on_goodbye() = 0;
  virtual void on_deadline() = 0;
};

/// One accepted socket, encrypted or not, with a timer. An operation keeps its user alive until it ended. All but
/// `post` are called on the strand; at most one read and one write are under way at a time.
class transport {
public:
  using parts = std::array<std::string_view, 3>;
  static constexpr auto never = std::chrono::steady_clock::time_point::max();

  virtual ~transport() = default;

  /// Before anything else.
  virtual void set_user(std::weak_ptr<transport_user> user) = 0;
  /// Runs `work` on the strand, soon. Any thread.
  virtual void post(std::function<void()> work) = 0;
  /// Only if `is_encrypted()`.
  virtual void handshake() = 0;
  /// Some bytes, at least one.
  virtual void read(char* into, std::size_t size) = 0;
  /// Some of the bytes of `what`, at least one; they stay where they are until it ended.
  virtual void write(const parts& what) = 0;
  /// Tells the client that nothing more comes. What is read from then on is for throwing away only.
  virtual void say_goodbye() = 0;
  /// Calls `on_deadline` then, once, unless told otherwise before; `never` for not at all. Costs next to nothing.
  virtual void expire_at(std::chrono::steady_clock::time_point when) = 0;
  /// All operations under way end as failed. With `reset`, what was not sent is dropped and the client is told so.
  virtual void close(bool reset) = 0;
  /// Whether the kernel has bytes of the client that were not read.
  [[nodiscard]] virtual bool has_unread() const = 0;
  [[nodiscard]] virtual bool is_encrypted() const = 0;
  /// Address of the client without port; an IPv4 address is shown as such.
  [[nodiscard]] virtual std::string peer() const = 0;
  [[nodiscard]] virtual bool peer_is_local() const = 0;
};

/// A listening socket and the threads of input and output.
class network {
public:
  /// Called on any of the threads.
  using accepted = std::function<void(std::unique_ptr<transport>)>;
  /// The context for the next connection; null for none. Called on any of the threads.
  using tls_source = std::function<std::shared_ptr<ssl_ctx_st>()>;

  /// Binds and listens. `invalid_argument`, `unavailable`.
  [[nodiscard]] static result<std::unique_ptr<network>> listen(const std::string& address, std::uint16_t port);
  virtual ~network() = default;

  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Starts the threads; once.
  virtual void start(std::size_t threads, tls_source tls, accepted on_accepted) = 0;
  /// Closes the listening socket. Any thread.
  virtual void stop_accepting() = 0;
  /// Ends the threads. What has not run by then never does.
  virtual void stop() = 0;
};

} // namespace muster::http
