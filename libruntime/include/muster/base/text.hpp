#pragma once

#include <string>
#include <string_view>

namespace muster {

/// `x` without what stands at its ends and is in `blanks`.
[[nodiscard]] std::string_view trimmed(std::string_view x, std::string_view blanks = " \t") noexcept;

/// Escapes all but the unreserved characters of RFC 3986, as a segment of a path or a value of a query needs it.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// `text` between single quotes, as shells read them.
[[nodiscard]] std::string shell_quoted(std::string_view text);

/// `text` as one word of a command for a POSIX shell: quoted only where it must be.
[[nodiscard]] std::string shell_word(std::string_view text);

} // namespace muster
