#include "executors/docker/container_config.hpp"

#include "executors/docker/log_copier.hpp"
#include "executors/docker/names.hpp"

#include "muster/spec/names.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

#include <unistd.h>

namespace muster::docker {

namespace {

using json = nlohmann::json;

/// The Engine refuses less.
constexpr std::int64_t least_memory = std::int64_t{6} << 20U;
constexpr std::int64_t nano = 1'000'000'000;
/// Linux's limit for a host name is 64, that of the runtime 63.
constexpr std::size_t longest_host_name = 63;

bool holds_zero(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

result<json> words_of(const std::vector<std::string>& words, const spec::token_values& tokens,
                      const std::string& task) {
  json out = json::array();
  for (const auto& word : words) {
    out.push_back(spec::substitute(word, tokens));
    if (holds_zero(out.back().get_ref<const std::string&>()))
      return error{ec::invalid_argument, "an argument of task '" + task + "' holds a zero byte"};
  }
  return out;
}

result<json> environment_json(const std::map<std::string, std::string>& environment, const std::string& task) {
  json out = json::array();
  for (const auto& [key, value] : environment) {
    if (key.empty() || key.find('=') != std::string::npos || holds_zero(key) || holds_zero(value))
      return error{ec::invalid_argument, std::string{"the environment variable '"}.append(key) + "' of task '" + task +
                                             "' cannot be set: a name has no '=' and no part a zero byte"};
    out.push_back(std::string{key}.append(1, '=').append(value));
  }
  return out;
}

json mounts_json(const std::vector<bind_mount>& mounts) {
  json out = json::array();
  for (const auto& x : mounts)
    out.push_back({{"Type", "bind"}, {"Source", x.source}, {"Target", x.target}, {"ReadOnly", x.read_only}});
  return out;
}

void add_limits(json& host, const attempt_spec& spec, const docker_pool_config& config, const daemon_facts& daemon) {
  if (const auto cpus = spec.resource.cpu.value_or(0); cpus > 0)
    host["NanoCpus"] = (daemon.cpus > 0 ? std::min(cpus, daemon.cpus) : cpus) * nano;
  if (const auto memory = spec.resource.memory.value_or(0); memory > 0) {
    host["Memory"] = std::max(memory, least_memory);
    host["MemorySwap"] = config.swap ? std::int64_t{-1} : std::max(memory, least_memory);
  }
  if (config.pids_limit > 0)
    host["PidsLimit"] = config.pids_limit;
  if (config.shm_size > 0)
    host["ShmSize"] = config.shm_size;
}

void add_gpus(json& host, const attempt_spec& spec, const daemon_facts& daemon) {
  if (spec.gpus.empty())
    return;
  json names = json::array();
  for (const auto index : spec.gpus) {
    const auto known = daemon.gpu_uuids.find(index);
    names.push_back(known == daemon.gpu_uuids.end() ? std::to_string(index) : known->second);
  }
  host["DeviceRequests"] = {
      {{"Driver", "nvidia"}, {"DeviceIDs", names}, {"Capabilities", {{"gpu", "utility", "compute"}}}}};
}

/// The daemon resolves names only within a network: those of members in the host's are told, and to these all.
json told_names(const attempt_spec& spec, bool is_in_host_network) {
  json out = json::array();
  for (const auto& [name, address] : spec.peers) {
    const auto number = parse_ipv4(address);
    const auto network = number ? block_of(*number, static_cast<std::uint32_t>(spec.peers.size())) : ipv4_block{};
    if (number && (is_in_host_network || *number == gateway_of(network)))
      out.push_back(std::string{name}.append(1, ':').append(address));
  }
  return out;
}

void add_network(json& to, const attempt_spec& spec, const container_plan& plan, bool is_in_host_network) {
  auto& host = to["HostConfig"];
  const bool is_gang = spec.peers.size() > 1;
  if (auto names = is_gang ? told_names(spec, is_in_host_network) : json::array(); !names.empty())
    host["ExtraHosts"] = std::move(names);
  if (is_in_host_network) {
    host["NetworkMode"] = "host";
    return;
  }
  to["Hostname"] = spec.task.name.substr(0, longest_host_name);
  if (plan.network.empty())
    return;
  host["NetworkMode"] = plan.network;
  json endpoint = json::object();
  if (is_gang) // In the network that strangers share, names would mean nothing.
    endpoint["Aliases"] = {std::string{spec::local_name(spec.task.name)}};
  if (plan.fixed_address)
    endpoint["IPAMConfig"] = {{"IPv4Address", spec.address}};
  if (!endpoint.empty())
    to["NetworkingConfig"] = {{"EndpointsConfig", {{plan.network, endpoint}}}};
}

/// FNV-1a: has to be the same in every run and build.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t out = 0xcbf29ce484222325ULL;
  for (const char c : text)
    out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return out;
}

bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

} // namespace

spec::token_values container_tokens(const attempt_spec& spec) {
  auto out = spec::osmo_tokens(spec.task, spec.workflow_id);
  for (const auto& [task, address] : spec.peers)
    if (!address.empty())
      out["host:" + task] = address;
  out.insert(spec.tokens.begin(), spec.tokens.end());
  return out;
}

std::map<std::string, std::string> container_environment(const attempt_spec& spec, const spec::token_values& tokens,
                                                         const container_plan& plan, const daemon_facts& daemon) {
  std::map<std::string, std::string> out;
  if (spec.gpus.empty() && daemon.nvidia) // Images made for GPUs ask for all of them.
    out["NVIDIA_VISIBLE_DEVICES"] = "void";
  for (const auto& [key, value] : spec.environment)
    out[key] = value;
  for (const auto& [key, value] : spec.task.environment)
    out[spec::substitute(key, tokens)] = spec::substitute(value, tokens);
  out["MUSTER_WORKFLOW_ID"] = spec.workflow_id;
  out["MUSTER_GROUP"] = spec.group;
  out["MUSTER_TASK"] = spec.task.name;
  out["MUSTER_ATTEMPT"] = std::to_string(spec.id.number);
  out["MUSTER_ATTEMPT_ID"] = to_string(spec.id);
  out["MUSTER_ATTEMPT_FOLDER"] = data_path;
  if (!spec.address.empty())
    out["MUSTER_ADDRESS"] = spec.address;
  out["MUSTER_LEAD"] = spec.task.lead || spec.peers.size() < 2 ? "1" : "0";
  out["MUSTER_INPUT"] = input_path;
  out["MUSTER_OUTPUT"] = output_path;
  if (plan.takes_result)
    out["MUSTER_RESULT"] = std::string(result_path) + '/' + result_name;
  out["MUSTER_RESULTS"] = results_path;
  if (plan.has_peers_file)
    out["MUSTER_PEERS"] = peers_path;
  return out;
}

std::string image_of(const attempt_spec& spec) {
  const auto& image = spec.task.image;
  return image.find("{{") == std::string::npos ? image : spec::substitute(image, container_tokens(spec));
}

result<std::vector<bind_mount>> volume_mounts_of(const spec::task& task, const spec::token_values& tokens) {
  std::vector<bind_mount> out;
  for (const auto& written : task.volume_mounts) {
    const auto text = spec::substitute(written, tokens);
    const auto colon = text.find(':');
    const auto source = text.substr(0, colon);
    const auto target = colon == std::string::npos ? source : text.substr(colon + 1);
    const std::filesystem::path path = source;
    const bool is_plain = path.is_absolute() && std::find(path.begin(), path.end(), "..") == path.end();
    if (!is_plain || target.empty() || target.front() != '/' || holds_zero(text))
      return error{ec::invalid_argument, "the volume mount '" + text + "' of task '" + task.name +
                                             "' cannot be made: expected absolute paths without '..', `source` or "
                                             "`source:target`"};
    out.push_back({source, target, false});
  }
  return out;
}

result<void> check_permissions(const attempt_spec& spec, const host_permissions& permits) {
  const auto refuse = [&](const std::string& what) {
    return error{ec::invalid_argument,
                 "task '" + spec.task.name + "' asks for " + what + ", which this pool does not permit"};
  };
  if (spec.task.privileged && !permits.privileged)
    return refuse("`privileged`");
  if (spec.task.host_network && !permits.host_network)
    return refuse("`hostNetwork`");
  if (spec.task.volume_mounts.empty())
    return {};
  const auto mounts = volume_mounts_of(spec.task, container_tokens(spec));
  if (!mounts)
    return mounts.failure();
  for (const auto& mount : *mounts)
    if (std::none_of(permits.mounts.begin(), permits.mounts.end(),
                     [&](const auto& x) { return is_within(mount.source, x); }))
      return refuse("the volume mount " + mount.source);
  return {};
}

std::string user_of(const std::string& configured) {
  return configured == "host" ? std::to_string(::getuid()) + ':' + std::to_string(::getgid()) : configured;
}

result<std::string> make_container_config(const attempt_spec& spec, const docker_pool_config& config,
                                          const container_plan& plan, const daemon_facts& daemon) {
  if (const auto permitted = check_permissions(spec, config.permissions); !permitted)
    return permitted.failure();
  const auto tokens = container_tokens(spec);
  auto entrypoint = words_of(spec.task.command, tokens, spec.task.name);
  auto arguments = words_of(spec.task.args, tokens, spec.task.name);
  auto environment = environment_json(container_environment(spec, tokens, plan, daemon), spec.task.name);
  for (const auto* part : {&entrypoint, &arguments, &environment})
    if (!*part)
      return part->failure();
  json out;
  out["Image"] = plan.image;
  if (!entrypoint->empty())
    out["Entrypoint"] = *std::move(entrypoint);
  if (!arguments->empty())
    out["Cmd"] = *std::move(arguments);
  out["Env"] = *std::move(environment);
  if (const auto user = user_of(config.user); !user.empty())
    out["User"] = user;
  auto& host = out["HostConfig"];
  host["Init"] = config.init;
  host["Mounts"] = mounts_json(plan.mounts);
  host["RestartPolicy"] = {{"Name", "no"}};
  if (spec.task.privileged)
    host["Privileged"] = true;
  add_limits(host, spec, config, daemon);
  add_gpus(host, spec, daemon);
  host["LogConfig"] = json::parse(log_config_json(log_limits_of(config)));
  add_network(out, spec, plan, is_in_host_network(spec, config.node_address));
  // Files are part of the set-up too, but lie in the container already when it is compared.
  auto labels = label_map(config.labels.begin(), config.labels.end());
  for (auto& [key, value] : labels_of(spec, config.head))
    labels[key] = std::move(value);
  if (spec.task.host_network && !plan.network.empty())
    labels[network_label] = plan.network;
  std::string text;
  try {
    labels[setup_label] = std::to_string(hash_of(out.dump()));
    out["Labels"] = labels;
    text = out.dump();
  } catch (const json::exception&) {
    return error{ec::invalid_argument,
                 "a text of task '" + spec.task.name + "' (its command, arguments or environment) is not valid UTF-8"};
  }
  return text;
}

log_limits log_limits_of(const docker_pool_config& config) {
  log_limits out;
  out.most = config.max_log;
  out.head = std::min(out.head, config.max_log / 2);
  out.tail = std::min(out.tail, config.max_log / 4);
  return out;
}

std::string setup_of(const std::string& config) {
  const auto read = json::parse(config, nullptr, false);
  return read.is_object() ? read.value(json::json_pointer(std::string("/Labels/") + setup_label), std::string{})
                          : std::string{};
}

} // namespace muster::docker
