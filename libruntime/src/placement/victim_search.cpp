#include "placement/victim_search.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_set>

namespace muster {

std::vector<gang_key> victim_search::run() {
  if (queue_.low.empty() || fits_without({}, 0))
    return {};
  const auto young = youngest_first();
  const auto some = permitted(young, guarantee_use::kept);
  if (auto found = fewest(some, guarantee_use::kept); !found.empty())
    return found;
  const auto more = permitted(young, guarantee_use::reached_into);
  return more.size() > some.size() ? fewest(more, guarantee_use::reached_into) : gangs{};
}

victim_search::gangs victim_search::fewest(const gangs& young, guarantee_use of_others) {
  auto found = fewest_of(young);
  if (found.size() < 2)
    return found;
  auto others = fewest_of(permitted(by_nodes(), of_others));
  return !others.empty() && others.size() < found.size() ? others : found;
}

victim_search::gangs victim_search::youngest_first() const {
  gangs all;
  for (auto at = queue_.low.rbegin(); at != queue_.low.rend(); ++at)
    all.push_back(at->second);
  return all;
}

/// Those first that stand in the way on the nodes where fewest do, for each member that would have a place there.
victim_search::gangs victim_search::by_nodes() const {
  struct node_cost {
    node_room freed;
    gangs victims; ///< Youngest first.
  };
  std::unordered_map<std::uint32_t, node_cost> nodes;
  for (auto at = queue_.low.rbegin(); at != queue_.low.rend(); ++at) {
    const auto& e = queue_.entries[at->second];
    const auto& who = queue_.lines[e.line].who.who;
    for (std::size_t i = 0; i < e.where.size(); ++i) {
      auto& here = nodes[e.where[i].node];
      here.freed = plus(here.freed, need_of(who[i]));
      if (here.victims.empty() || here.victims.back() != at->second)
        here.victims.push_back(at->second);
    }
  }
  std::vector<std::tuple<double, std::uint32_t>> costs;
  for (const auto& [n, here] : nodes) {
    const auto room = plus(queue_.nodes.free().free(n), here.freed);
    double hosted = 0;
    for (const auto& shape : winner_.who.shapes) {
      if (!queue_.nodes.free().takes_gangs(n) || !queue_.nodes.free().permits(n, shape.filter(nullptr)))
        continue;
      auto count = static_cast<std::int64_t>(winner_.who.who.size());
      for (const auto& [has, needs] : {std::make_pair(room.gpus, shape.need.gpus),
                                       {room.cpu, shape.need.cpu},
                                       {room.memory, shape.need.memory},
                                       {room.storage, shape.need.storage}})
        count = needs > 0 ? std::min(count, std::max<std::int64_t>(has, 0) / needs) : count;
      hosted = std::max(hosted, static_cast<double>(count));
    }
    if (hosted > 0)
      costs.emplace_back(static_cast<double>(here.victims.size()) / hosted, n);
  }
  std::sort(costs.begin(), costs.end());
  gangs all;
  std::unordered_set<gang_key> named;
  for (const auto& [cost, n] : costs)
    for (const auto victim : biggest_first(nodes[n].victims))
      if (named.insert(victim).second)
        all.push_back(victim);
  return all;
}

victim_search::gangs victim_search::biggest_first(gangs some) const {
  const auto size = [this](gang_key key) {
    const auto& sum = queue_.lines[queue_.entries[key].line].who.root.sum;
    return std::make_tuple(sum.gpus, sum.cpu, sum.memory);
  };
  std::stable_sort(some.begin(), some.end(), [&](gang_key a, gang_key b) { return size(a) > size(b); });
  return some;
}

/// Gangs that have a member on a node which cannot be reached: nobody could end that one.
std::unordered_set<gang_key> victim_search::out_of_reach() const {
  std::unordered_set<gang_key> all;
  const auto& nodes = queue_.nodes.nodes();
  for (std::size_t n = 0; n < nodes.size() && n < queue_.holders.size(); ++n)
    if (const auto x = nodes[n].condition;
        x == node_condition::suspect || x == node_condition::lost || x == node_condition::gone)
      all.insert(queue_.holders[n].begin(), queue_.holders[n].end());
  return all;
}

/// Gangs of other quotas make way only while those hold more than their guarantee; nobody whose places are promised
/// does, nor who could not be ended now.
victim_search::gangs victim_search::permitted(const gangs& in_order, guarantee_use of_others) const {
  gangs some;
  std::unordered_map<std::uint32_t, std::int64_t> taken;
  const auto unreachable = out_of_reach();
  for (const auto key : in_order) {
    const auto& line = queue_.lines[queue_.entries[key].line];
    if (queue_.promises.heir_of(key) || unreachable.count(key) != 0)
      continue;
    if (line.quota != winner_.quota) {
      auto& gone = taken[line.quota];
      const auto reaches_in = of_others == guarantee_use::reached_into ? std::max<std::int64_t>(0, line.gpus() - 1) : 0;
      if (gone + line.gpus() - reaches_in > queue_.quotas.beyond(line.quota))
        continue;
      gone += line.gpus();
    }
    some.push_back(key);
  }
  return some;
}

/// The shortest beginning of the list that does, without those that turn out not to be needed.
victim_search::gangs victim_search::fewest_of(const gangs& in_order) {
  if (in_order.empty() || !fits_without(in_order, in_order.size()))
    return {};
  std::size_t enough = 1;
  while (enough < in_order.size() && !fits_without(in_order, enough))
    enough *= 2;
  enough = std::min(enough, in_order.size());
  for (std::size_t too_few = enough / 2; too_few + 1 < enough;) {
    const auto middle = too_few + (enough - too_few) / 2;
    (fits_without(in_order, middle) ? enough : too_few) = middle;
  }
  return without_needless({in_order.begin(), in_order.begin() + static_cast<std::ptrdiff_t>(enough)});
}

victim_search::gangs victim_search::without_needless(gangs victims) {
  if (const auto nodes = fits_without(victims, victims.size()))
    if (auto near = on_nodes(victims, *nodes); near.size() < victims.size() && fits_without(near, near.size()))
      victims = std::move(near);
  // The oldest are spared first. Each is a what-if, so not all of very many are looked at.
  std::size_t looked_at = 0;
  constexpr std::size_t most = 64;
  for (auto i = victims.size(); i-- > 0 && victims.size() > 1 && looked_at < most; ++looked_at) {
    auto fewer = victims;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (fits_without(fewer, fewer.size()))
      victims = std::move(fewer);
  }
  return victims;
}

victim_search::gangs victim_search::on_nodes(const gangs& victims, const node_choice& nodes) const {
  const std::unordered_set<std::uint32_t> used{nodes.begin(), nodes.end()};
  gangs near;
  for (const auto key : victims) {
    const auto& where = queue_.entries[key].where;
    if (std::any_of(where.begin(), where.end(), [&](const member_place& x) { return used.count(x.node) != 0; }))
      near.push_back(key);
  }
  return near;
}

std::optional<node_choice> victim_search::fits_without(const gangs& victims, std::size_t count) {
  std::int64_t gpus = 0;
  std::size_t members = 0;
  auto& free = queue_.nodes.free();
  const auto mark = free.mark();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& e = queue_.entries[victims[i]];
    const auto& line = queue_.lines[e.line];
    queue_.nodes.vacate(line.who.who, e.where);
    members += e.where.size();
    gpus += line.quota == winner_.quota ? line.gpus() : 0;
  }
  std::optional<node_choice> chosen;
  const auto& quotas = queue_.quotas;
  const auto maximum = quotas.left(winner_.quota, gang_priority::low); // Of all that it may hold.
  const bool quota = winner_.gpus() == 0 || maximum >= winner_.gpus() - gpus;
  const bool slots =
      !queue_.policy.max_parallel ||
      queue_.members_placed + queue_.members_kept - members + winner_.who.who.size() <= *queue_.policy.max_parallel;
  if (quota && slots)
    chosen = queue_.nodes.choose(winner_.who);
  free.roll_back(mark);
  return chosen;
}

} // namespace muster
