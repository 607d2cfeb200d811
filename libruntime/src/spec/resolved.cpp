#include "muster/spec/load.hpp"

#include "muster/spec/storage_url.hpp"
#include "muster/spec/tokens.hpp"

#include "spec/flow_decode.hpp"
#include "spec/flow_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace muster::spec {

namespace {

using json = nlohmann::ordered_json;

json input_to_json(const input& x) {
  if (const auto* const url = std::get_if<url_input>(&x.from))
    return {{"url", url->url}, {"regex", x.regex}};
  const auto& from = std::get<task_input>(x.from);
  return {{"task", from.workflow.empty() ? from.task : from.workflow + ":" + from.task}, {"regex", x.regex}};
}

json task_to_json(const task& x) {
  json out{{"name", x.name}, {"lead", x.lead}, {"image", x.image}, {"command", x.command}, {"args", x.args}};
  auto& environment = out["environment"] = json::object();
  for (const auto& [name, value] : x.environment)
    environment[name] = value;
  auto& files = out["files"] = json::array();
  for (const auto& part : x.files)
    files.push_back({{"path", part.path}, {"contents", part.contents}});
  auto& inputs = out["inputs"] = json::array();
  for (const auto& from : x.inputs)
    inputs.push_back(input_to_json(from));
  auto& outputs = out["outputs"] = json::array();
  for (const auto& to : x.outputs)
    outputs.push_back({{"url", to.url}, {"regex", to.regex}});
  return out;
}

/// Of a flow: what stands where is known only when its step begins, so tokens stay.
json task_as_it_is(const task& x) {
  return task_to_json(x);
}

void refuse_url(const std::string& url, const std::string& field, const char* hint, std::vector<diagnostic>& out) {
  if (is_file_url(url))
    return;
  diagnostic x;
  x.field = field;
  x.message = "this build reads and writes file:// URLs only, found '" + url + "'";
  x.hint = hint;
  out.push_back(std::move(x));
}

} // namespace

std::string to_resolved_json(const workflow& x, int indent) {
  if (x.flow)
    return codec::scope_to_json(*x.flow, task_as_it_is).dump(indent, ' ', false, json::error_handler_t::replace);
  auto groups = json::array();
  for (const auto& g : x.groups) {
    auto tasks = json::array();
    for (const auto& t : g.tasks)
      tasks.push_back(task_to_json(substitute(t, osmo_tokens(t, x.name + "-1"))));
    groups.push_back({{"group", g.name}, {"barrier", g.barrier}, {"tasks", std::move(tasks)}});
  }
  return groups.dump(indent, ' ', false, json::error_handler_t::replace);
}

std::vector<diagnostic> unsupported_urls(const workflow& x) {
  std::vector<diagnostic> out;
  const auto check = [&](const task& t) {
    const auto start = "task '" + t.name + "' ";
    for (std::size_t i = 0; i < t.inputs.size(); ++i)
      if (const auto* const url = std::get_if<url_input>(&t.inputs[i].from))
        refuse_url(url->url, start + "inputs[" + std::to_string(i) + "].url",
                   "copy the data to this host and name it by file:///absolute/path", out);
    for (std::size_t i = 0; i < t.outputs.size(); ++i)
      refuse_url(t.outputs[i].url, start + "outputs[" + std::to_string(i) + "].url",
                 "have it written to this host, to file:///absolute/path, and copied from there", out);
  };
  for (const auto& g : x.groups)
    std::for_each(g.tasks.begin(), g.tasks.end(), check);
  if (x.flow)
    for_each_task(*x.flow, check);
  return out;
}

} // namespace muster::spec
