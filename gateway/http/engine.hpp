#pragma once

#include "gateway/http/server.hpp"
#include "gateway/http/worker_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::http {

class connection;

/// What the connections of a server share. All members are thread-safe.
class engine {
public:
  engine(server_config config, handler answer);

  const server_config config; ///< Its limits are those of the beginning.
  const handler answer;
  const std::shared_ptr<worker_pool> workers;
  std::atomic<std::size_t> streams{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<bool> draining{false};

  /// Those of now. One that was taken stays as it is.
  [[nodiscard]] std::shared_ptr<const server_limits> limits() const;
  void set_limits(const server_limits& x);

  /// Whether a connection from `peer` may be served; counts it if so.
  [[nodiscard]] bool admit(const std::string& peer);
  void add(std::shared_ptr<connection> x);
  /// The end of an admitted connection.
  void remove(const connection* x, const std::string& peer);
  [[nodiscard]] std::vector<std::shared_ptr<connection>> connections() const;
  /// Lets go of all; only when no thread works on them any more.
  void forget_connections();
  [[nodiscard]] std::size_t connection_count() const;
  /// Waits until no connection is left; false if some are at the deadline.
  bool wait_for_none(std::chrono::steady_clock::time_point deadline);

  /// Changes by how much the bodies in memory grow or shrink; false, without doing so, if they were too much.
  [[nodiscard]] bool reserve_body(std::size_t more);
  void release_body(std::size_t less) noexcept;

  /// Likewise for answers that are sent whole, by whom they are for: one peer has half of the room at most. The first
  /// one fits however large it is, so that it can be had at all.
  [[nodiscard]] bool reserve_answer(const std::string& peer, std::size_t size);
  /// Counts it though it may be too much.
  void count_answer(const std::string& peer, std::size_t size);
  void release_answer(const std::string& peer, std::size_t size);
  [[nodiscard]] std::size_t answer_bytes() const;

  [[nodiscard]] std::string next_id();
  void log(std::string_view message) const;
  /// Tells the observer, if there is one.
  void observe(const request& asked, const exchange& how) const;

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const server_limits> limits_;
  std::condition_variable none_left_;
  std::size_t admitted_ = 0;
  std::unordered_map<const connection*, std::shared_ptr<connection>> connections_;
  std::map<std::string, std::size_t> per_peer_;
  std::atomic<std::size_t> body_bytes_{0};
  std::size_t answer_bytes_ = 0;
  std::map<std::string, std::size_t> answer_bytes_of_peer_;
  const std::string id_prefix_;
  std::atomic<std::uint64_t> ids_{0};
};

} // namespace muster::http
