#include "placement/gpu_choice.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace muster {

namespace {

/// The free GPUs of each group of neighbours; those that have none come last.
std::vector<std::vector<std::uint32_t>> free_groups(const node_state& node) {
  std::vector<std::vector<std::uint32_t>> groups;
  auto rest = node.free_gpus;
  for (const auto& linked : node.gpu_links) {
    std::vector<std::uint32_t> group;
    const auto is_linked = [&](std::uint32_t gpu) {
      return std::find(linked.begin(), linked.end(), gpu) != linked.end();
    };
    std::copy_if(rest.begin(), rest.end(), std::back_inserter(group), is_linked);
    rest.erase(std::remove_if(rest.begin(), rest.end(), is_linked), rest.end());
    if (!group.empty())
      groups.push_back(std::move(group));
  }
  if (!rest.empty())
    groups.push_back(std::move(rest));
  return groups;
}

} // namespace

std::vector<std::uint32_t> choose_gpus(const node_state& node, std::size_t count) {
  std::vector<std::uint32_t> chosen;
  if (count == 0)
    return chosen;
  chosen.reserve(count);
  if (node.gpu_links.empty()) {
    const auto n = std::min(count, node.free_gpus.size());
    chosen.assign(node.free_gpus.begin(), node.free_gpus.begin() + static_cast<std::ptrdiff_t>(n));
    return chosen;
  }
  auto groups = free_groups(node);
  while (chosen.size() < count && !groups.empty()) {
    const auto wanted = count - chosen.size();
    auto best = groups.begin();
    for (auto at = groups.begin(); at != groups.end(); ++at) {
      const bool enough = at->size() >= wanted;
      const bool best_enough = best->size() >= wanted;
      if (enough != best_enough ? enough : (enough ? at->size() < best->size() : at->size() > best->size()))
        best = at;
    }
    const auto n = std::min(wanted, best->size());
    chosen.insert(chosen.end(), best->begin(), best->begin() + static_cast<std::ptrdiff_t>(n));
    groups.erase(best);
  }
  return chosen;
}

} // namespace muster
