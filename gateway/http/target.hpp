#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::http {

/// What a request asks for, taken apart (RFC 9112 section 3.2).
struct target {
  std::string path;                                       ///< Decoded; `*` for `OPTIONS *`.
  std::vector<std::string> parts;                         ///< The segments of `path`, decoded one by one.
  std::vector<std::pair<std::string, std::string>> query; ///< Decoded, in order.
  std::string authority; ///< Of a target in absolute form, else empty; stands for the `Host` header.
};

/// Takes `text` apart: a path with a query, or an `http` or `https` URL. The path is split before it is decoded.
/// `invalid_argument` for anything else, for bad escapes, control characters, and segments that are empty, `.` or `..`.
[[nodiscard]] result<target> parse_target(std::string_view text);

/// Undoes percent-encoding. `invalid_argument` for a `%` without two hex digits and for an escaped NUL.
[[nodiscard]] result<std::string> percent_decode(std::string_view text);

} // namespace muster::http
