#pragma once

#include "cli/terminal/log_mux.hpp"
#include "cli/terminal/style.hpp"
#include "muster/store/records.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace muster::cli {

/// What a user sees of a workflow while it runs. All writing goes to stdout.
class run_view {
public:
  virtual ~run_view() = default;
  virtual void on_event(const store::named_event& x) = 0;
  virtual void on_line(const log_line& x) = 0;
  /// Something to tell that is no event, such as that a cancel was asked for.
  virtual void note(std::string_view text) = 0;
  /// Called several times a second: time to redraw or to flush.
  virtual void tick() = 0;
  /// Nothing follows: leaves the terminal as it was.
  virtual void close() = 0;
};

/// One line per change of a task, and per line of output.
[[nodiscard]] std::unique_ptr<run_view> make_plain_view();

/// One JSON object per event, as `muster events -o jsonl` prints them; output of tasks is left out.
[[nodiscard]] std::unique_ptr<run_view> make_json_view();

/// Output of tasks as it comes, and below it a table of what runs and a line of progress, bounded by the screen.
/// Elements of one `foreach` share a row where there are many. `total` is how many tasks there will be, 0 if that is
/// not known. Redraws at most ten times a second. For terminals only.
[[nodiscard]] std::unique_ptr<run_view> make_live_view(const store::workflow_record& workflow, std::uint64_t total);

} // namespace muster::cli
