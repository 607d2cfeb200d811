#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// What a YAML 1.1 scalar means, by the rules of PyYAML's safe loader.
namespace muster::spec::yaml {

/// The type of a scalar. `unknown` is a tag that no safe loader knows, `invalid` a text that does not fit its tag.
enum class scalar_type : std::uint8_t {
  null,
  boolean,
  integer,
  real,
  text,
  bytes,
  date,
  date_time,
  merge,
  unknown,
  invalid
};

/// A scalar with its type.
struct scalar {
  scalar_type type = scalar_type::null;
  bool boolean = false;
  double real = 0;
  /// `text`: the text. `bytes`: the decoded bytes. `integer`: canonical decimal digits, of any length. `date`,
  /// `date_time`: as Python's `str()` prints them. `invalid`, `unknown`: a phrase that says why.
  std::string text;
};

/// The type and value of a scalar. `plain` is false when it was quoted; `tag` is its explicit tag or empty.
[[nodiscard]] scalar resolve(std::string_view text, bool plain, std::string_view tag);

/// `x` as Python's `str()` prints it: `True`, `None`, `1e+16`.
[[nodiscard]] std::string python_text(const scalar& x);

/// What people call the type of `x`: "a string", "an integer"...
[[nodiscard]] std::string_view describe(scalar_type x) noexcept;

} // namespace muster::spec::yaml
