#pragma once

#include "muster/state/group_effect.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Why attempts of a group are being ended, as the store keeps it. Private to store.
namespace muster::store {

/// `{"status":22,"code":3006,"text":"Preempted: ...","attempts":[[0,1],[2,1]]}`: task and number of each attempt.
[[nodiscard]] std::string stop_text(const stop_purpose& x);
/// The inverse; nothing for what is not such a text.
[[nodiscard]] std::optional<stop_purpose> stop_of(std::string_view text);

} // namespace muster::store
