#pragma once

#include "muster/base/result.hpp"

#include <functional>
#include <optional>
#include <string>

namespace muster {

/// What a monitor in another process may see.
struct monitor_guest {
  std::optional<std::string> only_user; ///< Events of this user's workflows alone.
};

/// Says what whoever shows a token may see, or that it is nobody. `is_new`: it subscribes, and is not asked about once
/// more. Called by one thread.
using monitor_admission = std::function<result<monitor_guest>(const std::string& token, bool is_new)>;

} // namespace muster
