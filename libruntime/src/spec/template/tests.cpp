#include "spec/template/objects.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

namespace muster::spec::tmpl {
namespace {

void none(runtime& rt, const arguments& args) {
  const parameters p(rt, "test", args, {});
}

value one(runtime& rt, const arguments& args) {
  return parameters(rt, "test", args, {"other"}, 1)[0];
}

template <type Kind>
bool is_kind(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return x.is(Kind);
}

bool is_defined(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return !x.is_undefined();
}

bool is_number(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return x.is_number();
}

template <bool Expected>
bool is_flag(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return x.is(type::boolean) && x.as_bool() == Expected;
}

bool is_sequence(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return x.is_lenient() || x.is_string() || x.is_sequence() || x.is(type::dict) ||
         (x.is(type::object) && x.object().subscriptable());
}

bool is_iterable(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  if (!iterable(x))
    require_defined(x);
  return iterable(x);
}

bool is_callable(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return x.is_undefined() || (x.is(type::object) && x.object().callable());
}

template <std::int64_t Rest>
bool has_parity(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  return equal(rt, arithmetic(rt, binary::mod, x, 2), Rest);
}

bool is_divisible(runtime& rt, const value& x, arguments& args) {
  const parameters p(rt, "divisibleby", args, {"num"}, 1);
  return equal(rt, arithmetic(rt, binary::mod, x, p[0]), 0);
}

template <bool Upper>
bool is_case(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  const std::string s = to_str(rt, x);
  rt.step(s.size() / 16);
  bool any = false;
  for (std::size_t i = 0; i < s.size();) {
    const auto c = text::decode(s, i);
    if (Upper ? text::is_lower(c.code) : text::is_upper(c.code))
      return false;
    any = any || (Upper ? text::is_upper(c.code) : text::is_lower(c.code));
    i += c.size;
  }
  return any;
}

bool is_same(runtime& rt, const value& x, arguments& args) {
  const parameters p(rt, "sameas", args, {"other"}, 1);
  return x.is_undefined() || p[0].is_undefined() ? x.is_undefined() && p[0].is_undefined() : x.same_as(p[0]);
}

bool is_escaped(runtime& rt, const value& x, arguments& args) {
  none(rt, args);
  require_defined(x);
  return x.is_string() && x.string().markup;
}

bool is_in(runtime& rt, const value& x, arguments& args) {
  const parameters p(rt, "in", args, {"seq"}, 1);
  return contains(rt, p[0], x);
}

bool is_equal(runtime& rt, const value& x, arguments& args) {
  return equal(rt, x, one(rt, args));
}
bool is_unequal(runtime& rt, const value& x, arguments& args) {
  return !equal(rt, x, one(rt, args));
}

template <order Op>
bool is_ordered(runtime& rt, const value& x, arguments& args) {
  return ordered(rt, Op, x, one(rt, args));
}

template <class Table>
bool known(runtime& rt, const value& x, const arguments& args, Table find) {
  none(rt, args);
  require_defined(x);
  if (!template_dict::hashable(x))
    throw failure{"unhashable type: '" + type_name(x) + "'"};
  return x.is_string() && find(x.as_string()) != nullptr;
}

bool is_filter(runtime& rt, const value& x, arguments& args) {
  return known(rt, x, args, find_filter);
}
bool is_test(runtime& rt, const value& x, arguments& args) {
  return known(rt, x, args, find_test);
}

} // namespace

test find_test(std::string_view name) {
  static const std::map<std::string_view, test> tests = {
      {"odd", has_parity<1>},
      {"even", has_parity<0>},
      {"divisibleby", is_divisible},
      {"defined", is_defined},
      {"undefined", is_kind<type::undefined>},
      {"filter", is_filter},
      {"test", is_test},
      {"none", is_kind<type::none>},
      {"boolean", is_kind<type::boolean>},
      {"false", is_flag<false>},
      {"true", is_flag<true>},
      {"integer", is_kind<type::integer>},
      {"float", is_kind<type::real>},
      {"lower", is_case<false>},
      {"upper", is_case<true>},
      {"string", is_kind<type::string>},
      {"mapping", is_kind<type::dict>},
      {"number", is_number},
      {"sequence", is_sequence},
      {"iterable", is_iterable},
      {"callable", is_callable},
      {"sameas", is_same},
      {"escaped", is_escaped},
      {"in", is_in},
      {"==", is_equal},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"!=", is_unequal},
      {"ne", is_unequal},
      {">", is_ordered<order::greater>},
      {"gt", is_ordered<order::greater>},
      {"greaterthan", is_ordered<order::greater>},
      {"ge", is_ordered<order::greater_equal>},
      {">=", is_ordered<order::greater_equal>},
      {"<", is_ordered<order::less>},
      {"lt", is_ordered<order::less>},
      {"lessthan", is_ordered<order::less>},
      {"<=", is_ordered<order::less_equal>},
      {"le", is_ordered<order::less_equal>},
  };
  const auto found = tests.find(name);
  return found == tests.end() ? nullptr : found->second;
}

} // namespace muster::spec::tmpl
