#include "spec/template/parser.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <array>

namespace muster::spec::tmpl {

expression_ptr parser::parse_lone_expression() {
  if (at(token_kind::end))
    fail("the expression is empty");
  auto out = parse_expression();
  if (!at(token_kind::end))
    fail("expected the end of the expression, got " + describe(current()));
  return out;
}

// -- operators, from the loosest to the tightest

expression_ptr parser::parse_expression(bool with_condition) {
  const nesting deeper(*this);
  return with_condition ? parse_conditional() : parse_or();
}

expression_ptr parser::parse_conditional() {
  auto x = parse_or();
  while (at_word("if")) {
    const position where = take().at;
    auto out = make(expression_kind::conditional, where);
    adopt(*out, parse_or());
    adopt(*out, std::move(x));
    const nesting deeper(*this);
    adopt(*out, skip_word("else") ? parse_conditional() : nullptr);
    x = std::move(out);
  }
  return x;
}

expression_ptr parser::parse_or() {
  auto x = parse_and();
  while (at_word("or")) {
    const position where = take().at;
    x = make_binary(expression_kind::disjunction, std::move(x), parse_and(), where);
  }
  return x;
}

expression_ptr parser::parse_and() {
  auto x = parse_not();
  while (at_word("and")) {
    const position where = take().at;
    x = make_binary(expression_kind::conjunction, std::move(x), parse_not(), where);
  }
  return x;
}

expression_ptr parser::parse_not() {
  if (!at_word("not"))
    return parse_compare();
  const nesting deeper(*this);
  auto out = make(expression_kind::negation, take().at);
  adopt(*out, parse_not());
  return out;
}

expression_ptr parser::parse_compare() {
  auto x = parse_sum();
  expression_ptr out;
  for (;;) {
    const position where = current().at;
    constexpr std::array<std::string_view, 6> symbols = {"==", "!=", "<", "<=", ">", ">="};
    std::string symbol;
    if (at(token_kind::operation) && std::find(symbols.begin(), symbols.end(), current().text) != symbols.end()) {
      symbol = take().text;
    } else if (skip_word("in")) {
      symbol = "in";
    } else if (at_word("not") && ahead().kind == token_kind::name && ahead().text == "in") {
      take();
      take();
      symbol = "not in";
    } else {
      return out ? std::move(out) : std::move(x);
    }
    if (!out) {
      out = make(expression_kind::compare, where);
      adopt(*out, std::move(x));
    }
    out->symbols.push_back(symbol);
    adopt(*out, parse_sum());
  }
}

expression_ptr parser::parse_sum() {
  auto x = parse_concat();
  while (at_operation("+") || at_operation("-")) {
    const token sign = take();
    x = make_binary(expression_kind::binary, std::move(x), parse_concat(), sign.at);
    x->op = sign.text == "+" ? binary::add : binary::sub;
  }
  return x;
}

expression_ptr parser::parse_concat() {
  auto x = parse_product();
  if (!at_operation("~"))
    return x;
  auto out = make(expression_kind::concat, current().at);
  adopt(*out, std::move(x));
  while (skip_operation("~"))
    adopt(*out, parse_product());
  return out;
}

expression_ptr parser::parse_product() {
  auto x = parse_power();
  while (at_operation("*") || at_operation("/") || at_operation("//") || at_operation("%")) {
    const token sign = take();
    x = make_binary(expression_kind::binary, std::move(x), parse_power(), sign.at);
    x->op = sign.text == "*"    ? binary::mul
            : sign.text == "/"  ? binary::div
            : sign.text == "//" ? binary::floor_div
                                : binary::mod;
  }
  return x;
}

expression_ptr parser::parse_power() {
  auto x = parse_unary();
  while (at_operation("**")) {
    const position where = take().at;
    x = make_binary(expression_kind::binary, std::move(x), parse_unary(), where);
    x->op = binary::pow;
  }
  return x;
}

expression_ptr parser::parse_unary(bool with_filter) {
  const nesting deeper(*this);
  expression_ptr x;
  if (at_operation("-") || at_operation("+")) {
    const token sign = take();
    x = make(sign.text == "-" ? expression_kind::minus : expression_kind::plus, sign.at);
    adopt(*x, parse_unary(false));
  } else {
    x = parse_primary();
  }
  x = parse_postfix(std::move(x));
  return with_filter ? parse_filters_and_tests(std::move(x)) : std::move(x);
}

// -- primaries

expression_ptr parser::parse_primary(bool with_namespace) {
  const nesting deeper(*this);
  const position where = current().at;
  if (at(token_kind::name))
    return parse_name(with_namespace);
  if (at(token_kind::string)) {
    std::string text;
    while (at(token_kind::string))
      text += take().text;
    auto out = make(expression_kind::constant, where);
    out->constant = rt_.str(std::move(text));
    return out;
  }
  if (at(token_kind::integer) || at(token_kind::real)) {
    auto out = make(expression_kind::constant, where);
    out->constant = take().number;
    return out;
  }
  if (skip_operation("(")) {
    tuple_options options;
    options.explicit_parentheses = true;
    auto out = parse_tuple(options);
    expect_operation(")");
    return out;
  }
  if (at_operation("["))
    return parse_list();
  if (at_operation("{"))
    return parse_dict();
  fail("unexpected " + describe(current()));
}

expression_ptr parser::parse_name(bool with_namespace) {
  const token word = take();
  if (text::is_digit(text::decode(word.text, 0).code))
    fail("Invalid character in identifier", &word.at);
  auto out = make(expression_kind::constant, word.at);
  if (word.text == "true" || word.text == "True") {
    out->constant = true;
  } else if (word.text == "false" || word.text == "False") {
    out->constant = false;
  } else if (word.text != "none" && word.text != "None") {
    out->kind = expression_kind::name;
    out->name = word.text;
    if (with_namespace && skip_operation(".")) {
      out->kind = expression_kind::namespace_ref;
      out->constant = expect(token_kind::name).text;
    } else {
      out->constant = rt_.str(word.text);
      note_special(word.text);
    }
  }
  return out;
}

void parser::note_special(const std::string& name) {
  for (auto* macro : macros_) {
    macro->wants_caller = macro->wants_caller || name == "caller";
    macro->wants_varargs = macro->wants_varargs || name == "varargs";
    macro->wants_kwargs = macro->wants_kwargs || name == "kwargs";
  }
}

expression_ptr parser::parse_list() {
  auto out = make(expression_kind::list, take().at);
  while (!at_operation("]")) {
    if (!out->operands.empty())
      expect_operation(",");
    if (at_operation("]"))
      break;
    adopt(*out, parse_expression());
  }
  expect_operation("]");
  return out;
}

expression_ptr parser::parse_dict() {
  auto out = make(expression_kind::dict, take().at);
  while (!at_operation("}")) {
    if (!out->operands.empty())
      expect_operation(",");
    if (at_operation("}"))
      break;
    adopt(*out, parse_expression());
    expect_operation(":");
    adopt(*out, parse_expression());
  }
  expect_operation("}");
  return out;
}

expression_ptr parser::parse_tuple(const tuple_options& options) {
  const position where = current().at;
  std::vector<expression_ptr> items;
  bool is_tuple = false;
  for (;;) {
    if (!items.empty())
      expect_operation(",");
    if (at(token_kind::variable_end) || at(token_kind::block_end) || at_operation(")") ||
        (!options.end_word.empty() && at_word(options.end_word)))
      break;
    items.push_back(options.simplified ? parse_primary(options.with_namespace)
                                       : parse_expression(options.with_condition));
    if (!at_operation(","))
      break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty())
      return std::move(items[0]);
    if (!options.explicit_parentheses)
      fail("Expected an expression, got " + describe(current()));
  }
  auto out = make(expression_kind::tuple, where);
  for (auto& item : items)
    adopt(*out, std::move(item));
  return out;
}

// -- what follows a primary

expression_ptr parser::parse_postfix(expression_ptr x) {
  for (;;) {
    if (at_operation(".") || at_operation("["))
      x = parse_subscript(std::move(x));
    else if (at_operation("("))
      x = parse_call(std::move(x));
    else
      return x;
  }
}

expression_ptr parser::parse_filters_and_tests(expression_ptr x) {
  for (;;) {
    if (at_operation("|"))
      x = parse_filter(std::move(x));
    else if (at_word("is"))
      x = parse_test(std::move(x));
    else if (at_operation("("))
      x = parse_call(std::move(x));
    else
      return x;
  }
}

expression_ptr parser::parse_subscript(expression_ptr x) {
  const token mark = take();
  if (mark.text == ".") {
    const token name = take();
    if (name.kind == token_kind::name) {
      auto out = make(expression_kind::attribute, mark.at);
      out->name = name.text;
      adopt(*out, std::move(x));
      return out;
    }
    if (name.kind != token_kind::integer)
      fail("expected name or number", &name.at);
    auto index = make(expression_kind::constant, name.at);
    index->constant = name.number;
    return make_binary(expression_kind::item, std::move(x), std::move(index), mark.at);
  }
  auto keys = make(expression_kind::tuple, mark.at);
  while (!at_operation("]")) {
    if (!keys->operands.empty())
      expect_operation(",");
    adopt(*keys, parse_subscribed());
  }
  expect_operation("]");
  const bool one = keys->operands.size() == 1;
  const auto sliced = [](const expression_ptr& k) { return k->kind == expression_kind::slice; };
  if (!one && std::any_of(keys->operands.begin(), keys->operands.end(), sliced))
    fail("a slice cannot be one of several subscripts", &mark.at);
  return make_binary(expression_kind::item, std::move(x), one ? std::move(keys->operands[0]) : std::move(keys),
                     mark.at);
}

expression_ptr parser::parse_subscribed() {
  const position where = current().at;
  expression_ptr start;
  if (!at_operation(":")) {
    start = parse_expression();
    if (!at_operation(":"))
      return start;
  }
  take();
  const auto part = [&]() -> expression_ptr {
    return at_operation(":") || at_operation("]") || at_operation(",") ? nullptr : parse_expression();
  };
  auto out = make(expression_kind::slice, where);
  adopt(*out, std::move(start));
  adopt(*out, part());
  adopt(*out, skip_operation(":") ? part() : nullptr);
  return out;
}

expression_ptr parser::parse_call(expression_ptr callee) {
  auto out = make(expression_kind::call, current().at);
  adopt(*out, std::move(callee));
  adopt_arguments(*out, parse_arguments());
  return out;
}

argument_list parser::parse_arguments() {
  const position where = current().at;
  expect_operation("(");
  argument_list out;
  const auto ensure = [&](bool good) {
    if (!good)
      fail("invalid syntax for function call expression", &where);
  };
  for (bool first = true; !at_operation(")"); first = false) {
    if (!first) {
      expect_operation(",");
      if (at_operation(")"))
        break;
    }
    if (skip_operation("*")) {
      ensure(!out.more_positional && !out.more_keyword);
      out.more_positional = parse_expression();
    } else if (skip_operation("**")) {
      ensure(!out.more_keyword);
      out.more_keyword = parse_expression();
    } else if (at(token_kind::name) && ahead().kind == token_kind::operation && ahead().text == "=") {
      ensure(!out.more_keyword);
      const std::string name = take().text;
      take();
      for (const auto& other : out.keyword) {
        if (other.first == name)
          fail("keyword argument repeated: " + name, &where);
      }
      out.keyword.emplace_back(name, parse_expression());
    } else {
      ensure(!out.more_positional && !out.more_keyword && out.keyword.empty());
      out.positional.push_back(parse_expression());
    }
  }
  expect_operation(")");
  return out;
}

std::string parser::parse_dotted_name() {
  std::string name = expect(token_kind::name).text;
  while (skip_operation("."))
    name += "." + expect(token_kind::name).text;
  return name;
}

expression_ptr parser::parse_filter(expression_ptr x, bool inline_start) {
  while (at_operation("|") || inline_start) {
    if (!inline_start)
      take();
    inline_start = false;
    auto out = make(expression_kind::filter, current().at);
    out->name = parse_dotted_name();
    adopt(*out, x ? std::move(x) : make(expression_kind::piped, out->at));
    if (at_operation("("))
      adopt_arguments(*out, parse_arguments());
    x = std::move(out);
  }
  return x;
}

expression_ptr parser::parse_test(expression_ptr x) {
  auto out = make(expression_kind::test, take().at);
  out->negated = skip_word("not");
  out->name = parse_dotted_name();
  adopt(*out, std::move(x));
  const auto literal = [&] {
    return at(token_kind::name) || at(token_kind::string) || at(token_kind::integer) || at(token_kind::real) ||
           at_operation("(") || at_operation("[") || at_operation("{");
  };
  if (at_operation("(")) {
    adopt_arguments(*out, parse_arguments());
  } else if (literal() && !at_word("else") && !at_word("or") && !at_word("and")) {
    if (at_word("is"))
      fail("You cannot chain multiple tests with is");
    argument_list one;
    one.positional.push_back(parse_postfix(parse_primary()));
    adopt_arguments(*out, std::move(one));
  }
  return out;
}

// -- targets

expression_ptr parser::parse_target(std::string_view end_word, bool with_namespace, bool parameter) {
  tuple_options options;
  options.simplified = true;
  options.end_word = end_word;
  options.with_namespace = with_namespace;
  auto target = parse_tuple(options);
  const bool in_loop = loops_ > 0 && !parameter;
  const auto assignable = [&](const expression& x, const auto& self) -> bool {
    if (in_loop && x.kind == expression_kind::name && x.name == "loop")
      fail("Can't assign to special loop variable in for-loop target", &x.at);
    if (x.kind == expression_kind::name || x.kind == expression_kind::namespace_ref)
      return true;
    return x.kind == expression_kind::tuple &&
           std::all_of(x.operands.begin(), x.operands.end(), [&](const auto& item) { return self(*item, self); });
  };
  if (!assignable(*target, assignable))
    fail("can't assign to this expression", &target->at);
  return target;
}

std::string parser::parse_target_name() {
  const token word = expect(token_kind::name);
  constexpr std::array<std::string_view, 6> reserved = {"true", "false", "none", "True", "False", "None"};
  if (std::find(reserved.begin(), reserved.end(), word.text) != reserved.end())
    fail("can't assign to 'name'", &word.at);
  if (text::is_digit(text::decode(word.text, 0).code))
    fail("Invalid character in identifier", &word.at);
  return word.text;
}

} // namespace muster::spec::tmpl
