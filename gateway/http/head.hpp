#pragma once

#include "gateway/http/refusal.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace muster::http {

/// Looks for the end of a request's head in bytes as they come, and stops at what no head may have.
class head_scanner {
public:
  /// How many bytes the head has with its blank line; nothing if more must come. `bytes` begins at the same place in
  /// each call and only grows.
  [[nodiscard]] std::optional<std::size_t> scan(std::string_view bytes);

  /// Set once a byte was seen that makes the request malformed: a line that ends without CR, a CR alone, a control
  /// character.
  [[nodiscard]] const std::optional<refusal>& problem() const noexcept { return problem_; }

private:
  std::size_t at_ = 0;
  std::optional<refusal> problem_;
};

/// Checks a whole head, its blank line included, by the rules of RFC 9112, more strictly than clients need and than
/// parsers are: whatever two programs could read in two ways is refused, for that is how requests are smuggled.
[[nodiscard]] std::optional<refusal> check_head(std::string_view head, std::size_t target_limit);

} // namespace muster::http
