#include "executors/docker/engine/answers.hpp"

#include "executors/docker/engine/json_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

namespace muster::docker {

namespace {

using nlohmann::json;

engine_error bad_answer(object about, const std::string& what) {
  engine_error problem;
  problem.kind = failure::bad_answer;
  problem.about = about;
  problem.message = "the Docker daemon's answer cannot be read: " + what;
  return problem;
}

container_status status_of(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, container_status>, 7> names{{
      {"created", container_status::created},
      {"running", container_status::running},
      {"paused", container_status::paused},
      {"restarting", container_status::restarting},
      {"removing", container_status::removing},
      {"exited", container_status::exited},
      {"dead", container_status::dead},
  }};
  const auto* const it = std::find_if(names.begin(), names.end(), [&](const auto& one) { return one.first == text; });
  return it == names.end() ? container_status::unknown : it->second;
}

std::string without_slash(std::string name) {
  if (!name.empty() && name.front() == '/')
    name.erase(0, 1);
  return name;
}

network_attachment read_attachment(const json& from) {
  network_attachment out;
  out.network_id = fields::text(from, "NetworkID");
  out.address = fields::text(from, "IPAddress");
  out.gateway = fields::text(from, "Gateway");
  out.aliases = fields::texts(from, "Aliases");
  out.fixed_address = fields::text(fields::member(from, "IPAMConfig"), "IPv4Address");
  return out;
}

void read_state(const json& state, container_info& out) {
  out.status = status_of(fields::text(state, "Status"));
  out.running = fields::flag(state, "Running");
  out.oom_killed = fields::flag(state, "OOMKilled");
  out.exit_code = fields::number(state, "ExitCode");
  out.pid = fields::number(state, "Pid");
  out.error = one_line(fields::text(state, "Error"));
  out.started = fields::time(state, "StartedAt");
  out.finished = fields::time(state, "FinishedAt");
}

void read_host_config(const json& host, container_info& out) {
  out.network_mode = fields::text(host, "NetworkMode");
  out.log_driver = fields::text(fields::member(host, "LogConfig"), "Type");
  out.runtime = fields::text(host, "Runtime");
  out.privileged = fields::flag(host, "Privileged");
  out.auto_remove = fields::flag(host, "AutoRemove");
  out.memory = fields::number(host, "Memory");
  out.nano_cpus = fields::number(host, "NanoCpus");
  out.pids = fields::number(host, "PidsLimit");
}

network_info read_network_of(const json& from) {
  network_info out;
  out.id = fields::text(from, "Id");
  out.name = fields::text(from, "Name");
  out.driver = fields::text(from, "Driver");
  out.scope = fields::text(from, "Scope");
  out.internal = fields::flag(from, "Internal");
  out.attachable = fields::flag(from, "Attachable");
  out.labels = fields::labels(from, "Labels");
  out.options = fields::labels(from, "Options");
  const auto& ranges = fields::member(fields::member(from, "IPAM"), "Config");
  if (ranges.is_array())
    for (const auto& range : ranges)
      out.ranges.push_back(
          {fields::text(range, "Subnet"), fields::text(range, "Gateway"), fields::text(range, "IPRange")});
  const auto& containers = fields::member(from, "Containers");
  if (containers.is_object())
    for (const auto& [id, place] : containers.items()) {
      const auto address = fields::text(place, "IPv4Address");
      out.containers.emplace(id, address.substr(0, address.find('/')));
    }
  return out;
}

container_summary read_summary(const json& from) {
  container_summary out;
  out.id = fields::text(from, "Id");
  const auto names = fields::texts(from, "Names");
  // A container that others link to has a second name with two slashes.
  const auto name = std::find_if(names.begin(), names.end(),
                                 [](const std::string& text) { return text.find('/', 1) == std::string::npos; });
  out.name = name == names.end() ? std::string{} : without_slash(*name);
  out.image = fields::text(from, "Image");
  out.status = status_of(fields::text(from, "State"));
  out.text = fields::text(from, "Status");
  out.created = fields::number(from, "Created");
  out.labels = fields::labels(from, "Labels");
  return out;
}

/// What has no id is no answer.
template <class T>
outcome<T> with_id(T read, object about, const std::string& otherwise) {
  if (read.id.empty())
    return bad_answer(about, otherwise);
  return read;
}

template <class T>
outcome<std::vector<T>> read_list(std::string_view body, object about, const std::string& of, T (*read)(const json&)) {
  const auto from = fields::parse(body);
  if (!from.is_array())
    return bad_answer(about, "it is no list of " + of + "s");
  std::vector<T> out;
  out.reserve(from.size());
  for (const auto& one : from) {
    auto item = with_id(read(one), about, "a " + of + " without an id in a list");
    if (!item)
      return item.failure();
    out.push_back(*std::move(item));
  }
  return out;
}

bool has_option(const std::vector<std::string>& options, std::string_view name) {
  return std::any_of(options.begin(), options.end(), [&](const std::string& option) {
    return option == name ||
           (option.size() > name.size() && option.compare(0, name.size(), name) == 0 && option[name.size()] == ',');
  });
}

} // namespace

outcome<api_version> read_version(std::string_view text) {
  api_version out;
  const auto* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, out.major);
  if (major.ec == std::errc{} && major.ptr != end && *major.ptr == '.') {
    const auto minor = std::from_chars(major.ptr + 1, end, out.minor);
    if (minor.ec == std::errc{} && minor.ptr == end && out.major >= 0 && out.minor >= 0)
      return out;
  }
  return bad_answer(object::engine, "it names no version of its API, so this may not be a Docker daemon");
}

outcome<engine_info> read_info(std::string body) {
  const auto from = fields::parse(body);
  engine_info out;
  out.id = fields::text(from, "ID");
  out.name = fields::text(from, "Name");
  out.server_version = fields::text(from, "ServerVersion");
  out.os_type = fields::text(from, "OSType");
  out.architecture = fields::text(from, "Architecture");
  out.operating_system = fields::text(from, "OperatingSystem");
  out.storage_driver = fields::text(from, "Driver");
  out.logging_driver = fields::text(from, "LoggingDriver");
  out.root_folder = fields::text(from, "DockerRootDir");
  out.default_runtime = fields::text(from, "DefaultRuntime");
  out.cgroup_version = fields::text(from, "CgroupVersion");
  out.cgroup_driver = fields::text(from, "CgroupDriver");
  out.now = fields::time(from, "SystemTime");
  out.cpus = fields::number(from, "NCPU");
  out.memory = fields::number(from, "MemTotal");
  out.memory_limit = fields::flag(from, "MemoryLimit");
  out.swap_limit = fields::flag(from, "SwapLimit");
  out.pids_limit = fields::flag(from, "PidsLimit");
  out.cpu_quota = fields::flag(from, "CpuCfsQuota") || fields::flag(from, "CPUCfsQuota");
  out.live_restore = fields::flag(from, "LiveRestoreEnabled");
  out.runtimes = fields::names(from, "Runtimes");
  out.security_options = fields::texts(from, "SecurityOptions");
  out.rootless = has_option(out.security_options, "name=rootless");
  out.cdi_spec_folders = fields::texts(from, "CDISpecDirs");
  if (const auto& devices = fields::member(from, "DiscoveredDevices"); devices.is_array())
    for (const auto& device : devices)
      if (fields::text(device, "Source") == "cdi")
        out.cdi_devices.push_back(fields::text(device, "ID"));
  if (const auto& pools = fields::member(from, "DefaultAddressPools"); pools.is_array())
    for (const auto& pool : pools)
      out.address_pools.push_back(fields::text(pool, "Base"));
  out.warnings = fields::texts(from, "Warnings");
  if (out.server_version.empty() || out.cpus <= 0)
    return bad_answer(object::engine, "it says neither its version nor its CPUs");
  out.raw = std::move(body);
  return out;
}

outcome<image_info> read_image(std::string_view body) {
  const auto from = fields::parse(body);
  const auto& config = fields::member(from, "Config");
  image_info out;
  out.id = fields::text(from, "Id");
  out.tags = fields::texts(from, "RepoTags");
  out.digests = fields::texts(from, "RepoDigests");
  out.os = fields::text(from, "Os");
  out.architecture = fields::text(from, "Architecture");
  out.size = fields::number(from, "Size");
  out.environment = fields::texts(config, "Env");
  out.entrypoint = fields::texts(config, "Entrypoint");
  out.command = fields::texts(config, "Cmd");
  out.user = fields::text(config, "User");
  out.working_folder = fields::text(config, "WorkingDir");
  out.labels = fields::labels(config, "Labels");
  return with_id(std::move(out), object::image, "an image without an id");
}

outcome<created_container> read_created(std::string_view body) {
  const auto from = fields::parse(body);
  return with_id(created_container{fields::text(from, "Id"), fields::texts(from, "Warnings")}, object::container,
                 "a container was made, but its id is missing");
}

outcome<exit_status> read_exit(std::string_view body) {
  const auto from = fields::parse(body);
  const auto& code = fields::member(from, "StatusCode");
  exit_status out{fields::number(from, "StatusCode"), one_line(fields::text(fields::member(from, "Error"), "Message"))};
  // A daemon that shuts down answers with -1.
  if (!code.is_number_integer() || out.code < 0)
    return bad_answer(object::container,
                      out.error.empty() ? "the exit code is missing" : "no exit code, but " + out.error);
  return out;
}

outcome<container_info> read_container(std::string body) {
  const auto from = fields::parse(body);
  const auto& config = fields::member(from, "Config");
  container_info out;
  out.id = fields::text(from, "Id");
  out.name = without_slash(fields::text(from, "Name"));
  out.image = fields::text(config, "Image");
  out.image_id = fields::text(from, "Image");
  out.created = fields::time(from, "Created");
  out.restart_count = fields::number(from, "RestartCount");
  out.terminal = fields::flag(config, "Tty");
  out.labels = fields::labels(config, "Labels");
  read_state(fields::member(from, "State"), out);
  read_host_config(fields::member(from, "HostConfig"), out);
  const auto& networks = fields::member(fields::member(from, "NetworkSettings"), "Networks");
  if (networks.is_object())
    for (const auto& [name, place] : networks.items())
      out.networks.emplace(name, read_attachment(place));
  if (out.id.empty() || out.status == container_status::unknown)
    return bad_answer(object::container, "a container without an id or a status");
  out.raw = std::move(body);
  return out;
}

outcome<std::vector<container_summary>> read_containers(std::string_view body) {
  return read_list<container_summary>(body, object::container, "container", read_summary);
}

outcome<network_info> read_network(std::string_view body) {
  return with_id(read_network_of(fields::parse(body)), object::network, "a network without an id");
}

outcome<std::vector<network_info>> read_networks(std::string_view body) {
  return read_list<network_info>(body, object::network, "network", read_network_of);
}

outcome<std::string> read_network_id(std::string_view body) {
  auto id = fields::text(fields::parse(body), "Id");
  if (id.empty())
    return bad_answer(object::network, "a network was made, but its id is missing");
  return id;
}

outcome<engine_event> read_event(std::string_view line) {
  const auto from = fields::parse(line);
  const auto& actor = fields::member(from, "Actor");
  engine_event out;
  out.type = fields::text(from, "Type");
  out.action = fields::text(from, "Action");
  out.id = fields::text(actor, "ID");
  out.attributes = fields::labels(actor, "Attributes");
  out.at = nano_timestamp{std::chrono::nanoseconds{fields::number(from, "timeNano")}};
  if (out.type.empty() || out.action.empty())
    return bad_answer(object::engine, "an event without a type or an action");
  return out;
}

outcome<pull_progress> read_pull_line(std::string_view line) {
  const auto from = fields::parse(line);
  auto problem = fields::text(fields::member(from, "errorDetail"), "message");
  if (problem.empty())
    problem = fields::text(from, "error");
  if (!problem.empty() || from.contains("error") || from.contains("errorDetail"))
    return error_of_message(problem, object::image, call_kind::pull);
  const auto& detail = fields::member(from, "progressDetail");
  pull_progress out{fields::text(from, "id"), one_line(fields::text(from, "status"), 200),
                    fields::number(detail, "current"), fields::number(detail, "total")};
  if (out.status.empty())
    return bad_answer(object::image, "a line of a pull that says nothing");
  return out;
}

std::string filters_text(const filter_map& filters) {
  return json(filters).dump(-1, ' ', false, json::error_handler_t::replace);
}

bool line_splitter::feed(std::string_view bytes, const sink& to) {
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const bool whole = newline != std::string_view::npos;
    auto line = bytes.substr(0, newline);
    bytes.remove_prefix(whole ? newline + 1 : bytes.size());
    if (pending_.size() + line.size() > max_line)
      return false;
    if (!whole) {
      pending_.append(line);
      return true;
    }
    const auto kept = std::exchange(pending_, {});
    const auto joined = kept.empty() ? std::string{} : kept + std::string(line);
    if (!kept.empty())
      line = joined;
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    if (!line.empty())
      to(line);
  }
  return true;
}

} // namespace muster::docker
