#pragma once

#include "gateway/client/api.hpp"
#include "muster/store/layout.hpp"

#include <memory>

namespace muster::cli {

/// The API over a state directory that is read in this process: everything that a head can say without a runtime, by
/// the same handlers. What would change something is refused with `unavailable`.
[[nodiscard]] std::unique_ptr<client::api> make_local_api(const store::state_directory& directory);

} // namespace muster::cli
