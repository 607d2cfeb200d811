#pragma once

#include "actors/runtime.hpp"
#include "muster/base/result.hpp"
#include "muster/event/event.hpp"
#include "muster/store/reader.hpp"

#include <string>
#include <vector>

namespace muster {

/// What is to be recorded so that a finished workflow runs once more; see `runtime::retry` for the errors.
struct planned_retry {
  workflow_key key;
  std::string id;
  std::vector<event> facts; ///< One transaction.
  std::size_t tasks = 0;    ///< How many wait again.
};
[[nodiscard]] result<planned_retry> plan_retry(store::reader& from, const std::string& id,
                                               const retry_request& request);

} // namespace muster
