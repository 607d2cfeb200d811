#include "placement/shortfall.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster {

namespace {

/// How many resources a node is short of.
std::size_t count_lacks(const resource_request& x, const node_state& node, bool ever) {
  const auto& has = ever ? node.total : node.free;
  const auto gpus = static_cast<std::int64_t>(ever ? node.gpus.size() : node.free_gpus.size());
  return std::size_t{x.gpu > gpus} + std::size_t{x.cpu > has.cpu} + std::size_t{x.memory > has.memory} +
         std::size_t{x.storage > has.storage};
}

std::vector<resource_lack> lacks_of(const resource_request& x, const node_state& node, bool ever) {
  std::vector<resource_lack> found;
  const auto& has = ever ? node.total : node.free;
  const auto add = [&](resource_kind what, std::int64_t wanted, std::int64_t free, std::int64_t total) {
    if (wanted > free)
      found.push_back({what, wanted, free, total});
  };
  const auto gpus = static_cast<std::int64_t>(node.gpus.size());
  add(resource_kind::gpu, x.gpu, ever ? gpus : static_cast<std::int64_t>(node.free_gpus.size()), gpus);
  add(resource_kind::cpu, x.cpu, has.cpu, node.total.cpu);
  add(resource_kind::memory, x.memory, has.memory, node.total.memory);
  add(resource_kind::storage, x.storage, has.storage, node.total.storage);
  return found;
}

bool is_of_platform(const resource_request& x, const node_state& node) {
  return x.platform.empty() || x.platform == node.platform || (node.platform.empty() && !x.platform_must_be_said);
}

bool may_use(const resource_request& x, const node_state& node) {
  return node.condition != node_condition::gone && is_of_platform(x, node) && carries_labels(x, node) &&
         !excludes(x, node);
}

/// `disk=fast, zone=a`
std::string text_of(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [name, value] : labels)
    out.append(out.empty() ? "" : ", ").append(name).append("=").append(value);
  return out;
}

/// Why no node at all may be used.
std::string nothing_because(const resource_request& x, const std::vector<node_state>& nodes) {
  std::size_t there = 0;
  std::size_t of_platform = 0;
  std::size_t with_labels = 0;
  for (const auto& n : nodes) {
    if (n.condition == node_condition::gone)
      continue;
    ++there;
    of_platform += std::size_t{is_of_platform(x, n)};
    with_labels += std::size_t{is_of_platform(x, n) && carries_labels(x, n)};
  }
  if (there == 0)
    return "there is no node";
  if (of_platform == 0)
    return x.platform_must_be_said
               ? "no node says that it is of platform " + x.platform + ", which has permissions of its own"
               : "no node is of platform " + x.platform;
  return with_labels == 0 ? "no node carries the labels that it asks for: " + text_of(x.labels)
                          : "nodesExcluded leaves no node";
}

/// What a gang needs all together.
resource_request sum_of(const prepared_gang& x) {
  auto sum = x.who.front();
  sum.gpu = x.root.sum.gpus;
  sum.cpu = x.root.sum.cpu;
  sum.memory = x.root.sum.memory;
  sum.storage = x.root.sum.storage;
  return sum;
}

/// What no place was found for, and where.
struct sought {
  const resource_request& one;     ///< The first member that has none.
  const resource_request& lacking; ///< That, or all of the gang.
  std::size_t group_size;
  const node_mask* area; ///< The domain; null for all nodes.
  std::string label;     ///< That says of which domain a node is; empty if it does not matter.
};

/// What a node says about why there is no place, the most telling first.
enum class significance : std::uint8_t {
  lacks,     ///< It has no room, and may have some when others end; with `ever`, it is too small.
  shared,    ///< It has room, which members that were placed before take; others hold the rest.
  used_up,   ///< Likewise, and nobody else is there.
  too_small, ///< It has no room, whoever ends.
  elsewhere, ///< It is of another domain.
};

/// Nobody holds anything there.
bool is_empty(const node_state& node) {
  return node.free_gpus.size() == node.gpus.size() &&
         std::tie(node.free.cpu, node.free.memory, node.free.storage) ==
             std::tie(node.total.cpu, node.total.memory, node.total.storage);
}

/// `lacks`: how many amounts of `x.lacking` it has no room for.
significance significance_of(const sought& x, std::uint32_t number, const node_state& node, std::size_t lacks,
                             const wait_reason& about) {
  if ((x.area != nullptr && !x.area->has(number)) || (!x.label.empty() && node.labels.count(x.label) == 0))
    return significance::elsewhere;
  if (lacks == 0)
    return about.ever || is_empty(node) ? significance::used_up : significance::shared;
  // Who must have one node for all is told of the one that lacks least, however large.
  const bool size_matters = !about.ever && !about.together;
  return size_matters && count_lacks(x.lacking, node, true) != 0 ? significance::too_small : significance::lacks;
}

/// Counts nodes, and finds the one that lacks least of those that say most.
const node_state* survey(const sought& x, const std::vector<node_state>& nodes, wait_reason& to) {
  const node_state* best = nullptr;
  std::pair<significance, std::size_t> least;
  for (std::uint32_t number = 0; number < nodes.size(); ++number) {
    const auto& node = nodes[number];
    if (!may_use(x.one, node))
      continue;
    to.nodes_cordoned += std::size_t{node.condition == node_condition::cordoned};
    to.nodes_draining += std::size_t{node.condition == node_condition::draining};
    to.nodes_suspect += std::size_t{node.condition == node_condition::suspect};
    to.nodes_lost += std::size_t{node.condition == node_condition::lost};
    if (!to.ever && node.condition != node_condition::ready)
      continue;
    ++to.nodes_usable;
    to.nodes_isolated += std::size_t{node.isolated && to.members > 1};
    if (!node.has_network_for(x.group_size)) {
      ++to.nodes_small_network;
      continue;
    }
    const auto for_one = count_lacks(x.one, node, to.ever);
    to.nodes_short += std::size_t{for_one != 0};
    const auto lacks = to.together ? count_lacks(x.lacking, node, to.ever) : for_one;
    if (best != nullptr && least <= std::make_pair(significance::lacks, lacks))
      continue; // Most of thousands of nodes say nothing new.
    const auto here = std::make_pair(significance_of(x, number, node, lacks, to), lacks);
    if (best == nullptr || here < least) {
      best = &node;
      least = here;
    }
  }
  return best;
}

/// Whether all members need one node: there is no other, or none that may share a gang.
bool is_for_one_node(const prepared_gang& x, const resource_request& one, const std::vector<node_state>& nodes) {
  if (x.who.size() < 2 || nodes.size() == 1)
    return x.who.size() > 1;
  const auto shares = [&](const auto& node) { return !node.isolated && may_use(one, node); };
  const auto is_alone = [&](const auto& node) {
    return node.isolated && node.has_network_for(x.group_size) && may_use(one, node);
  };
  return std::any_of(nodes.begin(), nodes.end(), is_alone) && std::none_of(nodes.begin(), nodes.end(), shares);
}

} // namespace

bool carries_labels(const resource_request& x, const node_state& node) {
  return std::all_of(x.labels.begin(), x.labels.end(), [&](const auto& wanted) {
    const auto at = node.labels.find(wanted.first);
    return at != node.labels.end() && at->second == wanted.second;
  });
}

bool excludes(const resource_request& x, const node_state& node) {
  return std::find(x.nodes_excluded.begin(), x.nodes_excluded.end(), node.name) != x.nodes_excluded.end();
}

wait_reason shortfall_of(const prepared_gang& x, const failed_choice& failed, const std::vector<node_state>& nodes,
                         const std::vector<topology_key>& keys, bool ever) {
  wait_reason found;
  found.ever = ever;
  found.members = x.who.size();
  found.members_fit = failed.placed;
  const auto& one = x.who[x.shapes[failed.shape].first];
  found.together = is_for_one_node(x, one, nodes);
  const auto lacking = found.together ? sum_of(x) : one;
  const auto label = failed.level < 0 ? std::string{} : keys[static_cast<std::size_t>(failed.level)].label;
  const auto* best = survey({one, lacking, x.group_size, failed.area, label}, nodes, found);
  if (best == nullptr) {
    found.cause = wait_cause::nodes;
    const auto away = found.nodes_cordoned + found.nodes_draining + found.nodes_suspect + found.nodes_lost;
    if (found.nodes_small_network > 0 && (ever || away == 0)) {
      found.nothing_because = "no node has a network for " + std::to_string(x.group_size) +
                              " tasks: a larger range can be configured there";
    } else if (away == 0) {
      found.nothing_because = nothing_because(one, nodes);
      found.subject = one.platform;
    }
    return found;
  }
  found.node = best->name;
  found.lacks = lacks_of(lacking, *best, ever);
  if (failed.level >= 0) {
    found.cause = wait_cause::topology;
    const auto& key = keys[static_cast<std::size_t>(failed.level)];
    found.subject = key.key;
    if (std::none_of(nodes.begin(), nodes.end(),
                     [&](const auto& node) { return may_use(one, node) && node.labels.count(key.label) > 0; }))
      found.nothing_because = "needs its tasks within one " + key.key +
                              ", and no node that it may use carries the label " + key.label +
                              ", which says of which " + key.key + " a node is";
  }
  return found;
}

} // namespace muster
