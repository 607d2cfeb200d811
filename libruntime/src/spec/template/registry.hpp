#pragma once

#include "spec/template/operations.hpp"

#include <map>
#include <string>
#include <string_view>

/// The filters and tests of the language, by name.
namespace muster::spec::tmpl {

using filter = value (*)(runtime& rt, const value& in, arguments& args);
using test = bool (*)(runtime& rt, const value& x, arguments& args);

using filter_table = std::map<std::string_view, filter>;
[[nodiscard]] const filter_table& text_filters();
[[nodiscard]] const filter_table& markup_filters();
[[nodiscard]] const filter_table& number_filters();
[[nodiscard]] const filter_table& sequence_filters();
[[nodiscard]] const filter_table& selection_filters();

/// The filter or test `name`, or null.
[[nodiscard]] filter find_filter(std::string_view name);
[[nodiscard]] test find_test(std::string_view name);

/// Fails if there is no such filter or test.
[[nodiscard]] value apply_filter(runtime& rt, const std::string& name, const value& in, arguments& args);
[[nodiscard]] bool apply_test(runtime& rt, const std::string& name, const value& x, arguments& args);

/// Python's `json.dumps(x, sort_keys=True, indent=indent)`; a negative indent means one line.
[[nodiscard]] std::string to_json(runtime& rt, const value& x, std::int64_t indent);

/// How sort, min, unique, groupby and others see an item: by an attribute such as `a.b.0`, and texts without case.
class item_key {
public:
  /// `attribute` is none, a text or an integer.
  item_key(runtime& rt, const value& attribute, bool ignore_case, value otherwise = {});
  [[nodiscard]] value operator()(runtime& rt, const value& item) const;

private:
  list_type parts_;
  bool ignore_case_;
  value otherwise_;
};

} // namespace muster::spec::tmpl
