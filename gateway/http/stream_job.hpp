#pragma once

#include "gateway/http/stream.hpp"
#include "gateway/http/worker_pool.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::http {

/// Asks one body stream for its pieces, on the workers, one after the other, and knows when it waits.
class stream_job : public std::enable_shared_from_this<stream_job> {
public:
  struct piece {
    body_stream::next next = body_stream::next::fail;
    std::string data;
    std::optional<std::chrono::steady_clock::time_point> deadline; ///< If `next` is `wait`.
  };
  /// Given each piece, on a worker.
  using taker = std::function<void(piece)>;

  stream_job(std::unique_ptr<body_stream> body, std::shared_ptr<worker_pool> workers, taker on_piece,
             std::function<void(const std::string&)> log);

  /// Starts the stream and makes its first piece. On a worker.
  void begin();

  /// The last piece was sent and asked for more. `spare` is a string whose memory may be used again.
  void request_more(std::string spare);

  /// The last piece was sent and said `wait`: the next is made when woken.
  void park();

  /// Makes the next piece if parked, else remembers it. Any thread.
  void wake();

  /// No piece is made from now on.
  void cancel() noexcept;
  [[nodiscard]] bool is_canceled() const noexcept { return state_.load() == state::canceled; }

  [[nodiscard]] bool open_ended() const { return body_->open_ended(); }

private:
  enum class state : std::uint8_t { busy, parked, canceled };

  void submit();
  void produce();

  const std::unique_ptr<body_stream> body_;
  const std::shared_ptr<worker_pool> workers_;
  const taker on_piece_;
  const std::function<void(const std::string&)> log_;
  std::string spare_;
  std::atomic<state> state_{state::busy};
  std::atomic<bool> woken_{false};
};

} // namespace muster::http
