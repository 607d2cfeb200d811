#pragma once

#include "gateway/http/engine.hpp"
#include "gateway/http/network.hpp"
#include "gateway/http/request_reader.hpp"
#include "gateway/http/response_head.hpp"
#include "gateway/http/stream_job.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::http {

/// One client: reads a request, has it answered, sends the answer, and again. Requests that a client sends ahead wait
/// in its buffer, so they are answered in order. Lives as long as something of it is under way.
class connection final : public transport_user, public std::enable_shared_from_this<connection> {
public:
  /// Of an admitted peer.
  connection(std::shared_ptr<engine> shared, std::unique_ptr<transport> wire);
  ~connection() override;
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Begins; once, when a shared pointer owns it. Any thread, as the next two.
  void start();
  /// Ends at once.
  void stop();
  /// Ends when the request that is being answered is.
  void drain();

  void on_handshake(io_result how) override;
  void on_read(io_result how, std::size_t count) override;
  void on_write(io_result how, std::size_t count) override;
  void on_goodbye() override;
  void on_deadline() override;

private:
  using clock = std::chrono::steady_clock;

  enum class state : std::uint8_t {
    fresh,      ///< The encryption is agreed upon.
    head,       ///< Waits for a request, or for the rest of its head.
    permitting, ///< `100 Continue` is being sent.
    body,
    handling, ///< A worker has it.
    answering,
    streaming, ///< A piece is being made or sent.
    parked,    ///< The stream has nothing to say for now.
    leaving,   ///< All is said; what the client still sends is thrown away.
    closed,
  };

  // Reading, in connection.cpp.
  void begin_request();
  void work_on_input();
  void work_on_head();
  void work_on_body();
  void begin_body();
  void dispatch();
  void handle();
  void refuse(const refusal& x);
  void reserve_answer();
  void release_answer();
  void want_input(std::size_t room);
  void forget_input(std::string_view rest);
  void set_body_deadline();

  // Answering, in connection_answer.cpp.
  void answer(response x);
  void answer_whole(response x, answer_framing how);
  void answer_stream(response x, answer_framing how);
  void send_piece(stream_job::piece x);
  [[nodiscard]] bool fit_into_length(std::string& data);
  void piece_is_sent();
  void end_stream();
  void send(std::string head, std::string body, std::string tail);
  void write_rest();
  void finish_exchange(bool complete);

  void leave();
  void close(bool reset = false);

  const std::shared_ptr<engine> shared_;
  const std::unique_ptr<transport> wire_;
  std::shared_ptr<const server_limits> limits_; ///< For the request that it is at.
  state state_ = state::fresh;

  // What comes in.
  std::array<char, 1024> small_;  ///< Reads go here first, so that an idle client costs no more.
  std::unique_ptr<char[]> large_; ///< While a body is read.
  bool reading_ = false;
  bool ended_ = false; ///< The client sends no more.
  std::string input_;  ///< Read and not yet understood.
  std::unique_ptr<request_reader> reader_;
  clock::time_point body_began_;
  std::size_t body_reserved_ = 0;

  // The request that is being answered, and its answer: a worker's while `handling`.
  request request_;
  response made_;
  std::size_t answer_reserved_ = 0;
  bool is_head_ = false;
  bool is_1_1_ = true;
  bool keep_alive_ = true;
  bool is_unread_ = false; ///< The server answered before the request came whole.
  clock::time_point began_;

  // What goes out.
  std::string out_head_, out_body_, out_tail_;
  transport::parts out_;
  std::shared_ptr<stream_job> stream_;
  std::string pending_head_;                 ///< Goes out with the first piece.
  std::optional<std::uint64_t> stream_left_; ///< Of a stream whose length is known.
  bool chunked_ = false;
  body_stream::next next_ = body_stream::next::more;
  std::optional<clock::time_point> stream_deadline_;
  exchange exchange_;
  bool in_exchange_ = false;
};

} // namespace muster::http
