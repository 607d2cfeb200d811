#include "support/fake_engine_model.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fnmatch.h>
#include <stdexcept>

namespace muster::test::engine_model {

namespace {

constexpr int second_digits = 9;
constexpr std::int64_t second = 1'000'000'000;

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

std::string value(const engine_call& call, const std::string& name, const std::string& absent = {}) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? absent : found->second;
}

bool flag(const engine_call& call, const std::string& name) {
  const auto text = value(call, name, "0");
  return text != "0" && text != "false" && text != "False";
}

/// RFC 3339 with nine digits, as the Engine writes it.
std::string timestamp(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time / second);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const auto size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof(text) - size, ".%09dZ", static_cast<int>(time % second));
  return time == 0 ? "0001-01-01T00:00:00Z" : text;
}

/// `1700000000` or `1700000000.000000001`.
std::int64_t parse_time(const std::string& text) {
  if (text.empty())
    return 0;
  const auto point = text.find('.');
  auto fraction = point == std::string::npos ? std::string{} : text.substr(point + 1);
  fraction.resize(second_digits, '0');
  return std::strtoll(text.c_str(), nullptr, 10) * second + std::strtoll(fraction.c_str(), nullptr, 10);
}

/// `filters` for a thing of one word: absent, all pass.
bool passes_word(const engine_call& call, const char* key, const std::string& word) {
  const auto filters = json::parse(value(call, "filters", "{}"), nullptr, false);
  if (!filters.is_object() || !filters.contains(key))
    return true;
  const auto& wanted = filters[key];
  return wanted.is_object() ? wanted.contains(word) : std::find(wanted.begin(), wanted.end(), word) != wanted.end();
}

/// `filters={"label":["a=b","c"],"name":[...]}` over labels and names.
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

/// One frame of a log: a head of eight bytes, then the text.
std::string frame(const log_line& line, bool with_time) {
  const auto text = (with_time ? timestamp(line.time) + ' ' : std::string{}) + line.text + '\n';
  std::string out{line.to_stderr ? '\2' : '\1', '\0', '\0', '\0'};
  for (const int shift : {24, 16, 8, 0})
    out += static_cast<char>((text.size() >> static_cast<unsigned>(shift)) & 0xffU);
  return out + text;
}

std::string with_tag(const std::string& name, const std::string& tag = "latest") {
  const auto colon = name.rfind(':');
  return colon == std::string::npos || name.find('/', colon) != std::string::npos ? name + ':' + tag : name;
}

std::string subnet_of(const json& create) {
  const auto config = create.value(json::json_pointer("/IPAM/Config"), json::array());
  return config.is_array() && !config.empty() ? config[0].value("Subnet", "") : std::string{};
}

} // namespace

std::int64_t model::now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  last_time_ = std::max(last_time_ + 1, time.tv_sec * second + time.tv_nsec);
  return last_time_;
}

std::string model::new_id() {
  char text[65];
  std::snprintf(text, sizeof(text), "%016llx%048x", static_cast<unsigned long long>(0xf4ce000000000000ULL + ++ids_), 0);
  return text;
}

void model::event(const std::string& type, const std::string& action, const std::string& id, json attributes) {
  const auto time = now();
  json it{{"Type", type},     {"Action", action},      {"Actor", {{"ID", id}, {"Attributes", std::move(attributes)}}},
          {"scope", "local"}, {"time", time / second}, {"timeNano", time}};
  if (type == "container")
    it.update({{"status", action}, {"id", id}});
  events.push_back(std::move(it));
}

void model::event(const container& which, const std::string& action, json more) {
  more.update(json(which.facts.labels));
  more["name"] = which.facts.name;
  more["image"] = which.create.value("Image", "");
  event("container", action, which.facts.id, std::move(more));
}

container* model::find(const std::string& name_or_id) {
  constexpr std::size_t short_id = 12;
  for (auto& [id, it] : containers)
    if (id == name_or_id || it.facts.name == name_or_id ||
        (name_or_id.size() >= short_id && id.rfind(name_or_id, 0) == 0))
      return &it;
  return nullptr;
}

const container* model::find(const std::string& name_or_id) const {
  return const_cast<model*>(this)->find(name_or_id);
}

container& model::get(const std::string& name_or_id) {
  if (auto* found = find(name_or_id); found != nullptr)
    return *found;
  throw std::invalid_argument("the fake Engine has no container " + name_or_id);
}

engine_script model::script_of(const std::string& name) const {
  for (auto it = scripts.rbegin(); it != scripts.rend(); ++it)
    if (::fnmatch(it->first.c_str(), name.c_str(), 0) == 0)
      return it->second;
  return {};
}

void model::write(container& which, const std::string& line, bool to_stderr, std::int64_t time) {
  const auto least = which.log.empty() ? 0 : which.log.back().time;
  which.log.push_back({std::max(least, time == 0 ? now() : time), to_stderr, line});
}

void model::finish(container& which, int exit_code, bool oom) {
  if (which.facts.status != "running")
    return;
  which.facts.status = "exited";
  which.facts.exit_code = exit_code;
  which.oom = oom;
  which.finished = now();
  ++which.exits;
  if (oom)
    event(which, "oom");
  event(which, "die", {{"exitCode", std::to_string(exit_code)}});
  if (which.create.value(json::json_pointer("/HostConfig/AutoRemove"), false))
    remove(which.facts.id);
}

void model::remove(const std::string& id) {
  const auto found = containers.find(id);
  if (found == containers.end())
    return;
  exit_of_removed[id] = found->second.facts.exit_code;
  event(found->second, "destroy");
  containers.erase(found);
}

void model::end_all() {
  for (auto& [id, it] : containers)
    if (it.facts.status == "running") {
      it.facts.status = "exited";
      it.facts.exit_code = 137;
      it.finished = now();
      ++it.exits;
    }
}

reply model::handle(const engine_call& call) {
  const auto parts = split(call.path);
  const auto& first = parts.empty() ? std::string{} : parts.front();
  if (first == "_ping")
    return {200, "OK", "text/plain; charset=utf-8", {}};
  if (first == "version")
    return answer(200,
                  {{"Version", "20.10.24"}, {"ApiVersion", api_version}, {"MinAPIVersion", "1.12"}, {"Os", "linux"}});
  if (first == "info")
    return answer(200, {{"ID", "FAKE"},
                        {"NCPU", 8},
                        {"MemTotal", 17179869184},
                        {"ServerVersion", "20.10.24"},
                        {"Runtimes", {{"runc", {{"path", "runc"}}}}},
                        {"DefaultRuntime", "runc"},
                        {"CgroupVersion", "1"},
                        {"Containers", containers.size()},
                        {"Name", "fake"},
                        {"OSType", "linux"}});
  if (first == "events") {
    stream it;
    it.call = call;
    // Without `since` only what happens from now on.
    it.at = call.query.count("since") != 0 ? 0 : events.size();
    return {200, {}, "application/json", it};
  }
  if (first == "containers")
    return containers_call(call, parts);
  if (first == "images")
    return images_call(call);
  if (first == "networks")
    return networks_call(call, parts);
  return refusal(404, "page not found");
}

// -- containers

reply model::containers_call(const engine_call& call, const std::vector<std::string>& parts) {
  const auto action = call.method + ' ' + (parts.size() > 2 ? parts[2] : std::string{});
  if (parts.size() == 2 && call.method == "POST" && parts[1] == "create")
    return create(call);
  if (parts.size() == 2 && call.method == "GET" && parts[1] == "json")
    return list(call);
  if (parts.size() < 2)
    return refusal(404, "page not found");
  auto* which = find(parts[1]);
  if (which == nullptr)
    return refusal(404, "No such container: " + parts[1]);
  if (action == "GET json")
    return answer(200, inspect(*which));
  if (action == "POST start")
    return start(*which);
  if (action == "POST stop")
    return which->facts.status != "running" ? nothing(304)
                                            : stop(*which, script_of(which->facts.name).ignores_stop ? 137 : 143);
  if (action == "POST kill") {
    if (which->facts.status != "running")
      return refusal(409, "Cannot kill container: " + parts[1] + ": Container " + which->facts.id + " is not running");
    const auto signal = value(call, "signal", "SIGKILL");
    return stop(*which, signal == "SIGTERM" || signal == "TERM" || signal == "15" ? 143 : 137);
  }
  if (action == "POST wait")
    return wait(call, parts[1]);
  if (action == "GET logs") {
    stream it{stream::kind::logs, which->facts.id, call, 0, 0};
    return {200, {}, "application/vnd.docker.raw-stream", it};
  }
  if (action == "PUT archive" || action == "GET archive")
    return archive(*which, call);
  if (action == "DELETE ")
    return remove_container(*which, call);
  return refusal(404, "page not found");
}

reply model::create(const engine_call& call) {
  const auto body = json::parse(call.body, nullptr, false);
  if (!body.is_object())
    return refusal(400, "invalid JSON in the body");
  const auto image = with_tag(body.value("Image", ""));
  if (const auto found = images.find(image); found == images.end() || !found->second)
    return refusal(404, "No such image: " + image);
  container it;
  it.facts.id = new_id();
  it.facts.name = value(call, "name", "fake_" + it.facts.id.substr(12, 4));
  if (const auto* other = find(it.facts.name); other != nullptr)
    return refusal(409, "Conflict. The container name \"/" + it.facts.name + "\" is already in use by container \"" +
                            other->facts.id +
                            "\". You have to remove (or rename) that container to be able to reuse that name.");
  it.facts.status = "created";
  it.facts.labels = labels_of(body);
  it.facts.create_body = call.body;
  it.create = body;
  it.created = now();
  // Named, because `items` keeps a reference.
  const auto endpoints = body.value(json::json_pointer("/NetworkingConfig/EndpointsConfig"), json::object());
  for (const auto& [name, settings] : endpoints.items()) {
    if (networks.count(name) == 0)
      return refusal(404, "network " + name + " not found");
    it.endpoints[name] = settings;
    it.facts.networks.push_back(name);
  }
  event(it, "create");
  ++created[it.facts.name];
  const auto id = it.facts.id;
  containers.emplace(id, std::move(it));
  return answer(201, {{"Id", id}, {"Warnings", json::array()}});
}

reply model::start(container& which) {
  if (which.facts.status == "running")
    return nothing(304);
  const auto script = script_of(which.facts.name);
  if (script.start_status != 0) {
    which.facts.exit_code = script.start_status == 400 ? 127 : 128;
    which.error = script.start_error;
    return refusal(script.start_status, script.start_error);
  }
  which.facts.status = "running";
  which.started = now();
  ++started[which.facts.name];
  event(which, "start");
  for (const auto& line : script.out)
    write(which, line, false, 0);
  if (script.exit_code)
    finish(which, *script.exit_code, script.oom);
  return nothing(204);
}

reply model::stop(container& which, int exit_code) {
  event(which, "kill");
  finish(which, exit_code, false);
  return nothing(204);
}

reply model::wait(const engine_call& call, const std::string& name) {
  const auto* which = find(name);
  stream it{stream::kind::wait, which->facts.id, call, 0, which->exits};
  return {200, {}, "application/json", it};
}

reply model::archive(container& which, const engine_call& call) {
  if (call.method == "PUT") {
    which.facts.uploads.push_back(call);
    return nothing(200);
  }
  const auto found = which.archives.find(value(call, "path"));
  if (found == which.archives.end())
    return refusal(404, "Could not find the file " + value(call, "path") + " in container " + which.facts.id);
  return {200, found->second, "application/x-tar", {}};
}

reply model::remove_container(container& which, const engine_call& call) {
  if (which.facts.status == "running") {
    if (!flag(call, "force"))
      return refusal(409, "You cannot remove a running container " + which.facts.id +
                              ". Stop the container before attempting removal or force remove");
    const auto id = which.facts.id;
    finish(which, 137, false);
    remove(id);
    return nothing(204);
  }
  remove(which.facts.id);
  return nothing(204);
}

reply model::list(const engine_call& call) const {
  json out = json::array();
  for (const auto& [id, it] : containers)
    if ((flag(call, "all") || it.facts.status == "running") && passes(call, it.facts.name, id, it.facts.labels))
      out.push_back({{"Id", id},
                     {"Names", {"/" + it.facts.name}},
                     {"Image", it.create.value("Image", "")},
                     {"Labels", it.facts.labels},
                     {"State", it.facts.status},
                     {"Created", it.created / second},
                     {"Status", it.facts.status}});
  return answer(200, out);
}

json model::inspect(const container& which) const {
  json endpoints = json::object();
  for (const auto& [name, settings] : which.endpoints.items()) {
    const auto address = settings.is_object() ? settings.value(json::json_pointer("/IPAMConfig/IPv4Address"), "") : "";
    endpoints[name] = {{"IPAddress", which.facts.status == "running" ? address : ""},
                       {"NetworkID", networks.count(name) != 0 ? networks.at(name).id : ""}};
    if (settings.is_object())
      endpoints[name].update(settings);
  }
  return {{"Id", which.facts.id},
          {"Name", "/" + which.facts.name},
          {"Created", timestamp(which.created)},
          {"Config", which.create},
          {"HostConfig", which.create.value("HostConfig", json::object())},
          {"State",
           {{"Status", which.facts.status},
            {"Running", which.facts.status == "running"},
            {"Paused", false},
            {"Restarting", false},
            {"Dead", false},
            {"OOMKilled", which.oom},
            {"Error", which.error},
            {"ExitCode", which.facts.exit_code},
            {"Pid", which.facts.status == "running" ? 4711 : 0},
            {"StartedAt", timestamp(which.started)},
            {"FinishedAt", timestamp(which.finished)}}},
          {"NetworkSettings", {{"Networks", endpoints}}}};
}

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
    return refusal(404, "No such image: " + name);
  return answer(200, {{"Id", "sha256:" + std::to_string(std::hash<std::string>{}(name))}, {"RepoTags", {name}}});
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
      return refusal(403, "Pool overlaps with other one on this address space");
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
      if (it["timeNano"] >= since && passes_word(from.call, "type", it["Type"]) &&
          passes_word(from.call, "event", it["Action"]) &&
          passes(from.call, labels.count("name") != 0 ? labels.at("name") : "", "", labels))
        for (int i = 0; i < repeat_events; ++i)
          out.bytes += it.dump() + '\n';
    }
    out.last = until != 0 && !events.empty() && events.back()["timeNano"] >= until;
  }
  return out;
}

} // namespace muster::test::engine_model
