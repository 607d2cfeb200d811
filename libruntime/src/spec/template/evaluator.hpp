#pragma once

#include "spec/template/syntax.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace muster::spec::tmpl {

/// The names of one scope. A loop round, a macro call, `with` and the blocks that capture text each have their own;
/// what is set in it is not seen outside.
struct scope {
  std::map<std::string, value, std::less<>> names;
  std::shared_ptr<scope> parent;
};

/// Renders a tree. One object renders once.
class evaluator {
public:
  /// `variables` is a dict that belongs to `rt`.
  evaluator(runtime& rt, const value& variables);

  [[nodiscard]] std::string render(const statement_list& body);
  /// The value of a lone expression. Its containers live no longer than the runtime.
  [[nodiscard]] value evaluate_lone(const expression& x) { return evaluate(x); }

  // For macros and loops, which run statements when they are called.
  [[nodiscard]] value call_macro(const macro_definition& macro, const std::shared_ptr<scope>& defined_in,
                                 arguments& args);
  [[nodiscard]] value call_loop(const statement& loop, const std::shared_ptr<scope>& outer, const value& subject,
                                std::size_t depth);

private:
  friend class loop_object;

  // -- statements
  void run(const statement_list& body);
  void run(const statement& x);
  void run_output(const statement& x);
  void run_condition(const statement& x);
  void run_loop(const statement& x, const value& subject, std::size_t depth);
  void run_with(const statement& x);
  void run_call_block(const statement& x);
  void assign(const expression& target, const value& x);
  void print(const value& x) { append(x.is_string() ? x.as_string() : to_str(rt_, x)); }
  void append(std::string_view text);
  [[nodiscard]] std::string capture(const std::function<void()>& body);
  [[nodiscard]] value filtered(const expression* filter, std::string text);
  [[nodiscard]] value make_macro(const macro_definition& macro);

  // -- expressions
  [[nodiscard]] value evaluate(const expression& x);
  [[nodiscard]] value evaluate_name(const expression& x);
  [[nodiscard]] value evaluate_dict(const expression& x);
  [[nodiscard]] value evaluate_item(const expression& x);
  [[nodiscard]] value evaluate_attribute(const expression& x);
  [[nodiscard]] value named_if_undefined(const expression& x, value found) const;
  [[nodiscard]] value evaluate_call(const expression& x, const value* caller = nullptr);
  [[nodiscard]] value evaluate_filter(const expression& x);
  [[nodiscard]] value evaluate_test(const expression& x);
  [[nodiscard]] value evaluate_concat(const expression& x);
  [[nodiscard]] value evaluate_compare(const expression& x);
  [[nodiscard]] value evaluate_conditional(const expression& x);
  [[nodiscard]] bool compare(const std::string& symbol, const value& a, const value& b);
  [[nodiscard]] list_type evaluate_all(const std::vector<expression_ptr>& xs);
  [[nodiscard]] arguments evaluate_arguments(const argument_list& args);

  /// A new innermost scope for as long as it lives.
  class inner_scope {
  public:
    inner_scope(evaluator& owner, std::shared_ptr<scope> parent);
    explicit inner_scope(evaluator& owner) : inner_scope(owner, owner.scope_) {}
    ~inner_scope() { owner_.scope_ = std::move(outer_); }
    inner_scope(const inner_scope&) = delete;
    inner_scope& operator=(const inner_scope&) = delete;

  private:
    evaluator& owner_;
    std::shared_ptr<scope> outer_;
  };

  runtime& rt_;
  value variables_;
  std::shared_ptr<scope> scope_;
  std::string* out_ = nullptr;
  value piped_;
};

/// The items of a loop as they come: those that pass its test, one ahead at most unless all are asked for.
class loop_items {
public:
  loop_items(list_type items, std::function<bool(const value&)> passes)
      : items_(std::move(items)), passes_(std::move(passes)) {}
  /// The next item, if there is one.
  [[nodiscard]] std::optional<value> take();
  [[nodiscard]] const value* peek();
  /// How many are left.
  [[nodiscard]] std::size_t count();

private:
  bool fetch();

  list_type items_;
  std::size_t next_ = 0;
  std::function<bool(const value&)> passes_;
  std::deque<value> ahead_;
};

/// The variable `loop`.
class loop_object final : public template_object {
public:
  loop_object(evaluator& owner, const statement& source, std::shared_ptr<scope> outer, std::size_t depth,
              loop_items items);

  [[nodiscard]] std::string type_name() const override { return "jinja2.runtime.LoopContext"; }
  [[nodiscard]] std::string repr(walk& w) const override;
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] bool sized() const override { return false; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  value call(runtime& rt, arguments& args) override;
  void clear() override;

  /// Goes on to the next item; false after the last.
  bool advance();
  [[nodiscard]] const value& current() const { return current_; }

private:
  [[nodiscard]] std::int64_t length() const { return index_ + 1 + static_cast<std::int64_t>(items_.count()); }
  [[nodiscard]] value cycle(const arguments& args) const;
  [[nodiscard]] value changed(runtime& rt, const arguments& args);

  evaluator* owner_;
  const statement& source_;
  std::shared_ptr<scope> outer_;
  std::size_t depth_;
  mutable loop_items items_; ///< Asking how many are left looks ahead.
  std::int64_t index_ = -1;
  value current_;
  std::optional<value> previous_;
  std::optional<list_type> last_changed_;
};

} // namespace muster::spec::tmpl
