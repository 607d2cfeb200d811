#include "gateway/http/server.hpp"

#include "gateway/http/connection.hpp"
#include "gateway/http/refusal.hpp"
#include "gateway/http/response_head.hpp"
#include "gateway/http/tls.hpp"

#include <mutex>
#include <utility>

namespace muster::http {

namespace {

/// Tells a client that there are too many, and is gone.
class turned_away final : public transport_user, public std::enable_shared_from_this<turned_away> {
public:
  explicit turned_away(std::unique_ptr<transport> wire) : wire_(std::move(wire)) {}

  void start() {
    wire_->set_user(weak_from_this());
    wire_->post([self = shared_from_this()] {
      if (self->wire_->is_encrypted()) // To agree upon a key would cost more than to serve it.
        return self->wire_->close(false);
      auto refused = answer_of({503, "unavailable", "too many connections; try again"}, {});
      answer_framing how;
      how.length = refused.body.size();
      how.keep_alive = false;
      self->text_ = head_of(refused, how, {}, {}) + refused.body;
      self->wire_->write({self->text_, {}, {}});
    });
  }

  void on_handshake(io_result /*how*/) override {}
  void on_read(io_result /*how*/, std::size_t /*count*/) override {}
  void on_write(io_result /*how*/, std::size_t /*count*/) override { wire_->say_goodbye(); }
  void on_goodbye() override { wire_->close(false); }
  void on_deadline() override {}

private:
  const std::unique_ptr<transport> wire_;
  std::string text_;
};

} // namespace

class server::impl {
public:
  impl(server_config config, handler answer, std::unique_ptr<network> wires)
      : engine_(std::make_shared<engine>(std::move(config), std::move(answer))), network_(std::move(wires)) {}

  ~impl() {
    network_->stop_accepting();
    for (const auto& x : engine_->connections())
      x->stop();
    engine_->workers->stop();
    network_->stop();
    engine_->forget_connections(); // They go before what their sockets belong to.
  }

  void start() {
    network_->start(
        engine_->config.threads, [this] { return context(); },
        [this](std::unique_ptr<transport> x) { take(std::move(x)); });
  }

  result<void> reload(std::optional<tls_files> from) {
    if (!engine_->config.tls)
      return {};
    auto loaded = load_tls(from ? *from : *engine_->config.tls);
    if (!loaded) {
      engine_->log(loaded.failure().message);
      return loaded.failure();
    }
    const std::lock_guard lock(mutex_);
    context_ = *std::move(loaded);
    return {};
  }

  void drain(std::chrono::steady_clock::time_point deadline) {
    engine_->draining = true;
    network_->stop_accepting();
    for (const auto& x : engine_->connections())
      x->drain();
    engine_->wait_for_none(deadline);
  }

  void set_limits(const server_limits& x) { engine_->set_limits(x); }

  [[nodiscard]] std::uint16_t port() const { return network_->port(); }

  [[nodiscard]] server_figures figures() const {
    return {engine_->connection_count(), engine_->streams, engine_->workers->queued(), engine_->answer_bytes(),
            engine_->refused};
  }

private:
  [[nodiscard]] std::shared_ptr<ssl_ctx_st> context() const {
    const std::lock_guard lock(mutex_);
    return context_;
  }

  void take(std::unique_ptr<transport> wire) {
    if (engine_->admit(wire->peer())) {
      const auto x = std::make_shared<connection>(engine_, std::move(wire));
      return x->start();
    }
    ++engine_->refused;
    std::make_shared<turned_away>(std::move(wire))->start();
  }

  const std::shared_ptr<engine> engine_;
  const std::unique_ptr<network> network_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
};

result<std::unique_ptr<server>> server::start(server_config config, handler answer) {
  auto wires = network::listen(config.address, config.port);
  if (!wires)
    return wires.failure();
  auto x = std::make_unique<impl>(std::move(config), std::move(answer), *std::move(wires));
  if (auto loaded = x->reload({}); !loaded)
    return loaded.failure();
  x->start();
  return std::unique_ptr<server>(new server(std::move(x)));
}

server::server(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
server::~server() = default;

std::uint16_t server::port() const noexcept {
  return impl_->port();
}

result<void> server::reload_tls(std::optional<tls_files> from) {
  return impl_->reload(std::move(from));
}

void server::set_limits(const server_limits& x) {
  impl_->set_limits(x);
}

void server::drain(std::chrono::steady_clock::time_point deadline) {
  impl_->drain(deadline);
}

server_figures server::figures() const {
  return impl_->figures();
}

} // namespace muster::http
