#include "spec/template/syntax.hpp"
#include "spec/template/text.hpp"

namespace muster::spec::tmpl {

std::string constant_path(const expression& x) {
  if (x.kind == expression_kind::name)
    return x.name;
  const bool attribute = x.kind == expression_kind::attribute;
  const bool item = x.kind == expression_kind::item && x.operands[1]->kind == expression_kind::constant;
  if (!attribute && !item)
    return {};
  auto path = constant_path(*x.operands[0]);
  if (path.empty())
    return {};
  if (attribute)
    return path + '.' + x.name;
  const value& key = x.operands[1]->constant;
  if (key.is_string())
    return path + '[' + text::quote(key.as_string()) + ']';
  return key.is(type::integer) ? path + '[' + key.str() + ']' : std::string{};
}

} // namespace muster::spec::tmpl
