#include "muster/placement/network_blocks.hpp"

#include <algorithm>

namespace muster {

namespace {

constexpr std::uint64_t not_for_members = 3; // network, gateway, broadcast

} // namespace

std::uint64_t members_of_network(std::uint64_t addresses) noexcept {
  return addresses > not_for_members ? addresses - not_for_members : 0;
}

std::uint8_t block_prefix(std::uint32_t members) noexcept {
  std::uint8_t prefix = 28;
  while (prefix > 0 && (ipv4_block{0, prefix}).size() < members + not_for_members)
    --prefix;
  return prefix;
}

ipv4_block block_of(ipv4_address address, std::uint32_t members) noexcept {
  return block_around(address, block_prefix(members));
}

std::optional<ipv4_block> shared_block(const address_space& space) {
  const auto prefix = static_cast<std::uint8_t>(std::max(20, space.range.prefix + 2));
  if (prefix > 32)
    return std::nullopt;
  for (std::uint64_t base = space.range.base; base <= space.range.last();) {
    const ipv4_block candidate{static_cast<ipv4_address>(base), prefix};
    const auto in_the_way =
        std::find_if(space.taken.begin(), space.taken.end(), [&](const auto& x) { return x.overlaps(candidate); });
    if (in_the_way == space.taken.end())
      return candidate;
    base = std::uint64_t{std::max(candidate.last(), in_the_way->last())} + 1;
  }
  return std::nullopt;
}

} // namespace muster
