#pragma once

#include "muster/spec/model.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

/// How the parts of a spec become JSON and come back; for the codecs only. What reads throws on what it cannot read.
namespace muster::spec::codec {

using json = nlohmann::ordered_json;

/// JSON holds no bytes outside UTF-8. The loader lets none in, but a store must never lose what it is given, so such a
/// string becomes `{"hex": "..."}`.
[[nodiscard]] json text_to_json(const std::string& x);
[[nodiscard]] std::string text_from_json(const json& x);

/// Writes the fields of an object that are not at their default.
class writer {
public:
  void text(const char* key, const std::string& value, std::string_view fallback = "") {
    if (value != fallback)
      out_[key] = text_to_json(value);
  }
  void flag(const char* key, bool value, bool fallback) {
    if (value != fallback)
      out_[key] = value;
  }
  void number(const char* key, const std::optional<std::int64_t>& value) {
    if (value)
      out_[key] = *value;
  }
  template <class List, class Convert>
  void list(const char* key, const List& values, Convert convert) {
    if (values.empty())
      return;
    auto& array = out_[key] = json::array();
    for (const auto& value : values)
      array.push_back(convert(value));
  }
  void put(const char* key, json value) { out_[key] = std::move(value); }
  [[nodiscard]] json take() { return std::move(out_); }

private:
  json out_ = json::object();
};

/// Reads the fields of an object; what is absent stays at its default.
class reader {
public:
  explicit reader(const json& in) : in_(in) {
    if (!in.is_object())
      throw std::invalid_argument("not an object");
  }
  void text(std::string_view key, std::string& value) const {
    if (const auto* at = find(key))
      value = text_from_json(*at);
  }
  template <class T>
  void get(std::string_view key, T& value) const {
    if (const auto* at = find(key))
      value = at->get<T>();
  }
  void number(std::string_view key, std::optional<std::int64_t>& value) const {
    if (const auto* at = find(key))
      value = at->get<std::int64_t>();
  }
  template <class List, class Convert>
  void list(std::string_view key, List& values, Convert convert) const {
    if (const auto* at = find(key))
      for (const auto& value : at->get_ref<const json::array_t&>())
        values.push_back(convert(value));
  }
  /// Null if it is absent, as most are: so without the key's length being counted for each that is there.
  [[nodiscard]] const json* find(std::string_view key) const {
    for (const auto& [name, value] : in_.get_ref<const json::object_t&>())
      if (name == key)
        return &value;
    return nullptr;
  }

private:
  const json& in_;
};

[[nodiscard]] json task_to_json(const task& x);
[[nodiscard]] task task_from_json(const json& x);
[[nodiscard]] json resource_to_json(const resource& x);
[[nodiscard]] resource resource_from_json(const json& x);
[[nodiscard]] json code_range_to_json(const code_range& x);
[[nodiscard]] code_range code_range_from_json(const json& x);

} // namespace muster::spec::codec
