#pragma once

#include "muster/picture/outline.hpp"

#include <string>
#include <string_view>

namespace muster::picture {

/// The outline of workflow `name` for Graphviz: scopes are clusters, edges between them go from border to border.
[[nodiscard]] std::string to_dot(std::string_view name, const outline_scope& x);

/// The same for Mermaid: scopes are subgraphs.
[[nodiscard]] std::string to_mermaid(const outline_scope& x);

/// `text` as DOT reads it between double quotes, control characters as `?`.
[[nodiscard]] std::string dot_text(std::string_view text);

/// `text` as Mermaid reads it between double quotes: what means something there, or in HTML, becomes an entity.
[[nodiscard]] std::string mermaid_text(std::string_view text);

} // namespace muster::picture
