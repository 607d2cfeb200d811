#pragma once

#include "gateway/api/log_followers.hpp"
#include "gateway/api/reader_pool.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/stream.hpp"
#include "muster/store/log_tail.hpp"
#include "muster/store/records.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::gateway {

/// What logs are read by.
struct log_sources {
  store::state_directory directory;
  std::shared_ptr<reader_pool> readers;
  std::shared_ptr<event_feed> feed; ///< Null: who follows looks now and then.
  /// Asked now and then by who follows: false cuts the stream off.
  std::function<bool()> may_go_on = [] { return true; };
  std::chrono::milliseconds between_asks{15'000};
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

/// The bytes of a log, and what is added to it. Who follows is woken by whoever writes to the file and by committed
/// events of the task; where there is no feed, or the kernel does not tell of files, it is looked at now and then.
class log_stream final : public http::body_stream {
public:
  /// `place` is null unless the log is followed.
  log_stream(log_sources with, std::unique_ptr<log_followers::place> place, log_request what);

  void start(http::waker wake) override;
  [[nodiscard]] next produce(std::string& out, std::size_t room) override;
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> deadline() const override { return due_; }

private:
  void open(std::uint32_t attempt, std::uint64_t offset);
  /// What is to be read next is another file, or none of this stream any more.
  [[nodiscard]] bool go_on();
  [[nodiscard]] bool is_over() const;
  /// Reads the task's row, if there may be news. True if that changed anything for this stream.
  [[nodiscard]] bool look();
  [[nodiscard]] bool may_go_on();
  /// Whether something was committed that is about the task.
  [[nodiscard]] bool has_news();
  /// Sees to it that the file is watched. True if it is so since now, and must be read once more.
  [[nodiscard]] bool watch();
  [[nodiscard]] next wait();

  const log_sources with_;
  log_request what_;
  std::optional<store::log_tail> tail_;
  std::unique_ptr<log_followers::place> place_;
  std::optional<subscription> events_; ///< Of the task, if it is followed and there is a feed.
  sequence seen_;                      ///< Of `events_`.
  log_followers::watched watched_ = log_followers::watched::not_at_all;
  bool looked_ = false;          ///< The store was read, and there were no news since.
  bool attempt_is_over_ = false; ///< What is in the file is all.
  bool task_is_over_ = false;
  std::optional<std::uint32_t> next_attempt_;
  std::chrono::steady_clock::time_point due_{};
  std::chrono::steady_clock::time_point ask_again_; ///< Whether it may go on.
};

} // namespace muster::gateway
