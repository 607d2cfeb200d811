#include "spec/template/parser.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <array>

namespace muster::spec::tmpl {
namespace {

std::unique_ptr<statement> make_statement(statement_kind kind, const position& where) {
  auto out = std::make_unique<statement>();
  out->kind = kind;
  out->at = where;
  return out;
}

std::string join_quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : " or ") + text::quote(word);
  return out;
}

} // namespace

statement_list parser::parse_template() {
  return parse_until({});
}

// Statements up to one of the tags `ends`, whose name is then the current token.
statement_list parser::parse_until(words ends) {
  statement_list out;
  if (ends.size() > 0)
    ends_.emplace_back(ends.begin(), ends.end());
  while (!at(token_kind::end)) {
    rt_.take(sizeof(statement));
    if (at(token_kind::data)) {
      out.push_back(make_statement(statement_kind::data, current().at));
      out.back()->text = take().text;
    } else if (at(token_kind::variable_begin)) {
      out.push_back(parse_output());
    } else {
      expect(token_kind::block_begin);
      if (at(token_kind::name) && std::find(ends.begin(), ends.end(), current().text) != ends.end())
        break;
      out.push_back(parse_statement());
      expect(token_kind::block_end);
    }
  }
  if (ends.size() > 0 && at(token_kind::end))
    unexpected_end(nullptr, current().at);
  if (ends.size() > 0)
    ends_.pop_back();
  return out;
}

// The rest of an opening tag, then statements up to one of the tags `ends`.
statement_list parser::parse_body(words ends) {
  skip_operation(":");
  expect(token_kind::block_end);
  return parse_until(ends);
}

std::unique_ptr<statement> parser::parse_output() {
  auto out = make_statement(statement_kind::output, take().at);
  out->expressions.push_back(parse_tuple({}));
  expect(token_kind::variable_end);
  return out;
}

void parser::unexpected_end(const std::string* tag, const position& where) {
  std::string message =
      tag == nullptr ? "Unexpected end of template." : "Encountered unknown tag " + text::quote(*tag) + ".";
  if (!ends_.empty()) {
    const bool known = tag != nullptr && std::any_of(ends_.begin(), ends_.end(), [&](const auto& expected) {
                         return std::find(expected.begin(), expected.end(), *tag) != expected.end();
                       });
    message += known ? " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for "
                     : " Jinja was looking for the following tags: ";
    message += join_quoted(ends_.back()) + ".";
  }
  if (!tags_.empty())
    message += " The innermost block that needs to be closed is " + text::quote(tags_.back()) + ".";
  fail(message, &where);
}

std::unique_ptr<statement> parser::parse_statement() {
  const nesting deeper(*this);
  if (!at(token_kind::name))
    fail("tag name expected");
  const token tag = current();
  constexpr std::array<std::string_view, 10> known = {"if",   "for",    "set",   "with",       "macro",
                                                      "call", "filter", "print", "autoescape", "block"};
  constexpr std::array<std::string_view, 4> loading = {"include", "import", "from", "extends"};
  if (std::find(loading.begin(), loading.end(), tag.text) != loading.end())
    fail("'" + tag.text + "' is not supported: a template cannot load another one");
  if (std::find(known.begin(), known.end(), tag.text) == known.end())
    unexpected_end(&tag.text, tag.at);
  tags_.push_back(tag.text);
  auto out = parse_known(tag);
  tags_.pop_back();
  return out;
}

std::unique_ptr<statement> parser::parse_known(const token& tag) {
  if (tag.text == "if")
    return parse_if();
  if (tag.text == "for")
    return parse_for();
  if (tag.text == "set")
    return parse_set();
  if (tag.text == "with")
    return parse_with();
  if (tag.text == "macro")
    return parse_macro();
  if (tag.text == "call")
    return parse_call_block();
  if (tag.text == "filter")
    return parse_filter_block();
  if (tag.text == "print")
    return parse_print();
  fail("'" + tag.text + "' is not supported in templates", &tag.at);
}

std::unique_ptr<statement> parser::parse_print() {
  auto out = make_statement(statement_kind::output, take().at);
  while (!at(token_kind::block_end)) {
    if (!out->expressions.empty())
      expect_operation(",");
    out->expressions.push_back(parse_expression());
  }
  return out;
}

std::unique_ptr<statement> parser::parse_if() {
  auto out = make_statement(statement_kind::condition, take().at);
  tuple_options options;
  options.with_condition = false;
  for (;;) {
    out->expressions.push_back(parse_tuple(options));
    out->bodies.push_back(parse_body({"elif", "else", "endif"}));
    const std::string word = take().text;
    if (word == "elif")
      continue;
    if (word == "else") {
      out->bodies.push_back(parse_body({"endif"}));
      take();
    }
    return out;
  }
}

std::unique_ptr<statement> parser::parse_for() {
  auto out = make_statement(statement_kind::loop, take().at);
  ++loops_;
  out->targets.push_back(parse_target("in"));
  expect_word("in");
  tuple_options options;
  options.with_condition = false;
  options.end_word = "recursive";
  out->subject = parse_tuple(options);
  if (skip_word("if"))
    out->only_if = parse_expression();
  out->recursive = skip_word("recursive");
  out->bodies.push_back(parse_body({"endfor", "else"}));
  if (take().text == "else") {
    out->bodies.push_back(parse_body({"endfor"}));
    take();
  }
  --loops_;
  return out;
}

std::unique_ptr<statement> parser::parse_set() {
  auto out = make_statement(statement_kind::set, take().at);
  out->targets.push_back(parse_target({}, true));
  if (skip_operation("=")) {
    out->subject = parse_tuple({});
    return out;
  }
  out->kind = statement_kind::set_block;
  out->subject = parse_filter(nullptr);
  out->bodies.push_back(parse_body({"endset"}));
  take();
  return out;
}

std::unique_ptr<statement> parser::parse_with() {
  auto out = make_statement(statement_kind::with, take().at);
  while (!at(token_kind::block_end)) {
    if (!out->targets.empty())
      expect_operation(",");
    out->targets.push_back(parse_target({}, false, true));
    expect_operation("=");
    out->expressions.push_back(parse_expression());
  }
  out->bodies.push_back(parse_body({"endwith"}));
  take();
  return out;
}

void parser::parse_signature(macro_definition& macro) {
  expect_operation("(");
  while (!at_operation(")")) {
    if (!macro.parameters.empty())
      expect_operation(",");
    const std::string name = parse_target_name();
    if (std::find(macro.parameters.begin(), macro.parameters.end(), name) != macro.parameters.end())
      fail("duplicate argument " + text::quote(name) + " in the definition of a macro");
    macro.parameters.push_back(name);
    if (skip_operation("="))
      macro.defaults.push_back(parse_expression());
    else if (!macro.defaults.empty())
      fail("non-default argument follows default argument");
  }
  expect_operation(")");
}

void parser::parse_macro_body(macro_definition& macro, std::string_view end) {
  macro.body = parse_body({end});
  take();
  macros_.pop_back();
  const auto named = [&](std::string_view name) {
    return std::find(macro.parameters.begin(), macro.parameters.end(), name) != macro.parameters.end();
  };
  macro.wants_varargs = macro.wants_varargs && !named("varargs");
  macro.wants_kwargs = macro.wants_kwargs && !named("kwargs");
  macro.wants_caller = macro.wants_caller && !named("caller");
}

std::unique_ptr<statement> parser::parse_macro() {
  auto out = make_statement(statement_kind::macro, take().at);
  out->macro = std::make_unique<macro_definition>();
  out->macro->at = out->at;
  out->macro->name = parse_target_name();
  macros_.push_back(out->macro.get());
  parse_signature(*out->macro);
  parse_macro_body(*out->macro, "endmacro");
  return out;
}

std::unique_ptr<statement> parser::parse_call_block() {
  auto out = make_statement(statement_kind::call_block, take().at);
  out->macro = std::make_unique<macro_definition>();
  out->macro->at = out->at;
  out->macro->name = "caller";
  if (at_operation("("))
    parse_signature(*out->macro);
  out->subject = parse_expression();
  if (out->subject->kind != expression_kind::call)
    fail("expected call", &out->at);
  macros_.push_back(out->macro.get());
  parse_macro_body(*out->macro, "endcall");
  return out;
}

std::unique_ptr<statement> parser::parse_filter_block() {
  auto out = make_statement(statement_kind::filter_block, take().at);
  out->subject = parse_filter(nullptr, true);
  out->bodies.push_back(parse_body({"endfilter"}));
  take();
  return out;
}

} // namespace muster::spec::tmpl
