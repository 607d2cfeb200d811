#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace muster::test {

/// Holds values to the part of JSON Schema that docs/openapi.yaml uses: `$ref`, `type`, `properties`, `required`,
/// `additionalProperties`, `items`, `enum`, `const`, `pattern`, `minimum`, `maximum`, `maxItems`, `allOf` and `oneOf`.
/// Members that a schema with `properties` does not name are refused unless it says otherwise: a test must see what is
/// not described. A keyword that is not known here is a problem, too.
class json_schema {
public:
  /// `document` is what `$ref` points into; it must outlive this.
  explicit json_schema(const nlohmann::ordered_json& document) : document_(document) {}

  /// What is wrong with `value`, one line each; empty if nothing.
  [[nodiscard]] std::vector<std::string> check(const nlohmann::ordered_json& value,
                                               const nlohmann::ordered_json& schema) const;

  /// What `$ref` stands for, if it is one.
  [[nodiscard]] const nlohmann::ordered_json& resolve(const nlohmann::ordered_json& schema) const;

private:
  void check(const nlohmann::ordered_json& value, const nlohmann::ordered_json& schema, const std::string& where,
             std::vector<std::string>& out) const;
  void check_object(const nlohmann::ordered_json& value, const nlohmann::ordered_json& schema, const std::string& where,
                    std::vector<std::string>& out) const;
  [[nodiscard]] nlohmann::ordered_json merged(const nlohmann::ordered_json& all) const;

  const nlohmann::ordered_json& document_;
};

} // namespace muster::test
