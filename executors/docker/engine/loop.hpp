#pragma once

#include "executors/docker/engine/endpoint.hpp"
#include "executors/docker/engine/errors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::docker {

/// A call that was sent. Never used twice.
enum class call_id : std::uint64_t { none = 0 };

/// A timer that was set. Never used twice.
enum class timer_id : std::uint64_t { none = 0 };

/// An HTTP request. A connection that turns out to be dead before any byte of the answer came is replaced by a new one
/// and the request sent again, so the daemon may in rare cases see it twice.
struct http_request {
  std::shared_ptr<const endpoint> to;
  std::string method = "GET";
  std::string path;                                       ///< Begins with `/`; see `encode_segment`.
  std::vector<std::pair<std::string, std::string>> query; ///< Not encoded.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string content_type; ///< Empty: none is sent.
  /// All of it must be over by then; 0: it may last for ever.
  std::chrono::milliseconds deadline{0};
  /// Longest silence, before the answer and within it; 0: it may be silent for ever. Does not count while paused.
  std::chrono::milliseconds idle{0};
  /// Most that is kept of an answer that is not streamed; a larger one is a `bad_answer`.
  std::size_t body_limit = std::size_t{16} << 20U;
  bool once = false;  ///< Sent on a connection of its own, and so never twice.
  bool small = false; ///< The answer is short: saves memory in calls that wait for long.
};

/// The answer to a request.
struct http_response {
  int status = 0;
  std::map<std::string, std::string> headers; ///< Names in lower case.
  std::string body;                           ///< Empty if it was streamed.
};

/// What becomes of a call. All are called on the loop's thread; each may use the loop freely.
struct http_handlers {
  /// The head of the answer is here, whatever its status. May be empty.
  std::function<void(const http_response&)> on_open;
  /// Piece by piece, the body of an answer with status 2xx. False ends the call: `on_done` follows, with an error. If
  /// empty, the body is gathered, as that of any other answer always is.
  std::function<bool(std::string_view)> on_data;
  /// It is over; called exactly once unless canceled. Any HTTP status is a value.
  std::function<void(outcome<http_response>)> on_done;
};

/// One thread that talks HTTP to daemons, and keeps time. What runs on it must not block. Everything but `post`, the
/// constructor and the destructor is called on its thread only, so that what lives there needs no locks.
class loop {
public:
  /// Starts the thread. At most `idle_connections` unused connections are kept open.
  explicit loop(std::size_t idle_connections = 16);
  /// Stops and joins: calls, timers and posted functions that are left are dropped, their handlers not called. Not to
  /// be called on the loop's own thread.
  ~loop();
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  /// Runs `work` on the loop's thread, in the order of posting. From any thread.
  void post(std::function<void()> work);

  /// Runs `work` once, `delay` from now.
  timer_id after(std::chrono::milliseconds delay, std::function<void()> work);
  /// Takes a timer back; `work` is not called afterwards. Nothing happens if it is over.
  void cancel(timer_id timer);

  /// Sends a request; handlers are called later, never within.
  call_id send(http_request request, http_handlers handlers);
  /// Ends a call: none of its handlers is called afterwards, its connection is closed. Nothing happens if it is over.
  void cancel(call_id call);
  /// Stops `on_data` until `resume`: the daemon is held back by its own socket.
  void pause(call_id call);
  void resume(call_id call);

  /// Whether the call is neither over nor canceled.
  [[nodiscard]] bool in_flight(call_id call) const;
  /// Calls under way. For tests and limits.
  [[nodiscard]] std::size_t calls_in_flight() const;
  /// Whether this is the loop's thread.
  [[nodiscard]] bool on_thread() const noexcept;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

/// Runs `begin` on the loop's thread and blocks until the function it was given is called; that value. For probes and
/// tests: never on the loop's thread, and only for calls with a deadline.
template <class T>
[[nodiscard]] T wait_for(loop& on, std::function<void(std::function<void(T)>)> begin) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  on.post([promise, begin = std::move(begin)] { begin([promise](T value) { promise->set_value(std::move(value)); }); });
  return future.get();
}

/// `text` as one segment of a path: everything but letters, digits and `-._~` percent-encoded, and `/` too unless kept.
[[nodiscard]] std::string encode_segment(std::string_view text, bool keep_slashes = false);

} // namespace muster::docker
