#pragma once

#include "muster/base/ipv4.hpp"

#include <cstdint>
#include <optional>
#include <vector>

/// Which network a group's addresses are in: known from an address and the size of the group alone, so that nobody has
/// to be told. Pure functions.
namespace muster {

/// The addresses that an executor may make networks of.
struct address_space {
  ipv4_block range;              ///< Such as 10.213.0.0/16; at least a /26.
  std::vector<ipv4_block> taken; ///< What others use in it: routes of the host, networks that are not this head's.
};

/// The longest prefix, that is the smallest network, which a range may have.
constexpr std::uint8_t longest_range_prefix = 26;

/// The prefix of the network of a group of `members`: the smallest one, of at least 16 addresses, that has room for
/// them, the address of the network itself, a gateway and a broadcast address.
[[nodiscard]] std::uint8_t block_prefix(std::uint32_t members) noexcept;

/// How many members a network of so many addresses has room for.
[[nodiscard]] std::uint64_t members_of_network(std::uint64_t addresses) noexcept;

/// The network of a group of `members` (two or more) of which one has this address.
[[nodiscard]] ipv4_block block_of(ipv4_address address, std::uint32_t members) noexcept;

/// The network that all tasks without a gang share: the first free /20 of the range, or quarter of a range smaller than
/// a /18. Nothing if each of them has an address that is taken. The same space always gives the same answer.
[[nodiscard]] std::optional<ipv4_block> shared_block(const address_space& space);

/// The address that the host has in a network.
[[nodiscard]] constexpr ipv4_address gateway_of(const ipv4_block& network) noexcept {
  return network.base + 1;
}

/// The address of the member at `position` of its group, from 0.
[[nodiscard]] constexpr ipv4_address member_address(const ipv4_block& network, std::uint32_t position) noexcept {
  return network.base + 2 + position;
}

} // namespace muster
