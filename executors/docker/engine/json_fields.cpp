#include "executors/docker/engine/json_fields.hpp"

#include <limits>

#include <nlohmann/json.hpp>

namespace muster::docker::fields {

using nlohmann::json;

json parse(std::string_view text) {
  auto out = json::parse(text, nullptr, false);
  return out.is_structured() ? out : json::object();
}

const json& member(const json& object, const char* key) {
  static const json null;
  if (!object.is_object())
    return null;
  const auto it = object.find(key);
  return it == object.end() ? null : *it;
}

std::string text(const json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

std::int64_t number(const json& object, const char* key) {
  const auto& value = member(object, key);
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(most))
    return most;
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

bool flag(const json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

std::vector<std::string> texts(const json& object, const char* key) {
  std::vector<std::string> out;
  const auto& value = member(object, key);
  if (value.is_array())
    for (const auto& item : value)
      if (item.is_string())
        out.push_back(item.get<std::string>());
  return out;
}

label_map labels(const json& object, const char* key) {
  label_map out;
  const auto& value = member(object, key);
  if (value.is_object())
    for (const auto& [name, item] : value.items())
      if (item.is_string())
        out.emplace(name, item.get<std::string>());
  return out;
}

std::optional<nano_timestamp> time(const json& object, const char* key) {
  return parse_timestamp(text(object, key));
}

std::vector<std::string> names(const json& object, const char* key) {
  std::vector<std::string> out;
  const auto& value = member(object, key);
  if (value.is_object())
    for (const auto& item : value.items())
      out.push_back(item.key());
  return out;
}

} // namespace muster::docker::fields
