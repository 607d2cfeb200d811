#include "executors/docker/daemon_probe.hpp"

#include "executors/docker/names.hpp"
#include "executors/machine/host_capacity.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace muster::docker {

namespace {

constexpr ipv4_address first_range = (10U << 24U) | (213U << 16U);
constexpr ipv4_address last_range = (10U << 24U) | (254U << 16U);
constexpr ipv4_address step = 1U << 16U;
constexpr std::uint8_t range_prefix = 16;

error daemon_error(const engine_error& why, const endpoint& where) {
  const auto at = to_string(where) + " (" + where.origin + ")";
  switch (why.kind) {
    case failure::permission:
      return {ec::io_error, "the Docker daemon at " + at + " does not let this user in: " + why.message +
                                "; add the user to the group `docker`"};
    case failure::daemon_away: return {ec::unavailable, "no Docker daemon answers at " + at + ": " + why.message};
    case failure::unsupported: return {ec::unsupported, why.message};
    default: {
      auto out = to_error(why);
      out.message = "the Docker daemon at " + at + " cannot be used: " + out.message;
      return out;
    }
  }
}

template <class T>
outcome<T> ask(loop& on, std::function<void(then<T>)> call) {
  return wait_for<outcome<T>>(on, [&](std::function<void(outcome<T>)> done) { call(std::move(done)); });
}

bool has_nvidia(const engine_info& info) {
  return std::find(info.runtimes.begin(), info.runtimes.end(), "nvidia") != info.runtimes.end() ||
         std::any_of(info.cdi_devices.begin(), info.cdi_devices.end(),
                     [](const auto& x) { return x.find("nvidia.com/gpu") != std::string::npos; });
}

/// What is on this host, if the daemon is: its GPUs, as far as the daemon can give them to containers.
void add_machine(probe_result& out, const docker_pool_config& config) {
  const bool gives_gpus = out.daemon.facts.nvidia;
  machine::discovery found;
  if (out.daemon.shares_disk) {
    machine::machine_watch watch{
        config.state_directory, gives_gpus ? config.gpus : std::vector<std::uint32_t>{}, {}, config.claims_gpus};
    found = watch.look();
    if (gives_gpus)
      out.machine.emplace(std::move(watch));
  } else if (gives_gpus) {
    found.gpus = config.gpus.value_or(std::vector<std::uint32_t>{});
  }
  out.daemon.facts.gpu_uuids = uuids_of(found);
  if (!gives_gpus)
    found.no_gpus_because = "this Docker daemon has no NVIDIA runtime";
  take_gpus(std::move(found), out.offers);
}

struct used_ranges {
  std::vector<ipv4_block> taken; ///< By others.
  std::vector<ipv4_block> own;   ///< By this head.
};

/// Whether containers can be in the daemon's default network: not with `bridge: none`.
bool has_default_bridge(const std::vector<network_info>& all) {
  return std::any_of(all.begin(), all.end(),
                     [](const auto& x) { return x.name == default_bridge && x.driver == "bridge"; });
}

/// Addresses that are in use as far as can be seen: routes of this host, if the daemon is on it, and its networks.
used_ranges ranges_in_use(bool is_local, const std::vector<network_info>& all, const std::string& head) {
  used_ranges out;
  for (const auto& x : all) {
    const auto owner = x.labels.find(head_label);
    const bool is_ours = owner != x.labels.end() && owner->second == head;
    for (const auto& range : x.ranges)
      if (const auto block = parse_ipv4_block(range.subnet))
        (is_ours ? out.own : out.taken).push_back(*block);
  }
  if (!is_local)
    return out;
  std::ifstream file("/proc/net/route");
  std::ostringstream text;
  text << file.rdbuf();
  for (const auto& route : routes_of(text.str()))
    if (std::find(out.own.begin(), out.own.end(), route) == out.own.end()) // The bridge of a network of ours.
      out.taken.push_back(route);
  return out;
}

} // namespace

std::map<std::uint32_t, std::string> uuids_of(const machine::discovery& found) {
  std::map<std::uint32_t, std::string> out;
  for (const auto& x : found.facts.gpus)
    out[x.index] = x.uuid;
  return out;
}

bool take_gpus(machine::discovery found, capabilities& offers) {
  if (found.no_gpus_because.empty() && found.gpus.empty())
    found.no_gpus_because = "no GPU is seen on this host, and the pool's configuration names none";
  return machine::take_machine(std::move(found), offers);
}

result<endpoint> daemon_endpoint(const docker_pool_config& config) {
  if (config.host.empty() || !config.tls)
    return find_endpoint(process_environment(), config.host);
  return parse_endpoint(config.host,
                        tls_material{config.tls->ca, config.tls->cert, config.tls->key, config.tls->verify});
}

std::vector<ipv4_block> routes_of(std::string_view table) {
  std::vector<ipv4_block> out;
  std::istringstream lines{std::string(table)};
  std::string line;
  std::getline(lines, line); // The names of the columns.
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string name, destination, gateway, flags, references, use, metric, mask;
    words >> name >> destination >> gateway >> flags >> references >> use >> metric >> mask;
    const auto number = [](const std::string& hex) {
      std::uint32_t value = 0; // In the order of the network, read as a number of this machine.
      std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
      return ((value & 0xffU) << 24U) | ((value & 0xff00U) << 8U) | ((value >> 8U) & 0xff00U) | (value >> 24U);
    };
    auto bits = number(mask);
    std::uint8_t prefix = 0;
    for (; (bits & 0x80000000U) != 0; bits <<= 1U)
      ++prefix;
    if (prefix > 0 && destination.size() == 8)
      out.push_back({number(destination), prefix});
  }
  return out;
}

result<address_space> choose_space(const std::optional<ipv4_block>& wanted, const std::vector<ipv4_block>& taken,
                                   const std::vector<ipv4_block>& own) {
  address_space out;
  const auto overlaps = [&](const ipv4_block& range) {
    return std::any_of(taken.begin(), taken.end(), [&](const auto& x) { return x.overlaps(range); });
  };
  const auto is_possible = [&](const ipv4_block& x) { return x.base >= first_range && x.base < last_range + step; };
  const auto before = std::find_if(own.begin(), own.end(), is_possible);
  if (wanted) {
    out.range = *wanted;
  } else if (before != own.end()) {
    out.range = block_around(before->base, range_prefix);
  } else {
    out.range = {first_range, range_prefix};
    while (overlaps(out.range) && out.range.base < last_range)
      out.range.base += step;
    if (overlaps(out.range))
      return error{ec::unavailable, "no range of addresses is free for the networks of groups between " +
                                        ipv4_to_text(first_range) + " and " + ipv4_to_text(last_range) +
                                        "; name one in the pool's configuration"};
  }
  for (const auto& x : taken)
    if (x.overlaps(out.range))
      out.taken.push_back(x);
  if (!shared_block(out))
    return error{ec::unavailable, "the range of addresses " + to_text(out.range) +
                                      " is in use by routes of this host or other networks; name another one in the "
                                      "pool's configuration"};
  return out;
}

result<probe_result> probe_daemon(loop& on, client& engine, const docker_pool_config& config) {
  const auto version = ask<api_version>(on, [&](auto done) { engine.negotiate(std::move(done)); });
  if (!version)
    return daemon_error(version.failure(), engine.where());
  const auto info = ask<engine_info>(on, [&](auto done) { engine.info(std::move(done)); });
  if (!info)
    return daemon_error(info.failure(), engine.where());
  if (!info->os_type.empty() && info->os_type != "linux")
    return error{ec::unsupported, "the Docker daemon at " + to_string(engine.where()) + " runs containers of " +
                                      info->os_type + ", not of Linux"};
  const auto networks =
      ask<std::vector<network_info>>(on, [&](auto done) { engine.list_networks({}, std::move(done)); });
  if (!networks)
    return daemon_error(networks.failure(), engine.where());
  probe_result out;
  out.daemon.shares_disk = engine.where().is_unix();
  out.daemon.has_bridge = has_default_bridge(*networks);
  const auto used = ranges_in_use(out.daemon.shares_disk, *networks, config.head);
  auto space = choose_space(config.range, used.taken, used.own);
  if (!space)
    return space.failure();
  out.daemon.space = *space;
  out.daemon.facts = {info->cpus, has_nvidia(*info), {}};
  auto& offers = out.offers;
  offers.driver = "docker";
  offers.version = info->server_version;
  offers.images = true;
  offers.total.cpu = info->cpus;
  offers.total.memory = info->memory;
  if (const auto host = machine::host_capacity(config.state_directory))
    offers.total.storage = host->storage;
  offers.addresses = *std::move(space);
  offers.alone_without_address = out.daemon.has_bridge;
  offers.permits = config.permissions;
  add_machine(out, config);
  return out;
}

} // namespace muster::docker
