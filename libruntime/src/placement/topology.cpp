#include "placement/topology.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace muster {

namespace {

void add_member(topology_group& to, std::uint32_t member, std::uint32_t shape) {
  auto at = std::find_if(to.own.begin(), to.own.end(), [&](const auto& x) { return x.shape == shape; });
  if (at == to.own.end())
    at = to.own.insert(to.own.end(), {shape, {}});
  at->members.push_back(member);
}

/// Sums it up, and puts what is big first.
void finish(topology_group& x, const std::vector<member_shape>& shapes) {
  for (auto& part : x.parts) {
    finish(part, shapes);
    x.sum = plus(x.sum, part.sum);
  }
  for (const auto& part : x.own)
    x.sum = plus(x.sum, times(shapes[part.shape].need, static_cast<std::int64_t>(part.members.size())));
  std::sort(x.own.begin(), x.own.end(), [](const auto& a, const auto& b) { return a.shape < b.shape; });
  std::stable_sort(x.parts.begin(), x.parts.end(), [](const auto& a, const auto& b) {
    return std::tie(a.sum.gpus, a.sum.cpu, a.sum.memory) > std::tie(b.sum.gpus, b.sum.cpu, b.sum.memory);
  });
}

} // namespace

std::vector<topology_wish> wishes_of(const resource_request& x, const std::vector<topology_key>& keys,
                                     std::string& unknown) {
  std::vector<topology_wish> wishes;
  if (keys.empty())
    return wishes;
  for (const auto& wish : x.topologies) {
    const auto at = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.key == wish.key; });
    if (at != keys.end())
      wishes.push_back({static_cast<int>(at - keys.begin()), wish.group, wish.required});
    else if (wish.required)
      unknown = wish.key;
  }
  std::stable_sort(wishes.begin(), wishes.end(), [](const auto& a, const auto& b) { return a.level < b.level; });
  return wishes;
}

void sort_shapes(std::vector<member_shape>& shapes, std::vector<std::uint32_t>& shape_of) {
  std::vector<std::uint32_t> order(shapes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t i, std::uint32_t j) {
    const auto& a = shapes[i].need;
    const auto& b = shapes[j].need;
    return std::tie(a.gpus, a.cpu, a.memory) > std::tie(b.gpus, b.cpu, b.memory);
  });
  std::vector<member_shape> sorted;
  std::vector<std::uint32_t> now(shapes.size());
  for (const auto i : order) {
    now[i] = static_cast<std::uint32_t>(sorted.size());
    sorted.push_back(std::move(shapes[i]));
  }
  shapes = std::move(sorted);
  for (auto& shape : shape_of)
    shape = now[shape];
}

topology_group group_members(const std::vector<std::vector<topology_wish>>& wishes,
                             const std::vector<std::uint32_t>& shape_of, const std::vector<member_shape>& shapes) {
  topology_group root;
  for (std::uint32_t m = 0; m < wishes.size(); ++m) {
    auto* at = &root;
    for (const auto& wish : wishes[m]) {
      auto next = std::find_if(at->parts.begin(), at->parts.end(),
                               [&](const topology_group& x) { return x.level == wish.level && x.name == wish.group; });
      if (next == at->parts.end()) {
        topology_group fresh;
        fresh.level = wish.level;
        fresh.name = wish.group;
        fresh.required = wish.required;
        next = at->parts.insert(at->parts.end(), std::move(fresh));
      }
      at = &*next;
    }
    add_member(*at, m, shape_of[m]);
  }
  finish(root, shapes);
  return root;
}

std::vector<std::vector<node_mask>> domains_of(const std::vector<node_state>& nodes,
                                               const std::vector<topology_key>& keys) {
  std::vector<std::vector<node_mask>> domains(keys.size());
  std::vector<std::map<std::string, std::size_t>> known(keys.size());
  for (std::uint32_t n = 0; n < nodes.size(); ++n) {
    std::string path;
    for (std::size_t level = 0; level < keys.size(); ++level) {
      const auto label = nodes[n].labels.find(keys[level].label);
      const auto value = label == nodes[n].labels.end() ? std::string{} : label->second;
      path += std::to_string(value.size()) + ':' + value;
      if (value.empty())
        continue; // Of no domain of this key.
      const auto [at, fresh] = known[level].try_emplace(path, domains[level].size());
      if (fresh)
        domains[level].emplace_back();
      domains[level][at->second].add(n);
    }
  }
  return domains;
}

} // namespace muster
