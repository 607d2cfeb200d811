#include "muster/flow/reduce.hpp"

#include "muster/spec/expression.hpp"

#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace muster::flow {

namespace {

using spec::reduction;
using spec::template_dict;
using spec::template_value;

/// A value, and the element that it is of.
struct placed_value {
  template_value value;
  std::size_t element = 0;
};

bool is_number(const template_value& x) {
  return x.is(template_value::type::integer) || x.is(template_value::type::real);
}

double as_real(const template_value& x) {
  return x.is(template_value::type::real) ? x.as_real() : static_cast<double>(x.as_integer());
}

std::string about(const placed_value& x) {
  return "element " + std::to_string(x.element) + " is " + x.value.repr().substr(0, 100);
}

error not_numbers(const placed_value& x) {
  return {ec::invalid_argument, "reduce needs numbers, or maps of numbers, and " + about(x)};
}

std::optional<std::int64_t> add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum))
    return std::nullopt;
  return sum;
}

template_value sum_of(const std::vector<placed_value>& xs) {
  std::int64_t whole = 0;
  bool exact = true;
  double real = 0;
  for (const auto& x : xs) {
    real += as_real(x.value);
    const auto next =
        x.value.is(template_value::type::integer) && exact ? add(whole, x.value.as_integer()) : std::nullopt;
    exact = next.has_value();
    whole = next.value_or(0);
  }
  return exact ? template_value{whole} : template_value{real};
}

/// Integers are compared as such: a double holds only some of them.
bool less(const template_value& a, const template_value& b) {
  if (a.is(template_value::type::integer) && b.is(template_value::type::integer))
    return a.as_integer() < b.as_integer();
  return as_real(a) < as_real(b);
}

/// The position of the smallest or largest; the first of equals.
std::size_t extreme(const std::vector<placed_value>& xs, bool smallest) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < xs.size(); ++i)
    if (smallest ? less(xs[i].value, xs[best].value) : less(xs[best].value, xs[i].value))
      best = i;
  return best;
}

template_value reduce_numbers(reduction with, const std::vector<placed_value>& xs) {
  switch (with) {
    case reduction::sum: return sum_of(xs);
    case reduction::mean: return as_real(sum_of(xs)) / static_cast<double>(xs.size());
    case reduction::min: return xs[extreme(xs, true)].value;
    case reduction::max: return xs[extreme(xs, false)].value;
    case reduction::collect:
    case reduction::best: break;
  }
  return {};
}

result<template_value> reduce_values(reduction with, const std::vector<placed_value>& xs);

/// Key by key, in the order in which keys first appear; values that are not there do not count.
result<template_value> reduce_maps(reduction with, const std::vector<placed_value>& xs) {
  template_dict columns;
  std::vector<std::vector<placed_value>> values;
  for (const auto& x : xs)
    for (const auto& [key, value] : x.value.dict().entries()) {
      const auto* known = columns.find(key);
      const auto at = known == nullptr ? values.size() : static_cast<std::size_t>(known->as_integer());
      if (known == nullptr) {
        columns.set(key, template_value{static_cast<std::int64_t>(at)});
        values.emplace_back();
      }
      values[at].push_back({value, x.element});
    }
  template_dict out;
  for (const auto& [key, at] : columns.entries()) {
    auto reduced = reduce_values(with, values[static_cast<std::size_t>(at.as_integer())]);
    if (!reduced)
      return error{reduced.failure().code, "key " + key.repr() + ": " + reduced.failure().message};
    out.set(key, std::move(*reduced));
  }
  return template_value::make_dict(std::move(out));
}

result<template_value> reduce_values(reduction with, const std::vector<placed_value>& xs) {
  if (xs.empty())
    return with == reduction::sum ? template_value{0} : template_value{};
  const bool maps = xs.front().value.is(template_value::type::dict);
  for (const auto& x : xs)
    if (maps ? !x.value.is(template_value::type::dict) : !is_number(x.value))
      return not_numbers(x);
  return maps ? reduce_maps(with, xs) : result<template_value>{reduce_numbers(with, xs)};
}

} // namespace

result<template_value> reduce(const spec::reduce& how, const template_value::list_type& results) {
  std::vector<placed_value> values;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].is_none())
      continue;
    const auto* part = spec::value_at_path(results[i], how.path);
    if (part == nullptr)
      return {ec::invalid_argument, "reduce: element " + std::to_string(i) + " has no `" + how.path + "`"};
    if (!part->is_none())
      values.push_back({*part, i});
  }
  if (how.with != reduction::best)
    return reduce_values(how.with, values);
  if (values.empty())
    return template_value{};
  for (const auto& x : values)
    if (!is_number(x.value))
      return not_numbers(x);
  return results[values[extreme(values, how.smallest)].element];
}

} // namespace muster::flow
