#pragma once

#include "muster/placement/address_need.hpp"
#include "muster/placement/network_blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace muster {

/// Whose addresses are asked for: members of a group, by their positions in the whole of it.
struct group_part {
  std::uint32_t group_size = 1;
  std::vector<std::uint32_t> positions;
  std::vector<address_need> needs{}; ///< One per position; empty: an address of its own each.

  [[nodiscard]] address_need need(std::size_t i) const { return i < needs.size() ? needs[i] : address_need::own; }
};

/// Gives each gang a block of an address space, and each task without a gang an address of the shared block if it wants
/// one. Members in the host's network have the gateway's address of their block, and 127.0.0.1 if they are alone. A
/// block or address that was given back is not given out again before the rest of the space was tried.
class network_addresses {
public:
  /// Begins at block number `start` modulo how many there are: heads that begin far apart do not meet.
  network_addresses(const address_space& space, std::uint32_t start);

  /// An address for each position, in dotted form, empty where none is wanted; nothing when none is free now.
  [[nodiscard]] std::optional<std::vector<std::string>> allocate(const group_part& who);

  /// Books what members hold already, as after a restart, whatever is free, and gives those that hold none (an empty
  /// text) an address of the same network. Those that could not be given one stay empty.
  [[nodiscard]] std::vector<std::string> restore(const group_part& who, const std::vector<std::string>& held);

  /// Gives back what `allocate` or `restore` gave a group. Ignores what is not of the space.
  void release(std::uint32_t group_size, const std::vector<std::string>& addresses);

  /// Why a group of this size could not have a network even if all of the space were free; nothing if it could.
  [[nodiscard]] std::optional<std::string> never_fits(std::uint32_t group_size) const;

  /// The size of the largest group that could have a network if all of the space were free.
  [[nodiscard]] std::uint64_t largest_group() const noexcept { return members_of_network(largest_); }

  /// What a group of this size waits for when `allocate` has nothing for it: "waiting for a network: ...".
  [[nodiscard]] std::string why_waiting(std::uint32_t group_size) const;

  /// Blocks, and addresses of the shared block, that are given out.
  [[nodiscard]] std::size_t blocks() const noexcept { return blocks_; }
  [[nodiscard]] std::size_t alone() const noexcept { return alone_.size(); }

private:
  [[nodiscard]] std::optional<ipv4_block> free_block(std::uint8_t prefix, std::uint64_t from, std::uint64_t to) const;
  [[nodiscard]] std::optional<ipv4_block> take_block(std::uint8_t prefix);
  [[nodiscard]] std::optional<std::string> give_alone(address_need need);
  [[nodiscard]] std::optional<ipv4_address> take_alone();
  [[nodiscard]] std::vector<ipv4_block> blocks_of(std::uint32_t group_size,
                                                  const std::vector<std::string>& addresses) const;
  void count(const ipv4_block& block, std::int32_t by);

  ipv4_block range_;
  std::optional<ipv4_block> shared_;
  std::uint64_t largest_ = 0;       ///< Size of the largest block that is free when nothing is held.
  std::vector<std::int32_t> units_; ///< How many hold each 16 addresses of the range.
  std::unordered_set<ipv4_address> alone_;
  std::size_t blocks_ = 0;
  std::uint64_t next_unit_ = 0;
  std::uint64_t next_alone_ = 0; ///< Offset in the shared block.
};

} // namespace muster
