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

/// Which of Muster's own tokens count, beside OSMO's.
struct token_rules {
  bool results = false; ///< `{{result:...}}` and `{{parameter:...}}`; these may have spaces within the braces.
  bool item = false;    ///< `{{item}}` and `{{item.key}}`, likewise.
  bool index = false;
  bool carry = false; ///< `{{carry.key}}`

  [[nodiscard]] static token_rules all() { return {true, true, true, true}; }
};

/// The tokens of `text`, in order.
[[nodiscard]] std::vector<token_place> find_tokens(std::string_view text, const token_rules& rules = {});

/// One of Muster's own tokens in `text`.
struct flow_token {
  std::string_view word; ///< `item`, `index`, `carry`, `result`, `parameter`.
  std::string_view path; ///< What follows the `.` or `:`; may be empty for `item` only.
};

/// Reads what stands between the braces as such a token; nothing when it is none.
[[nodiscard]] std::optional<flow_token> parse_flow_token(std::string_view inside, const token_rules& rules);

/// All of them in `text`, in order.
[[nodiscard]] std::vector<flow_token> find_flow_tokens(std::string_view text);

} // namespace muster::spec
