#pragma once

#include "spec/template/lexer.hpp"
#include "spec/template/syntax.hpp"

#include <algorithm>
#include <initializer_list>

namespace muster::spec::tmpl {

/// Turns tokens into the tree, by Jinja's grammar. One object parses one template.
class parser {
public:
  parser(runtime& rt, std::vector<token> tokens) : rt_(rt), tokens_(std::move(tokens)) {}

  [[nodiscard]] statement_list parse_template();
  /// One expression, up to the end of the tokens.
  [[nodiscard]] expression_ptr parse_lone_expression();

private:
  using words = std::initializer_list<std::string_view>;

  // -- tokens
  [[nodiscard]] const token& current();
  [[nodiscard]] const token& ahead() const { return tokens_[std::min(i_ + 1, tokens_.size() - 1)]; }
  token take();
  [[nodiscard]] bool at(token_kind kind) { return current().kind == kind; }
  [[nodiscard]] bool at_operation(std::string_view symbol);
  [[nodiscard]] bool at_word(std::string_view word);
  bool skip_operation(std::string_view symbol);
  bool skip_word(std::string_view word);
  token expect(token_kind kind);
  void expect_operation(std::string_view symbol);
  void expect_word(std::string_view word);
  [[noreturn]] void fail(const std::string& message, const position* where = nullptr);

  // -- expressions
  expression_ptr parse_expression(bool with_condition = true);
  expression_ptr parse_conditional();
  expression_ptr parse_or();
  expression_ptr parse_and();
  expression_ptr parse_not();
  expression_ptr parse_compare();
  expression_ptr parse_sum();
  expression_ptr parse_concat();
  expression_ptr parse_product();
  expression_ptr parse_power();
  expression_ptr parse_unary(bool with_filter = true);
  expression_ptr parse_primary(bool with_namespace = false);
  expression_ptr parse_name(bool with_namespace);
  expression_ptr parse_list();
  expression_ptr parse_dict();
  expression_ptr parse_postfix(expression_ptr x);
  expression_ptr parse_filters_and_tests(expression_ptr x);
  expression_ptr parse_subscript(expression_ptr x);
  expression_ptr parse_subscribed();
  expression_ptr parse_call(expression_ptr callee);
  expression_ptr parse_filter(expression_ptr x, bool inline_start = false);
  expression_ptr parse_test(expression_ptr x);
  argument_list parse_arguments();
  std::string parse_dotted_name();
  struct tuple_options {
    bool simplified = false;
    bool with_condition = true;
    std::string_view end_word = {};
    bool explicit_parentheses = false;
    bool with_namespace = false;
  };
  expression_ptr parse_tuple(const tuple_options& options);
  expression_ptr parse_target(std::string_view end_word = {}, bool with_namespace = false, bool parameter = false);
  std::string parse_target_name();

  // -- statements
  statement_list parse_until(words ends);
  statement_list parse_body(words ends);
  std::unique_ptr<statement> parse_output();
  std::unique_ptr<statement> parse_statement();
  std::unique_ptr<statement> parse_known(const token& tag);
  std::unique_ptr<statement> parse_print();
  std::unique_ptr<statement> parse_if();
  std::unique_ptr<statement> parse_for();
  std::unique_ptr<statement> parse_set();
  std::unique_ptr<statement> parse_with();
  std::unique_ptr<statement> parse_macro();
  std::unique_ptr<statement> parse_call_block();
  std::unique_ptr<statement> parse_filter_block();
  void parse_signature(macro_definition& macro);
  void parse_macro_body(macro_definition& macro, std::string_view end);
  [[noreturn]] void unexpected_end(const std::string* tag, const position& where);

  // -- nodes
  expression_ptr make(expression_kind kind, const position& where);
  void adopt(expression& parent, expression_ptr child);
  void adopt_arguments(expression& parent, argument_list args);
  expression_ptr make_binary(expression_kind kind, expression_ptr left, expression_ptr right, const position& where);
  void note_special(const std::string& name);

  /// Bounds the nesting of constructs in the text.
  class nesting {
  public:
    explicit nesting(parser& owner);
    ~nesting() { --owner_.depth_; }
    nesting(const nesting&) = delete;
    nesting& operator=(const nesting&) = delete;

  private:
    parser& owner_;
  };

  runtime& rt_;
  std::vector<token> tokens_;
  std::size_t i_ = 0;
  std::size_t depth_ = 0;
  std::size_t loops_ = 0;                      ///< Open loops: in one, `loop` cannot be assigned to.
  std::vector<std::vector<std::string>> ends_; ///< What each open block is looking for.
  std::vector<std::string> tags_;              ///< The open blocks.
  std::vector<macro_definition*> macros_;      ///< Those whose text is being read.
};

} // namespace muster::spec::tmpl
