#include "spec/template/lexer.hpp"
#include "spec/template/parser.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

namespace muster::spec::tmpl {
namespace {

// Every filter and test must exist, even where it is never reached; but inside the branches of a condition Jinja looks
// only when it gets there, so that a template may ask `is filter` first.
class name_check {
public:
  explicit name_check(runtime& rt) : rt_(rt) {}

  void visit(const statement_list& body, bool soft) {
    for (const auto& x : body)
      visit(*x, soft);
  }
  void visit(const expression& x) { visit(&x, false); }

private:
  void visit(const statement& x, bool soft) {
    rt_.step();
    const bool branch = x.kind == statement_kind::condition;
    for (const auto& e : x.expressions)
      visit(e.get(), soft || branch);
    const bool block = x.kind == statement_kind::filter_block || x.kind == statement_kind::set_block;
    visit(x.subject.get(), soft && !block);
    visit(x.only_if.get(), false);
    if (x.macro) {
      for (const auto& e : x.macro->defaults)
        visit(e.get(), false);
      visit(x.macro->body, false);
    }
    for (const auto& body : x.bodies)
      visit(body, branch);
  }

  void visit(const expression* x, bool soft) {
    if (x == nullptr)
      return;
    rt_.step();
    const bool inner = soft || x->kind == expression_kind::conditional;
    const bool unknown = (x->kind == expression_kind::filter && find_filter(x->name) == nullptr) ||
                         (x->kind == expression_kind::test && find_test(x->name) == nullptr);
    if (unknown && !soft) {
      rt_.at = x->at;
      throw failure{"No " + std::string(x->kind == expression_kind::filter ? "filter" : "test") + " named " +
                    text::quote(x->name) + "."};
    }
    for (const auto& e : x->operands)
      visit(e.get(), inner);
    for (const auto& e : x->args.positional)
      visit(e.get(), inner);
    for (const auto& e : x->args.keyword)
      visit(e.second.get(), inner);
    visit(x->args.more_positional.get(), inner);
    visit(x->args.more_keyword.get(), inner);
  }

  runtime& rt_;
};

} // namespace

statement_list parse(runtime& rt, std::string_view text) {
  parser p(rt, tokenize(rt, text));
  statement_list out = p.parse_template();
  name_check(rt).visit(out, false);
  return out;
}

expression_ptr parse_expression(runtime& rt, std::string_view text) {
  parser p(rt, tokenize_expression(rt, text));
  auto out = p.parse_lone_expression();
  name_check(rt).visit(*out);
  return out;
}

} // namespace muster::spec::tmpl
