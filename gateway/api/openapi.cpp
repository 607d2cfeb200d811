#include "gateway/api/openapi.hpp"

#include "muster/spec/yaml_json.hpp"

namespace muster::gateway {

extern const char* const openapi_yaml; // Made of docs/openapi.yaml when this is built.

const std::string& openapi_document() {
  static const std::string document = [] {
    auto json = spec::json_from_yaml(openapi_yaml);
    return json ? *json + '\n' : std::string{"{}\n"};
  }();
  return document;
}

} // namespace muster::gateway
