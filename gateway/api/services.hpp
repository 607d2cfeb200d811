#pragma once

#include "gateway/api/places.hpp"
#include "gateway/api/reader_pool.hpp"
#include "gateway/api/turns.hpp"
#include "gateway/auth/identity.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace muster {
class runtime;
}

namespace muster::gateway {

class authority;
class event_feed;
class metrics_page;
class webhook_dispatcher;

/// What handlers work with. Made before the first request and constant from then on; what it points to is thread-safe.
struct services {
  explicit services(store::state_directory where, std::size_t readers_at_most = 8);
  ~services();
  services(const services&) = delete;
  services& operator=(const services&) = delete;

  store::state_directory directory;
  reader_pool readers;
  workflow_turns turns;              ///< Of whoever changes a workflow.
  places event_streams;              ///< So that other requests have connections,
  places checks;                     ///< and workers, whatever specs are only looked at.
  muster::runtime* engine = nullptr; ///< Null: nothing can be changed, only read.
  /// Why workflows that have not ended are not live, where there is no `engine` to ask. Empty: that is not known.
  std::function<std::string(const std::string& id)> why_held = [](const std::string&) { return std::string{}; };
  /// Who may ask. Null: whoever can call this is the operator of this machine, as within one process.
  std::unique_ptr<authority> access{};
  std::function<timestamp()> now;                 ///< The wall clock.
  std::shared_ptr<event_feed> feed{};             ///< Null: there are no event streams.
  std::shared_ptr<webhook_dispatcher> webhooks{}; ///< Null: there are no webhooks. It reads `feed`.
  std::chrono::milliseconds bookmark{15'000};     ///< Between signs of life of event streams.
  std::string version = "unknown";                ///< Of Muster.
  std::string log_id{};                           ///< Of the event log; empty where it is not known.
  /// Why requests cannot be answered as they should yet: recovery goes on, or a stop. Empty: they can.
  std::function<std::string()> not_ready = [] { return std::string{}; };

  std::atomic<bool> public_metrics{false}; ///< `/metrics` needs no token from anywhere.
  /// Adds what the server and those around it count to `/metrics`; set before the first request.
  std::function<void(metrics_page&)> write_metrics = [](metrics_page&) {};

  /// How long a request that only looks waits for actors, so that a few of them never hold all workers.
  std::chrono::milliseconds look_limit{2'000};

  /// So many places as a server with these bounds can have.
  void set_places(std::size_t connections, std::size_t workers);

  /// Reads `log_id` from the store, if there is one.
  void learn_log_id();

  /// Whether the token by which somebody came counts still; also where that cannot be found out now. For what goes on
  /// for long.
  [[nodiscard]] bool still_counts(const identity& who);
};

} // namespace muster::gateway
