#include "gateway/http/stream_job.hpp"

#include <exception>
#include <utility>

namespace muster::http {
namespace {

/// What is asked for at a time: enough that a file flows, little enough for a thousand clients that do not read.
/// A string that events are appended to doubles when it grows: with what goes beyond this, it stays below 64 KiB.
constexpr std::size_t piece_size = 48 * 1024;

} // namespace

stream_job::stream_job(std::unique_ptr<body_stream> body, std::shared_ptr<worker_pool> workers, taker on_piece,
                       std::function<void(const std::string&)> log)
    : body_(std::move(body)), workers_(std::move(workers)), on_piece_(std::move(on_piece)), log_(std::move(log)) {}

void stream_job::begin() {
  try {
    body_->start([weak = weak_from_this()] {
      if (const auto self = weak.lock())
        self->wake();
    });
  } catch (const std::exception& x) {
    log_("a stream could not be started: " + std::string(x.what()));
    return on_piece_({});
  }
  produce();
}

void stream_job::request_more(std::string spare) {
  spare_ = std::move(spare);
  submit();
}

void stream_job::park() {
  auto expected = state::busy;
  if (!state_.compare_exchange_strong(expected, state::parked))
    return;
  if (woken_.load()) // It came while the piece was made or sent.
    wake();
}

void stream_job::wake() {
  woken_.store(true);
  auto expected = state::parked;
  if (state_.compare_exchange_strong(expected, state::busy))
    submit();
}

void stream_job::cancel() noexcept {
  state_.store(state::canceled);
}

void stream_job::submit() {
  workers_->submit_piece([self = shared_from_this()] { self->produce(); });
}

void stream_job::produce() {
  if (state_.load() == state::canceled)
    return;
  woken_.exchange(false);
  piece made;
  made.data = std::move(spare_);
  made.data.clear();
  try {
    made.next = body_->produce(made.data, piece_size);
    if (made.next == body_stream::next::wait)
      made.deadline = body_->deadline();
  } catch (const std::exception& x) {
    log_("a stream failed: " + std::string(x.what()));
    made.next = body_stream::next::fail;
  }
  // It lies there until the client has read it, so without the half that growing may have left over.
  if (made.data.capacity() - made.data.size() > made.data.size() / 8)
    made.data.shrink_to_fit();
  on_piece_(std::move(made));
}

} // namespace muster::http
