#include "spec/template/parser.hpp"
#include "spec/template/text.hpp"

#include <algorithm>

namespace muster::spec::tmpl {
namespace {

// A tree deeper than this is refused; Python's own compiler gives up at about as many.
constexpr std::size_t max_height = 200;

std::string_view describe(token_kind kind) {
  switch (kind) {
    case token_kind::data: return "template data / text";
    case token_kind::variable_begin: return "begin of print statement";
    case token_kind::variable_end: return "end of print statement";
    case token_kind::block_begin: return "begin of statement block";
    case token_kind::block_end: return "end of statement block";
    case token_kind::name: return "name";
    case token_kind::string: return "string";
    case token_kind::integer: return "integer";
    case token_kind::real: return "float";
    case token_kind::end: return "end of template";
    default: return "token";
  }
}

} // namespace

std::string describe(const token& x) {
  const bool spelled = x.kind == token_kind::name || x.kind == token_kind::operation;
  return text::quote(spelled ? std::string_view(x.text) : describe(x.kind));
}

// -- tokens

parser::nesting::nesting(parser& owner) : owner_(owner) {
  if (owner_.depth_ >= max_height)
    owner_.fail("the template nests deeper than " + std::to_string(max_height) + " levels");
  ++owner_.depth_;
}

const token& parser::current() {
  const token& x = tokens_[i_];
  if (x.kind == token_kind::bad)
    fail(x.text, &x.at);
  return x;
}

token parser::take() {
  token out = current();
  if (i_ + 1 < tokens_.size())
    ++i_;
  return out;
}

bool parser::at_operation(std::string_view symbol) {
  return at(token_kind::operation) && tokens_[i_].text == symbol;
}

bool parser::at_word(std::string_view word) {
  return at(token_kind::name) && tokens_[i_].text == word;
}

bool parser::skip_operation(std::string_view symbol) {
  const bool found = at_operation(symbol);
  if (found)
    take();
  return found;
}

bool parser::skip_word(std::string_view word) {
  const bool found = at_word(word);
  if (found)
    take();
  return found;
}

token parser::expect(token_kind kind) {
  if (at(kind))
    return take();
  if (at(token_kind::end))
    fail("unexpected end of template, expected " + text::quote(describe(kind)) + ".");
  fail("expected token " + text::quote(describe(kind)) + ", got " + describe(current()));
}

void parser::expect_operation(std::string_view symbol) {
  if (skip_operation(symbol))
    return;
  if (at(token_kind::end))
    fail("unexpected end of template, expected " + text::quote(symbol) + ".");
  fail("expected token " + text::quote(symbol) + ", got " + describe(current()));
}

void parser::expect_word(std::string_view word) {
  if (!skip_word(word))
    fail("expected token " + text::quote(word) + ", got " + describe(current()));
}

void parser::fail(const std::string& message, const position* where) {
  rt_.at = where != nullptr ? *where : tokens_[i_].at;
  throw failure{message};
}

// -- nodes

expression_ptr parser::make(expression_kind kind, const position& where) {
  rt_.take(sizeof(expression));
  auto out = std::make_unique<expression>();
  out->kind = kind;
  out->at = where;
  return out;
}

void parser::adopt(expression& parent, expression_ptr child) {
  if (child) {
    parent.height = std::max(parent.height, child->height + 1);
    if (parent.height > max_height)
      fail("the expression nests deeper than " + std::to_string(max_height) + " levels", &parent.at);
  }
  parent.operands.push_back(std::move(child));
}

void parser::adopt_arguments(expression& parent, argument_list args) {
  const auto raise = [&](const expression_ptr& x) {
    if (x)
      parent.height = std::max(parent.height, x->height + 1);
  };
  for (const auto& x : args.positional)
    raise(x);
  for (const auto& x : args.keyword)
    raise(x.second);
  raise(args.more_positional);
  raise(args.more_keyword);
  if (parent.height > max_height)
    fail("the expression nests deeper than " + std::to_string(max_height) + " levels", &parent.at);
  parent.args = std::move(args);
}

expression_ptr parser::make_binary(expression_kind kind, expression_ptr left, expression_ptr right,
                                   const position& where) {
  auto out = make(kind, where);
  adopt(*out, std::move(left));
  adopt(*out, std::move(right));
  return out;
}

} // namespace muster::spec::tmpl
