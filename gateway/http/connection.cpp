#include "gateway/http/connection.hpp"

#include <exception>
#include <utility>

namespace muster::http {
namespace {

constexpr std::size_t large_read = 64 * 1024;
constexpr std::size_t body_rate = 64 * 1024; ///< Bytes that give a body one second more.
/// An answer up to this is no more than a piece of a stream, which every connection may have.
constexpr std::size_t small_answer = 64 * 1024;

} // namespace

connection::connection(std::shared_ptr<engine> shared, std::unique_ptr<transport> wire)
    : shared_(std::move(shared)), wire_(std::move(wire)), limits_(shared_->limits()) {}

connection::~connection() {
  if (stream_ != nullptr)
    stream_->cancel();
  shared_->release_body(body_reserved_);
  release_answer();
}

void connection::start() {
  wire_->set_user(weak_from_this());
  shared_->add(shared_from_this());
  wire_->post([self = shared_from_this()] {
    if (self->state_ == state::closed)
      return;
    if (!self->wire_->is_encrypted())
      return self->begin_request();
    self->wire_->expire_at(clock::now() + self->limits_->header_timeout);
    self->wire_->handshake();
  });
}

void connection::stop() {
  wire_->post([self = shared_from_this()] { self->close(); });
}

void connection::drain() {
  wire_->post([self = shared_from_this()] {
    self->keep_alive_ = false;
    if (self->state_ == state::head && self->input_.empty())
      self->leave();
    else if (self->state_ == state::parked)
      self->end_stream();
  });
}

void connection::on_handshake(io_result how) {
  if (state_ == state::closed)
    return;
  if (how != io_result::ok) {
    ++shared_->refused;
    return close();
  }
  begin_request();
}

void connection::begin_request() {
  state_ = state::head;
  keep_alive_ = true;
  is_head_ = false;
  is_1_1_ = true;
  request_ = {};
  reader_.reset(); // It refers to the limits.
  limits_ = shared_->limits();
  if (shared_->draining && input_.empty())
    return leave();
  reader_ = std::make_unique<request_reader>(*limits_);
  wire_->expire_at(clock::now() + limits_->idle_timeout);
  work_on_input();
}

void connection::want_input(std::size_t room) {
  if (reading_ || state_ == state::closed)
    return;
  reading_ = true;
  if (room <= small_.size()) {
    large_.reset();
    return wire_->read(small_.data(), room);
  }
  if (large_ == nullptr)
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): not set to zero, as make_unique would.
    large_.reset(new char[large_read]);
  wire_->read(large_.get(), large_read);
}

void connection::on_read(io_result how, std::size_t count) {
  reading_ = false;
  if (state_ == state::closed)
    return;
  if (how == io_result::failed)
    return close();
  if (state_ == state::leaving)
    return how == io_result::end ? close() : want_input(small_.size());
  ended_ = ended_ || how == io_result::end;
  input_.append(large_ == nullptr ? small_.data() : large_.get(), count);
  switch (state_) {
    case state::head:
    case state::body: return work_on_input();
    case state::parked: // Nobody is told any more; or it sent its next request ahead.
      if (ended_)
        return close();
      if (input_.size() < limits_->header_bytes)
        want_input(small_.size());
      return;
    default: return;
  }
}

void connection::work_on_input() {
  return state_ == state::head ? work_on_head() : work_on_body();
}

void connection::work_on_head() {
  // Some clients send an empty line after a body; RFC 9112 section 2.2 has it skipped.
  while (input_.compare(0, 2, "\r\n") == 0)
    input_.erase(0, 2);
  const bool begun = !input_.empty() && input_ != "\r";
  if (!begun) {
    if (ended_)
      return close();
    return want_input(small_.size());
  }
  if (!in_exchange_) {
    in_exchange_ = true;
    exchange_ = {};
    began_ = clock::now();
    wire_->expire_at(began_ + limits_->header_timeout);
  }
  std::string_view rest = input_;
  if (const auto problem = reader_->take_head(rest))
    return refuse(*problem);
  if (!reader_->has_head()) {
    if (ended_)
      return close();
    return want_input(small_.size());
  }
  forget_input(rest);
  begin_body();
}

void connection::begin_body() {
  request_ = std::move(reader_->taken());
  request_.id = shared_->next_id();
  request_.peer = wire_->peer();
  request_.peer_is_local = wire_->peer_is_local();
  request_.tls = wire_->is_encrypted();
  is_head_ = request_.method == "HEAD";
  is_1_1_ = reader_->is_1_1();
  keep_alive_ = reader_->keeps_alive() && !shared_->draining;
  began_ = body_began_ = clock::now();
  if (shared_->config.admit)
    try {
      if (auto refused = shared_->config.admit(request_)) {
        is_unread_ = !reader_->is_whole();
        keep_alive_ = keep_alive_ && !is_unread_;
        return answer(*std::move(refused));
      }
    } catch (const std::exception& x) {
      shared_->log("request " + request_.id + " failed: " + x.what());
      return refuse({500, "internal", "the request could not be judged; the log of the service says why"});
    }
  if (!reader_->is_whole() && input_.empty() && reader_->wants_continue()) {
    state_ = state::permitting;
    return send("HTTP/1.1 100 Continue\r\n\r\n", {}, {});
  }
  state_ = state::body;
  set_body_deadline();
  work_on_body();
}

void connection::set_body_deadline() {
  wire_->expire_at(body_began_ + limits_->body_timeout + std::chrono::seconds(reader_->body_size() / body_rate));
}

void connection::work_on_body() {
  std::string_view rest = input_;
  if (const auto problem = reader_->take_body(rest))
    return refuse(*problem);
  forget_input(rest);
  const auto grown = reader_->body_size() - body_reserved_;
  if (!shared_->reserve_body(grown))
    return refuse({503, "unavailable", "the bodies of all requests together are too large at the moment"});
  body_reserved_ += grown;
  if (reader_->is_whole())
    return dispatch();
  if (ended_)
    return close();
  set_body_deadline();
  want_input(large_read);
}

/// Drops what was taken from the front of the input.
void connection::forget_input(std::string_view rest) {
  input_.erase(0, input_.size() - rest.size());
  if (input_.empty() && input_.capacity() > small_.size())
    std::string().swap(input_);
}

void connection::dispatch() {
  reader_->finish();
  request_.body = std::move(reader_->taken().body);
  reader_.reset();
  wire_->expire_at(transport::never);
  state_ = state::handling;
  auto job = [self = shared_from_this()] { self->handle(); };
  if (shared_->config.is_quick && shared_->config.is_quick(request_))
    return shared_->workers->submit_piece(std::move(job));
  if (shared_->workers->submit(std::move(job)))
    return;
  refuse({503, "unavailable", "too many requests wait already; try again"});
}

/// On a worker.
void connection::handle() {
  try {
    made_ = shared_->answer(request_);
  } catch (const std::exception& x) {
    shared_->log("request " + request_.id + " failed: " + x.what());
    made_ = answer_of({500, "internal", "a bug: the log of the service says more about this request"}, request_.id);
  }
  request_.body = {};
  reserve_answer();
  wire_->post([self = shared_from_this()] {
    self->shared_->release_body(std::exchange(self->body_reserved_, 0));
    if (self->state_ == state::closed)
      return self->finish_exchange(false);
    self->answer(std::move(self->made_));
  });
}

/// A client that does not read must not have many large answers made for it. What was made or done is told all the
/// same.
void connection::reserve_answer() {
  const auto size = made_.body.size();
  if (made_.stream != nullptr || size <= small_answer)
    return;
  const bool has_done = made_.status > 200 && made_.status < 206;
  if (has_done)
    shared_->count_answer(request_.peer, size);
  else if (!shared_->reserve_answer(request_.peer, size))
    return void(made_ = answer_of({503, "unavailable",
                                   "the answers that are being sent are too large together at the moment; try again"},
                                  request_.id));
  answer_reserved_ = size;
}

void connection::release_answer() {
  if (const auto size = std::exchange(answer_reserved_, 0); size != 0)
    shared_->release_answer(request_.peer, size);
}

void connection::refuse(const refusal& x) {
  ++shared_->refused;
  if (request_.id.empty())
    request_.id = shared_->next_id();
  if (state_ != state::handling) { // Where the next request begins is unknown.
    keep_alive_ = false;
    is_unread_ = true;
  }
  shared_->release_body(std::exchange(body_reserved_, 0));
  request_.body = {};
  answer(answer_of(x, request_.id));
}

void connection::on_deadline() {
  switch (state_) {
    case state::head:
      if (!in_exchange_)
        return close();
      return refuse({408, "request_timeout", "the head of the request did not come in time"});
    case state::body: return refuse({408, "request_timeout", "the body of the request did not come in time"});
    case state::parked: return stream_->wake();
    case state::handling: return;
    case state::leaving: return close(); // What was sent may still be on its way.
    default: return close(true);
  }
}

} // namespace muster::http
