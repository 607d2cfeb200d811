#pragma once

#include "gateway/events/block.hpp"
#include "gateway/events/filter.hpp"
#include "gateway/http/stream.hpp"
#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace muster::gateway {

/// How a feed is set up.
struct feed_config {
  store::state_directory directory;
  std::size_t ring_bytes = std::size_t{64} << 20U; ///< Events in memory; older ones are read from the log.
  std::size_t page = 128;                          ///< Events that one who is behind reads at once: about a piece.
  std::size_t readers = 4;                         ///< Of the log, for all who are behind.
};

/// Figures for metrics; each is the state at the time of asking.
struct feed_figures {
  sequence head;                ///< The last event that was passed on.
  sequence oldest;              ///< The first one in memory; behind `head` if there is none.
  std::size_t bytes = 0;        ///< In memory.
  std::size_t subscribers = 0;  ///< Streams.
  std::uint64_t disk_pages = 0; ///< Read by those who were behind, since the start.
  std::uint64_t lag = 0;        ///< Events that the slowest stream has not been given yet.
  static constexpr std::array<double, 8> bounds{0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10};
  /// Seconds from a commit to its events being passed on, by `bounds`; one more for what took longer.
  std::vector<std::uint64_t> passing = std::vector<std::uint64_t>(bounds.size() + 1);
  double passing_sum = 0;
};

/// What somebody who reads on gets.
struct fetched_events {
  enum class kind : std::uint8_t {
    events = 1,    ///< `block` has what comes next; it may be that none of it passes the filter.
    caught_up = 2, ///< There is nothing that passes up to `cursor`. The waker is called when there is.
    gone = 3,      ///< What comes next was removed: the log begins at `cursor`.
    failed = 4,    ///< The log cannot be read now.
  };
  kind what = kind::failed;
  block_ptr block{};
  sequence cursor{};
  bool is_behind = false; ///< `block` was read from the log, for who asked alone.
};

/// Committed events for all who want them. One thread reads the log behind each commit and makes every event into text
/// once; the latest are kept in memory, and who is further behind reads the log itself. Thread-safe.
class event_feed {
public:
  /// Begins behind the last event there is. Fails as `store::reader::open`.
  [[nodiscard]] static result<std::unique_ptr<event_feed>> start(feed_config config);

  /// Ends the thread. Subscriptions may live on: they read what is there, and are not woken any more.
  ~event_feed();
  event_feed(const event_feed&) = delete;
  event_feed& operator=(const event_feed&) = delete;

  /// There may be new events in the log. Cheap; from any thread.
  void notify() noexcept;

  /// Identity of the log.
  [[nodiscard]] const std::string& log_id() const noexcept;
  /// The last event that was passed on.
  [[nodiscard]] sequence head() const;
  /// The first event that is still in the log.
  [[nodiscard]] result<sequence> earliest();
  [[nodiscard]] feed_figures figures() const;

private:
  friend class subscription;
  class core;
  explicit event_feed(std::shared_ptr<core> x) noexcept;
  std::shared_ptr<core> core_;
};

/// One who reads on. Owned by one thread at a time.
class subscription {
public:
  /// For whom it is: only streams count as behind. A webhook that fails is so for hours, and has a figure of its own.
  enum class kind : std::uint8_t { stream = 1, webhook = 2 };

  subscription(event_feed& feed, event_filter filter, kind of = kind::stream);
  ~subscription();
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;

  /// `wake` is called when there are events that pass, after `next` said `caught_up`.
  void start(http::waker wake);

  /// What follows `cursor`, which is what was looked at so far.
  [[nodiscard]] fetched_events next(sequence cursor);

  [[nodiscard]] const event_filter& filter() const noexcept;

private:
  friend class event_feed;
  struct shared_part;
  std::shared_ptr<event_feed::core> core_;
  std::shared_ptr<shared_part> mine_;
};

} // namespace muster::gateway
