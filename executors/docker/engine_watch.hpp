#pragma once

#include "executors/docker/engine/client.hpp"
#include "executors/docker/retry.hpp"

#include <functional>
#include <string>

namespace muster::docker {

/// Listens to what happens to the containers of a head, and keeps listening: a stream that breaks is opened again, with
/// a pause that grows. On the loop's thread.
class engine_watch {
public:
  struct handlers {
    /// Something happened to the container of this id: look at it.
    std::function<void(const engine_event&)> on_hint;
    /// From now on nothing is missed; what happened before was perhaps: look at everything.
    std::function<void()> on_open;
  };

  engine_watch(loop& on, client& engine, std::string head, handlers to);

  void begin();
  /// Whether the stream is open as far as is known.
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// When it was lost last, on the wall clock; nothing if never.
  [[nodiscard]] std::optional<nano_timestamp> lost_at() const noexcept { return lost_at_; }

private:
  void connect();
  void listen();
  void later();

  loop& loop_;
  client& engine_;
  const std::string head_;
  const handlers to_;
  bool open_ = false;
  std::optional<nano_timestamp> lost_at_;
  back_off pause_{std::chrono::milliseconds(50), std::chrono::seconds(3)};
};

} // namespace muster::docker
