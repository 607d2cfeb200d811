#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace muster::gateway {

/// One part of a form.
struct form_part {
  std::string name;
  std::string body;
};

/// Takes a body of `multipart/form-data` (RFC 7578) apart. `content_type` is the whole header, with its boundary. Fails
/// with `invalid_argument` for what is not well-formed or not ended, and with `limit_exceeded` beyond 1,000 parts.
[[nodiscard]] result<std::vector<form_part>> parse_multipart(std::string_view content_type, std::string_view body);

} // namespace muster::gateway
