#pragma once

#include "spec/template/operations.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The syntax tree of a template.
namespace muster::spec::tmpl {

struct expression;
using expression_ptr = std::unique_ptr<expression>;

enum class expression_kind {
  constant,
  name, ///< Its text is in `constant` as well, ready to be looked up.
  list,
  tuple,
  dict,      ///< Operands: key, value, key, value...
  attribute, ///< operand.name
  item,      ///< operand[operand]
  slice,     ///< start, stop, step; each may be missing. Only as the second operand of an item.
  call,      ///< operand(arguments)
  filter,    ///< operand|name(arguments)
  test,      ///< operand is name(arguments)
  piped,     ///< What a filter block or a block set gives to its filter.
  minus,
  plus,
  negation,
  conjunction,
  disjunction,
  binary,
  concat,
  compare,       ///< operand symbol operand symbol operand...
  conditional,   ///< test, value, otherwise; the last may be missing.
  namespace_ref, ///< name.attribute, as a target only; the attribute is `constant`.
};

struct argument_list {
  std::vector<expression_ptr> positional;
  std::vector<std::pair<std::string, expression_ptr>> keyword;
  expression_ptr more_positional; ///< *x
  expression_ptr more_keyword;    ///< **x
};

struct expression {
  expression_kind kind = expression_kind::constant;
  position at;
  std::size_t height = 1; ///< Of the tree below, to bound recursion.
  std::string name;
  value constant;
  binary op = binary::add;
  bool negated = false;
  std::vector<expression_ptr> operands;
  std::vector<std::string> symbols;
  argument_list args;
};

struct statement;
using statement_list = std::vector<std::unique_ptr<statement>>;

enum class statement_kind { data, output, condition, loop, set, set_block, with, macro, call_block, filter_block };

/// The parameters and the body of a macro, and which special names it asks for.
struct macro_definition {
  std::string name;
  position at;
  std::vector<std::string> parameters;
  std::vector<expression_ptr> defaults; ///< Of the last parameters.
  statement_list body;
  bool wants_caller = false;
  bool wants_varargs = false;
  bool wants_kwargs = false;
};

struct statement {
  statement_kind kind = statement_kind::data;
  position at;
  std::string text;                        ///< data
  std::vector<expression_ptr> expressions; ///< output; tests of a condition; values of with
  std::vector<expression_ptr> targets;     ///< of set, loop and with
  expression_ptr subject;                  ///< what a loop runs over; the value of set; the call; the filter
  expression_ptr only_if;                  ///< the test of a loop
  bool recursive = false;
  std::vector<statement_list>
      bodies; ///< of a condition one per test, and one more for else; else one, and a loop's else
  std::unique_ptr<macro_definition> macro;
};

/// Attributes and constant items of a name as they would be written, such as `results.a.x[0]`; empty for any other
/// expression.
[[nodiscard]] std::string constant_path(const expression& x);

/// Parses a template and checks the names of its filters and tests, as Jinja does when it compiles.
[[nodiscard]] statement_list parse(runtime& rt, std::string_view text);

/// Parses a lone expression, likewise.
[[nodiscard]] expression_ptr parse_expression(runtime& rt, std::string_view text);

} // namespace muster::spec::tmpl
