#include "cli/serve/stop_tasks.hpp"

#include "cli/serve/own_audit.hpp"
#include "muster/base/log.hpp"
#include "muster/store/reader.hpp"

#include <string>
#include <vector>

namespace muster::cli {

namespace {

struct running_workflow {
  workflow_key key;
  std::string id;
};

std::vector<running_workflow> unfinished(store::reader& reader) {
  store::workflow_query query;
  query.unfinished = true;
  query.limit = 100'000;
  std::vector<running_workflow> out;
  if (const auto found = reader.workflows(query))
    for (const auto& x : *found)
      out.push_back({x.key, x.id});
  return out;
}

void cancel(runtime& engine, const std::vector<running_workflow>& all, bool force) {
  for (const auto& x : all) {
    const auto stop = [&] { return engine.cancel(x.key, "the head was stopped with --stop-tasks", force); };
    if (const auto done = audited(engine, "workflow.cancel", x.id, stop); !done && done.failure().code != ec::conflict)
      log::warn("serve", "workflow cannot be canceled", {{"why", done.failure().message}});
  }
}

} // namespace

void stop_tasks(runtime& engine, const store::state_directory& directory, signal_inbox& inbox, const notifier& tell,
                std::chrono::milliseconds longest) {
  using clock = std::chrono::steady_clock;
  auto reader = store::reader::open(directory);
  if (!reader)
    return;
  const auto all = unfinished(*reader);
  cancel(engine, all, false);
  unsigned hurries = 0;
  const auto until = clock::now() + longest;
  for (auto left = all.size(); left > 0 && hurries < 2 && clock::now() < until;) {
    tell.extend(std::chrono::seconds{30});
    tell.status("ending tasks: " + std::to_string(left) + " workflows are left");
    inbox.wait(std::chrono::milliseconds{100});
    while (inbox.next())
      if (++hurries == 1)
        cancel(engine, all, true);
    left = unfinished(*reader).size();
  }
}

} // namespace muster::cli
