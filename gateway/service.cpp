#include "gateway/service.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/router.hpp"
#include "gateway/metrics/figures.hpp"
#include "gateway/metrics/request_meter.hpp"
#include "muster/base/log.hpp"

#include <arpa/inet.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
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
  impl(service_config config, runtime& engine)
      : settings(std::move(config)), engine_(engine),
        // A reader for each thread of the server, and one for what runs beside them.
        with(std::make_shared<services>(settings.directory, settings.server.workers + 2)) {
    with->engine = &engine_;
    with->version = settings.version;
    with->access = std::make_unique<authority>(settings.access);
    with->public_metrics = settings.public_metrics;
    with->set_places(settings.server.connections, settings.server.workers);
    with->not_ready = [this] { return not_ready(); };
    with->write_metrics = [this](metrics_page& to) {
      requests_.write(to);
      if (const auto started = started_.load())
        write_server_figures(to, started->figures());
    };
    with->learn_log_id();
    add_status_routes(before_, with);
  }

  result<void> listen() {
    auto config = settings.server;
    config.observe = [this](const http::request& x, const http::exchange& how) {
      const auto all = routes();
      requests_.note(x.method, (all ? *all : before_).pattern_of(x), how.status, how.took, how.stream);
    };
    config.admit = [this](http::request& x) { return refusal_before_body(x); };
    config.is_quick = [](const http::request& x) {
      return x.path == "/livez" || x.path == "/readyz" || x.path == "/metrics";
    };
    config.log = [](std::string_view message) { log::error("http", message, {}); };
    auto made = http::server::start(std::move(config), [this](http::request& x) { return answer(x); });
    if (!made)
      return made.failure();
    listener = std::move(*made);
    started_ = listener.get();
    return {};
  }

  result<void> open() {
    feed_config events{with->directory};
    events.ring_bytes = settings.events.ring_bytes;
    auto feed = event_feed::start(std::move(events));
    if (!feed)
      return feed.failure();
    with->feed = std::move(*feed);
    with->bookmark = settings.events.bookmark;
    // The handler stays with the runtime, which may outlive the service.
    engine_.subscribe([weak = std::weak_ptr<event_feed>{with->feed}](const std::vector<event>&) {
      if (const auto living = weak.lock())
        living->notify();
    });
    with->feed->notify(); // What was committed in between.
    auto webhooks = settings.webhooks;
    webhooks.directory = with->directory;
    webhooks.record = [this](store::service_change x) { return engine_.record(std::move(x)); };
    auto dispatcher = webhook_dispatcher::start(std::move(webhooks), *with->feed);
    if (!dispatcher)
      return dispatcher.failure();
    with->webhooks = std::move(*dispatcher);
    // Whoever sees the routes sees all that they use.
    std::atomic_store(&routes_, std::make_shared<const http::router>(make_routes(with)));
    return {};
  }

  void set_not_ready(std::string why) {
    const std::lock_guard lock{mutex_};
    not_ready_ = std::move(why);
  }

  result<void> reload(const service_config& config) {
    listener->set_limits(config.server);
    with->set_places(config.server.connections, settings.server.workers);
    with->access->set_allowed_hosts(config.access.allowed_hosts);
    with->public_metrics = config.public_metrics;
    if (routes())
      with->webhooks->set_limits(config.webhooks);
    return listener->reload_tls(config.server.tls);
  }

  const service_config settings;

private:
  [[nodiscard]] std::shared_ptr<const http::router> routes() const { return std::atomic_load(&routes_); }

  [[nodiscard]] std::string not_ready() const {
    const std::lock_guard lock{mutex_};
    return not_ready_;
  }

  [[nodiscard]] std::optional<http::response> refusal_before_body(http::request& x) const {
    if (!x.header("Transfer-Encoding") && x.header("Content-Length").value_or("0") == "0")
      return std::nullopt;
    if (!routes()) // Nobody would read it.
      return before_.pattern_of(x).empty() ? std::optional{problem(x.id, "not_ready", not_ready())} : std::nullopt;
    const auto why = with->access->refusal_before_body(x);
    return why ? std::optional{problem(x.id, why->code, why->detail)} : std::nullopt;
  }

  http::response answer(http::request& x) const {
    if (const auto all = routes())
      return all->route(x);
    return before_.pattern_of(x).empty() ? problem(x.id, "not_ready", not_ready()) : before_.route(x);
  }

  runtime& engine_;
  mutable std::mutex mutex_;
  std::string not_ready_ = "the head starts";
  http::router before_;                        ///< What is answered until `routes_` is there.
  std::shared_ptr<const http::router> routes_; ///< Null until it is open; only by atomic functions.
  request_meter requests_;
  std::atomic<http::server*> started_{nullptr}; ///< Once it listens.

public:
  const std::shared_ptr<services> with;
  std::unique_ptr<http::server> listener; ///< Last: it ends before what its handlers use.
};

service::service(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
service::~service() = default;

result<std::unique_ptr<service>> service::listen(service_config config, runtime& engine) {
  if (!config.access.tokens && !is_loopback(config.server.address))
    return {ec::invalid_argument, "without tokens only loopback addresses are served, and " + config.server.address +
                                      " is none: set `auth: tokens`, or listen on 127.0.0.1"};
  auto made = std::make_unique<impl>(std::move(config), engine);
  if (auto listening = made->listen(); !listening)
    return listening.failure();
  return std::unique_ptr<service>(new service(std::move(made)));
}

result<void> service::open() {
  return impl_->open();
}

result<void> service::reload(const service_config& config) {
  return impl_->reload(config);
}

void service::set_not_ready(std::string why) {
  impl_->set_not_ready(std::move(why));
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
