#pragma once

#include "gateway/api/places.hpp"
#include "gateway/events/feed.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::gateway {

/// The forms in which events can be had.
enum class event_form : std::uint8_t {
  sse = 1,         ///< `text/event-stream`
  ndjson = 2,      ///< `application/x-ndjson`
  cloudevents = 3, ///< `application/cloudevents-batch+json`: one page.
};

/// What one stream of events is to be.
struct event_stream_config {
  event_form form = event_form::sse;
  event_filter filter;
  sequence after;                             ///< The first event is the next one that passes.
  std::chrono::milliseconds bookmark{15'000}; ///< Between signs of life.
  std::size_t limit = 100;                    ///< Of a page: events.
  std::chrono::milliseconds wait{0};          ///< Of a page: for the first event.
  /// Asked with each bookmark: false ends the stream. Of a page it is not asked. May read the store.
  std::function<bool()> may_go_on = [] { return true; };
  std::shared_ptr<const places::place> place{}; ///< Kept as long as the stream is there.
  std::function<std::chrono::steady_clock::time_point()> now = [] { return std::chrono::steady_clock::now(); };
};

/// Every event behind `after` that passes, once and in order, as long as the client stays; or one page. Bookmarks say
/// up to where everything was looked at. If events were removed before the client got them, the last thing it gets is
/// `gone`, with the first that is there; if it may not go on, that is a bookmark. `feed` may end before the stream.
[[nodiscard]] std::unique_ptr<http::body_stream> make_event_stream(event_feed& feed, event_stream_config config);

} // namespace muster::gateway
