#include "spec/template/evaluator.hpp"
#include "spec/template/methods.hpp"
#include "spec/template/objects.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

namespace muster::spec::tmpl {

evaluator::evaluator(runtime& rt, const value& variables)
    : rt_(rt), variables_(variables), scope_(std::make_shared<scope>()) {}

value evaluator::evaluate(const expression& x) {
  const runtime::level nested(rt_);
  rt_.step();
  rt_.at = x.at;
  switch (x.kind) {
    case expression_kind::constant: return x.constant;
    case expression_kind::name: return evaluate_name(x);
    case expression_kind::list: return rt_.list(evaluate_all(x.operands));
    case expression_kind::tuple: return rt_.tuple(evaluate_all(x.operands));
    case expression_kind::dict: return evaluate_dict(x);
    case expression_kind::attribute: return evaluate_attribute(x);
    case expression_kind::item: return evaluate_item(x);
    case expression_kind::call: return evaluate_call(x);
    case expression_kind::filter: return evaluate_filter(x);
    case expression_kind::test: return evaluate_test(x);
    case expression_kind::piped: return piped_;
    case expression_kind::minus: return negative(evaluate(*x.operands[0]));
    case expression_kind::plus: return positive(evaluate(*x.operands[0]));
    case expression_kind::negation: return !truth(evaluate(*x.operands[0]));
    case expression_kind::conjunction: {
      const value left = evaluate(*x.operands[0]);
      return truth(left) ? evaluate(*x.operands[1]) : left;
    }
    case expression_kind::disjunction: {
      const value left = evaluate(*x.operands[0]);
      return truth(left) ? left : evaluate(*x.operands[1]);
    }
    case expression_kind::binary: {
      const value left = evaluate(*x.operands[0]);
      const value right = evaluate(*x.operands[1]);
      rt_.at = x.at;
      return arithmetic(rt_, x.op, left, right);
    }
    case expression_kind::concat: return evaluate_concat(x);
    case expression_kind::compare: return evaluate_compare(x);
    case expression_kind::conditional: return evaluate_conditional(x);
    case expression_kind::slice:
    case expression_kind::namespace_ref: break;
  }
  throw failure{"this is not an expression"};
}

value evaluator::evaluate_name(const expression& x) {
  for (const scope* s = scope_.get(); s != nullptr; s = s->parent.get()) {
    const auto found = s->names.find(x.name);
    if (found != s->names.end())
      return found->second;
  }
  if (const value* found = variables_.dict().find(x.kind == expression_kind::name ? x.constant : value(x.name)))
    return *found;
  value global;
  if (find_global(rt_, x.name, global))
    return global;
  return value::make_undefined(text::quote(x.name) + " is undefined");
}

value evaluator::evaluate_attribute(const expression& x) {
  value object = evaluate(*x.operands[0]);
  rt_.at = x.at;
  if (!rt_.lone)
    return get_attribute(rt_, object, x.name);
  if (object.is_undefined())
    return object;
  if (object.is(type::dict))
    if (const value* found = object.dict().find(x.name))
      return *found;
  return named_if_undefined(x, get_attribute(rt_, object, x.name));
}

value evaluator::named_if_undefined(const expression& x, value found) const {
  if (!rt_.lone || !found.is_undefined())
    return found;
  const auto path = constant_path(x);
  return path.empty() ? found : value::make_undefined(text::quote(path) + " is undefined");
}

list_type evaluator::evaluate_all(const std::vector<expression_ptr>& xs) {
  list_type out;
  out.reserve(xs.size());
  for (const auto& x : xs)
    out.push_back(evaluate(*x));
  return out;
}

value evaluator::evaluate_dict(const expression& x) {
  template_dict out;
  for (std::size_t i = 0; i + 1 < x.operands.size(); i += 2) {
    const value key = evaluate(*x.operands[i]);
    const value item = evaluate(*x.operands[i + 1]);
    set_entry(rt_, out, key, item);
  }
  return rt_.dict(std::move(out));
}

value evaluator::evaluate_item(const expression& x) {
  value object = evaluate(*x.operands[0]);
  const expression& key = *x.operands[1];
  if (key.kind != expression_kind::slice) {
    const value k = evaluate(key);
    rt_.at = x.at;
    if (rt_.lone && object.is_undefined())
      return object;
    return named_if_undefined(x, get_item(rt_, object, k));
  }
  const auto part = [&](std::size_t i) { return key.operands[i] ? evaluate(*key.operands[i]) : value(); };
  const value start = part(0);
  const value stop = part(1);
  const value step = part(2);
  rt_.at = x.at;
  return get_slice(rt_, object, start, stop, step);
}

arguments evaluator::evaluate_arguments(const argument_list& args) {
  arguments out;
  out.positional = evaluate_all(args.positional);
  for (const auto& [name, x] : args.keyword)
    out.keyword.emplace_back(name, evaluate(*x));
  if (args.more_positional) {
    const list_type more = iterate(rt_, evaluate(*args.more_positional));
    out.positional.insert(out.positional.end(), more.begin(), more.end());
  }
  if (!args.more_keyword)
    return out;
  const value more = evaluate(*args.more_keyword);
  require_defined(more);
  if (!more.is(type::dict))
    throw failure{"argument after ** must be a mapping, not " + type_name(more)};
  for (const auto& [key, x] : more.dict().entries()) {
    if (!key.is_string())
      throw failure{"keywords must be strings"};
    for (const auto& other : out.keyword) {
      rt_.step();
      if (other.first == key.as_string())
        throw failure{"got multiple values for keyword argument " + text::quote(other.first)};
    }
    out.keyword.emplace_back(key.as_string(), x);
  }
  return out;
}

value evaluator::evaluate_call(const expression& x, const value* caller) {
  const expression& callee = *x.operands[0];
  const auto complete = [&] {
    arguments args = evaluate_arguments(x.args);
    if (caller != nullptr)
      args.keyword.emplace_back("caller", *caller);
    rt_.at = x.at;
    return args;
  };
  if (callee.kind == expression_kind::attribute) {
    // A method is called without making a value of it first.
    const value self = evaluate(*callee.operands[0]);
    rt_.at = callee.at;
    require_defined(self);
    if (const method direct = find_method(rt_, self, callee.name)) {
      arguments args = complete();
      return direct(rt_, self, args);
    }
    const value function = get_attribute(rt_, self, callee.name);
    arguments args = complete();
    return call(rt_, function, args);
  }
  const value function = evaluate(callee);
  arguments args = complete();
  return call(rt_, function, args);
}

value evaluator::evaluate_filter(const expression& x) {
  const value in = evaluate(*x.operands[0]);
  arguments args = evaluate_arguments(x.args);
  rt_.at = x.at;
  return apply_filter(rt_, x.name, in, args);
}

value evaluator::evaluate_test(const expression& x) {
  const value in = evaluate(*x.operands[0]);
  arguments args = evaluate_arguments(x.args);
  rt_.at = x.at;
  return apply_test(rt_, x.name, in, args) != x.negated;
}

value evaluator::evaluate_concat(const expression& x) {
  std::string out;
  for (const auto& operand : x.operands) {
    const std::string piece = to_str(rt_, evaluate(*operand));
    rt_.take(piece.size());
    out += piece;
  }
  return rt_.str(std::move(out));
}

bool evaluator::compare(const std::string& symbol, const value& a, const value& b) {
  if (symbol == "==")
    return equal(rt_, a, b);
  if (symbol == "!=")
    return !equal(rt_, a, b);
  if (symbol == "in")
    return contains(rt_, b, a);
  if (symbol == "not in")
    return !contains(rt_, b, a);
  const bool strict = symbol.size() == 1;
  if (symbol[0] == '<')
    return ordered(rt_, strict ? order::less : order::less_equal, a, b);
  return ordered(rt_, strict ? order::greater : order::greater_equal, a, b);
}

value evaluator::evaluate_compare(const expression& x) {
  value left = evaluate(*x.operands[0]);
  for (std::size_t i = 0; i < x.symbols.size(); ++i) {
    const value right = evaluate(*x.operands[i + 1]);
    rt_.at = x.at;
    if (!compare(x.symbols[i], left, right))
      return false;
    left = right;
  }
  return true;
}

value evaluator::evaluate_conditional(const expression& x) {
  if (truth(evaluate(*x.operands[0])))
    return evaluate(*x.operands[1]);
  if (x.operands[2])
    return evaluate(*x.operands[2]);
  return value::make_undefined("the inline if-expression on line " + std::to_string(x.at.line) +
                                   " evaluated to false and no else section was defined.",
                               true);
}

} // namespace muster::spec::tmpl
