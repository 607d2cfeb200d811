#pragma once

#include "gateway/http/message.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace muster::http {

/// A problem document of RFC 9457: `type` is `urn:muster:problem:<code>`; `code` is stable, `title` the same for each
/// occurrence of it, `detail` says what was wrong with this one, where, and what to do.
[[nodiscard]] response problem(unsigned status, std::string_view code, std::string_view title, std::string_view detail);

/// With further members (an object), such as `instance` or `errors`.
[[nodiscard]] response problem(unsigned status, std::string_view code, std::string_view title, std::string_view detail,
                               const nlohmann::json& more);

} // namespace muster::http
