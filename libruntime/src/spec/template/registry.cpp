#include "spec/template/registry.hpp"

#include "spec/template/numbers.hpp"
#include "spec/template/text.hpp"

namespace muster::spec::tmpl {

filter find_filter(std::string_view name) {
  for (const auto* table :
       {&text_filters(), &markup_filters(), &number_filters(), &sequence_filters(), &selection_filters()}) {
    const auto found = table->find(name);
    if (found != table->end())
      return found->second;
  }
  return nullptr;
}

value apply_filter(runtime& rt, const std::string& name, const value& in, arguments& args) {
  rt.step();
  const filter f = find_filter(name);
  if (f == nullptr)
    throw failure{"No filter named " + text::quote(name) + "."};
  return f(rt, in, args);
}

bool apply_test(runtime& rt, const std::string& name, const value& x, arguments& args) {
  rt.step();
  const test t = find_test(name);
  if (t == nullptr)
    throw failure{"No test named " + text::quote(name) + "."};
  return t(rt, x, args);
}

item_key::item_key(runtime& rt, const value& attribute, bool ignore_case, value otherwise)
    : ignore_case_(ignore_case), otherwise_(std::move(otherwise)) {
  if (attribute.is_none())
    return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  const std::string& path = attribute.as_string();
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const std::string part = path.substr(start, end - start);
    std::int64_t index = 0;
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos &&
                        numbers::parse_integer(part, 10, index) == numbers::reading::good;
    parts_.push_back(number ? value(index) : rt.str(part));
    start = end + 1;
  }
}

value item_key::operator()(runtime& rt, const value& item) const {
  rt.step();
  value x = item;
  for (const auto& part : parts_) {
    x = get_item(rt, x, part);
    if (x.is_undefined() && !otherwise_.is_none())
      x = otherwise_;
  }
  return ignore_case_ && x.is_string() ? rt.str(text::lower(x.as_string()), x.string().markup) : x;
}

} // namespace muster::spec::tmpl
