#pragma once

#include "support/temporary_folder.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace muster::test {

/// A request as it came.
struct received {
  std::string line; ///< `GET /path HTTP/1.1`
  std::string head;
  std::string body;
};

/// One connection, in a test's hands.
class server_connection {
public:
  explicit server_connection(int fd) : fd_(fd) {}
  /// The next request; nothing when the client closes, or sends none for a minute.
  std::optional<received> next();
  /// Sends bytes as they are; false if nobody reads any more.
  bool send(std::string_view bytes) const;
  /// Whether the client closes within a minute.
  bool closed();

private:
  bool read_some();

  int fd_;
  std::string unread_;
};

/// Answers on a Unix socket: `serve` runs in a thread per connection, which is closed when it returns.
class small_server {
public:
  explicit small_server(std::function<void(server_connection&)> serve);
  /// Ends all connections.
  ~small_server();
  small_server(const small_server&) = delete;
  small_server& operator=(const small_server&) = delete;

  [[nodiscard]] std::filesystem::path socket() const { return folder_.path() / "s"; }
  [[nodiscard]] int connections() const noexcept { return count_.load(); }

private:
  void accept();

  temporary_folder folder_;
  std::function<void(server_connection&)> serve_;
  int listener_ = -1;
  std::atomic<int> count_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// An answer with a length.
std::string answer(int status, std::string_view body, std::string_view more_headers = {});
/// The head of an answer in chunks.
std::string chunked_head(int status = 200);
/// A chunk; an empty one ends the answer.
std::string chunk(std::string_view text);

} // namespace muster::test
