#pragma once

#include "executors/docker/copy_point.hpp"
#include "executors/process/warden/log_guard.hpp"
#include "muster/base/posix.hpp"

#include "muster/base/result.hpp"
#include "muster/store/log_streams.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace muster::docker {

/// How large a log may grow, and what is kept when it grew larger.
using log_limits = process::log_limits;

/// A piece of a log, ready to be written.
struct log_batch {
  std::string bytes;
  std::vector<store::log_run> runs; ///< Who wrote what of `bytes`; their sizes add up to its.
  copy_point after;                 ///< How far the container's log was copied with it.
  bool last = false;                ///< Nothing follows: the copy is over.
};

/// The file that a container's log is copied into, and what lies beside it. At any moment the process may be killed:
/// the next one that opens it goes on behind the last batch that was written whole. Blocks; not safe for threads.
///
/// - `<log>`: the bytes, as they came. Larger than `limits.most` its middle is cut out, its beginning and end stay.
/// - `<log>.streams`: who wrote them (`store::log_streams`).
/// - `<log>.position`: how far it is, twice, in turn: one is always whole.
/// - `<log>.cut`: only while the middle is cut out: what is needed to do that again.
class log_file {
public:
  log_file(std::filesystem::path log, const log_limits& limits);

  /// Finds out how far an earlier one came. Changes nothing that a reader sees before the first `append`.
  [[nodiscard]] result<copy_point> open();
  /// Writes; after a failure the same batch may be tried again.
  [[nodiscard]] result<void> append(const log_batch& batch);
  /// Closes what is open; the next `append` opens it again.
  void rest() noexcept;

  /// Bytes that were cut out so far.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return at_.dropped; }

private:
  /// What `<log>.position` holds.
  struct place {
    std::uint64_t sequence = 0;
    std::uint64_t size = 0;    ///< Of the log.
    std::uint64_t dropped = 0; ///< Bytes that were cut out.
    std::uint64_t head = 0;    ///< Where the mark begins, once something was cut out.
    std::uint64_t mark = 0;    ///< Its size.
    copy_point point;
  };

  [[nodiscard]] static std::string to_text(const place& x);
  [[nodiscard]] static bool from_text(std::string_view text, place& x);
  [[nodiscard]] result<void> recover();
  [[nodiscard]] result<void> reopen();
  [[nodiscard]] result<void> write_streams(const std::vector<store::log_run>& runs);
  [[nodiscard]] result<void> write_place(const place& x);
  [[nodiscard]] result<void> cut();
  [[nodiscard]] result<void> apply_cut(std::string_view journal);
  [[nodiscard]] result<void> redo_cut();
  [[nodiscard]] std::filesystem::path beside(const char* suffix) const;

  const std::filesystem::path log_;
  const log_limits limits_;
  unique_fd file_;
  unique_fd streams_;
  unique_fd position_;
  place at_;
  std::uint64_t streams_size_ = 0;
  bool streams_full_ = false;
  bool recovered_ = false; ///< The files agree with `at_`.
  bool known_ = false;     ///< There was a position, or something was written.
};

} // namespace muster::docker
