#pragma once

#include "executors/docker/log_file.hpp"

#include "muster/base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>

namespace muster::docker {

/// What the writer says about a log.
struct log_report {
  enum class kind : std::uint8_t {
    opened,  ///< `point`: how far the container's log was copied by those before.
    written, ///< `bytes` of a batch are in the file.
    ended,   ///< And that was the last one.
    failed,  ///< `problem`; nothing more happens until `log_writer::retry`.
  } what = kind::opened;
  copy_point point;
  std::size_t bytes = 0;
  error problem;
};

/// A log that is written to. See `log_writer`.
class log_channel;

/// One thread that writes the logs of all copiers, so that a slow disk holds up nothing but logs. Safe from any thread.
class log_writer {
public:
  log_writer();
  /// Writes what was submitted, as far as the disk takes it at once, and joins. No report is called afterwards.
  ~log_writer();
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  /// Opens a log; `report` is called on the writer's thread. Logs opened later at the same path follow this one.
  [[nodiscard]] std::shared_ptr<log_channel> open(std::filesystem::path log, const log_limits& limits,
                                                  std::function<void(log_report)> report);
  /// Adds a batch: batches of a log are written in order, those of all logs in turn.
  void submit(const std::shared_ptr<log_channel>& to, log_batch batch);
  /// Tries again what failed.
  void retry(const std::shared_ptr<log_channel>& at);
  /// No report is called any more. What waits is written if that works at once.
  void abandon(const std::shared_ptr<log_channel>& what);
  /// Bytes that wait, of all logs.
  [[nodiscard]] std::size_t pending() const noexcept;

private:
  class impl;
  std::shared_ptr<impl> impl_;
};

} // namespace muster::docker
