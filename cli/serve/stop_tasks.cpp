#include "cli/serve/stop_tasks.hpp"

#include "cli/serve/own_audit.hpp"
#include "muster/base/log.hpp"
#include "muster/store/reader.hpp"

#include <string>
#include <vector>

namespace muster::cli {

namespace {

void cancel(runtime& engine, const std::vector<store::workflow_name>& all, bool force) {
  for (const auto& x : all) {
    const auto stop = [&] { return engine.cancel(x.key, "the head was stopped with --stop-tasks", force); };
    if (const auto done = audited(engine, "workflow.cancel", x.id, stop); !done && done.failure().code != ec::conflict)
      log::warn("serve", "workflow cannot be canceled", {{"why", done.failure().message}});
  }
}

/// Drops those at the end that have ended. All ended when none is left; more may have ended than were dropped.
void drop_ended(store::reader& reader, std::vector<store::workflow_name>& all) {
  while (!all.empty()) {
    const auto found = reader.workflow(all.back().key);
    if (found ? !is_finished(found->status) : found.failure().code != ec::not_found)
      return;
    all.pop_back();
  }
}

} // namespace

void stop_tasks(runtime& engine, const store::state_directory& directory, signal_inbox& inbox, const notifier& tell,
                std::chrono::milliseconds longest) {
  using clock = std::chrono::steady_clock;
  auto reader = store::reader::open(directory);
  if (!reader)
    return;
  auto found = reader->unfinished();
  if (!found) {
    log::error("serve", "tasks cannot be ended", {{"why", found.failure().message}});
    return;
  }
  auto& left = *found;
  cancel(engine, left, false);
  unsigned hurries = 0;
  const auto until = clock::now() + longest;
  for (drop_ended(*reader, left); !left.empty() && hurries < 2 && clock::now() < until; drop_ended(*reader, left)) {
    tell.extend(std::chrono::seconds{30});
    tell.status("ending tasks: at most " + std::to_string(left.size()) + " workflows are left");
    inbox.wait(std::chrono::milliseconds{100});
    while (inbox.next())
      if (++hurries == 1)
        cancel(engine, left, true);
  }
}

} // namespace muster::cli
