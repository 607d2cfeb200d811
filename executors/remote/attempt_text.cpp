#include "executors/remote/attempt_text.hpp"

#include "muster/spec/codec.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <exception>
#include <set>
#include <stdexcept>
#include <utility>

namespace muster::remote {

namespace {

using json = nlohmann::json;
using path = std::filesystem::path;

bool leads_up(const path& x) {
  return std::find(x.begin(), x.end(), path{".."}) != x.end();
}

/// `{"in": relative}` below `root`, else `{"at": absolute}`.
json path_to_json(const path& x, const path& root) {
  if (x.empty())
    return nullptr;
  const auto below = x.lexically_normal().lexically_relative(root.lexically_normal());
  if (below.empty() || leads_up(below))
    return {{"at", x.string()}};
  return {{"in", below.string()}};
}

path path_from_json(const json& x, const path& root) {
  if (x.is_null())
    return {};
  if (const auto absolute = x.find("at"); absolute != x.end())
    return absolute->get<std::string>();
  const path below = x.at("in").get<std::string>();
  if (below.is_absolute() || leads_up(below))
    throw std::invalid_argument("the path " + below.string() + " leads out of the state directory");
  return root / below;
}

json id_to_json(const attempt_id& x) {
  return {x.workflow.value, x.task.value, x.number};
}

attempt_id id_from_json(const json& x) {
  return {{x.at(0).get<std::int64_t>()}, {x.at(1).get<std::uint32_t>()}, x.at(2).get<std::uint32_t>()};
}

json input_to_json(const located_input& x, const path& root) {
  json out{{"task", x.task}, {"source", path_to_json(x.source, root)}, {"regex", x.regex}};
  for (const auto& [folder, source] : x.parts)
    out["parts"].push_back({folder, path_to_json(source, root)});
  return out;
}

located_input input_from_json(const json& x, const path& root) {
  located_input out;
  out.task = x.at("task").get<std::string>();
  out.source = path_from_json(x.at("source"), root);
  out.regex = x.at("regex").get<std::string>();
  if (const auto parts = x.find("parts"); parts != x.end())
    for (const auto& part : *parts)
      out.parts.emplace_back(part.at(0).get<std::string>(), path_from_json(part.at(1), root));
  return out;
}

json spec_to_json(const attempt_spec& x, const path& root) {
  json out{{"id", id_to_json(x.id)},
           {"lease", x.lease.value},
           {"then_start", x.then_start},
           {"workflow", x.workflow_id},
           {"group", x.group},
           {"task", spec::encode(x.task)},
           {"resource", spec::encode(x.resource)},
           {"folder", path_to_json(x.folder, root)},
           {"address", x.address},
           {"peers", x.peers},
           {"gpus", x.gpus},
           {"tokens", x.tokens},
           {"environment", x.environment},
           {"max_result", x.max_result_bytes},
           {"hands_on", x.hands_on}};
  if (x.after)
    out["after"] = id_to_json(*x.after);
  auto& inputs = out["inputs"] = json::array();
  for (const auto& input : x.inputs)
    inputs.push_back(input_to_json(input, root));
  auto& results = out["results"] = json::array();
  for (const auto& [name, text] : x.results)
    results.push_back({name, text ? *text : std::string{}});
  return out;
}

template <class T>
T taken(result<T> x) {
  if (!x)
    throw std::invalid_argument(x.failure().message);
  return std::move(*x);
}

attempt_spec spec_from_json(const json& in, const path& root) {
  attempt_spec x;
  x.id = id_from_json(in.at("id"));
  x.lease = {in.at("lease").get<std::uint64_t>()};
  x.then_start = in.at("then_start").get<bool>();
  if (const auto after = in.find("after"); after != in.end())
    x.after = id_from_json(*after);
  x.hands_on = in.value("hands_on", false);
  x.workflow_id = in.at("workflow").get<std::string>();
  x.group = in.at("group").get<std::string>();
  x.task = taken(spec::decode_task(in.at("task").get_ref<const std::string&>()));
  x.resource = taken(spec::decode_resource(in.at("resource").get_ref<const std::string&>()));
  x.folder = path_from_json(in.at("folder"), root);
  for (const auto& input : in.at("inputs"))
    x.inputs.push_back(input_from_json(input, root));
  x.address = in.at("address").get<std::string>();
  x.peers = in.at("peers").get<std::map<std::string, std::string>>();
  x.gpus = in.at("gpus").get<std::vector<std::uint32_t>>();
  x.tokens = in.at("tokens").get<spec::token_values>();
  x.environment = in.at("environment").get<std::vector<std::pair<std::string, std::string>>>();
  for (const auto& entry : in.at("results"))
    x.results.emplace_back(entry.at(0).get<std::string>(),
                           std::make_shared<const std::string>(entry.at(1).get<std::string>()));
  x.max_result_bytes = in.at("max_result").get<std::size_t>();
  return x;
}

json capacity_to_json(const capacity& x) {
  return {{"cpu", x.cpu}, {"memory", x.memory}, {"storage", x.storage}, {"gpus", x.gpus}};
}

capacity capacity_from_json(const json& x) {
  capacity out;
  out.cpu = x.at("cpu").get<std::int64_t>();
  out.memory = x.at("memory").get<std::int64_t>();
  out.storage = x.at("storage").get<std::int64_t>();
  out.gpus = x.at("gpus").get<std::vector<std::uint32_t>>();
  if (out.cpu < 0 || out.memory < 0 || out.storage < 0)
    throw std::invalid_argument("a capacity is below 0");
  std::sort(out.gpus.begin(), out.gpus.end());
  if (std::adjacent_find(out.gpus.begin(), out.gpus.end()) != out.gpus.end())
    throw std::invalid_argument("a GPU index comes twice");
  return out;
}

json permissions_to_json(const host_permissions& x) {
  json mounts = json::array();
  for (const auto& mount : x.mounts)
    mounts.push_back(mount.string());
  return {{"privileged", x.privileged}, {"host_network", x.host_network}, {"mounts", std::move(mounts)}};
}

host_permissions permissions_from_json(const json& x) {
  host_permissions out;
  out.privileged = x.at("privileged").get<bool>();
  out.host_network = x.at("host_network").get<bool>();
  for (const auto& mount : x.at("mounts"))
    out.mounts.emplace_back(mount.get<std::string>());
  return out;
}

json addresses_to_json(const address_space& x) {
  json taken = json::array();
  for (const auto& block : x.taken)
    taken.push_back(to_text(block));
  return {{"range", to_text(x.range)}, {"taken", std::move(taken)}};
}

address_space addresses_from_json(const json& x) {
  // What may be configured; the head keeps a table of it.
  constexpr std::uint8_t largest = 8;
  address_space out;
  out.range = taken(parse_ipv4_block(x.at("range").get_ref<const std::string&>()));
  if (out.range.prefix < largest || out.range.prefix > longest_range_prefix)
    throw std::invalid_argument("networks cannot be made of " + to_text(out.range));
  for (const auto& block : x.at("taken"))
    out.taken.push_back(taken(parse_ipv4_block(block.get_ref<const std::string&>())));
  return out;
}

json machine_to_json(const machine_facts& x) {
  json gpus = json::array();
  for (const auto& gpu : x.gpus) {
    gpus.push_back(
        {{"index", gpu.index}, {"uuid", gpu.uuid}, {"model", gpu.model}, {"memory", gpu.memory}, {"pci", gpu.pci}});
    if (gpu.numa_node)
      gpus.back()["numa"] = *gpu.numa_node;
  }
  json numa = json::array();
  for (const auto& node : x.numa)
    numa.push_back({{"number", node.number}, {"cpus", node.cpus}, {"memory", node.memory}});
  return {{"gpus", std::move(gpus)},
          {"gpu_links", x.gpu_links},
          {"gpu_warnings", x.gpu_warnings},
          {"numa", std::move(numa)}};
}

/// Labels travel in the greeting, with those that the agent was given.
machine_facts machine_from_json(const json& x) {
  machine_facts out;
  for (const auto& from : x.at("gpus")) {
    gpu_facts gpu;
    gpu.index = from.at("index").get<std::uint32_t>();
    gpu.uuid = from.at("uuid").get<std::string>();
    gpu.model = from.at("model").get<std::string>();
    gpu.memory = from.at("memory").get<std::int64_t>();
    gpu.pci = from.at("pci").get<std::string>();
    if (const auto numa = from.find("numa"); numa != from.end())
      gpu.numa_node = numa->get<std::uint32_t>();
    out.gpus.push_back(std::move(gpu));
  }
  out.gpu_links = x.at("gpu_links").get<std::vector<std::vector<std::uint32_t>>>();
  std::set<std::uint32_t> linked;
  for (const auto& group : out.gpu_links)
    for (const auto index : group)
      if (!linked.insert(index).second)
        throw std::invalid_argument("a GPU is linked twice");
  out.gpu_warnings = x.value("gpu_warnings", std::vector<std::string>{});
  for (const auto& from : x.at("numa"))
    out.numa.push_back({from.at("number").get<std::uint32_t>(), from.at("cpus").get<std::string>(),
                        from.at("memory").get<std::int64_t>()});
  return out;
}

json capabilities_to_json(const capabilities& x) {
  json out{{"driver", x.driver},
           {"version", x.version},
           {"images", x.images},
           {"total", capacity_to_json(x.total)},
           {"starts_after", x.starts_after},
           {"no_gpus_because", x.no_gpus_because},
           {"machine", machine_to_json(x.machine)},
           {"alone_without_address", x.alone_without_address}};
  if (x.addresses)
    out["addresses"] = addresses_to_json(*x.addresses);
  if (x.permits)
    out["permits"] = permissions_to_json(*x.permits);
  for (const auto& other : x.besides)
    out["besides"].push_back(capabilities_to_json(other));
  return out;
}

/// Drivers beside others have none beside themselves.
capabilities capabilities_from_json(const json& in, bool is_first) {
  capabilities x;
  x.driver = in.at("driver").get<std::string>();
  x.version = in.at("version").get<std::string>();
  x.images = in.at("images").get<bool>();
  x.total = capacity_from_json(in.at("total"));
  x.starts_after = in.at("starts_after").get<bool>();
  x.no_gpus_because = in.at("no_gpus_because").get<std::string>();
  x.alone_without_address = in.value("alone_without_address", false);
  if (const auto addresses = in.find("addresses"); addresses != in.end())
    x.addresses = addresses_from_json(*addresses);
  if (const auto permits = in.find("permits"); permits != in.end())
    x.permits = permissions_from_json(*permits);
  if (const auto machine = in.find("machine"); machine != in.end())
    x.machine = machine_from_json(*machine);
  if (const auto besides = in.find("besides"); is_first && besides != in.end())
    for (const auto& other : *besides)
      x.besides.push_back(capabilities_from_json(other, false));
  return x;
}

/// What JSON's library throws is of this machine's own making or comes from the network: an error either way.
template <class T, class Convert>
result<T> guarded(const char* what, Convert convert) {
  try {
    return convert();
  } catch (const std::exception& problem) {
    return error{ec::invalid_argument, std::string{what} + ": " + problem.what()};
  }
}

} // namespace

result<std::string> encode(const attempt_spec& x, const path& root) {
  return guarded<std::string>("the attempt cannot be sent", [&] { return spec_to_json(x, root).dump(); });
}

result<attempt_spec> decode(std::string_view text, const path& root) {
  return guarded<attempt_spec>("not a description of an attempt",
                               [&] { return spec_from_json(json::parse(text), root); });
}

std::string encode(const capabilities& x) {
  return capabilities_to_json(x).dump(-1, ' ', false, json::error_handler_t::replace);
}

result<capabilities> decode_capabilities(std::string_view text) {
  return guarded<capabilities>("not a description of a node",
                               [&] { return capabilities_from_json(json::parse(text), true); });
}

} // namespace muster::remote
