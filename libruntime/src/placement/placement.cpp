#include "muster/placement/placement.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace muster {

namespace {

std::int64_t scaled(std::int64_t amount, double factor) noexcept {
  const auto product = std::floor(static_cast<double>(amount) * factor);
  constexpr auto most = std::int64_t{1} << 62U;
  return product >= static_cast<double>(most) ? most : static_cast<std::int64_t>(product);
}

} // namespace

resource_request request_of(const spec::resource& x) {
  resource_request request;
  request.cpu = x.cpu.value_or(request.cpu);
  request.gpu = x.gpu.value_or(request.gpu);
  request.memory = x.memory.value_or(request.memory);
  request.storage = x.storage.value_or(request.storage);
  request.platform = x.platform;
  request.nodes_excluded = x.nodes_excluded;
  request.topologies = x.topologies;
  return request;
}

const char* to_string(node_condition x) noexcept {
  switch (x) {
    case node_condition::ready: return "ready";
    case node_condition::cordoned: return "cordoned";
    case node_condition::draining: return "draining";
    case node_condition::suspect: return "suspect";
    case node_condition::lost: return "lost";
    case node_condition::gone: return "gone";
  }
  return "";
}

node_amounts oversubscribed(const node_amounts& capacity, double factor) {
  return {scaled(capacity.cpu, factor), scaled(capacity.memory, factor), scaled(capacity.storage, factor)};
}

node_state make_node(std::string name, node_amounts capacity, std::vector<std::uint32_t> gpus, double oversubscribe) {
  node_state node;
  node.name = std::move(name);
  node.total = oversubscribed(capacity, oversubscribe);
  node.free = node.total;
  std::sort(gpus.begin(), gpus.end());
  gpus.erase(std::unique(gpus.begin(), gpus.end()), gpus.end());
  node.gpus = std::move(gpus);
  node.free_gpus = node.gpus;
  return node;
}

} // namespace muster
