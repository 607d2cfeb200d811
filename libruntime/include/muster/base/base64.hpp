#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>

namespace muster {

/// The bytes that `text` stands for (RFC 4648, section 4; white space is skipped). Fails with `data_error`, naming the
/// place.
[[nodiscard]] result<std::string> decode_base64(std::string_view text);

} // namespace muster
