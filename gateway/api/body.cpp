#include "gateway/api/body.hpp"

#include "muster/base/nearest.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t deepest = 64;
/// Each member of an object is held against all that are before it: this is how often, at most. One object with 10,000.
constexpr std::uint64_t most_compared = std::uint64_t{10'000} * 10'000 / 2;

/// Whether the text is cheap to parse, told before anything sees it that recurses, or is slow for many members. Strings
/// are passed over.
result<void> check_shape(std::string_view text) {
  std::vector<std::uint64_t> members; // Of each object that is open, and 0 for each list.
  std::uint64_t compared = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      members.push_back(0);
      if (members.size() > deepest)
        return {ec::invalid_argument, "the JSON is nested deeper than " + std::to_string(deepest)};
    } else if ((c == ']' || c == '}') && !members.empty()) {
      members.pop_back();
    } else if (c == ':' && !members.empty()) {
      compared += members.back()++;
      if (compared > most_compared)
        return {ec::invalid_argument, "the JSON has objects with too many members: one may have 10,000"};
    }
  }
  return {};
}

error wrong_type(const char* name, const char* expected, const json& found) {
  return {ec::invalid_argument, "'" + std::string{name} + "': expected " + expected + ", found " + found.type_name()};
}

const json* member(const json& x, const char* name) {
  const auto found = x.find(name);
  return found == x.end() || found->is_null() ? nullptr : &*found;
}

} // namespace

std::string media_type(const http::request& x) {
  auto type = std::string{x.header("Content-Type").value_or("")};
  type.resize(std::min(type.find(';'), type.size()));
  type.erase(type.find_last_not_of(" \t") + 1);
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

bool is_type_of_spec(std::string_view type) noexcept {
  constexpr std::array<std::string_view, 7> types{"application/yaml",   "application/json", "multipart/form-data",
                                                  "application/x-yaml", "text/yaml",        "text/x-yaml",
                                                  "text/plain"};
  return std::find(types.begin(), types.end(), type) != types.end();
}

result<json> parse_json(std::string_view text) {
  if (auto good = check_shape(text); !good)
    return good.failure();
  try {
    return json::parse(text);
  } catch (const json::exception& problem) {
    // The library's text has the place, behind its own name for the kind of problem.
    std::string why = problem.what();
    why.erase(0, std::min(why.find("] ") + 2, why.size()));
    constexpr std::size_t longest = 300;
    why.resize(std::min(why.size(), longest));
    return {ec::invalid_argument, "the body is not JSON in UTF-8: " + why};
  }
}

result<void> check_members(const json& x, const std::vector<std::string_view>& known, std::string_view where) {
  if (!x.is_object())
    return {ec::invalid_argument, std::string{where} + ": expected a JSON object, found " + x.type_name()};
  for (const auto& [name, value] : x.items())
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      constexpr std::size_t longest = 80;
      const auto hint = did_you_mean(name, known);
      return {ec::invalid_argument, std::string{where} + ": there is no member '" + name.substr(0, longest) + "'" +
                                        (hint.empty() ? "" : "; " + hint)};
    }
  return {};
}

result<json> json_body(const http::request& x, const std::vector<std::string_view>& known) {
  if (x.body.empty())
    return json::object();
  auto out = parse_json(x.body);
  if (!out)
    return out;
  if (auto good = check_members(*out, known, "the body"); !good)
    return good.failure();
  return out;
}

result<void> take_text(const json& x, const char* name, std::string& into) {
  const auto* found = member(x, name);
  if (found == nullptr)
    return {};
  if (!found->is_string())
    return wrong_type(name, "a string", *found);
  into = found->get<std::string>();
  return {};
}

result<void> take_flag(const json& x, const char* name, bool& into) {
  const auto* found = member(x, name);
  if (found == nullptr)
    return {};
  if (!found->is_boolean())
    return wrong_type(name, "true or false", *found);
  into = found->get<bool>();
  return {};
}

result<void> take_texts(const json& x, const char* name, std::vector<std::string>& into, std::size_t most) {
  const auto* found = member(x, name);
  if (found == nullptr)
    return {};
  if (!found->is_array())
    return wrong_type(name, "a list of strings", *found);
  if (found->size() > most)
    return {ec::limit_exceeded, "'" + std::string{name} + "' has " + std::to_string(found->size()) +
                                    " entries, at most " + std::to_string(most) + " are taken"};
  for (const auto& one : *found) {
    if (!one.is_string())
      return wrong_type(name, "a list of strings", one);
    into.push_back(one.get<std::string>());
  }
  return {};
}

result<void> take_map(const json& x, const char* name, std::map<std::string, std::string>& into, std::size_t most) {
  const auto* found = member(x, name);
  if (found == nullptr)
    return {};
  if (!found->is_object())
    return wrong_type(name, "an object of strings", *found);
  if (found->size() > most)
    return {ec::limit_exceeded, "'" + std::string{name} + "' has " + std::to_string(found->size()) +
                                    " entries, at most " + std::to_string(most) + " are taken"};
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string())
      return wrong_type(name, "an object of strings", value);
    into.insert_or_assign(key, value.get<std::string>());
  }
  return {};
}

} // namespace muster::gateway
