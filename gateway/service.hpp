#pragma once

#include "gateway/api/services.hpp"
#include "gateway/auth/authority.hpp"
#include "gateway/http/server.hpp"
#include "gateway/webhooks/dispatcher.hpp"
#include "muster/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace muster {
class runtime;
}

/// The service on a head: its API over a runtime.
namespace muster::gateway {

/// How events are streamed.
struct event_config {
  std::size_t ring_bytes = std::size_t{64} << 20U; ///< Of events in memory; older ones are read from the log.
  std::chrono::milliseconds bookmark{15'000};      ///< Between signs of life of a stream.
};

/// How the service is set up.
struct service_config {
  store::state_directory directory; ///< That of the runtime.
  http::server_config server;
  access_config access; ///< Without tokens only on loopback.
  std::string version;  ///< Of Muster.
  event_config events{};
  bool public_metrics = false; ///< `/metrics` needs no token from anywhere, not only on loopback.
  webhook_config webhooks{};   ///< Its directory, `record` and clock are set here.
};

/// The API of one runtime, listening. All members are thread-safe but `open`, which is called once.
class service {
public:
  /// Listens from now on: `/livez` says that the process lives, `/readyz` what `set_not_ready` said last, and all else
  /// is answered with 503 until `open`. `engine` must outlive it. Fails as `http::server::start`.
  [[nodiscard]] static result<std::unique_ptr<service>> listen(service_config config, runtime& engine);

  /// Closes everything at once.
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  /// Answers everything from now on; events and webhooks begin. Fails if the store cannot be read.
  [[nodiscard]] result<void> open();

  /// Why nothing should be sent here, such as recovery or a stop; empty if it is ready. It stays open nevertheless.
  void set_not_ready(std::string why);

  /// Takes over what can be changed while it runs: the limits of the server, its certificates if it encrypts already,
  /// the names it answers to, who may read `/metrics`, the limits of webhooks. Fails if the certificates cannot be
  /// used: then those stay, and all else is taken.
  [[nodiscard]] result<void> reload(const service_config& config);

  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Takes no more requests and lets those that are being answered finish, until the deadline.
  void drain(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] http::server& server() noexcept;

private:
  class impl;
  explicit service(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace muster::gateway
