#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <random>
#include <thread>

namespace muster::test {

/// Stands between a client and a daemon, and cuts each connection after so many bytes of answer: a number of its own
/// for each, drawn anew.
class cutting_proxy {
public:
  cutting_proxy(std::filesystem::path daemon, std::filesystem::path socket, unsigned seed, std::size_t least,
                std::size_t most);
  ~cutting_proxy();
  cutting_proxy(const cutting_proxy&) = delete;
  cutting_proxy& operator=(const cutting_proxy&) = delete;

  [[nodiscard]] const std::filesystem::path& socket() const noexcept { return socket_; }
  /// Connections that were cut so far.
  [[nodiscard]] int cuts() const noexcept { return cuts_.load(); }

private:
  struct pair {
    int client = -1;
    int daemon = -1;
    std::size_t left = 0; ///< Bytes until it is cut.
  };

  void run();
  void accept();
  /// False when the connection is over.
  bool pass(pair& which, bool to_daemon);

  std::filesystem::path daemon_;
  std::filesystem::path socket_;
  std::mt19937 random_;
  std::uniform_int_distribution<std::size_t> lengths_;
  std::list<pair> pairs_;
  std::atomic<int> cuts_{0};
  std::atomic<bool> ends_{false};
  int listener_ = -1;
  int bell_ = -1;
  std::thread thread_;
};

} // namespace muster::test
