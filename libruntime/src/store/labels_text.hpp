#pragma once

#include <map>
#include <string>
#include <string_view>

/// Labels as the store keeps them: JSON.
namespace muster::store {

[[nodiscard]] std::string labels_text(const std::map<std::string, std::string>& x);
/// The inverse; what is no text is left out.
[[nodiscard]] std::map<std::string, std::string> labels_of(std::string_view text);

} // namespace muster::store
