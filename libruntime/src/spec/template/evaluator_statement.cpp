#include "spec/template/evaluator.hpp"
#include "spec/template/objects.hpp"
#include "spec/template/text.hpp"

namespace muster::spec::tmpl {
namespace {

// A macro, and the scope whose names it sees.
class macro_object final : public template_object {
public:
  macro_object(evaluator& owner, const macro_definition& macro, std::shared_ptr<scope> defined_in)
      : owner_(owner), macro_(macro), scope_(std::move(defined_in)) {}

  [[nodiscard]] std::string type_name() const override { return "Macro"; }
  [[nodiscard]] std::string repr(walk& /*w*/) const override { return "<Macro " + text::quote(macro_.name) + ">"; }
  [[nodiscard]] bool callable() const override { return true; }

  bool attribute(runtime& rt, std::string_view name, value& out) override {
    if (name == "name") {
      out = rt.str(macro_.name);
    } else if (name == "arguments") {
      list_type names;
      for (const auto& parameter : macro_.parameters)
        names.push_back(rt.str(parameter));
      out = rt.tuple(std::move(names));
    } else if (name == "catch_kwargs" || name == "catch_varargs" || name == "caller") {
      out = name == "caller"         ? macro_.wants_caller
            : name == "catch_kwargs" ? macro_.wants_kwargs
                                     : macro_.wants_varargs;
    } else {
      return false;
    }
    return true;
  }

  value call(runtime& /*rt*/, arguments& args) override { return owner_.call_macro(macro_, scope_, args); }
  void clear() override { scope_.reset(); }

private:
  evaluator& owner_;
  const macro_definition& macro_;
  std::shared_ptr<scope> scope_;
};

} // namespace

evaluator::inner_scope::inner_scope(evaluator& owner, std::shared_ptr<scope> parent)
    : owner_(owner), outer_(owner.scope_) {
  owner.scope_ = std::make_shared<scope>();
  owner.scope_->parent = std::move(parent);
}

std::string evaluator::render(const statement_list& body) {
  return capture([&] { run(body); });
}

std::string evaluator::capture(const std::function<void()>& body) {
  std::string text;
  std::string* const outer = out_;
  out_ = &text;
  // No guard: a failure ends the whole rendering.
  body();
  out_ = outer;
  return text;
}

void evaluator::append(std::string_view piece) {
  if (out_->size() + piece.size() > rt_.limits().output_bytes)
    throw failure{"the rendered text is longer than " + std::to_string(rt_.limits().output_bytes) + " bytes",
                  ec::limit_exceeded};
  rt_.take(piece.size());
  *out_ += piece;
}

void evaluator::run(const statement_list& body) {
  for (const auto& x : body)
    run(*x);
}

void evaluator::run(const statement& x) {
  const runtime::level nested(rt_);
  rt_.step();
  rt_.at = x.at;
  switch (x.kind) {
    case statement_kind::data: append(x.text); return;
    case statement_kind::output: run_output(x); return;
    case statement_kind::condition: run_condition(x); return;
    case statement_kind::loop: run_loop(x, evaluate(*x.subject), 0); return;
    case statement_kind::set: assign(*x.targets[0], evaluate(*x.subject)); return;
    case statement_kind::set_block: {
      std::string text = capture([&] {
        const inner_scope block(*this);
        run(x.bodies[0]);
      });
      assign(*x.targets[0], filtered(x.subject.get(), std::move(text)));
      return;
    }
    case statement_kind::with: run_with(x); return;
    case statement_kind::macro: scope_->names[x.macro->name] = make_macro(*x.macro); return;
    case statement_kind::call_block: run_call_block(x); return;
    case statement_kind::filter_block: {
      const inner_scope block(*this);
      std::string text = capture([&] { run(x.bodies[0]); });
      print(filtered(x.subject.get(), std::move(text)));
      return;
    }
  }
}

value evaluator::filtered(const expression* filter, std::string text) {
  value x = rt_.str(std::move(text));
  if (filter == nullptr)
    return x;
  piped_ = std::move(x);
  return evaluate(*filter);
}

void evaluator::run_output(const statement& x) {
  for (const auto& e : x.expressions) {
    const value result = evaluate(*e);
    rt_.at = e->at;
    print(result);
  }
}

void evaluator::run_condition(const statement& x) {
  for (std::size_t i = 0; i < x.bodies.size(); ++i) {
    if (i >= x.expressions.size() || truth(evaluate(*x.expressions[i]))) {
      run(x.bodies[i]);
      return;
    }
  }
}

void evaluator::run_with(const statement& x) {
  const list_type values = evaluate_all(x.expressions);
  const inner_scope block(*this);
  for (std::size_t i = 0; i < values.size(); ++i)
    assign(*x.targets[i], values[i]);
  run(x.bodies[0]);
}

void evaluator::run_call_block(const statement& x) {
  const value caller = make_macro(*x.macro);
  rt_.at = x.at;
  print(evaluate_call(*x.subject, &caller));
}

void evaluator::assign(const expression& target, const value& x) {
  rt_.step();
  rt_.at = target.at;
  if (target.kind == expression_kind::name) {
    rt_.take(sizeof(value));
    scope_->names[target.name] = x;
    return;
  }
  if (target.kind == expression_kind::namespace_ref) {
    const value ns = evaluate_name(target);
    require_defined(ns);
    auto* object = ns.is(type::object) ? dynamic_cast<namespace_object*>(&ns.object()) : nullptr;
    if (object == nullptr)
      throw failure{"cannot assign attribute on non-namespace object"};
    object->set(rt_, target.constant.as_string(), x);
    return;
  }
  require_defined(x);
  if (!iterable(x))
    throw failure{"cannot unpack non-iterable " + type_name(x) + " object"};
  const list_type items = iterate(rt_, x);
  const std::size_t expected = target.operands.size();
  if (items.size() > expected)
    throw failure{"too many values to unpack (expected " + std::to_string(expected) + ")"};
  if (items.size() < expected)
    throw failure{"not enough values to unpack (expected " + std::to_string(expected) + ", got " +
                  std::to_string(items.size()) + ")"};
  for (std::size_t i = 0; i < expected; ++i)
    assign(*target.operands[i], items[i]);
}

value evaluator::make_macro(const macro_definition& macro) {
  return rt_.object(std::make_shared<macro_object>(*this, macro, scope_));
}

value evaluator::call_macro(const macro_definition& macro, const std::shared_ptr<scope>& defined_in, arguments& args) {
  const runtime::level nested(rt_);
  const position called_at = rt_.at;
  const std::size_t count = macro.parameters.size();
  const inner_scope frame(*this, defined_in);
  auto& names = scope_->names;
  auto keyword = args.keyword;
  const auto take_keyword = [&](std::string_view name) -> std::optional<value> {
    for (auto it = keyword.begin(); it != keyword.end(); ++it) {
      if (it->first == name) {
        value out = it->second;
        keyword.erase(it);
        return out;
      }
    }
    return std::nullopt;
  };
  std::vector<std::optional<value>> given(count);
  for (std::size_t i = 0; i < count; ++i)
    given[i] = i < args.positional.size() ? args.positional[i] : take_keyword(macro.parameters[i]);
  if (macro.wants_caller)
    names["caller"] = take_keyword("caller").value_or(value::make_undefined("No caller defined"));
  if (!keyword.empty() && !macro.wants_kwargs)
    throw failure{"macro " + text::quote(macro.name) + " takes no keyword argument " + text::quote(keyword[0].first)};
  if (args.positional.size() > count && !macro.wants_varargs)
    throw failure{"macro " + text::quote(macro.name) + " takes not more than " + std::to_string(count) +
                  " argument(s)"};
  if (macro.wants_kwargs) {
    template_dict rest;
    for (const auto& [name, x] : keyword)
      set_entry(rt_, rest, rt_.str(name), x);
    names["kwargs"] = rt_.dict(std::move(rest));
  }
  if (macro.wants_varargs)
    names["varargs"] = rt_.tuple(
        list_type(args.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, args.positional.size())),
                  args.positional.end()));
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t without_default = count - macro.defaults.size();
    if (given[i])
      names[macro.parameters[i]] = *given[i];
    else if (i >= without_default)
      names[macro.parameters[i]] = evaluate(*macro.defaults[i - without_default]);
    else
      names[macro.parameters[i]] =
          value::make_undefined("parameter " + text::quote(macro.parameters[i]) + " was not provided");
  }
  std::string text = capture([&] { run(macro.body); });
  rt_.at = called_at;
  return rt_.str(std::move(text));
}

} // namespace muster::spec::tmpl
