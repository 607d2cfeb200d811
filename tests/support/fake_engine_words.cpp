#include "support/fake_engine_words.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace muster::test::engine_model {

reply refusal(int status, const std::string& message) {
  return {status, json{{"message", message}}.dump(), "application/json", {}};
}

reply answer(int status, const json& body) {
  return {status, body.dump(), "application/json", {}};
}

reply nothing(int status) {
  return {status, {}, {}, {}};
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 1; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string value(const engine_call& call, const std::string& name, const std::string& absent) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? absent : found->second;
}

bool flag(const engine_call& call, const std::string& name) {
  const auto text = value(call, name, "0");
  return text != "0" && text != "false" && text != "False";
}

std::string timestamp(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time / second);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const auto size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof(text) - size, ".%09dZ", static_cast<int>(time % second));
  return time == 0 ? "0001-01-01T00:00:00Z" : text;
}

std::int64_t parse_time(const std::string& text) {
  if (text.empty())
    return 0;
  const auto point = text.find('.');
  auto fraction = point == std::string::npos ? std::string{} : text.substr(point + 1);
  fraction.resize(9, '0');
  return std::strtoll(text.c_str(), nullptr, 10) * second + std::strtoll(fraction.c_str(), nullptr, 10);
}

bool passes_word(const engine_call& call, const char* key, const std::string& word) {
  const auto filters = json::parse(value(call, "filters", "{}"), nullptr, false);
  if (!filters.is_object() || !filters.contains(key))
    return true;
  const auto& wanted = filters[key];
  return wanted.is_object() ? wanted.contains(word) : std::find(wanted.begin(), wanted.end(), word) != wanted.end();
}

bool passes(const engine_call& call, const std::string& name, const std::string& id,
            const std::map<std::string, std::string>& labels) {
  const auto filters = json::parse(value(call, "filters", "{}"), nullptr, false);
  if (!filters.is_object())
    return true;
  const auto wanted = [&](const char* key) {
    std::vector<std::string> found;
    if (filters.contains(key))
      for (const auto& [text, item] : filters[key].items())
        found.push_back(filters[key].is_object() ? text : item.get<std::string>());
    return found;
  };
  for (const auto& label : wanted("label")) {
    const auto equals = label.find('=');
    const auto found = labels.find(label.substr(0, equals));
    if (found == labels.end() || (equals != std::string::npos && found->second != label.substr(equals + 1)))
      return false;
  }
  const auto names = wanted("name");
  if (!names.empty() && std::none_of(names.begin(), names.end(), [&](const std::string& x) {
        return name.find(x.front() == '/' ? x.substr(1) : x) != std::string::npos;
      }))
    return false;
  const auto ids = wanted("id");
  return ids.empty() || std::any_of(ids.begin(), ids.end(), [&](const std::string& x) { return id.rfind(x, 0) == 0; });
}

std::map<std::string, std::string> labels_of(const json& body) {
  if (!body.contains("Labels") || !body["Labels"].is_object())
    return {};
  return body["Labels"].get<std::map<std::string, std::string>>();
}

std::string frame(const log_line& line, bool with_time) {
  const auto text = (with_time ? timestamp(line.time) + ' ' : std::string{}) + line.text + '\n';
  std::string out{line.to_stderr ? '\2' : '\1', '\0', '\0', '\0'};
  for (const int shift : {24, 16, 8, 0})
    out += static_cast<char>((text.size() >> static_cast<unsigned>(shift)) & 0xffU);
  return out + text;
}

std::string with_tag(const std::string& name, const std::string& tag) {
  const auto colon = name.rfind(':');
  return colon == std::string::npos || name.find('/', colon) != std::string::npos ? name + ':' + tag : name;
}

std::string subnet_of(const json& create) {
  const auto config = create.value(json::json_pointer("/IPAM/Config"), json::array());
  return config.is_array() && !config.empty() ? config[0].value("Subnet", "") : std::string{};
}

} // namespace muster::test::engine_model
