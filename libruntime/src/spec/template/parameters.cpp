#include "spec/template/parameters.hpp"

#include <algorithm>

namespace muster::spec::tmpl {

parameters::parameters(runtime& rt, std::string_view function, const arguments& args,
                       std::initializer_list<std::string_view> names, std::size_t required)
    : function_(function), values_(names.size()), given_(names.size(), false) {
  rt.step();
  if (args.positional.size() > names.size())
    throw failure{function_ + "() takes at most " + std::to_string(names.size()) + " arguments (" +
                  std::to_string(args.positional.size()) + " given)"};
  for (std::size_t i = 0; i < args.positional.size(); ++i) {
    values_[i] = args.positional[i];
    given_[i] = true;
  }
  for (const auto& [name, x] : args.keyword) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw failure{function_ + "() got an unexpected keyword argument '" + name + "'"};
    const auto i = static_cast<std::size_t>(found - names.begin());
    if (given_[i])
      throw failure{function_ + "() got multiple values for argument '" + name + "'"};
    values_[i] = x;
    given_[i] = true;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!given_[i])
      throw failure{function_ + "() is missing the argument '" + std::string(names.begin()[i]) + "'"};
  }
}

std::int64_t parameters::integer(std::size_t i, std::int64_t otherwise) const {
  return given_[i] ? to_index(values_[i]) : otherwise;
}

bool parameters::flag(std::size_t i, bool otherwise) const {
  return given_[i] ? truth(values_[i]) : otherwise;
}

std::string parameters::text(std::size_t i, std::string_view otherwise) const {
  if (!given_[i])
    return std::string(otherwise);
  require_defined(values_[i]);
  if (!values_[i].is_string())
    throw failure{function_ + "() argument must be str, not " + type_name(values_[i])};
  return values_[i].as_string();
}

} // namespace muster::spec::tmpl
