#pragma once

#include "gateway/api/services.hpp"
#include "gateway/auth/authority.hpp"
#include "gateway/http/server.hpp"
#include "gateway/webhooks/dispatcher.hpp"
#include "muster/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
  /// Why the head is not ready to serve, such as recovery; empty if it is. May be empty itself.
  std::function<std::string()> not_ready;
  event_config events{};
  bool public_metrics = false; ///< `/metrics` needs no token from anywhere, not only on loopback.
  webhook_config webhooks{};   ///< Its directory, `record` and clock are set here.
};

/// The API of one runtime, listening. All members are thread-safe.
class service {
public:
  /// Listens and answers from now on; `engine` must outlive it. Fails as `http::server::start`.
  [[nodiscard]] static result<std::unique_ptr<service>> start(service_config config, runtime& engine);

  /// Closes everything at once.
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

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
