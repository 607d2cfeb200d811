#pragma once

#include "actors/runtime.hpp"
#include "cli/commands/signals.hpp"
#include "cli/serve/notify.hpp"
#include "muster/store/layout.hpp"

#include <chrono>

namespace muster::cli {

/// Cancels every workflow and waits for the ends, at most `longest`; a second signal kills, a third waits no more.
void stop_tasks(runtime& engine, const store::state_directory& directory, signal_inbox& inbox, const notifier& tell,
                std::chrono::milliseconds longest);

} // namespace muster::cli
