#include "muster/spec/expression.hpp"

#include "spec/template/evaluator.hpp"

#include <algorithm>
#include <exception>
#include <optional>

namespace muster::spec {

namespace {

using tmpl::expression;
using tmpl::expression_kind;

/// The template language speaks of templates; here is none.
std::string about_expressions(std::string message) {
  constexpr std::string_view from = "template";
  for (auto at = message.find(from); at != std::string::npos; at = message.find(from, at)) {
    // `the template`, `end of template`: but nothing inside of quotes that a user wrote.
    const bool ours = at >= 4 && (message.compare(at - 4, 4, "the ") == 0 || message.compare(at - 3, 3, "of ") == 0);
    at += ours ? 0 : from.size();
    if (ours)
      message.replace(at, from.size(), "expression");
  }
  return message;
}

/// Runs `body`, and turns what it throws into an error of `code` that says where.
template <class T, class Body>
result<T> guarded(tmpl::runtime& rt, std::string_view text, ec code, Body body) {
  const auto place = [&] {
    const auto line = rt.at.line > 1 ? "line " + std::to_string(rt.at.line) + ", " : std::string{};
    return line + "column " + std::to_string(rt.at.column) + ": ";
  };
  const auto hint = [&]() -> std::string {
    const auto start = text.find_first_not_of(" \n");
    const bool braces = start != std::string_view::npos && text.substr(start, 2) == "{{";
    return braces ? ", an expression stands without {{ and }}" : "";
  };
  try {
    return body();
  } catch (const tmpl::failure& problem) {
    const bool limit = problem.code == ec::limit_exceeded;
    return {limit ? ec::limit_exceeded : code, place() + about_expressions(problem.message) + hint()};
  } catch (const std::exception& problem) {
    return {ec::internal, std::string{"the expression could not be read: "} + problem.what()};
  }
}

/// Collects the constant paths below one variable.
class path_search {
public:
  explicit path_search(std::string_view name) : name_(name) {}

  void visit(const expression& x) {
    if (const auto path = below(x)) {
      note(*path);
      return;
    }
    if (x.kind == expression_kind::call && x.operands[0]->kind == expression_kind::attribute) {
      // `results.a.items()`: a method is no key.
      visit(*x.operands[0]->operands[0]);
    } else {
      for (const auto& operand : x.operands)
        visit_if(operand);
    }
    for (const auto& argument : x.args.positional)
      visit_if(argument);
    for (const auto& argument : x.args.keyword)
      visit_if(argument.second);
    visit_if(x.args.more_positional);
    visit_if(x.args.more_keyword);
  }

  [[nodiscard]] std::vector<std::string> take() { return std::move(found_); }

private:
  void visit_if(const tmpl::expression_ptr& x) {
    if (x)
      visit(*x);
  }

  void note(const std::string& path) {
    if (std::find(found_.begin(), found_.end(), path) == found_.end())
      found_.push_back(path);
  }

  [[nodiscard]] std::optional<std::string> below(const expression& x) const {
    if (x.kind == expression_kind::name)
      return x.name == name_ ? std::optional{std::string{}} : std::nullopt;
    const bool attribute = x.kind == expression_kind::attribute;
    const bool item = x.kind == expression_kind::item && x.operands[1]->kind == expression_kind::constant;
    if (!attribute && !item)
      return std::nullopt;
    auto path = below(*x.operands[0]);
    if (!path)
      return std::nullopt;
    const auto key = attribute ? x.name : x.operands[1]->constant.str();
    return path->empty() ? key : *path + '.' + key;
  }

  std::string_view name_;
  std::vector<std::string> found_;
};

/// Every name that is read as a variable.
void collect_names(const expression& x, std::vector<std::string>& out) {
  if (x.kind == expression_kind::name && std::find(out.begin(), out.end(), x.name) == out.end())
    out.push_back(x.name);
  const auto visit = [&](const tmpl::expression_ptr& part) {
    if (part)
      collect_names(*part, out);
  };
  std::for_each(x.operands.begin(), x.operands.end(), visit);
  std::for_each(x.args.positional.begin(), x.args.positional.end(), visit);
  for (const auto& argument : x.args.keyword)
    visit(argument.second);
  visit(x.args.more_positional);
  visit(x.args.more_keyword);
}

/// A copy of `x` that outlives the runtime: plain data only.
template_value take_out(tmpl::runtime& rt, const template_value& x) {
  using type = template_value::type;
  const tmpl::runtime::level nested(rt);
  rt.take(sizeof(template_value));
  rt.step();
  switch (x.kind()) {
    case type::undefined:
      if (x.is_lenient())
        return {};
      throw tmpl::failure{x.undefined_message()};
    case type::list:
    case type::tuple:
    case type::object: {
      if (!tmpl::iterable(x))
        throw tmpl::failure{"the expression gives a " + tmpl::type_name(x) + ", expected a value"};
      template_value::list_type items;
      for (const auto& item : tmpl::iterate(rt, x))
        items.push_back(take_out(rt, item));
      return template_value::make_list(std::move(items));
    }
    case type::dict: {
      template_dict items;
      for (const auto& [key, item] : x.dict().entries())
        items.set(key, take_out(rt, item));
      return template_value::make_dict(std::move(items));
    }
    case type::string:
      // A text may be there many times over: what it takes when it is written out is what counts.
      rt.take(x.as_string().size());
      return x;
    default: return x;
  }
}

} // namespace

result<void> check_expression(std::string_view text) {
  tmpl::runtime rt{template_limits{}};
  const auto parsed = guarded<bool>(rt, text, ec::invalid_spec, [&]() -> bool {
    (void)tmpl::parse_expression(rt, text);
    return true;
  });
  return parsed ? result<void>{} : result<void>{parsed.failure()};
}

std::vector<std::string> paths_below(std::string_view text, std::string_view name) {
  tmpl::runtime rt{template_limits{}};
  path_search search{name};
  const auto found = guarded<bool>(rt, text, ec::invalid_spec, [&]() -> bool {
    search.visit(*tmpl::parse_expression(rt, text));
    return true;
  });
  return found ? search.take() : std::vector<std::string>{};
}

std::vector<std::string> names_in(std::string_view text) {
  tmpl::runtime rt{template_limits{}};
  std::vector<std::string> out;
  const auto found = guarded<bool>(rt, text, ec::invalid_spec, [&]() -> bool {
    collect_names(*tmpl::parse_expression(rt, text), out);
    return true;
  });
  return found ? out : std::vector<std::string>{};
}

result<template_value> evaluate_expression(std::string_view text, const template_value& variables) {
  tmpl::runtime rt{template_limits{}};
  return guarded<template_value>(rt, text, ec::template_error, [&] {
    const auto tree = tmpl::parse_expression(rt, text);
    rt.at = {};
    rt.lone = true;
    if (!variables.is(template_value::type::dict))
      throw tmpl::failure{"the variables of an expression must be a dict"};
    const auto value = tmpl::evaluator(rt, variables).evaluate_lone(*tree);
    return take_out(rt, value);
  });
}

} // namespace muster::spec
