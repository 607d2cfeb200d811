#pragma once

#include "gateway/events/feed.hpp"
#include "gateway/webhooks/poster.hpp"
#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/service.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace muster::gateway {

/// What of it can be changed while it runs.
struct webhook_limits {
  bool allow_private = false;  ///< See `may_deliver_to`.
  std::uint32_t most = 100;    ///< Webhooks there may be.
  std::uint32_t attempts = 20; ///< Of one message, before it is a dead letter; 0 is 1.
  std::chrono::milliseconds timeout{15'000};
};

/// How webhooks are delivered.
struct webhook_config : webhook_limits {
  store::state_directory directory{std::filesystem::path{}};
  std::chrono::milliseconds first_pause{1'000};       ///< After a failure; doubled by each further one
  std::chrono::milliseconds longest_pause{3'600'000}; ///< up to here.
  std::size_t events = 100;                           ///< In one message.
  std::size_t bytes = 256 * 1024;                     ///< In one message, about.
  std::size_t at_once = 32;                           ///< Messages on their way.
  /// Makes a change durable.
  std::function<result<std::int64_t>(store::service_change)> record{};
  std::function<timestamp()> now{}; ///< The wall clock.
};

/// What is posted: a body, and the headers of the Standard Webhooks scheme for `time`.
[[nodiscard]] result<post_request> make_post(const webhook_limits& limits, const std::string& url,
                                             const std::string& secret, const std::string& message, std::string body,
                                             timestamp time);

/// Figures for metrics; each is the state at the time of asking.
struct webhook_figures {
  std::size_t active = 0;
  std::size_t disabled = 0;
  std::size_t failing = 0; ///< Active ones whose last message was not taken.
  std::uint64_t lag = 0;   ///< Events between the slowest active one's cursor and the last that it might want.
};

/// Tells webhooks of events, on a thread of its own: each in order, one message at a time, again and again until it is
/// taken; each has its own durable cursor, so that what happens to one is nothing to the others. A message may come
/// twice after a crash: its events are known by their numbers.
class webhook_dispatcher {
public:
  /// Begins. `feed` must outlive it. Fails if the store cannot be read.
  [[nodiscard]] static result<std::unique_ptr<webhook_dispatcher>> start(webhook_config config, event_feed& feed);

  /// Gives up what is on its way, and ends the thread.
  ~webhook_dispatcher();
  webhook_dispatcher(const webhook_dispatcher&) = delete;
  webhook_dispatcher& operator=(const webhook_dispatcher&) = delete;

  /// There are others than before, or the clock was turned.
  void reload();

  /// Those of now.
  [[nodiscard]] webhook_limits limits() const;
  /// Others from the next message on; what waits for its next attempt is held to them too.
  void set_limits(const webhook_limits& x);

  /// Tests that may be on their way at a time.
  static constexpr std::size_t most_tests = 8;
  /// Posts a message that belongs to no event, on the thread of this. `done` is called there, once, unless this ends
  /// before. False, without doing so, if `most_tests` are on their way.
  [[nodiscard]] bool test(post_request x, std::function<void(const post_outcome&)> done);

  [[nodiscard]] webhook_figures figures() const;

  /// Makes a change of webhooks durable.
  [[nodiscard]] result<std::int64_t> record(store::service_change x) const;

private:
  class impl;
  explicit webhook_dispatcher(std::unique_ptr<impl> x) noexcept;
  std::unique_ptr<impl> impl_;
};

} // namespace muster::gateway
