#pragma once

#include "muster/store/log_tail.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace muster::cli {

using store::log_tail;
using store::offset_of_last_lines;
using store::tells_streams;

/// Cuts the pieces of a log into lines. A line that is longer than 16 KiB comes in parts, so that memory stays bounded.
class line_cutter {
public:
  /// Passes every line that `piece` completes, without its end, to `use`.
  void feed(std::string_view piece, const std::function<void(std::string_view)>& use);
  /// The log has ended: passes the last line if it has no end.
  void finish(const std::function<void(std::string_view)>& use);

private:
  std::string rest_;
};

} // namespace muster::cli
