#pragma once

#include "actors/journal.hpp"
#include "muster/base/result.hpp"
#include "muster/store/service.hpp"

#include <caf/fwd.hpp>

#include <functional>
#include <future>

namespace muster {

/// Changes what the service keeps, and runs `then` when that is durable, however late: who stops waiting must not be
/// the reason that memory and store differ. The future is ready after `then`, with what that answers, or with the
/// JOURNAL's refusal; `then` runs on a thread of the system.
[[nodiscard]] std::future<result<void>> change_durably(caf::actor_system& system, const journal_actor& journal,
                                                       store::service_change x, std::function<result<void>()> then);

} // namespace muster
