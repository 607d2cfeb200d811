#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// HTTP/1.1 with Boost.Beast, which is included by this folder's sources alone.
namespace muster::http {

/// Certificate chain and key, PEM.
struct tls_files {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// Answers a request. Called on worker threads, by many at once; an exception is answered with 500 and logged.
using handler = std::function<response(request&)>;

/// How a request was answered, for metrics and access logs.
struct exchange {
  unsigned status = 0;
  std::uint64_t bytes = 0;                    ///< Of the body as it was made; of a stream until it ended.
  std::chrono::steady_clock::duration took{}; ///< From the end of the request's header to the end of the answer.
  bool complete = true;                       ///< The client was sent all of it.
  bool stream = false;                        ///< It was made while it was sent.
};

/// Bounds of what clients may ask for: those that can be changed while the server runs.
struct server_limits {
  std::size_t connections = 4096; ///< More are accepted and closed with 503; encrypted ones are closed without it.
  std::size_t connections_per_peer = 2048;
  std::size_t header_bytes = 32 * 1024;             ///< 431 beyond, and beyond 100 headers.
  std::size_t target_bytes = 8 * 1024;              ///< 414 beyond.
  std::size_t body_bytes = 64 * 1024 * 1024;        ///< 413 beyond.
  std::size_t body_bytes_total = 512 * 1024 * 1024; ///< Of all bodies in memory; 503 beyond.
  /// Of all answers in memory that are sent whole and have more than 64 KiB, half of it for one peer; 503 beyond.
  std::size_t answer_bytes_total = 512 * 1024 * 1024;
  std::chrono::milliseconds header_timeout{10'000}; ///< From the first byte to the end of the header; 408 beyond.
  /// For the body; 408 beyond. Each 64 KiB that came give a second more, so that a large one has its time.
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds idle_timeout{75'000};  ///< Between requests of one connection.
  std::chrono::milliseconds write_timeout{60'000}; ///< A client that takes nothing for so long is cut off.
};

/// Everything a client may ask for is bounded here.
struct server_config : server_limits {
  std::string address = "127.0.0.1"; ///< An IP address; `::` and `0.0.0.0` for all.
  std::uint16_t port = 0;            ///< 0: any free one; see `server::port`.
  std::optional<tls_files> tls;
  std::size_t threads = 1;  ///< Of input and output.
  std::size_t workers = 4;  ///< Handlers that run at once; streams have one thread more.
  std::size_t queue = 2048; ///< Requests that wait for a worker; more are answered 503 with Retry-After.
  header_map headers;       ///< Of every answer, also of the server's own, unless the answer has one of that name.
  /// Asked before the body is read: an answer refuses the request. Called on a thread of input and output: must not
  /// wait or read files. May be empty.
  std::function<std::optional<response>(request&)> admit;
  /// Which requests have handlers that never wait, so that they need not wait for those that do: what asks how the
  /// service is. May be empty.
  std::function<bool(const request&)> is_quick;
  /// Told of each answer, the server's own included; those to no whole request have an empty method. Called on any
  /// thread of the server: must not wait. May be empty.
  std::function<void(const request&, const exchange&)> observe;
  /// Told what an operator should know: exceptions of handlers, certificates that could not be read. May be empty.
  std::function<void(std::string_view message)> log;
};

/// Figures for metrics; each is the state at the time of asking.
struct server_figures {
  std::size_t connections = 0;
  std::size_t streams = 0;
  std::size_t queued = 0;
  std::size_t answer_bytes = 0; ///< Of the answers that `answer_bytes_total` bounds.
  std::uint64_t refused = 0;    ///< Since the start: too many connections, too many requests, malformed ones.
};

/// A listening socket and its connections. All members are thread-safe.
class server {
public:
  /// Binds and listens; requests are answered from now on. `unavailable` if the address is taken, `invalid_argument`
  /// for an address or certificate that cannot be used, naming it.
  [[nodiscard]] static result<std::unique_ptr<server>> start(server_config config, handler answer);

  /// Closes everything at once.
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Reads certificate and key anew, from other files if they are given, for connections that come from now on. On
  /// failure the old ones stay. Nothing happens to a server that does not encrypt.
  [[nodiscard]] result<void> reload_tls(std::optional<tls_files> from = {});

  /// Other limits from now on: for connections that come, and for the next request of those that are there.
  void set_limits(const server_limits& x);

  /// Accepts no more connections, lets requests that are being answered finish and ends streams; until the deadline.
  void drain(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] server_figures figures() const;

private:
  class impl;
  explicit server(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace muster::http
