#include "support/json_schema.hpp"

#include <algorithm>
#include <array>
#include <regex>
#include <string_view>

namespace muster::test {

namespace {

using json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 18> known_keywords{
    "$ref",        "type",     "properties", "required", "additionalProperties",
    "items",       "enum",     "const",      "pattern",  "minimum",
    "maximum",     "maxItems", "allOf",      "oneOf",    "default",
    "description", "title",    "format"};

bool is_of(const json& value, const std::string& type) {
  if (type == "null")
    return value.is_null();
  if (type == "integer")
    return value.is_number_integer();
  if (type == "number")
    return value.is_number();
  if (type == "string")
    return value.is_string();
  if (type == "boolean")
    return value.is_boolean();
  if (type == "array")
    return value.is_array();
  return type == "object" && value.is_object();
}

bool has_type(const json& value, const json& type) {
  if (type.is_string())
    return is_of(value, type.get<std::string>());
  return std::any_of(type.begin(), type.end(), [&](const json& one) { return is_of(value, one.get<std::string>()); });
}

std::string shown(const json& value) {
  constexpr std::size_t most = 120;
  return value.dump().substr(0, most);
}

} // namespace

const json& json_schema::resolve(const json& schema) const {
  const auto found = schema.find("$ref");
  if (found == schema.end())
    return schema;
  return resolve(document_.at(json::json_pointer{found->get<std::string>().substr(1)}));
}

std::vector<std::string> json_schema::check(const json& value, const json& schema) const {
  std::vector<std::string> out;
  check(value, schema, "", out);
  return out;
}

/// The schemas of an `allOf`, all of objects, as one: so that members that none of them names are seen.
json json_schema::merged(const json& all) const {
  json out{{"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
  for (const auto& one : all) {
    const auto& part = resolve(one);
    out["properties"].update(part.at("properties"));
    for (const auto& name : part.value("required", json::array()))
      out["required"].push_back(name);
  }
  return out;
}

void json_schema::check_object(const json& value, const json& schema, const std::string& where,
                               std::vector<std::string>& out) const {
  for (const auto& name : schema.value("required", json::array()))
    if (!value.contains(name.get<std::string>()))
      out.push_back(where + ": " + name.get<std::string>() + " is missing");
  const auto properties = schema.value("properties", json::object());
  const auto more = schema.value("additionalProperties", json(properties.empty()));
  for (const auto& [name, member] : value.items()) {
    const auto inner = where + "/" + name;
    if (const auto found = properties.find(name); found != properties.end())
      check(member, *found, inner, out);
    else if (more.is_object())
      check(member, more, inner, out);
    else if (!more.get<bool>())
      out.push_back(inner + ": is not described");
  }
}

void json_schema::check(const json& value, const json& asked, const std::string& where,
                        std::vector<std::string>& out) const {
  const auto& schema = resolve(asked);
  for (const auto& [keyword, unused] : schema.items())
    if (std::find(known_keywords.begin(), known_keywords.end(), keyword) == known_keywords.end())
      out.push_back(where + ": the schema's keyword " + keyword + " is not known to this test");
  if (const auto all = schema.find("allOf"); all != schema.end())
    return check(value, merged(*all), where, out);
  if (const auto one = schema.find("oneOf"); one != schema.end()) {
    std::vector<std::string> problems;
    std::size_t fits = 0;
    for (const auto& choice : *one) {
      std::vector<std::string> of_this;
      check(value, choice, where, of_this);
      fits += of_this.empty() ? 1 : 0;
      problems.insert(problems.end(), of_this.begin(), of_this.end());
    }
    if (fits == 1)
      return;
    out.push_back(where + ": fits " + std::to_string(fits) + " of oneOf");
    if (fits == 0)
      out.insert(out.end(), problems.begin(), problems.end());
    return;
  }
  if (schema.contains("type") && !has_type(value, schema["type"])) {
    out.push_back(where + ": expected " + schema["type"].dump() + ", found " + shown(value));
    return;
  }
  if (schema.contains("const") && value != schema["const"])
    out.push_back(where + ": expected " + schema["const"].dump() + ", found " + shown(value));
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    out.push_back(where + ": is not one of the enum: " + shown(value));
  if (value.is_string() && schema.contains("pattern") &&
      !std::regex_search(value.get<std::string>(), std::regex{schema["pattern"].get<std::string>()}))
    out.push_back(where + ": does not match the pattern: " + shown(value));
  if (value.is_number() && schema.contains("minimum") && value < schema["minimum"])
    out.push_back(where + ": is below the minimum: " + shown(value));
  if (value.is_number() && schema.contains("maximum") && value > schema["maximum"])
    out.push_back(where + ": is above the maximum: " + shown(value));
  if (value.is_array() && schema.contains("items"))
    for (std::size_t i = 0; i < value.size(); ++i)
      check(value[i], schema["items"], where + "/" + std::to_string(i), out);
  if (value.is_object())
    check_object(value, schema, where, out);
}

} // namespace muster::test
