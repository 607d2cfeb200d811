#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/posix.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace muster::process {

/// What is known of an attempt that was started here and that the runtime has not let go of yet.
struct attempt_record {
  enum class state : std::uint8_t { running = 1, ended = 2, lost = 3, forgotten = 4 };

  attempt_id id;
  state at = state::running;
  std::uint8_t what = 0; ///< A `wire::note`.
  std::uint8_t sandboxed = 0;
  std::int32_t pid = 0;
  std::int32_t code = 0;
  std::int32_t signal = 0;
  std::int32_t detail = 0;
  std::uint64_t first_tick = 0; ///< The process was made between these ticks since boot.
  std::uint64_t last_tick = 0;
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0;
};

/// The warden's memory: a file of checksummed records of one size, only ever appended to. The last record of an attempt
/// counts. Written (not synced: it has to survive the end of the warden, and with the machine all its tasks end) before
/// anything is reported. Rewritten with what still counts when it has grown much larger than that.
class record_file {
public:
  /// Opens or makes the file and reads it. A torn end is cut off. Running attempts of an earlier boot become lost.
  [[nodiscard]] static result<record_file> open(const std::string& path);

  /// What counts: by attempt, without the forgotten.
  [[nodiscard]] const std::unordered_map<attempt_id, attempt_record>& live() const noexcept { return live_; }

  /// Notes a record; it is written by the next `flush`.
  void put(const attempt_record& x);

  /// Writes what was put, and rewrites the file if that pays.
  [[nodiscard]] result<void> flush();

private:
  result<void> load();
  result<void> rewrite();
  /// Takes off the file what follows the last whole record; false with errno set if it cannot.
  bool cut() noexcept;

  std::string path_;
  unique_fd file_;
  std::unordered_map<attempt_id, attempt_record> live_;
  std::string pending_;
  std::size_t written_ = 0; ///< Records in the file.
  bool is_torn_ = false;    ///< Something else follows them, and could not be cut off yet.
};

} // namespace muster::process
