// How a connection sends what was answered: the second half of connection.cpp.
#include "gateway/http/connection.hpp"
#include "gateway/http/response_head.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace muster::http {
namespace {

constexpr std::size_t small_body = 16 * 1024;
constexpr std::chrono::seconds goodbye_time{2};
constexpr std::string_view last_chunk = "0\r\n\r\n";

std::string chunk_begin(std::size_t size) {
  std::array<char, 24> text{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  const int count = std::snprintf(text.data(), text.size(), "%zx\r\n", size);
  return {text.data(), static_cast<std::size_t>(count)};
}

} // namespace

void connection::answer(response x) {
  reader_.reset();
  if (!reading_)
    large_.reset();
  if (shared_->draining)
    keep_alive_ = false;
  exchange_.status = x.status;
  answer_framing how;
  how.no_content = x.status == 204 || x.status == 304;
  how.client_is_1_1 = is_1_1_;
  how.keep_alive = keep_alive_;
  if (x.stream != nullptr && !how.no_content && !is_head_)
    return answer_stream(std::move(x), how);
  if (x.stream == nullptr)
    how.length = x.body.size();
  else if (x.stream_length)
    how.length = x.stream_length;
  else
    how.chunked = is_1_1_;
  answer_whole(std::move(x), how);
}

void connection::answer_whole(response x, answer_framing how) {
  state_ = state::answering;
  auto head = head_of(x, how, shared_->config.headers, request_.id);
  if (is_head_ || how.no_content)
    x.body.clear();
  exchange_.bytes = x.body.size();
  send(std::move(head), std::move(x.body), {});
}

void connection::answer_stream(response x, answer_framing how) {
  state_ = state::streaming;
  exchange_.stream = true;
  stream_left_ = how.length = x.stream_length;
  chunked_ = how.chunked = !how.length && is_1_1_;
  if (!how.length && !how.chunked)
    how.keep_alive = keep_alive_ = false; // Its end is that of the connection.
  ++shared_->streams;
  pending_head_ = head_of(x, how, shared_->config.headers, request_.id);
  stream_ = std::make_shared<stream_job>(
      std::move(x.stream), shared_->workers,
      [weak = weak_from_this()](stream_job::piece made) {
        if (const auto self = weak.lock()) {
          auto shared = std::make_shared<stream_job::piece>(std::move(made)); // std::function wants to be copied.
          self->wire_->post([self, shared] { self->send_piece(std::move(*shared)); });
        }
      },
      [owner = shared_](const std::string& message) { owner->log(message); });
  shared_->workers->submit_piece([job = stream_] { job->begin(); });
}

/// Cuts `data` off where the length that was told ends. False if the stream is at fault.
bool connection::fit_into_length(std::string& data) {
  if (!stream_left_)
    return true;
  const bool fits = data.size() <= *stream_left_;
  if (!fits)
    data.resize(static_cast<std::size_t>(*stream_left_));
  *stream_left_ -= data.size();
  return fits && (next_ != body_stream::next::end || *stream_left_ == 0);
}

void connection::send_piece(stream_job::piece x) {
  if (state_ == state::closed || stream_ == nullptr || stream_->is_canceled())
    return;
  state_ = state::streaming;
  next_ = x.next;
  stream_deadline_ = x.deadline;
  if (!fit_into_length(x.data)) {
    shared_->log("request " + request_.id + ": the stream is not as long as it was said to be");
    next_ = body_stream::next::fail;
  }
  exchange_.bytes += x.data.size();
  auto head = std::exchange(pending_head_, {});
  std::string tail;
  if (chunked_ && !x.data.empty()) {
    head += chunk_begin(x.data.size());
    tail = "\r\n";
  }
  if (chunked_ && next_ == body_stream::next::end)
    tail += last_chunk;
  if (head.empty() && x.data.empty() && tail.empty()) {
    out_body_ = std::move(x.data);
    return piece_is_sent();
  }
  send(std::move(head), std::move(x.data), std::move(tail));
}

void connection::piece_is_sent() {
  switch (next_) {
    case body_stream::next::end: return finish_exchange(true);
    case body_stream::next::fail: return close(!chunked_ && !stream_left_);
    case body_stream::next::more:
      if (shared_->draining && chunked_ && stream_->open_ended())
        return end_stream();
      wire_->expire_at(transport::never);
      return stream_->request_more(std::move(out_body_));
    case body_stream::next::wait: break;
  }
  if (shared_->draining)
    return end_stream();
  if (ended_)
    return close(); // A client that left looks like one that only sends no more: it is not waited with.
  state_ = state::parked;
  std::string().swap(out_body_);
  std::string().swap(out_head_);
  wire_->expire_at(stream_deadline_.value_or(transport::never));
  if (input_.size() < limits_->header_bytes)
    want_input(small_.size());
  stream_->park();
}

/// The server goes away.
void connection::end_stream() {
  stream_->cancel();
  if (!stream_->open_ended() || !chunked_)
    return close();
  state_ = state::streaming;
  next_ = body_stream::next::end;
  send({}, {}, std::string(last_chunk));
}

void connection::send(std::string head, std::string body, std::string tail) {
  out_head_ = std::move(head);
  out_body_ = std::move(body);
  out_tail_ = std::move(tail);
  if (wire_->is_encrypted() && out_body_.size() <= 4 * small_body) { // One record, not three.
    out_head_ += out_body_;
    out_head_ += out_tail_;
    out_ = {out_head_, {}, {}};
  } else {
    out_ = {out_head_, out_body_, out_tail_};
  }
  write_rest();
}

void connection::write_rest() {
  wire_->expire_at(clock::now() + limits_->write_timeout);
  wire_->write(out_);
}

void connection::on_write(io_result how, std::size_t count) {
  if (state_ == state::closed)
    return;
  if (how != io_result::ok)
    return close();
  for (auto& part : out_) {
    const auto taken = std::min(count, part.size());
    part.remove_prefix(taken);
    count -= taken;
  }
  if (!out_[0].empty() || !out_[1].empty() || !out_[2].empty())
    return write_rest();
  switch (state_) {
    case state::permitting:
      state_ = state::body;
      body_began_ = clock::now();
      set_body_deadline();
      return work_on_body();
    case state::answering: return finish_exchange(true);
    case state::streaming: return piece_is_sent();
    default: return;
  }
}

/// The answer is sent, or never will be.
void connection::finish_exchange(bool complete) {
  if (stream_ != nullptr) {
    stream_->cancel();
    stream_.reset();
    --shared_->streams;
  }
  if (!std::exchange(in_exchange_, false))
    return;
  exchange_.took = clock::now() - began_;
  exchange_.complete = complete;
  shared_->observe(request_, exchange_);
  std::string().swap(out_body_);
  std::string().swap(made_.body);
  release_answer();
  if (state_ == state::closed)
    return;
  if (keep_alive_)
    return begin_request();
  leave();
}

/// Ends the connection. If the client still sends, it is told goodbye and waited for: to close then would make the
/// kernel throw away what was sent to it last.
void connection::leave() {
  state_ = state::leaving;
  const bool still_sends = is_unread_ || !input_.empty() || wire_->has_unread();
  if (!still_sends && (reading_ || !wire_->is_encrypted()))
    return close();
  wire_->expire_at(clock::now() + goodbye_time);
  wire_->say_goodbye();
}

void connection::on_goodbye() {
  if (state_ != state::leaving)
    return;
  if (ended_)
    return close();
  want_input(small_.size());
}

void connection::close(bool reset) {
  if (state_ == state::closed)
    return;
  const auto alive = shared_from_this();
  const bool worker_has_it = state_ == state::handling; // Then it is finished when the worker is.
  state_ = state::closed;
  if (!worker_has_it)
    finish_exchange(false);
  wire_->close(reset);
  shared_->remove(this, wire_->peer());
}

} // namespace muster::http
