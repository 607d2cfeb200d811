#pragma once

#include "executors/docker/engine/client.hpp"
#include "executors/docker/engine/loop.hpp"
#include "executors/docker/log_writer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace muster::docker {

/// What is to be copied, and how.
struct log_copy {
  std::string container; ///< Id or name. Without a terminal: stdout and stderr are told apart.
  std::filesystem::path log;
  log_limits limits;
  /// When a running container is looked at first: those that end sooner cost one call, and no stream that follows.
  std::chrono::milliseconds first_look{100};
  std::chrono::milliseconds retry{100};             ///< Pause after a failure; doubles each time.
  std::chrono::milliseconds longest_retry{5000};    ///< Up to this.
  std::size_t buffer = std::size_t{256} << 10U;     ///< Most that waits for the disk before the daemon is held back.
  std::size_t all_buffers = std::size_t{16} << 20U; ///< The same of all copiers of a writer.
};

/// How a copy ended.
struct log_end {
  bool whole = false;  ///< All that the daemon had of it is in the file.
  std::string problem; ///< For people, if it is not whole; the log ends with a line that says the same.
};

/// What a copier has done. For tests and benchmarks.
struct log_counts {
  std::uint64_t opened = 0;  ///< Streams that the daemon answered.
  std::uint64_t calls = 0;   ///< Streams opened.
  std::uint64_t records = 0; ///< Taken.
  std::uint64_t skipped = 0; ///< Seen again after a reconnect.
  std::uint64_t pauses = 0;  ///< How often the daemon was held back.
  std::uint64_t gaps = 0;    ///< How often lines may have been lost; the log has a mark there.
  std::size_t most_held = 0; ///< Bytes: the most that waited for the disk.
};

/// Copies the log of one container into a file, as it comes, each byte once, however often the connection, the daemon
/// or Muster itself ends meanwhile. Lives on the loop's thread; writes on the writer's. The file belongs to the copier
/// from `begin` on: what else was in it is replaced.
///
///     copier = std::make_unique<log_copier>(loop, client, writer, what, [](log_end end) { /* say on_exited */ });
///     copier->begin();    // the container was started, or is adopted, running or not
///     copier->finish();   // it has ended: `done` follows, once
///     forget_log(log);    // `remove` of the driver: nobody will adopt it any more
class log_copier {
public:
  /// Does nothing yet. `done` is called on the loop's thread, never within a call, and may destroy the copier. All but
  /// `what` must outlive it; the loop must outlive the writer as well, whose thread posts to it.
  log_copier(loop& on, client& engine, log_writer& writer, log_copy what, std::function<void(log_end)> done);
  /// Stops at once; another copier for the same file goes on from there. `done` is not called any more.
  ~log_copier();
  log_copier(const log_copier&) = delete;
  log_copier& operator=(const log_copier&) = delete;

  /// Begins, or goes on where the last copier for this file stopped. Never before the container was started: a log that
  /// is read earlier ends at once. The second time: ignored.
  void begin();

  /// The container has ended: what is left is read, then `done`. A daemon or a disk that does nothing for `patience` is
  /// not waited for any longer: the log ends with a line that says so. Begins if need be. Again: ignored.
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(30));

  /// The daemon answers again: what waits for a later attempt tries now.
  void wake();

  [[nodiscard]] const log_counts& counts() const noexcept;

private:
  class impl;
  std::shared_ptr<impl> impl_;
};

/// Removes what lies beside a log only for the sake of going on later; the log stays, and who wrote what of it. To be
/// called when the end of the attempt is durable: a copier begun afterwards begins at the beginning. Touches the disk.
void forget_log(const std::filesystem::path& log);

/// The `LogConfig` of HostConfig, as JSON, that a container must be created with. The daemon's `local` driver: it keeps
/// any bytes (`json-file` replaces what is not UTF-8), writes less, and is bounded here to about `limits.most` bytes on
/// the daemon's disk. As long as a copier is connected and not further behind than half of that, nothing is lost; when
/// the daemon had to drop what was not read yet, the log says so where it happened.
[[nodiscard]] std::string log_config_json(const log_limits& limits = {});

} // namespace muster::docker
