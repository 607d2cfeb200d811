#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <string>

namespace muster::process {

/// How large an attempt's log may grow, and what is kept when it grew larger.
struct log_limits {
  std::int64_t most = std::int64_t{1} << 30;  ///< Bytes.
  std::int64_t head = std::int64_t{64} << 20; ///< Of the beginning, always kept.
  std::int64_t tail = std::int64_t{1} << 20;  ///< Of the end, kept at each cut.
};

/// Protects the disk from a log: if the file is larger than `limits.most`, its middle is cut out and a line says how
/// many bytes are gone. Its beginning stays, and the task goes on writing behind the line, none the wiser: it appends.
/// Lines that it writes while the cut is being made may be lost too. True if something was cut.
result<bool> guard_log(const std::string& path, const log_limits& limits);

} // namespace muster::process
