#include "support/fake_engine_model.hpp"

#include "support/fake_engine_words.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fnmatch.h>
#include <stdexcept>

namespace muster::test::engine_model {

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

void model::tell_of_memory(container& which, bool in_state) {
  which.oom = which.oom || in_state;
  event(which, "oom");
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

void model::forget_start(container& which) {
  which.facts.status = "created";
  which.facts.exit_code = 0;
  which.oom = false;
  which.started = 0;
  which.finished = 0;
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
                        {"SystemTime", timestamp(now())},
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
    constexpr std::size_t most_remembered = 256;
    const auto oldest = events.size() - std::min(events.size(), most_remembered);
    it.at = call.query.count("since") != 0 ? oldest : events.size();
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

bool model::speaks(int minor) const {
  return std::strtol(api_version.substr(api_version.find('.') + 1).c_str(), nullptr, 10) >= minor;
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
    return {
        200, {}, speaks(42) ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream", it};
  }
  if (action == "HEAD archive") // Every program is there.
    return nothing(200);
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
    if (speaks(45)) { // Before that a part of `Aliases` as well.
      endpoints[name]["DNSNames"] = {which.facts.name, which.facts.id.substr(0, 12)};
      endpoints[name]["MacAddress"] = "";
      endpoints[name]["DriverOpts"] = nullptr;
    } else if (endpoints[name].contains("Aliases")) {
      endpoints[name]["Aliases"].push_back(which.facts.id.substr(0, 12));
    }
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

} // namespace muster::test::engine_model
