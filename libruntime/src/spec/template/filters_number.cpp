#include "spec/template/numbers.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/registry.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace muster::spec::tmpl {
namespace {

[[noreturn]] void too_big() {
  throw failure{"the number does not fit into an integer of 64 bits"};
}

bool is_integral(const value& x) {
  return x.is(type::integer) || x.is(type::boolean);
}

value truncated(double x) {
  if (std::isnan(x))
    throw failure{"cannot convert float NaN to integer"};
  if (std::isinf(x))
    throw failure{"cannot convert float infinity to integer"};
  const auto out = numbers::whole(std::trunc(x));
  if (!out)
    too_big();
  return *out;
}

value absolute(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "abs", args, {});
  require_defined(in);
  if (in.is(type::real))
    return std::fabs(in.as_real());
  if (!is_integral(in))
    throw failure{"bad operand type for abs(): '" + type_name(in) + "'"};
  return in.as_integer() < 0 ? negative(in) : value(in.as_integer());
}

value to_int(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "int", args, {"default", "base"});
  value otherwise = p.has(0) ? p[0] : value(0);
  require_defined(in);
  if (is_integral(in))
    return in.as_integer();
  if (in.is(type::real) && !std::isnan(in.as_real()))
    return truncated(in.as_real());
  if (!in.is_string())
    return otherwise;
  const std::int64_t base = p.integer(1, 10);
  std::int64_t out = 0;
  if (base == 0 || (base >= 2 && base <= 36)) {
    const auto reading = numbers::parse_integer(in.as_string(), static_cast<int>(base), out);
    if (reading == numbers::reading::too_big)
      too_big();
    if (reading == numbers::reading::good)
      return out;
  }
  const auto real = numbers::parse_real(in.as_string());
  return real && std::isfinite(*real) ? truncated(*real) : otherwise;
}

value to_float(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "float", args, {"default"});
  value otherwise = p.has(0) ? p[0] : value(0.0);
  require_defined(in);
  if (in.is(type::real))
    return in;
  if (is_integral(in))
    return static_cast<double>(in.as_integer());
  const auto real = in.is_string() ? numbers::parse_real(in.as_string()) : std::nullopt;
  return real ? value(*real) : otherwise;
}

// Python's round(): to the nearest, and of two equally near to the even one.
value round_real(double x, std::int64_t precision) {
  if (!std::isfinite(x) || precision > 323)
    return x;
  if (precision < -308)
    return std::copysign(0.0, x);
  if (precision >= 0) {
    std::array<char, 800> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), x);
    return std::strtod(buffer.data(), nullptr);
  }
  const double scale = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(x / scale) * scale;
}

value round_integer(std::int64_t x, std::int64_t precision) {
  if (precision >= 0)
    return x;
  if (precision < -18)
    return 0;
  std::int64_t scale = 1;
  for (std::int64_t i = precision; i < 0; ++i)
    scale *= 10;
  const std::int64_t rest = x % scale;
  const std::int64_t magnitude = rest < 0 ? -rest : rest;
  const std::int64_t quotient = x / scale;
  const bool away = magnitude > scale / 2 || (magnitude == scale / 2 && quotient % 2 != 0);
  std::int64_t out = quotient + (away ? (x < 0 ? -1 : 1) : 0);
  if (__builtin_mul_overflow(out, scale, &out))
    too_big();
  return out;
}

value rounded(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "round", args, {"precision", "method"});
  const std::int64_t precision = p.integer(0, 0);
  const std::string way = p.text(1, "common");
  if (way != "common" && way != "ceil" && way != "floor")
    throw failure{"method must be common, ceil or floor"};
  require_defined(in);
  if (!in.is_number())
    throw failure{"type " + type_name(in) + " doesn't define __round__ method"};
  if (way == "common") {
    if (in.is(type::real))
      return round_real(in.as_real(), precision);
    return round_integer(in.as_integer(), precision);
  }
  const value scale = arithmetic(rt, binary::pow, 10, precision);
  const value scaled = arithmetic(rt, binary::mul, in, scale);
  value whole = scaled;
  if (scaled.is(type::real))
    whole = truncated(way == "ceil" ? std::ceil(scaled.as_real()) : std::floor(scaled.as_real()));
  return arithmetic(rt, binary::div, whole, scale);
}

value filesizeformat(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "filesizeformat", args, {"binary"});
  const bool powers_of_two = p.flag(0, false);
  require_defined(in);
  const auto parsed = in.is_string() ? numbers::parse_real(in.as_string()) : std::nullopt;
  if (!in.is_number() && !parsed)
    throw failure{"could not convert to float: " + to_repr(rt, in)};
  const double bytes = parsed ? *parsed : in.is(type::real) ? in.as_real() : static_cast<double>(in.as_integer());
  const double base = powers_of_two ? 1024 : 1000;
  if (bytes == 1)
    return rt.str("1 Byte");
  if (bytes < base)
    return rt.str(truncated(bytes).str() + " Bytes");
  constexpr std::string_view letters = "kMGTPEZY";
  double unit = base;
  std::size_t i = 0;
  do {
    unit *= base;
    ++i;
  } while (i < letters.size() && !(bytes < unit));
  std::array<char, 400> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", base * bytes / unit);
  std::string prefix(1, letters[i - 1]);
  if (powers_of_two)
    prefix = (prefix == "k" ? "K" : prefix) + "i";
  return rt.str(std::string(buffer.data()) + " " + prefix + "B");
}

} // namespace

const filter_table& number_filters() {
  static const filter_table filters = {
      {"abs", absolute}, {"filesizeformat", filesizeformat}, {"float", to_float}, {"int", to_int}, {"round", rounded},
  };
  return filters;
}

} // namespace muster::spec::tmpl
