#include "placement/gang_placer.hpp"

#include <algorithm>
#include <queue>
#include <tuple>
#include <utility>

namespace muster {

gang_placer::gang_placer(node_index& index, const prepared_gang& who, const topology_domains& domains)
    : index_(index), who_(who), domains_(domains), spans_(who.who.size() > 1 && index.has_isolated()),
      nodes_(who.who.size()) {}

std::optional<node_choice> gang_placer::run() {
  const auto mark = index_.mark();
  if (place(who_.root, nullptr)) {
    index_.keep(mark);
    return std::move(nodes_);
  }
  index_.roll_back(mark);
  if (spans_ && place_on_isolated_node())
    return std::move(nodes_);
  return std::nullopt;
}

/// The whole gang, where `place_on_one_node` was not tried for it: it is to be spread, or its members ask for different
/// nodes, or some are to be near each other.
bool gang_placer::place_on_isolated_node() {
  const auto& shapes = who_.shapes;
  if (who_.strategy == placement_strategy::pack && who_.one_kind && who_.root.parts.empty())
    return false;
  std::optional<std::pair<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::uint32_t>> found;
  index_.each({}, [&](std::uint32_t n) {
    const auto& free = index_.free(n);
    const auto left = std::make_pair(std::make_tuple(free.gpus, free.cpu, free.memory), n);
    if (within(who_.root.sum, free) && (!found || left < *found) &&
        std::all_of(shapes.begin(), shapes.end(),
                    [&](const auto& shape) { return index_.permits(n, whole_filter(shape, nullptr)); }) &&
        has_domains(who_.root, n))
      found = left;
  });
  if (!found)
    return false;
  index_.change(found->second, negative(who_.root.sum));
  std::fill(nodes_.begin(), nodes_.end(), found->second);
  return true;
}

/// Whether a node is of some domain wherever members must be in one.
bool gang_placer::has_domains(const topology_group& x, std::uint32_t node) const {
  if (x.level >= 0 && x.required) {
    const auto& all = domains_[static_cast<std::size_t>(x.level)];
    if (std::none_of(all.begin(), all.end(), [&](const auto& domain) { return domain.has(node); }))
      return false;
  }
  return std::all_of(x.parts.begin(), x.parts.end(), [&](const auto& part) { return has_domains(part, node); });
}

node_filter gang_placer::whole_filter(const member_shape& shape, const node_mask* area) const {
  auto out = shape.filter(area);
  out.group_size = who_.group_size;
  return out;
}

node_filter gang_placer::filter(const member_shape& shape, const node_mask* area) const {
  auto out = shape.filter(area);
  out.not_isolated = spans_;
  return out;
}

bool gang_placer::place(const topology_group& x, const node_mask* area) {
  if (x.level < 0)
    return place_inside(x, area);
  const auto placed = placed_;
  for (const auto* domain : domains_for(x, area, true)) {
    const auto mark = index_.mark();
    if (place_inside(x, domain)) {
      index_.keep(mark);
      return true;
    }
    index_.roll_back(mark);
    placed_ = placed;
  }
  if (x.required)
    return fail(x.own.empty() ? 0 : x.own.front().shape, area, x.level);
  return place_spilling(x, area);
}

bool gang_placer::place_inside(const topology_group& x, const node_mask* area) {
  const bool pack = who_.strategy == placement_strategy::pack;
  if (pack && x.parts.empty() && place_on_one_node(x, area))
    return true;
  for (const auto& part : x.parts)
    if (!place(part, area))
      return false;
  if (!pack)
    return place_spread(x, area);
  for (const auto& part : x.own)
    if (fill(part, 0, area) != part.members.size())
      return fail(part.shape, area);
  return true;
}

/// Several domains, as few as may be: those with the most room first, and nodes that are of none last.
bool gang_placer::place_spilling(const topology_group& x, const node_mask* area) {
  for (const auto& part : x.parts)
    if (!place(part, area))
      return false;
  if (who_.strategy == placement_strategy::spread)
    return place_spread(x, area);
  auto domains = domains_for(x, area, false);
  std::reverse(domains.begin(), domains.end());
  domains.push_back(area);
  for (const auto& part : x.own) {
    std::size_t next = 0;
    for (const auto* domain : domains)
      next = next == part.members.size() ? next : fill(part, next, domain);
    if (next != part.members.size())
      return fail(part.shape, area);
  }
  return true;
}

bool gang_placer::place_on_one_node(const topology_group& x, const node_mask* area) {
  if (x.own.empty() || !who_.one_kind)
    return false;
  const auto& shape = who_.shapes[x.own.front().shape];
  std::size_t members = 0;
  for (const auto& part : x.own)
    members += part.members.size();
  const bool is_whole_gang = members == who_.who.size();
  const auto node = index_.best(x.sum, is_whole_gang ? whole_filter(shape, area) : filter(shape, area));
  if (!node)
    return false;
  for (const auto& part : x.own)
    put(part, 0, static_cast<std::int64_t>(part.members.size()), *node);
  return true;
}

/// Domains within `area`, the one with the least room first; with `fit` only those whose room might do.
std::vector<const node_mask*> gang_placer::domains_for(const topology_group& x, const node_mask* area, bool fit) const {
  std::vector<std::pair<std::tuple<std::int64_t, std::int64_t, std::int64_t>, const node_mask*>> found;
  for (const auto& domain : domains_[static_cast<std::size_t>(x.level)]) {
    // Finer domains lie within coarser ones; one that does not is of no use there.
    const auto& members = domain.nodes();
    if (area != nullptr && !std::all_of(members.begin(), members.end(), [&](auto n) { return area->has(n); }))
      continue;
    node_room room;
    index_.each({0, nullptr, &domain}, [&](std::uint32_t n) {
      const auto& free = index_.free(n);
      room = plus(room, {std::max<std::int64_t>(free.gpus, 0), std::max<std::int64_t>(free.cpu, 0),
                         std::max<std::int64_t>(free.memory, 0), std::max<std::int64_t>(free.storage, 0)});
    });
    if (!fit || within(x.sum, room))
      found.push_back({{room.gpus, room.cpu, room.memory}, &domain});
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const node_mask*> domains;
  domains.reserve(found.size());
  for (const auto& [room, domain] : found)
    domains.push_back(domain);
  return domains;
}

std::size_t gang_placer::fill(const same_members& x, std::size_t next, const node_mask* area) {
  const auto& shape = who_.shapes[x.shape];
  auto at_once = static_cast<std::int64_t>(x.members.size());
  while (next < x.members.size()) {
    // What one node holds does not grow while the gang is placed.
    at_once = std::min(at_once, static_cast<std::int64_t>(x.members.size() - next));
    const auto [node, count] = fullest(shape, at_once, area);
    if (count == 0)
      return next;
    put(x, next, count, node);
    next += static_cast<std::size_t>(count);
    at_once = count;
  }
  return next;
}

std::pair<std::uint32_t, std::int64_t> gang_placer::fullest(const member_shape& shape, std::int64_t limit,
                                                            const node_mask* area) const {
  const auto permitted = filter(shape, area);
  if (const auto node = index_.best(times(shape.need, limit), permitted))
    return {*node, limit};
  std::pair<std::uint32_t, std::int64_t> found{0, 0};
  for (std::int64_t low = 1, high = limit - 1; low <= high;) {
    const auto middle = found.second == 0 ? low : low + (high - low + 1) / 2;
    const auto node = index_.best(times(shape.need, middle), permitted);
    if (node) {
      found = {*node, middle};
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found;
}

void gang_placer::put(const same_members& x, std::size_t from, std::int64_t count, std::uint32_t node) {
  index_.change(node, negative(times(who_.shapes[x.shape].need, count)));
  for (std::int64_t i = 0; i < count; ++i)
    nodes_[x.members[from + static_cast<std::size_t>(i)]] = node;
  placed_ += static_cast<std::size_t>(count);
}

/// Each member on the node that has the fewest of them so far, the emptiest of those.
bool gang_placer::place_spread(const topology_group& x, const node_mask* area) {
  using rank = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::uint32_t>; // Members, less room, position.
  std::vector<std::int64_t> members(index_.size());
  for (const auto& part : x.own) {
    const auto& shape = who_.shapes[part.shape];
    std::priority_queue<rank, std::vector<rank>, std::greater<>> ranks;
    const auto add = [&](std::uint32_t n) {
      if (within(shape.need, index_.free(n)))
        ranks.emplace(members[n], -index_.free(n).gpus, -index_.free(n).cpu, n);
    };
    index_.each(filter(shape, area), add);
    for (std::size_t i = 0; i < part.members.size(); ++i) {
      if (ranks.empty())
        return fail(part.shape, area);
      const auto node = std::get<3>(ranks.top());
      ranks.pop();
      put(part, i, 1, node);
      ++members[node];
      add(node);
    }
  }
  return true;
}

bool gang_placer::fail(std::uint32_t shape, const node_mask* area, int level) {
  if (placed_ >= failed_.placed)
    failed_ = {placed_, shape, level, area};
  return false;
}

} // namespace muster
