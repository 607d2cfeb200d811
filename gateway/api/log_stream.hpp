#pragma once

#include "gateway/api/services.hpp"
#include "gateway/http/stream.hpp"
#include "muster/store/log_tail.hpp"
#include "muster/store/records.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace muster::gateway {

/// Tells many followers cheaply whether anything was committed since they last looked: the store is asked ten times a
/// second at most, however many they are. Thread-safe.
class commit_clock {
public:
  /// Keeps a reference to `readers`.
  explicit commit_clock(reader_pool& readers) : readers_(readers) {}

  /// The number of the last event, as of a tenth of a second ago at most; 0 if it cannot be told.
  [[nodiscard]] std::uint64_t now();

private:
  reader_pool& readers_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point asked_{};
  std::uint64_t last_ = 0;
};

/// Which part of which log is wanted.
struct log_request {
  std::string workflow; ///< Id.
  workflow_key key;
  std::string task;
  std::optional<std::uint32_t> attempt; ///< None was made yet.
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> limit; ///< Bytes of the log at most.
  std::optional<store::log_origin> only;
  bool follow = false;       ///< Goes on as it grows, until the attempt has ended.
  bool all_attempts = false; ///< And then with the next attempt, until the task has ended.
};

/// The bytes of a log, and what is added to it. A log cannot tell that it grew, so it is looked at: twenty times a
/// second while it does, less and less often down to twice a second.
class log_stream final : public http::body_stream {
public:
  log_stream(std::shared_ptr<services> with, std::shared_ptr<commit_clock> clock, log_request what);

  void start(http::waker /*wake*/) override {}
  [[nodiscard]] next produce(std::string& out, std::size_t room) override;
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> deadline() const override { return due_; }

private:
  void open(std::uint32_t attempt, std::uint64_t offset);
  /// Asks the store, if anything was committed since. True if that changed anything for this stream.
  [[nodiscard]] bool look();
  [[nodiscard]] next wait();

  const std::shared_ptr<services> with_;
  const std::shared_ptr<commit_clock> clock_;
  log_request what_;
  std::optional<store::log_tail> tail_;
  std::uint64_t looked_at_ = 0;  ///< The last commit that was known when the store was read.
  bool looked_ = false;          ///< The store was read at all.
  bool attempt_is_over_ = false; ///< What is in the file is all.
  bool task_is_over_ = false;
  std::optional<std::uint32_t> next_attempt_;
  std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point due_{};
};

} // namespace muster::gateway
