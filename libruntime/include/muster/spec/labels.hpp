#pragma once

#include "muster/base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::spec {

/// Most labels of one workflow.
inline constexpr std::size_t most_labels = 16;

/// Checks a label's key by Kubernetes's rule: `[dns-prefix/]name`, the name at most 63 letters, digits, `-_.`, and
/// alphanumeric at both ends.
[[nodiscard]] result<void> check_label_key(std::string_view key);

/// Checks a label's value: not empty, and like the name of a key.
[[nodiscard]] result<void> check_label_value(std::string_view value);

/// `key=value`, where values may hold `*` and alternatives `(a|b)`.
struct label_selector {
  std::string key;
  std::vector<std::string> values; ///< Each a literal or a glob over the whole value; a workflow matches when any does.

  /// Whether `value` matches one of `values`.
  [[nodiscard]] bool matches(std::string_view value) const;
};

/// Parses a selector of at most 4096 bytes that expands to at most 32 patterns.
[[nodiscard]] result<label_selector> parse_label_selector(std::string_view text);

} // namespace muster::spec
