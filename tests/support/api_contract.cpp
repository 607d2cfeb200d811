#include "support/api_contract.hpp"
#include "support/checkout.hpp"

#include "muster/spec/yaml_json.hpp"
#include "support/json_schema.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace muster::test {

namespace {

using json = nlohmann::ordered_json;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string media_type_of(const api_contract::exchange& x) {
  const auto found = x.headers.find("content-type");
  if (found == x.headers.end())
    return {};
  auto type = found->second.substr(0, found->second.find(';'));
  type.erase(type.find_last_not_of(' ') + 1);
  return lower(type);
}

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> out;
  std::istringstream in(path);
  for (std::string one; std::getline(in, one, '/');)
    if (!one.empty())
      out.push_back(one);
  return out;
}

bool is_json(const std::string& type) {
  return type == "application/json" || type == "application/problem+json";
}

} // namespace

std::string openapi_path(std::string pattern) {
  for (auto at = pattern.find("*}"); at != std::string::npos; at = pattern.find("*}"))
    pattern.erase(at, 1);
  return pattern;
}

api_contract::api_contract() {
  std::ifstream file{in_source("docs/openapi.yaml")};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto read = spec::json_from_yaml(text);
  if (!read)
    throw std::runtime_error{"docs/openapi.yaml: " + read.failure().message};
  document_ = json::parse(*read);
}

const api_contract& api_contract::instance() {
  static const api_contract one;
  return one;
}

std::vector<std::string> api_contract::operations() const {
  std::vector<std::string> out;
  for (const auto& [path, item] : document_.at("paths").items())
    for (const auto& [method, operation] : item.items())
      if (method != "parameters") {
        auto name = method;
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
        out.push_back(name + " " + path);
      }
  std::sort(out.begin(), out.end());
  return out;
}

std::string api_contract::path_of(const std::string& target) const {
  const auto wanted = segments_of(target.substr(0, target.find('?')));
  std::string best;
  std::size_t names = 0;
  for (const auto& [path, item] : document_.at("paths").items()) {
    const auto pattern = segments_of(path);
    const bool has_rest = pattern.back() == "{path}";
    if (has_rest ? wanted.size() < pattern.size() : wanted.size() != pattern.size())
      continue;
    std::size_t variable = 0;
    bool fits = true;
    for (std::size_t i = 0; i < pattern.size(); ++i)
      if (pattern[i].front() == '{')
        ++variable;
      else
        fits = fits && pattern[i] == wanted[i];
    if (fits && (best.empty() || variable < names)) {
      best = path;
      names = variable;
    }
  }
  return best;
}

std::vector<std::string> api_contract::check(const exchange& x) const {
  const json_schema schema{document_};
  // A HEAD is answered as its GET.
  const auto method = x.method == "HEAD" ? std::string{"get"} : lower(x.method);
  const auto path = document_.at("paths").find(openapi_path(x.pattern));
  const auto type = media_type_of(x);
  // What no route answered is a problem document in any case.
  if (path == document_.at("paths").end() || !path->contains(method)) {
    if (type != "application/problem+json")
      return {"the operation is not described"};
    return schema.check(json::parse(x.body), document_.at("components").at("schemas").at("Problem"));
  }
  const auto& responses = path->at(method).at("responses");
  auto found = responses.find(std::to_string(x.status));
  if (found == responses.end() && x.status >= 400)
    found = responses.find("default");
  if (found == responses.end())
    return {"the status " + std::to_string(x.status) + " is not described"};
  const auto& response = schema.resolve(*found);

  std::vector<std::string> out;
  const auto headers = response.value("headers", json::object());
  for (const auto& [name, described] : headers.items()) {
    const auto& header = schema.resolve(described);
    const auto given = x.headers.find(lower(name));
    if (given == x.headers.end()) {
      if (header.value("required", false))
        out.push_back("the header " + name + " is missing");
      continue;
    }
    const bool number = schema.resolve(header.at("schema")).value("type", json{}) == "integer";
    for (auto& problem : schema.check(number ? json::parse(given->second) : json(given->second), header.at("schema")))
      out.push_back("header " + name + problem);
  }
  const auto content = response.value("content", json::object());
  if (content.empty()) {
    if (!x.body.empty())
      out.emplace_back("there is a body, and none is described");
    return out;
  }
  const auto body = content.find(type);
  if (body == content.end()) {
    out.push_back("the type '" + type + "' is not described for status " + std::to_string(x.status));
    return out;
  }
  if (!is_json(type) || x.method == "HEAD")
    return out;
  const auto parsed = json::parse(x.body, nullptr, false);
  if (parsed.is_discarded())
    out.emplace_back("the body is no JSON");
  else
    for (auto& problem : schema.check(parsed, body->at("schema")))
      out.push_back(std::move(problem));
  return out;
}

} // namespace muster::test
