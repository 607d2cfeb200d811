#pragma once

#include "spec/template/runtime.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace muster::spec::tmpl {

enum class token_kind {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  operation, ///< Its text is the operator.
  end,
  bad, ///< What follows cannot be read; its text is the message.
};

struct token {
  token_kind kind = token_kind::end;
  position at;
  std::string text; ///< The data, the name, the operator, or the unescaped string.
  value number;     ///< Of an integer or a real.
};

/// How a message calls a token: its text in quotes, or its kind.
[[nodiscard]] std::string describe(const token& x);

/// Cuts a template into tokens by Jinja's rules: one trailing newline is dropped, every newline becomes `\n`, and `-`
/// beside a delimiter strips white space. The last token is `end` or `bad`: what comes before an error is still parsed,
/// so that the first error of the text is the one reported.
[[nodiscard]] std::vector<token> tokenize(runtime& rt, std::string_view text);

/// Cuts a lone expression into tokens: what would stand between `{{` and `}}`.
[[nodiscard]] std::vector<token> tokenize_expression(runtime& rt, std::string_view text);

} // namespace muster::spec::tmpl
