#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::spec {

/// A top-level key and the text up to the next one: OSMO cuts templates apart by lines, before they are YAML.
struct section {
  std::string_view key;
  std::string_view text; ///< The key included.
  std::size_t line = 0;  ///< Of its start in the whole text, from 0.
};

/// Cuts `text` at every line that starts with a letter, letters, digits, `_` or `-`, and a colon. What is before the
/// first is dropped.
[[nodiscard]] std::vector<section> split_sections(std::string_view text);

/// Whether OSMO would render `text` as a template before reading it as YAML.
[[nodiscard]] bool is_templated(std::string_view text);

/// A token in a template that Jinja must leave alone, such as `{{output}}`: no spaces within the braces.
struct token_place {
  std::size_t start = 0;
  std::size_t end = 0;
};

/// The tokens of `text`, in order.
[[nodiscard]] std::vector<token_place> find_tokens(std::string_view text);

} // namespace muster::spec
