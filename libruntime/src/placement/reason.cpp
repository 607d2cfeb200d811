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

std::vector<lack> lacks_of(const resource_request& x, const node_state& node) {
  std::vector<lack> found;
  const auto number = [](std::int64_t n) { return std::to_string(std::max<std::int64_t>(n, 0)); };
  const auto amount = [](std::int64_t n) { return bytes(std::max<std::int64_t>(n, 0)); };
  const auto free_gpus = static_cast<std::int64_t>(node.free_gpus.size());
  if (x.gpu > free_gpus)
    found.push_back({count(x.gpu, "GPU"), number(free_gpus), std::to_string(node.gpus.size())});
  if (x.cpu > node.free.cpu)
    found.push_back({count(x.cpu, "CPU"), number(node.free.cpu), number(node.total.cpu)});
  if (x.memory > node.free.memory)
    found.push_back({bytes(x.memory) + " of memory", amount(node.free.memory), amount(node.total.memory)});
  if (x.storage > node.free.storage)
    found.push_back({bytes(x.storage) + " of storage", amount(node.free.storage), amount(node.total.storage)});
  return found;
}

std::string no_node_may(const resource_request& x, const std::vector<node_state>& nodes) {
  if (nodes.empty())
    return "there is no node";
  const bool platform_known = x.platform.empty() || std::any_of(nodes.begin(), nodes.end(), [&](const node_state& n) {
                                return n.platform.empty() || n.platform == x.platform;
                              });
  return platform_known ? "nodesExcluded leaves no node" : "no node is of platform " + x.platform;
}

} // namespace

bool may_use(const resource_request& x, const node_state& node) {
  if (!x.platform.empty() && !node.platform.empty() && x.platform != node.platform)
    return false;
  return std::find(x.nodes_excluded.begin(), x.nodes_excluded.end(), node.name) == x.nodes_excluded.end();
}

std::string describe(const resource_request& x) {
  return count(x.cpu, "CPU") + ", " + count(x.gpu, "GPU") + ", " + bytes(x.memory) + " of memory, " + bytes(x.storage) +
         " of storage";
}

std::string shortage(const resource_request& x, const std::vector<node_state>& nodes, bool ever) {
  const node_state* best = nullptr;
  std::vector<lack> lacks;
  for (const auto& node : nodes) {
    if (!may_use(x, node))
      continue;
    auto here = lacks_of(x, node);
    if (best == nullptr || here.size() < lacks.size()) {
      best = &node;
      lacks = std::move(here);
    }
  }
  if (best == nullptr)
    return no_node_may(x, nodes);
  // Only a gang whose members get in each other's way lacks nothing in sum.
  if (lacks.empty())
    return std::string{ever ? "needs" : "waiting for"} + " nodes with more room for each task";
  std::string text;
  for (const auto& l : lacks) {
    text += text.empty() ? (ever ? "needs " : "waiting for ") : "; ";
    text += l.wanted + ": " + (ever ? "node " + best->name + " has " + l.total : l.free + " of " + l.total + " free");
  }
  return ever ? text : text + " on node " + best->name;
}

} // namespace muster
