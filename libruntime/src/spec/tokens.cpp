#include "muster/spec/tokens.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == ':' || c == '.';
}

/// The end of the token that starts with `{{` at `start`, and its name; npos when there is none.
std::size_t token_end(std::string_view text, std::size_t start, std::string_view& name) {
  auto at = std::min(text.find_first_not_of(' ', start + 2), text.size());
  const auto first = at;
  while (at < text.size() && is_token_character(text[at]))
    ++at;
  name = text.substr(first, at - first);
  at = std::min(text.find_first_not_of(' ', at), text.size());
  return text.substr(at, 2) == "}}" ? at + 2 : std::string_view::npos;
}

} // namespace

std::string substitute(std::string_view text, const token_values& values) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const auto start = text.find("{{", at);
    if (start == std::string_view::npos)
      break;
    std::string_view name;
    const auto end = token_end(text, start, name);
    const auto found = end == std::string_view::npos ? values.end() : values.find(name);
    if (found == values.end()) {
      // One character on: `{{{output}}}` holds a token.
      out.append(text.substr(at, start + 1 - at));
      at = start + 1;
      continue;
    }
    out.append(text.substr(at, start - at)).append(found->second);
    at = end;
  }
  return out.append(text.substr(at));
}

task substitute(task x, const token_values& values) {
  const auto put = [&](std::string& text) {
    if (text.find("{{") != std::string::npos)
      text = substitute(std::string_view{text}, values);
  };
  const auto put_all = [&](std::vector<std::string>& texts) { std::for_each(texts.begin(), texts.end(), put); };
  put(x.image);
  put_all(x.command);
  put_all(x.args);
  for (auto& from : x.inputs) {
    if (auto* const url = std::get_if<url_input>(&from.from))
      put(url->url);
    put(from.regex);
  }
  for (auto& to : x.outputs) {
    put(to.url);
    put(to.regex);
  }
  for (auto& metric : x.kpis) {
    put(metric.index);
    put(metric.path);
  }
  for (auto& [name, value] : x.environment) {
    put(name);
    put(value);
  }
  for (auto& part : x.files) {
    put(part.path);
    put(part.contents);
  }
  put_all(x.volume_mounts);
  std::map<std::string, credential> credentials;
  for (auto& [name, kept] : x.credentials) {
    auto value = kept;
    if (auto* const folder = std::get_if<std::string>(&value)) {
      put(*folder);
    } else {
      std::map<std::string, std::string> variables;
      for (const auto& [variable, key] : std::get<1>(value))
        variables.emplace(substitute(variable, values), substitute(key, values));
      value = std::move(variables);
    }
    credentials.emplace(substitute(name, values), std::move(value));
  }
  x.credentials = std::move(credentials);
  put(x.cache_size);
  for (auto& point : x.checkpoints) {
    put(point.path);
    put(point.url);
    put(point.regex);
  }
  return x;
}

void add_input_tokens(token_values& values, const task& x, const std::vector<std::string>& folders) {
  for (std::size_t i = 0; i < x.inputs.size() && i < folders.size(); ++i) {
    if (const auto* const from = std::get_if<task_input>(&x.inputs[i].from))
      values["input:" + from->task] = folders[i];
    values["input:" + std::to_string(i)] = folders[i];
  }
}

token_values osmo_tokens(const task& x, std::string workflow_id) {
  token_values values{{"workflow_id", std::move(workflow_id)}, {"output", "/osmo/data/output"}};
  std::vector<std::string> folders;
  for (std::size_t i = 0; i < x.inputs.size(); ++i)
    folders.push_back("/osmo/data/input/" + std::to_string(i));
  add_input_tokens(values, x, folders);
  return values;
}

} // namespace muster::spec
