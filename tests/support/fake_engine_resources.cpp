#include "support/fake_engine_model.hpp"

#include "support/fake_engine_words.hpp"

#include <algorithm>
#include <functional>

namespace muster::test::engine_model {

// -- images

reply model::images_call(const engine_call& call) {
  constexpr std::string_view front = "/images/";
  constexpr std::string_view back = "/json";
  if (call.method == "POST" && call.path == "/images/create")
    return pull(call);
  if (call.method != "GET" || call.path.size() <= front.size() + back.size() ||
      call.path.compare(call.path.size() - back.size(), back.size(), back) != 0)
    return refusal(404, "page not found");
  const auto name = with_tag(call.path.substr(front.size(), call.path.size() - front.size() - back.size()));
  if (const auto found = images.find(name); found == images.end() || !found->second)
    return refusal(404, "no such image: " + name + ": No such image: " + name);
  json out{{"Id", "sha256:" + std::to_string(std::hash<std::string>{}(name))}, {"RepoTags", {name}}, {"Size", 1}};
  if (!speaks(44))
    out["VirtualSize"] = 1;
  if (!speaks(45))
    out.update({{"Container", "c"}, {"ContainerConfig", {{"Env", {"OF=build"}}}}});
  return answer(200, out);
}

reply model::pull(const engine_call& call) {
  const auto name = with_tag(value(call, "fromImage"), value(call, "tag", "latest"));
  if (const auto failing = failing_pulls.find(name); failing != failing_pulls.end()) {
    const auto& [status, message] = failing->second;
    if (status != 200)
      return refusal(status, message);
    const json end{{"errorDetail", {{"message", message}}}, {"error", message}};
    return {
        200, json{{"status", "Pulling from " + name}}.dump() + "\r\n" + end.dump() + "\r\n", "application/json", {}};
  }
  if (images.count(name) == 0)
    return refusal(404, "pull access denied for " + name.substr(0, name.rfind(':')) +
                            ", repository does not exist or may require 'docker login': denied: requested access to "
                            "the resource is denied");
  images[name] = true;
  std::string body;
  for (const auto& line :
       {json{{"status", "Pulling from " + name}},
        json{{"status", "Downloading"}, {"id", "a1"}, {"progressDetail", {{"current", 512}, {"total", 1024}}}},
        json{{"status", "Pull complete"}, {"id", "a1"}, {"progressDetail", json::object()}},
        json{{"status", "Status: Downloaded newer image for " + name}}})
    body += line.dump() + "\r\n";
  return {200, body, "application/json", {}};
}

// -- networks

reply model::networks_call(const engine_call& call, const std::vector<std::string>& parts) {
  if (call.method == "POST" && call.path == "/networks/create")
    return create_network(call);
  if (call.method == "GET" && parts.size() == 1) {
    json out = json::array();
    for (const auto& [name, it] : networks)
      if (passes(call, name, it.id, labels_of(it.create)))
        out.push_back(inspect(it));
    return answer(200, out);
  }
  const auto wanted = parts.size() > 1 ? parts[1] : std::string{};
  const auto found = std::find_if(networks.begin(), networks.end(),
                                  [&](const auto& x) { return x.first == wanted || x.second.id == wanted; });
  if (found == networks.end())
    return refusal(404, "network " + wanted + " not found");
  const auto name = found->first;
  if (call.method == "GET")
    return answer(200, inspect(found->second));
  if (call.method == "DELETE") {
    for (const auto& [id, it] : containers)
      if (it.facts.status == "running" && it.endpoints.contains(name))
        return refusal(403, "error while removing network: network " + name + " id " + found->second.id +
                                " has active endpoints");
    event("network", "destroy", found->second.id, {{"name", name}});
    networks.erase(found);
    return nothing(204);
  }
  const auto body = json::parse(call.body, nullptr, false);
  auto* which = body.is_object() ? find(body.value("Container", "")) : nullptr;
  if (which == nullptr || parts.size() != 3)
    return refusal(404, "No such container");
  auto& names = which->facts.networks;
  names.erase(std::remove(names.begin(), names.end(), name), names.end());
  which->endpoints.erase(name);
  if (parts[2] == "connect") {
    which->endpoints[name] = body.value("EndpointConfig", json::object());
    names.push_back(name);
  }
  return nothing(200);
}

reply model::create_network(const engine_call& call) {
  const auto body = json::parse(call.body, nullptr, false);
  if (!body.is_object() || body.value("Name", "").empty())
    return refusal(400, "invalid network");
  const std::string name = body["Name"];
  if (networks.count(name) != 0)
    return refusal(409, "network with name " + name + " already exists");
  const auto subnet = subnet_of(body);
  for (const auto& [other, it] : networks)
    if (!subnet.empty() && subnet_of(it.create) == subnet)
      return refusal(403, std::string{speaks(47) ? "invalid pool request: " : ""} +
                              "Pool overlaps with other one on this address space");
  network it{new_id(), body};
  event("network", "create", it.id, {{"name", name}});
  const auto id = it.id;
  networks.emplace(name, std::move(it));
  return answer(201, {{"Id", id}, {"Warning", ""}});
}

json model::inspect(const network& which) const {
  json members = json::object();
  for (const auto& [id, it] : containers)
    if (it.facts.status == "running" && it.endpoints.contains(which.create["Name"].get<std::string>()))
      members[id] = {{"Name", it.facts.name}};
  json out = which.create;
  out.update({{"Id", which.id}, {"Scope", "local"}, {"Labels", labels_of(which.create)}, {"Containers", members}});
  return out;
}

// -- streams

portion model::next(stream& from) const {
  portion out;
  const auto* which = find(from.id);
  if (from.what == stream::kind::wait) {
    const auto condition = value(from.call, "condition", "not-running");
    const bool over = condition == "removed"     ? which == nullptr
                      : condition == "next-exit" ? which == nullptr || which->exits > from.exits
                                                 : which == nullptr || which->facts.status != "running";
    if (over) {
      const auto gone = exit_of_removed.find(from.id);
      const int code = which != nullptr ? which->facts.exit_code : gone != exit_of_removed.end() ? gone->second : 0;
      out = {json{{"StatusCode", code}}.dump() + '\n', true};
    }
  } else if (from.what == stream::kind::logs) {
    const auto since = parse_time(value(from.call, "since"));
    if (which != nullptr)
      for (; from.at < which->log.size(); ++from.at)
        if (const auto& line = which->log[from.at];
            line.time >= since && flag(from.call, line.to_stderr ? "stderr" : "stdout"))
          out.bytes += frame(line, flag(from.call, "timestamps"));
    out.last = which == nullptr || which->facts.status != "running" || !flag(from.call, "follow");
  } else {
    const auto since = parse_time(value(from.call, "since"));
    const auto until = parse_time(value(from.call, "until"));
    for (; from.at < events.size(); ++from.at) {
      const auto& it = events[from.at];
      const auto labels = it["Actor"]["Attributes"].get<std::map<std::string, std::string>>();
      if (it["timeNano"] >= since && (until == 0 || it["timeNano"] <= until) &&
          passes_word(from.call, "type", it["Type"]) && passes_word(from.call, "event", it["Action"]) &&
          passes_word(from.call, "container", it["Actor"]["ID"]) &&
          passes(from.call, labels.count("name") != 0 ? labels.at("name") : "", "", labels))
        for (int i = 0; i < repeat_events; ++i)
          out.bytes += it.dump() + '\n';
    }
    out.last = until != 0 && until <= last_time_;
  }
  return out;
}

} // namespace muster::test::engine_model
