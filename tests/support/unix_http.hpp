#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace muster::test {

/// What a server answered, or as much of it as came.
struct http_answer {
  int status = 0;                             ///< 0: not even a status line came.
  std::map<std::string, std::string> headers; ///< Names in lower case.
  std::string body;                           ///< Without the framing of chunks.
  bool complete = false;                      ///< The body ended as its framing said.
};

/// One HTTP/1.1 connection over a Unix socket, for tests: blocking, with a deadline for each call, and the bytes on the
/// wire are the test's to choose.
class unix_http {
public:
  /// Connects; `connected()` tells whether it worked.
  explicit unix_http(const std::filesystem::path& socket);
  ~unix_http();
  unix_http(const unix_http&) = delete;
  unix_http& operator=(const unix_http&) = delete;

  [[nodiscard]] bool connected() const noexcept { return socket_ >= 0; }
  /// One request and its answer; the connection can be used again when the answer is complete.
  http_answer call(const std::string& method, const std::string& target, const std::string& body = {},
                   std::chrono::milliseconds deadline = std::chrono::seconds(60));
  /// Sends a request and reads no answer.
  bool send(const std::string& method, const std::string& target, const std::string& body = {});
  /// Sends bytes as they are.
  bool send_raw(std::string_view bytes);
  /// Reads one answer to its end.
  http_answer receive(std::chrono::milliseconds deadline = std::chrono::seconds(60));
  /// Reads until what came since the last answer, head and framing included, holds `text`.
  bool wait_for(const std::string& text, std::chrono::milliseconds deadline = std::chrono::seconds(60));
  /// Whether the other side closes before the deadline; what it still sends is dropped.
  bool closed(std::chrono::milliseconds deadline = std::chrono::seconds(60));

private:
  using time_point = std::chrono::steady_clock::time_point;
  bool read_some(time_point until);
  bool read_to(std::size_t size, time_point until);
  bool read_line(std::string& line, time_point until);
  bool read_chunks(std::string& body, time_point until);

  int socket_ = -1;
  std::string unread_;
};

/// One call on a connection of its own.
http_answer http_call(const std::filesystem::path& socket, const std::string& method, const std::string& target,
                      const std::string& body = {}, std::chrono::milliseconds deadline = std::chrono::seconds(60));

} // namespace muster::test
