#include "muster/spec/codec.hpp"

#include "muster/base/utf8.hpp"

#include "spec/codec_json.hpp"

namespace muster::spec {

namespace codec {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

} // namespace

json text_to_json(const std::string& x) {
  if (is_utf8(x))
    return x;
  std::string hex;
  hex.reserve(x.size() * 2);
  for (const char c : x) {
    const auto byte = static_cast<unsigned char>(c);
    hex += hex_digits[byte >> 4U];
    hex += hex_digits[byte & 0xfU];
  }
  return json{{"hex", hex}};
}

std::string text_from_json(const json& x) {
  if (x.is_string())
    return x.get<std::string>();
  const auto hex = x.at("hex").get<std::string>();
  const auto digit = [&](std::size_t i) {
    const auto value = i < hex.size() ? hex_digits.find(hex[i]) : std::string_view::npos;
    if (value == std::string_view::npos)
      throw std::invalid_argument("bad hex digit");
    return value;
  };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(digit(i) * 16 + digit(i + 1));
  return bytes;
}

namespace {

// -- inputs and outputs

json input_to_json(const input& x) {
  writer out;
  if (const auto* from = std::get_if<task_input>(&x.from)) {
    out.put("task", text_to_json(from->task));
    out.text("workflow", from->workflow);
  } else {
    out.put("url", text_to_json(std::get<url_input>(x.from).url));
  }
  out.text("regex", x.regex);
  return out.take();
}

input input_from_json(const json& x) {
  const reader in{x};
  input result;
  if (in.find("url") != nullptr) {
    url_input from;
    in.text("url", from.url);
    result.from = std::move(from);
  } else {
    task_input from;
    in.text("task", from.task);
    in.text("workflow", from.workflow);
    result.from = std::move(from);
  }
  in.text("regex", result.regex);
  return result;
}

json output_to_json(const output& x) {
  writer out;
  out.put("url", text_to_json(x.url));
  out.text("regex", x.regex);
  return out.take();
}

output output_from_json(const json& x) {
  const reader in{x};
  output result;
  in.text("url", result.url);
  in.text("regex", result.regex);
  return result;
}

// -- the small parts of a task

json kpi_to_json(const kpi& x) {
  return json::array({text_to_json(x.index), text_to_json(x.path)});
}

kpi kpi_from_json(const json& x) {
  return {text_from_json(x.at(0)), text_from_json(x.at(1))};
}

json pair_to_json(const std::pair<std::string, std::string>& x) {
  return json::array({text_to_json(x.first), text_to_json(x.second)});
}

std::pair<std::string, std::string> pair_from_json(const json& x) {
  return {text_from_json(x.at(0)), text_from_json(x.at(1))};
}

json file_to_json(const file& x) {
  writer out;
  out.put("path", text_to_json(x.path));
  out.text("contents", x.contents);
  out.flag("base64", x.base64, false);
  return out.take();
}

file file_from_json(const json& x) {
  const reader in{x};
  file result;
  in.text("path", result.path);
  in.text("contents", result.contents);
  in.get("base64", result.base64);
  return result;
}

json checkpoint_to_json(const checkpoint& x) {
  writer out;
  out.put("path", text_to_json(x.path));
  out.text("url", x.url);
  out.put("frequency_us", x.frequency.count());
  out.text("regex", x.regex);
  return out.take();
}

checkpoint checkpoint_from_json(const json& x) {
  const reader in{x};
  checkpoint result;
  in.text("path", result.path);
  in.text("url", result.url);
  std::int64_t microseconds = 0;
  in.get("frequency_us", microseconds);
  result.frequency = duration{microseconds};
  in.text("regex", result.regex);
  return result;
}

json credential_to_json(const std::pair<const std::string, credential>& x) {
  auto entry = json::array({text_to_json(x.first)});
  if (const auto* folder = std::get_if<std::string>(&x.second)) {
    entry.push_back(text_to_json(*folder));
  } else {
    auto variables = json::array();
    for (const auto& variable : std::get<1>(x.second))
      variables.push_back(pair_to_json(variable));
    entry.push_back(std::move(variables));
  }
  return entry;
}

void credential_from_json(const json& x, std::map<std::string, credential>& out) {
  const auto& value = x.at(1);
  if (!value.is_array()) {
    out.emplace(text_from_json(x.at(0)), text_from_json(value));
    return;
  }
  std::map<std::string, std::string> variables;
  for (const auto& variable : value)
    variables.insert(pair_from_json(variable));
  out.emplace(text_from_json(x.at(0)), std::move(variables));
}

json exit_rule_to_json(const exit_rule& x) {
  writer out;
  out.put("action", static_cast<int>(x.action));
  out.list("codes", x.codes, code_range_to_json);
  out.text("text", x.text);
  return out.take();
}

exit_rule exit_rule_from_json(const json& x) {
  const reader in{x};
  exit_rule result;
  int action = 0;
  in.get("action", action);
  if (action < static_cast<int>(exit_action::complete) || action > static_cast<int>(exit_action::reschedule))
    throw std::invalid_argument("unknown exit action");
  result.action = static_cast<exit_action>(action);
  in.list("codes", result.codes, code_range_from_json);
  in.text("text", result.text);
  return result;
}

json topology_to_json(const topology& x) {
  writer out;
  out.put("key", text_to_json(x.key));
  out.text("group", x.group, "default");
  out.flag("required", x.required, true);
  return out.take();
}

topology topology_from_json(const json& x) {
  const reader in{x};
  topology result;
  in.text("key", result.key);
  in.text("group", result.group);
  in.get("required", result.required);
  return result;
}

} // namespace

json code_range_to_json(const code_range& x) {
  return json::array({x.first, x.last});
}

code_range code_range_from_json(const json& x) {
  return {x.at(0).get<std::int64_t>(), x.at(1).get<std::int64_t>()};
}

// -- the whole

json task_to_json(const task& x) {
  writer out;
  out.put("name", text_to_json(x.name));
  out.text("image", x.image);
  out.list("command", x.command, text_to_json);
  out.list("args", x.args, text_to_json);
  out.list("inputs", x.inputs, input_to_json);
  out.list("outputs", x.outputs, output_to_json);
  out.list("kpis", x.kpis, kpi_to_json);
  out.flag("lead", x.lead, false);
  out.list("environment", x.environment, pair_to_json);
  out.list("files", x.files, file_to_json);
  out.flag("privileged", x.privileged, false);
  out.flag("hostNetwork", x.host_network, false);
  out.list("volumeMounts", x.volume_mounts, text_to_json);
  out.list("credentials", x.credentials, credential_to_json);
  out.text("downloadType", x.download_type);
  out.text("cacheSize", x.cache_size);
  out.list("exitActions", x.exit_actions, exit_rule_to_json);
  out.list("checkpoint", x.checkpoints, checkpoint_to_json);
  out.text("resource", x.resource, "default");
  return out.take();
}

task task_from_json(const json& x) {
  const reader in{x};
  task result;
  in.text("name", result.name);
  in.text("image", result.image);
  in.list("command", result.command, text_from_json);
  in.list("args", result.args, text_from_json);
  in.list("inputs", result.inputs, input_from_json);
  in.list("outputs", result.outputs, output_from_json);
  in.list("kpis", result.kpis, kpi_from_json);
  in.get("lead", result.lead);
  in.list("environment", result.environment, pair_from_json);
  in.list("files", result.files, file_from_json);
  in.get("privileged", result.privileged);
  in.get("hostNetwork", result.host_network);
  in.list("volumeMounts", result.volume_mounts, text_from_json);
  if (const auto* credentials = in.find("credentials"))
    for (const auto& entry : *credentials)
      credential_from_json(entry, result.credentials);
  in.text("downloadType", result.download_type);
  in.text("cacheSize", result.cache_size);
  in.list("exitActions", result.exit_actions, exit_rule_from_json);
  in.list("checkpoint", result.checkpoints, checkpoint_from_json);
  in.text("resource", result.resource);
  return result;
}

json resource_to_json(const resource& x) {
  writer out;
  out.number("cpu", x.cpu);
  out.number("gpu", x.gpu);
  out.number("memory", x.memory);
  out.number("storage", x.storage);
  out.text("platform", x.platform);
  out.list("nodesExcluded", x.nodes_excluded, text_to_json);
  out.list("topology", x.topologies, topology_to_json);
  out.text("driver", x.driver);
  return out.take();
}

resource resource_from_json(const json& x) {
  const reader in{x};
  resource result;
  in.number("cpu", result.cpu);
  in.number("gpu", result.gpu);
  in.number("memory", result.memory);
  in.number("storage", result.storage);
  in.text("platform", result.platform);
  in.list("nodesExcluded", result.nodes_excluded, text_from_json);
  in.list("topology", result.topologies, topology_from_json);
  in.text("driver", result.driver);
  return result;
}

} // namespace codec

namespace {

using codec::json;

template <class T>
result<T> decode(std::string_view text, const char* what, T (*convert)(const json&)) {
  try {
    return convert(json::parse(text));
  } catch (const std::exception& problem) {
    return {ec::store_corrupt, std::string{"the stored "} + what + " cannot be read: " + problem.what()};
  }
}

} // namespace

std::string encode(const task& x) {
  return codec::task_to_json(x).dump();
}

result<task> decode_task(std::string_view text) {
  return decode<task>(text, "task", codec::task_from_json);
}

std::string encode(const resource& x) {
  return codec::resource_to_json(x).dump();
}

result<resource> decode_resource(std::string_view text) {
  return decode<resource>(text, "resource", codec::resource_from_json);
}

} // namespace muster::spec
