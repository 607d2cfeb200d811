#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Numbers as Python reads and writes them.
namespace muster::spec::tmpl::numbers {

/// Python's `repr()` of a float: the shortest digits that read back as `x`.
[[nodiscard]] std::string repr(double x);

/// What became of reading an integer.
enum class reading { good, malformed, too_big };

/// Python's `int(text, base)`; base 0 reads the prefixes of literals. `out` is set only when the reading is good.
[[nodiscard]] reading parse_integer(std::string_view text, int base, std::int64_t& out);

/// Python's `float(text)`: nothing if it is not a number.
[[nodiscard]] std::optional<double> parse_real(std::string_view text);

/// `x` as an integer if it is whole and of 64 bits.
[[nodiscard]] std::optional<std::int64_t> whole(double x);

/// -1, 0, 1 as `a` is less than, equal to or greater than `b`, without rounding. `b` is not NaN.
[[nodiscard]] int compare(std::int64_t a, double b);

} // namespace muster::spec::tmpl::numbers
