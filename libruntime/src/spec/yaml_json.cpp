#include "muster/spec/yaml_json.hpp"

#include "muster/spec/expression.hpp"
#include "spec/flow_decode.hpp"

namespace muster::spec {

result<std::string> json_from_yaml(std::string_view text) {
  yaml::tree document;
  yaml::problem problem;
  if (!yaml::parse(text, document, problem))
    return {ec::invalid_argument, "line " + std::to_string(problem.place.line + 1) + ": " + problem.message};
  if (document.empty())
    return std::string{"null"};
  reporter report;
  const value_reader in{document, report};
  const load_options options;
  const auto value = decode_value({in, options}, {document.root(), document.at(document.root()).start}, field_path{});
  if (const auto errors = report.take_errors(); !errors.empty())
    return {ec::invalid_argument, "line " + std::to_string(errors.front().line) + ": " + errors.front().message};
  return value_to_json(value);
}

} // namespace muster::spec
