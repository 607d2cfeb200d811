#include "spec/template/numbers.hpp"
#include "spec/template/operations.hpp"
#include "spec/template/text.hpp"

#include <cmath>

namespace muster::spec::tmpl {
namespace {

bool is_integral(const value& x) {
  return x.is(type::integer) || x.is(type::boolean);
}

double to_real(const value& x) {
  return x.is(type::real) ? x.as_real() : static_cast<double>(x.as_integer());
}

std::string_view symbol(binary op) {
  switch (op) {
    case binary::add: return "+";
    case binary::sub: return "-";
    case binary::mul: return "*";
    case binary::div: return "/";
    case binary::floor_div: return "//";
    case binary::mod: return "%";
    case binary::pow: return "** or pow()";
  }
  return "";
}

[[noreturn]] void overflow() {
  throw failure{"the result does not fit into an integer of 64 bits"};
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == -1) {
    std::int64_t out = 0;
    if (__builtin_sub_overflow(std::int64_t{0}, a, &out))
      overflow();
    return out;
  }
  const std::int64_t quotient = a / b;
  return quotient - ((a % b != 0 && ((a < 0) != (b < 0))) ? 1 : 0);
}

std::int64_t modulo(std::int64_t a, std::int64_t b) {
  if (b == -1)
    return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && ((rest < 0) != (b < 0)) ? rest + b : rest;
}

value integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0)
      throw failure{"0.0 cannot be raised to a negative power"};
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  std::int64_t out = 1;
  while (exponent > 0) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(out, base, &out))
      overflow();
    exponent /= 2;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
      overflow();
  }
  return out;
}

value integer_arithmetic(binary op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  switch (op) {
    case binary::add:
      if (__builtin_add_overflow(a, b, &out))
        overflow();
      return out;
    case binary::sub:
      if (__builtin_sub_overflow(a, b, &out))
        overflow();
      return out;
    case binary::mul:
      if (__builtin_mul_overflow(a, b, &out))
        overflow();
      return out;
    case binary::div:
      if (b == 0)
        throw failure{"division by zero"};
      return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
    case binary::floor_div:
      if (b == 0)
        throw failure{"integer division or modulo by zero"};
      return floor_divide(a, b);
    case binary::mod:
      if (b == 0)
        throw failure{"integer modulo by zero"};
      return modulo(a, b);
    case binary::pow: return integer_power(a, b);
  }
  return {};
}

double real_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0) {
    if ((b < 0) != (rest < 0))
      rest += b;
  } else {
    rest = std::copysign(0.0, b);
  }
  return rest;
}

double real_floor_divide(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && ((b < 0) != (rest < 0)))
    quotient -= 1.0;
  if (quotient == 0)
    return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1.0 : floor;
}

value real_power(double a, double b) {
  if (a == 0 && b < 0)
    throw failure{"0.0 cannot be raised to a negative power"};
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
    throw failure{"complex numbers are not supported"};
  const double out = std::pow(a, b);
  if (std::isinf(out) && std::isfinite(a) && std::isfinite(b))
    throw failure{"(34, 'Numerical result out of range')"};
  return out;
}

value real_arithmetic(binary op, double a, double b) {
  switch (op) {
    case binary::add: return a + b;
    case binary::sub: return a - b;
    case binary::mul: return a * b;
    case binary::div:
      if (b == 0)
        throw failure{"float division by zero"};
      return a / b;
    case binary::floor_div:
      if (b == 0)
        throw failure{"float floor division by zero"};
      return real_floor_divide(a, b);
    case binary::mod:
      if (b == 0)
        throw failure{"float modulo"};
      return real_modulo(a, b);
    case binary::pow: return real_power(a, b);
  }
  return {};
}

value repeat(runtime& rt, const value& x, std::int64_t times) {
  const std::int64_t n = times < 0 ? 0 : times;
  if (x.is_string()) {
    const auto& piece = x.as_string();
    if (piece.empty() || n == 0)
      return rt.str("", x.string().markup);
    const std::size_t count = bounded(rt, n, piece.size());
    std::string out;
    out.reserve(piece.size() * count);
    for (std::size_t i = 0; i < count; ++i)
      out += piece;
    return rt.str(std::move(out), x.string().markup);
  }
  list_type out;
  if (!x.items().empty()) {
    const list_type items = x.items();
    const std::size_t count = bounded(rt, n, items.size() * sizeof(value));
    rt.step(count * items.size());
    out.reserve(items.size() * count);
    for (std::size_t i = 0; i < count; ++i)
      out.insert(out.end(), items.begin(), items.end());
  }
  return x.is(type::list) ? rt.list(std::move(out)) : rt.tuple(std::move(out));
}

value add_strings(runtime& rt, const value& a, const value& b) {
  const bool left = a.string().markup;
  const bool right = b.string().markup;
  if (left == right) {
    rt.take(a.as_string().size() + b.as_string().size());
    return rt.str(a.as_string() + b.as_string(), left);
  }
  // A safe text escapes what it is joined with.
  const std::string x = left ? a.as_string() : text::escape_html(a.as_string());
  const std::string y = right ? b.as_string() : text::escape_html(b.as_string());
  return rt.str(x + y, true);
}

value add_sequences(runtime& rt, const value& a, const value& b) {
  rt.step(a.items().size() + b.items().size());
  list_type out = a.items();
  out.insert(out.end(), b.items().begin(), b.items().end());
  return a.is(type::list) ? rt.list(std::move(out)) : rt.tuple(std::move(out));
}

} // namespace

std::size_t bounded(runtime& rt, std::int64_t n, std::size_t item_bytes) {
  const std::size_t most = rt.limits().memory_bytes / (item_bytes == 0 ? 1 : item_bytes);
  if (n > 0 && static_cast<std::uint64_t>(n) > most)
    throw failure{"the template needs more than " + std::to_string(rt.limits().memory_bytes) + " bytes of memory",
                  ec::limit_exceeded};
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

std::int64_t to_index(const value& x) {
  require_defined(x);
  if (!is_integral(x))
    throw failure{"'" + type_name(x) + "' object cannot be interpreted as an integer"};
  return x.as_integer();
}

value arithmetic(runtime& rt, binary op, const value& a, const value& b) {
  require_defined(a);
  if (op == binary::mod && a.is_string())
    return percent_format(rt, a, b);
  require_defined(b);
  if (is_integral(a) && is_integral(b))
    return integer_arithmetic(op, a.as_integer(), b.as_integer());
  if (a.is_number() && b.is_number())
    return real_arithmetic(op, to_real(a), to_real(b));
  if (op == binary::mul && is_integral(b) && (a.is_string() || a.is_sequence()))
    return repeat(rt, a, b.as_integer());
  if (op == binary::mul && is_integral(a) && (b.is_string() || b.is_sequence()))
    return repeat(rt, b, a.as_integer());
  if (op == binary::add && a.is_string() && b.is_string())
    return add_strings(rt, a, b);
  if (op == binary::add && a.is_sequence() && a.kind() == b.kind())
    return add_sequences(rt, a, b);
  if (op == binary::add && (a.is_string() || a.is_sequence()))
    throw failure{"can only concatenate " + type_name(a) + " (not \"" + type_name(b) + "\") to " + type_name(a)};
  if (op == binary::mul && (a.is_string() || a.is_sequence()))
    throw failure{"can't multiply sequence by non-int of type '" + type_name(b) + "'"};
  throw failure{"unsupported operand type(s) for " + std::string(symbol(op)) + ": '" + type_name(a) + "' and '" +
                type_name(b) + "'"};
}

value negative(const value& x) {
  require_defined(x);
  if (x.is(type::real))
    return -x.as_real();
  if (!is_integral(x))
    throw failure{"bad operand type for unary -: '" + type_name(x) + "'"};
  std::int64_t out = 0;
  if (__builtin_sub_overflow(std::int64_t{0}, x.as_integer(), &out))
    overflow();
  return out;
}

value positive(const value& x) {
  require_defined(x);
  if (x.is(type::real))
    return x;
  if (!is_integral(x))
    throw failure{"bad operand type for unary +: '" + type_name(x) + "'"};
  return x.as_integer();
}

} // namespace muster::spec::tmpl
