#pragma once

#include "spec/template/operations.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace muster::spec::tmpl {

/// The arguments of one call, matched to the names of its parameters; the errors are Python's.
class parameters {
public:
  /// `function` is the name in messages; the first `required` of `names` must be given.
  parameters(runtime& rt, std::string_view function, const arguments& args,
             std::initializer_list<std::string_view> names, std::size_t required = 0);

  [[nodiscard]] bool has(std::size_t i) const { return given_[i]; }
  /// Given and not None.
  [[nodiscard]] bool set(std::size_t i) const { return given_[i] && !values_[i].is_none(); }
  [[nodiscard]] const value& operator[](std::size_t i) const { return values_[i]; }

  [[nodiscard]] std::int64_t integer(std::size_t i, std::int64_t otherwise) const;
  [[nodiscard]] bool flag(std::size_t i, bool otherwise) const;
  /// A text; fails if it is something else.
  [[nodiscard]] std::string text(std::size_t i, std::string_view otherwise = {}) const;

private:
  std::string function_;
  list_type values_;
  std::vector<bool> given_;
};

} // namespace muster::spec::tmpl
