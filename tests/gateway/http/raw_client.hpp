#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace muster::test {

/// An answer as it came over the wire.
struct raw_answer {
  int status = 0;                             ///< 0: none came.
  std::map<std::string, std::string> headers; ///< Names in lower case.
  std::string body;                           ///< Without chunks.
  bool complete = false;                      ///< It ended as its head said.
  std::string head;                           ///< As it came.
};

/// A client that sends whatever bytes a test wants to and reads with a deadline.
class raw_client {
public:
  using milliseconds = std::chrono::milliseconds;
  static constexpr milliseconds patience{20'000};

  /// Connects to 127.0.0.1. `receive_buffer` bounds what the kernel takes for it; 0 for the default.
  explicit raw_client(std::uint16_t port, int receive_buffer = 0);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&&) = delete;

  /// False if the server closed the connection meanwhile.
  bool send(std::string_view bytes);
  /// Sends as much as is taken at once; how much that was.
  std::size_t send_some(std::string_view bytes);
  /// Says that it sends no more.
  void half_close();
  /// Closes so that the server sees a reset.
  void reset();

  /// Something can be read, or the server closed; false if not within `limit`.
  bool wait_readable(milliseconds limit);

  /// Reads one answer; what follows it stays for the next call. `no_body` for answers to HEAD.
  raw_answer read_answer(bool no_body = false);
  /// Reads the head of an answer only.
  raw_answer read_head();
  /// Reads until `text` was seen in what is left; false at the end or deadline. Takes all until its end.
  bool read_until(std::string_view text);
  /// Whatever comes until the server closes; `closed` tells whether it did in time.
  std::string read_all(bool* closed = nullptr);
  /// The server closes the connection in time; what comes until then is dropped.
  bool is_closed();

private:
  bool fill(); ///< Reads more; false at the end or deadline.

  int socket_ = -1;
  std::string input_;
};

/// `GET path` with a Host header.
std::string get(std::string_view path, std::string_view more_headers = {});
std::string post(std::string_view path, std::string_view body, std::string_view more_headers = {});

/// One request on a connection of its own.
raw_answer ask(std::uint16_t port, std::string_view request);

} // namespace muster::test
