#pragma once

#include "cli/terminal/log_tail.hpp"
#include "muster/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace muster::cli {

/// One line of a task's output. `number` tells tasks apart for colouring.
struct log_line {
  std::string_view task;
  std::size_t number = 0;
  std::string_view text;
};

using log_sink = std::function<void(const log_line&)>;

/// The logs of all attempts that run now, read side by side. What it holds grows with what runs, not with what is
/// written.
class log_mux {
public:
  /// Follows the log of an attempt from `offset` on. Ignored if it is followed already.
  void open(attempt_id id, std::string task, std::filesystem::path file, std::uint64_t offset = 0);
  [[nodiscard]] bool is_open(attempt_id id) const { return logs_.count(id) != 0; }
  [[nodiscard]] bool empty() const noexcept { return logs_.empty(); }

  /// Passes on what is new, at most a bounded piece of each log. Returns whether there was anything.
  bool pump(const log_sink& sink);

  /// The attempt has ended and its log is whole: passes on all that is left, then forgets it. `go_on` is asked now and
  /// then and may cut it short.
  void finish(attempt_id id, const log_sink& sink, const std::function<bool()>& go_on);

private:
  struct followed_log {
    std::string task;
    log_tail tail;
    line_cutter lines;
  };
  static std::size_t read_some(followed_log& log, std::size_t number, const log_sink& sink);

  std::unordered_map<attempt_id, followed_log> logs_;
};

} // namespace muster::cli
