#include "muster/state/retry.hpp"

namespace muster {

std::vector<group_index> groups_to_retry(const plan& layout, const std::vector<status>& groups,
                                         std::optional<group_index> from) {
  std::vector<bool> again(layout.group_count());
  for (std::uint32_t g = 0; g < layout.group_count(); ++g)
    again[g] = g >= groups.size() || groups[g] != status::completed;
  std::vector<bool> seen(layout.group_count());
  std::vector<group_index> open;
  const auto take = [&](group_index g) {
    again[g.value] = true;
    if (!seen[g.value])
      open.push_back(g);
    seen[g.value] = true;
  };
  if (from && layout.has(*from))
    take(*from);
  while (!open.empty()) {
    const auto next = open.back();
    open.pop_back();
    for (const auto g : layout.downstream(next))
      take(g);
  }
  std::vector<group_index> out;
  for (std::uint32_t g = 0; g < layout.group_count(); ++g)
    if (again[g])
      out.push_back(group_index{g});
  return out;
}

} // namespace muster
