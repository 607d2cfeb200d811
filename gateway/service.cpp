#include "gateway/service.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/router.hpp"
#include "gateway/metrics/figures.hpp"
#include "gateway/metrics/request_meter.hpp"

#include <arpa/inet.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace muster::gateway {

namespace {

bool is_loopback(const std::string& address) {
  in_addr four{};
  constexpr std::uint32_t loopback_net = 127;
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1)
    return ntohl(four.s_addr) >> 24U == loopback_net;
  return address == "::1";
}

} // namespace

class service::impl {
public:
  std::shared_ptr<services> with;
  http::router routes;
  request_meter requests;
  std::atomic<http::server*> started{nullptr}; ///< Once it listens.
  std::unique_ptr<http::server> listener;      ///< Last: it ends before what its handlers use.
};

service::service(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
service::~service() = default;

result<std::unique_ptr<service>> service::start(service_config config, runtime& engine) {
  if (!config.access.tokens && !is_loopback(config.server.address))
    return {ec::invalid_argument, "without tokens only loopback addresses are served, and " + config.server.address +
                                      " is none: set `auth: tokens`, or listen on 127.0.0.1"};
  auto made = std::make_unique<impl>();
  // A reader for each worker, and one for what runs beside them.
  made->with = std::make_shared<services>(std::move(config.directory), config.server.workers + 1);
  made->with->engine = &engine;
  made->with->version = std::move(config.version);
  made->with->access = std::make_unique<authority>(std::move(config.access));
  made->with->learn_log_id();
  if (config.not_ready)
    made->with->not_ready = std::move(config.not_ready);
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
  auto webhooks = std::move(config.webhooks);
  webhooks.directory = made->with->directory;
  webhooks.record = [&engine](store::service_change x) { return engine.record(std::move(x)); };
  auto dispatcher = webhook_dispatcher::start(std::move(webhooks), *made->with->feed);
  if (!dispatcher)
    return dispatcher.failure();
  made->with->webhooks = std::move(*dispatcher);
  made->routes = make_routes(made->with);
  made->with->public_metrics = config.public_metrics;
  made->with->write_metrics = [own = made.get()](metrics_page& to) {
    own->requests.write(to);
    if (const auto started = own->started.load())
      write_server_figures(to, started->figures());
  };
  config.server.observe = [own = made.get()](const http::request& x, const http::exchange& how) {
    own->requests.note(x.method, own->routes.pattern_of(x), how.status, how.took, how.stream);
  };
  auto listener = http::server::start(std::move(config.server),
                                      [&routes = made->routes](http::request& x) { return routes.route(x); });
  if (!listener)
    return listener.failure();
  made->listener = std::move(*listener);
  made->started = made->listener.get();
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
