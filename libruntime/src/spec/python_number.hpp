#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Numbers as Python reads and prints them, where that decides what a spec means.
namespace muster::spec {

/// More digits than Python converts (`sys.get_int_max_str_digits`).
inline constexpr std::size_t longest_integer = 4300;

/// The decimal form of digits of base 2, 8, 10 or 16; no sign, no leading zeros. Empty when a character is no digit,
/// when there are none, or when the result would have more than 4300 digits.
[[nodiscard]] std::string to_decimal(std::string_view digits, unsigned base);

/// `first * 60^n + ...` of decimal parts such as `190:20:30`. Empty on failure.
[[nodiscard]] std::string sexagesimal_to_decimal(std::string_view parts);

/// What Python's `int(text)` gives, in canonical decimal: white space around, a sign, single underscores between digits
/// and digits of any script are fine. Nothing when Python raises.
[[nodiscard]] std::optional<std::string> python_int(std::string_view text);

/// What Python's `float(text)` gives. Nothing when Python raises.
[[nodiscard]] std::optional<double> python_float(std::string_view text);

/// What Python's `repr` prints: the shortest digits that read back, `1e+16`, `inf`, `nan`.
[[nodiscard]] std::string python_repr(double x);

/// A canonical decimal as 64 bits; the nearest bound when it does not fit.
[[nodiscard]] std::int64_t saturate(std::string_view decimal) noexcept;

/// `text` with white space (as Python's `str.strip`) cut off and decimal digits of every script as ASCII ones. Nothing
/// when it holds other characters beyond ASCII.
[[nodiscard]] std::optional<std::string> to_ascii_digits(std::string_view text);

/// `text` with decimal digits of every script as ASCII ones, everything else as it is: what `\d` and `int()` see.
[[nodiscard]] std::string fold_digits(std::string_view text);

} // namespace muster::spec
