#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>

namespace muster {

/// What a digit stands for, 0-63; -1 for what is none.
[[nodiscard]] int base64_value(char c) noexcept;

/// The bytes that `text` stands for (RFC 4648, section 4; white space is skipped). Fails with `data_error`, naming the
/// place.
[[nodiscard]] result<std::string> decode_base64(std::string_view text);

} // namespace muster
