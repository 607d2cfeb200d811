#include "actors/cache_parts.hpp"

#include "muster/spec/tokens.hpp"

#include <nlohmann/json.hpp>

#include <map>

namespace muster {

namespace {

using nlohmann::json;

std::string filled(const attempt_spec& x, const std::string& text) {
  return spec::substitute(text, x.tokens);
}

std::string list_of(const attempt_spec& x, const std::vector<std::string>& words) {
  auto out = json::array();
  for (const auto& word : words)
    out.push_back(filled(x, word));
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_environment(const attempt_spec& x, flow::cache_parts& out) {
  std::map<std::string, std::string> all;
  for (const auto& [name, value] : x.environment)
    all[name] = value;
  for (const auto& [name, value] : x.task.environment)
    all[name] = filled(x, value);
  for (auto& [name, value] : all)
    out.push_back({"environment " + name, std::move(value), {}});
}

/// What the task may do beyond running its command; left out where it says nothing, as most do.
void add_rights(const attempt_spec& x, flow::cache_parts& out) {
  if (!x.task.volume_mounts.empty())
    out.push_back({"volumeMounts", list_of(x, x.task.volume_mounts), {}});
  if (x.task.privileged)
    out.push_back({"privileged", "true", {}});
  if (x.task.host_network)
    out.push_back({"hostNetwork", "true", {}});
}

result<void> add_inputs(const attempt_spec& x, data::content_reader& reader, flow::cache_parts& out) {
  for (const auto& input : x.inputs) {
    auto located = input;
    located.regex = filled(x, input.regex);
    if (located.task.empty())
      located.source = filled(x, input.source.string());
    auto found = reader.read(located);
    if (!found)
      return found.failure();
    out.push_back({"input " + (located.task.empty() ? located.source.string() : located.task), std::move(found->digest),
                   std::move(found->files)});
  }
  return {};
}

} // namespace

result<flow::cache_parts> parts_of(const attempt_spec& x, const std::string& key, data::content_reader& reader) {
  flow::cache_parts out;
  if (!key.empty())
    out.push_back({"key", filled(x, key), {}});
  out.push_back({"image", filled(x, x.task.image), {}});
  out.push_back({"command", list_of(x, x.task.command), {}});
  out.push_back({"args", list_of(x, x.task.args), {}});
  if (!key.empty())
    return out;
  add_environment(x, out);
  for (const auto& file : x.task.files)
    out.push_back({"file " + filled(x, file.path) + (file.base64 ? " (base64)" : ""), filled(x, file.contents), {}});
  add_rights(x, out);
  for (const auto& [name, text] : x.results)
    out.push_back({"result " + name, text ? *text : "", {}});
  if (auto added = add_inputs(x, reader, out); !added)
    return added.failure();
  return out;
}

} // namespace muster
