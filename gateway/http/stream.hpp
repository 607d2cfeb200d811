#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace muster::http {

/// Wakes one waiting stream; may be called from any thread, at any time, also when the stream is gone.
using waker = std::function<void()>;

/// A body that is made while it is sent: a file, a log that is followed, a stream of events. It is asked for more when
/// the client has taken what was made before, so a slow client costs one piece of memory and holds up nobody.
class body_stream {
public:
  enum class next : std::uint8_t {
    more, ///< Ask again as soon as what was appended is sent.
    wait, ///< Nothing more now: ask again when woken, or at `deadline()`.
    end,  ///< That was all.
    fail, ///< It cannot be completed: the connection is cut, so that the client sees it.
  };

  virtual ~body_stream() = default;

  /// Called once, before anything else. A `wake` that comes while `produce` runs makes its `wait` be taken as `more`.
  virtual void start(waker wake) = 0;

  /// Appends to `out`, about `room` bytes at most. Called on a worker thread of the server, never by two at once; may
  /// read files and the store, but must not wait.
  [[nodiscard]] virtual next produce(std::string& out, std::size_t room) = 0;

  /// When to ask again after `wait`, whatever happens: for heartbeats and time limits.
  [[nodiscard]] virtual std::optional<std::chrono::steady_clock::time_point> deadline() const { return std::nullopt; }

  /// Whether it is whole wherever it ends, so that a server that goes away may end it properly between two pieces. If
  /// not, its connection is cut then, so that the client sees that something is missing.
  [[nodiscard]] virtual bool open_ended() const { return false; }
};

} // namespace muster::http
