#pragma once

#include "cli/terminal/log_mux.hpp"
#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

namespace muster::cli {

/// What a watch passes on.
struct watch_handler {
  std::function<void(const store::named_event&)> on_event; ///< May be empty.
  log_sink on_line;                                        ///< Empty: logs are not read.
  std::function<bool()> go_on = [] { return true; };       ///< Asked now and then; false cuts a long log short.
};

/// Follows one workflow in the store: its events in order, and the logs of its attempts as they grow. A task's output
/// always comes before the event of its end. Everything is read in pages; a slow user of it falls behind, and neither
/// holds up the workflow nor loses anything.
class workflow_watch {
public:
  /// Begins after the event `after`. All arguments must outlive it.
  workflow_watch(store::reader& reader, const store::state_directory& directory, store::workflow_record workflow,
                 sequence after, watch_handler handler);

  /// Follows the logs of attempts that ran already when the watch's first event came, from their present end: for a
  /// workflow that is taken up in the middle. Those that began since are followed from their beginning by `step`.
  [[nodiscard]] result<void> open_running();

  /// One step: a page of events, and a piece of each log. Returns whether there was anything.
  [[nodiscard]] result<bool> step();

  /// The workflow's final status, once its last event was passed on.
  [[nodiscard]] std::optional<status> ended() const noexcept { return ended_; }

private:
  /// The attempts of which the events to come speak.
  [[nodiscard]] result<std::unordered_set<attempt_id>> read_begun_since() const;
  void handle(const store::named_event& x);
  void handle_task(const store::named_event& x);
  void open_log(attempt_id id, const std::string& task);

  store::reader& reader_;
  const store::state_directory& directory_;
  store::workflow_record workflow_;
  store::event_query query_;
  watch_handler handler_;
  log_mux logs_;
  std::optional<status> ended_;
};

} // namespace muster::cli
