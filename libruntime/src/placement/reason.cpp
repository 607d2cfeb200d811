#include "placement/reason.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace muster {

namespace {

std::string count(std::int64_t n, const char* one) {
  return std::to_string(n) + ' ' + one + (n == 1 ? "" : "s");
}

/// `1.5 GiB`; the largest unit that keeps the number at one or more.
std::string bytes(std::int64_t n) {
  constexpr std::array<std::pair<const char*, std::int64_t>, 4> units{
      {{"TiB", std::int64_t{1} << 40U}, {"GiB", 1 << 30U}, {"MiB", 1 << 20U}, {"KiB", 1 << 10U}}};
  for (const auto& [unit, size] : units) {
    if (n < size)
      continue;
    std::array<char, 48> text{};
    const auto whole = n % size == 0;
    std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s",
                  static_cast<double>(n) / static_cast<double>(size), unit);
    return text.data();
  }
  return std::to_string(n) + " B";
}

/// One resource that a node is short of.
struct lack {
  std::string wanted; ///< `2 CPUs`
  std::string free;   ///< `1`
  std::string total;  ///< `4`
};

/// How many resources the node is short of.
std::size_t count_lacks(const resource_request& x, const node_state& node, bool ever) {
  const auto& has = ever ? node.total : node.free;
  const auto gpus = static_cast<std::int64_t>(ever ? node.gpus.size() : node.free_gpus.size());
  return std::size_t{x.gpu > gpus} + std::size_t{x.cpu > has.cpu} + std::size_t{x.memory > has.memory} +
         std::size_t{x.storage > has.storage};
}

std::vector<lack> lacks_of(const resource_request& x, const node_state& node, bool ever) {
  std::vector<lack> found;
  const auto number = [](std::int64_t n) { return std::to_string(std::max<std::int64_t>(n, 0)); };
  const auto amount = [](std::int64_t n) { return bytes(std::max<std::int64_t>(n, 0)); };
  const auto& has = ever ? node.total : node.free;
  const auto gpus = static_cast<std::int64_t>(ever ? node.gpus.size() : node.free_gpus.size());
  if (x.gpu > gpus)
    found.push_back({count(x.gpu, "GPU"), number(gpus), std::to_string(node.gpus.size())});
  if (x.cpu > has.cpu)
    found.push_back({count(x.cpu, "CPU"), number(has.cpu), number(node.total.cpu)});
  if (x.memory > has.memory)
    found.push_back({bytes(x.memory) + " of memory", amount(has.memory), amount(node.total.memory)});
  if (x.storage > has.storage)
    found.push_back({bytes(x.storage) + " of storage", amount(has.storage), amount(node.total.storage)});
  return found;
}

bool may_use(const resource_request& x, const node_state& node) {
  return (x.platform.empty() || node.platform.empty() || x.platform == node.platform) && carries_labels(x, node) &&
         !excludes(x, node);
}

/// Why nodes that would do take nothing now.
std::string not_ready(const std::vector<node_state>& nodes) {
  std::string text;
  for (const auto condition : {node_condition::cordoned, node_condition::draining, node_condition::lost}) {
    const auto n = std::count_if(nodes.begin(), nodes.end(), [&](const auto& x) { return x.condition == condition; });
    if (n != 0)
      text += (text.empty() ? "" : ", ") + std::to_string(n) + ' ' + to_string(condition);
  }
  return "waiting for a node that takes new tasks: " + text;
}

std::string no_node_may(const resource_request& x, const std::vector<node_state>& nodes) {
  std::size_t there = 0;
  std::size_t of_platform = 0;
  std::size_t with_labels = 0;
  std::size_t usable = 0;
  for (const auto& n : nodes) {
    const bool known = n.condition != node_condition::gone;
    const bool platform = known && (x.platform.empty() || n.platform.empty() || n.platform == x.platform);
    const bool labels = platform && carries_labels(x, n);
    there += std::size_t{known};
    of_platform += std::size_t{platform};
    with_labels += std::size_t{labels};
    usable += std::size_t{labels && !excludes(x, n)};
  }
  if (there == 0)
    return "there is no node";
  if (of_platform == 0)
    return "no node is of platform " + x.platform;
  if (with_labels == 0)
    return "no node carries the labels that it asks for";
  return usable == 0 ? "nodesExcluded leaves no node" : not_ready(nodes);
}

/// What one request lacks, on the node that lacks least.
std::string shortage(const resource_request& x, const std::vector<node_state>& nodes, bool ever) {
  const node_state* best = nullptr;
  std::size_t least = 0;
  for (const auto& node : nodes) {
    const bool counts = ever ? node.condition != node_condition::gone : node.condition == node_condition::ready;
    if (!counts || !may_use(x, node))
      continue;
    const auto here = count_lacks(x, node, ever);
    if (best == nullptr || here < least) {
      best = &node;
      least = here;
    }
  }
  if (best == nullptr)
    return no_node_may(x, nodes);
  // Only a gang whose members get in each other's way lacks nothing in sum.
  if (least == 0)
    return std::string{ever ? "needs" : "waiting for"} + " nodes with more room for each task";
  std::string text;
  for (const auto& l : lacks_of(x, *best, ever)) {
    text += text.empty() ? (ever ? "needs " : "waiting for ") : "; ";
    text += l.wanted + ": " + (ever ? "node " + best->name + " has " + l.total : l.free + " of " + l.total + " free");
  }
  return ever ? text : text + " on node " + best->name;
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

std::string describe(const resource_request& x) {
  return count(x.cpu, "CPU") + ", " + count(x.gpu, "GPU") + ", " + bytes(x.memory) + " of memory, " + bytes(x.storage) +
         " of storage";
}

std::string describe_failure(const prepared_gang& x, const failed_choice& failed, const std::vector<node_state>& nodes,
                             const std::vector<topology_key>& keys, bool ever) {
  const auto tasks = std::to_string(x.who.size());
  if (failed.level >= 0)
    return std::string{ever ? "needs" : "waiting for"} + " room for its tasks within one " +
           keys[static_cast<std::size_t>(failed.level)].key;
  const auto& short_of = x.who[x.shapes[failed.shape].first];
  if (x.who.size() == 1)
    return shortage(short_of, nodes, ever);
  if (nodes.size() == 1)
    return shortage(sum_of(x), nodes, ever) + ", for " + tasks + " tasks together";
  return shortage(short_of, nodes, ever) + ", after " + std::to_string(failed.placed) + " of " + tasks +
         " tasks have a place";
}

} // namespace muster
