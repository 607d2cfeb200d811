#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace muster {

/// Position of the first byte of `text` that is not part of well-formed UTF-8 (RFC 3629: no surrogates, no overlong
/// forms, nothing above U+10FFFF), or `text.size()` when all of it is well-formed.
[[nodiscard]] std::size_t first_invalid_utf8(std::string_view text) noexcept;

/// True when all of `text` is well-formed UTF-8.
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  return first_invalid_utf8(text) == text.size();
}

/// Appends the UTF-8 form of `code_point` to `out`. The caller gives a valid scalar value (not a surrogate, at most
/// 0x10FFFF).
void append_utf8(std::string& out, char32_t code_point);

/// The number of code points of well-formed UTF-8.
[[nodiscard]] std::size_t code_points(std::string_view text) noexcept;

} // namespace muster
