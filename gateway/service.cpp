#include "gateway/service.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/router.hpp"

#include <utility>

namespace muster::gateway {

class service::impl {
public:
  std::shared_ptr<services> with;
  http::router routes;
  std::unique_ptr<http::server> listener; ///< Last: it ends before what its handlers use.
};

service::service(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
service::~service() = default;

result<std::unique_ptr<service>> service::start(service_config config, runtime& engine) {
  auto made = std::make_unique<impl>();
  // A reader for each worker, and one for what runs beside them.
  made->with = std::make_shared<services>(std::move(config.directory), config.server.workers + 1);
  made->with->engine = &engine;
  made->with->version = std::move(config.version);
  made->with->default_pool = std::move(config.default_pool);
  feed_config events{made->with->directory};
  events.ring_bytes = config.events.ring_bytes;
  auto feed = event_feed::start(std::move(events));
  if (!feed)
    return feed.failure();
  made->with->feed = std::move(*feed);
  made->with->bookmark = config.events.bookmark;
  // The handler stays with the runtime, which may outlive the service.
  engine.subscribe([weak = std::weak_ptr<event_feed>{made->with->feed}](const std::vector<event>&) {
    if (const auto living = weak.lock())
      living->notify();
  });
  made->with->feed->notify(); // What was committed in between.
  made->routes = make_routes(made->with);
  auto listener = http::server::start(std::move(config.server),
                                      [&routes = made->routes](http::request& x) { return routes.route(x); });
  if (!listener)
    return listener.failure();
  made->listener = std::move(*listener);
  return std::unique_ptr<service>(new service(std::move(made)));
}

std::uint16_t service::port() const noexcept {
  return impl_->listener->port();
}

void service::drain(std::chrono::steady_clock::time_point deadline) {
  impl_->listener->drain(deadline);
}

http::server& service::server() noexcept {
  return *impl_->listener;
}

} // namespace muster::gateway
