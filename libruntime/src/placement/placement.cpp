#include "muster/placement/placement.hpp"

#include "placement/reason.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace muster {

namespace {

/// What is left of a node while a gang is tried on it.
struct room {
  node_amounts free;
  std::size_t gpus_used = 0;
};

bool asks_sensibly(const resource_request& x) noexcept {
  return x.cpu > 0 && x.memory > 0 && x.storage > 0 && x.gpu >= 0;
}

bool fits(const resource_request& x, const node_state& node, const room& left) {
  return x.cpu <= left.free.cpu && x.memory <= left.free.memory && x.storage <= left.free.storage &&
         static_cast<std::uint64_t>(x.gpu) <= node.free_gpus.size() - left.gpus_used && may_use(x, node);
}

/// The node that the request fills best: fewest GPUs left over, then CPUs, then memory.
std::optional<std::uint32_t> choose(const resource_request& x, const std::vector<node_state>& nodes,
                                    const std::vector<room>& rooms) {
  std::optional<std::uint32_t> best;
  const auto left_over = [&](std::uint32_t n) {
    return std::make_tuple(nodes[n].free_gpus.size() - rooms[n].gpus_used, rooms[n].free.cpu, rooms[n].free.memory);
  };
  for (std::uint32_t n = 0; n < nodes.size(); ++n)
    if (fits(x, nodes[n], rooms[n]) && (!best || left_over(n) < left_over(*best)))
      best = n;
  return best;
}

std::vector<std::uint32_t> biggest_first(const gang& who) {
  std::vector<std::uint32_t> order(who.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(who[a].gpu, who[a].cpu, who[a].memory) > std::tie(who[b].gpu, who[b].cpu, who[b].memory);
  });
  return order;
}

std::int64_t scaled(std::int64_t amount, double factor) noexcept {
  const auto product = std::floor(static_cast<double>(amount) * factor);
  constexpr auto most = std::int64_t{1} << 62U;
  return product >= static_cast<double>(most) ? most : static_cast<std::int64_t>(product);
}

std::int64_t plus(std::int64_t a, std::int64_t b) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  return b > 0 && a > most - b ? most : a + b;
}

/// What a gang needs all together.
resource_request sum_of(const gang& who) {
  auto sum = who.front();
  for (std::size_t i = 1; i < who.size(); ++i) {
    sum.cpu = plus(sum.cpu, who[i].cpu);
    sum.gpu = plus(sum.gpu, who[i].gpu);
    sum.memory = plus(sum.memory, who[i].memory);
    sum.storage = plus(sum.storage, who[i].storage);
  }
  return sum;
}

std::string why_not(const gang& who, std::size_t placed, const resource_request& failed,
                    const std::vector<node_state>& nodes, bool ever) {
  if (who.size() == 1)
    return shortage(failed, nodes, ever);
  const auto tasks = std::to_string(who.size());
  if (nodes.size() == 1)
    return shortage(sum_of(who), nodes, ever) + ", for " + tasks + " tasks together";
  return shortage(failed, nodes, ever) + ", after " + std::to_string(placed) + " of " + tasks + " tasks have a place";
}

std::variant<assignment, no_place> place_as(const gang& who, const std::vector<node_state>& nodes, bool ever) {
  std::vector<room> rooms(nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n)
    rooms[n].free = nodes[n].free;
  assignment where(who.size());
  std::size_t placed = 0;
  for (const auto i : biggest_first(who)) {
    const auto& x = who[i];
    const auto chosen = choose(x, nodes, rooms);
    if (!chosen)
      return no_place{why_not(who, placed, x, nodes, ever)};
    auto& left = rooms[*chosen];
    where[i].node = *chosen;
    const auto first = nodes[*chosen].free_gpus.begin() + static_cast<std::ptrdiff_t>(left.gpus_used);
    where[i].gpus.assign(first, first + static_cast<std::ptrdiff_t>(x.gpu));
    left.free.cpu -= x.cpu;
    left.free.memory -= x.memory;
    left.free.storage -= x.storage;
    left.gpus_used += static_cast<std::size_t>(x.gpu);
    ++placed;
  }
  return where;
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
  return request;
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

std::variant<assignment, no_place> place(const gang& who, const std::vector<node_state>& nodes) {
  return place_as(who, nodes, false);
}

std::optional<std::string> never_fits(const gang& who, const std::vector<node_state>& nodes) {
  for (const auto& x : who)
    if (!asks_sensibly(x))
      return "asks for " + describe(x) + ": CPU, memory and storage must be above 0";
  auto empty = nodes;
  for (auto& node : empty) {
    node.free = node.total;
    node.free_gpus = node.gpus;
  }
  const auto tried = place_as(who, empty, true);
  if (const auto* why = std::get_if<no_place>(&tried))
    return why->reason;
  return std::nullopt;
}

void take(const gang& who, const assignment& where, std::vector<node_state>& nodes) {
  for (std::size_t i = 0; i < who.size(); ++i) {
    auto& node = nodes[where[i].node];
    node.free.cpu -= who[i].cpu;
    node.free.memory -= who[i].memory;
    node.free.storage -= who[i].storage;
    for (const auto gpu : where[i].gpus)
      if (const auto at = std::lower_bound(node.free_gpus.begin(), node.free_gpus.end(), gpu);
          at != node.free_gpus.end() && *at == gpu)
        node.free_gpus.erase(at);
  }
}

void give_back(const gang& who, const assignment& where, std::vector<node_state>& nodes) {
  for (std::size_t i = 0; i < who.size(); ++i) {
    auto& node = nodes[where[i].node];
    node.free.cpu += who[i].cpu;
    node.free.memory += who[i].memory;
    node.free.storage += who[i].storage;
    for (const auto gpu : where[i].gpus) {
      const auto at = std::lower_bound(node.free_gpus.begin(), node.free_gpus.end(), gpu);
      if (at == node.free_gpus.end() || *at != gpu)
        node.free_gpus.insert(at, gpu);
    }
  }
}

} // namespace muster
