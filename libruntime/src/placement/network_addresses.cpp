#include "muster/placement/network_addresses.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

constexpr std::uint8_t unit_prefix = 28;
constexpr std::uint64_t unit_size = 16;
constexpr std::uint8_t largest_range_prefix = 8; // bounds the table of units

std::string count_of(std::size_t n, const char* word) {
  return std::to_string(n) + ' ' + word + (n == 1 ? "" : "s");
}

/// Of the `i`-th that asks.
std::string address_in(const ipv4_block& network, const group_part& who, std::size_t i) {
  return ipv4_to_text(who.need(i) == address_need::host ? gateway_of(network)
                                                        : member_address(network, who.positions[i]));
}

} // namespace

network_addresses::network_addresses(const address_space& space, std::uint32_t start)
    : range_(block_around(space.range.base, std::max(space.range.prefix, largest_range_prefix))),
      shared_(shared_block({range_, space.taken})) {
  units_.resize(static_cast<std::size_t>(std::max<std::uint64_t>(1, range_.size() / unit_size)));
  for (const auto& x : space.taken)
    count(x, 1);
  if (shared_) {
    count(*shared_, 1);
    next_alone_ = start % shared_->size();
  }
  next_unit_ = start % units_.size();
  for (std::uint8_t prefix = range_.prefix; prefix <= unit_prefix && largest_ == 0; ++prefix)
    if (const auto found = free_block(prefix, 0, units_.size()))
      largest_ = found->size();
}

std::optional<std::vector<std::string>> network_addresses::allocate(const group_part& who) {
  std::vector<std::string> given;
  given.reserve(who.positions.size());
  if (who.group_size < 2) {
    auto address = give_alone(who.need(0));
    if (!address)
      return std::nullopt;
    given.assign(who.positions.size(), *std::move(address));
    return given;
  }
  const auto network = take_block(block_prefix(who.group_size));
  if (!network)
    return std::nullopt;
  for (std::size_t i = 0; i < who.positions.size(); ++i)
    given.push_back(address_in(*network, who, i));
  return given;
}

std::vector<std::string> network_addresses::restore(const group_part& who, const std::vector<std::string>& held) {
  auto given = held;
  const auto none = std::all_of(held.begin(), held.end(), [](const auto& x) { return !parse_ipv4(x); });
  if (none) {
    auto fresh = allocate(who);
    return fresh ? *std::move(fresh) : given;
  }
  if (who.group_size < 2) {
    const auto address = *parse_ipv4(held.front());
    if (shared_ && shared_->contains(address))
      alone_.insert(address);
    else
      count(block_around(address, unit_prefix), 1);
    return given;
  }
  const auto networks = blocks_of(who.group_size, held);
  for (const auto& x : networks)
    count(x, 1);
  blocks_ += networks.size();
  for (std::size_t i = 0; i < given.size() && i < who.positions.size(); ++i)
    if (given[i].empty())
      given[i] = address_in(networks.front(), who, i);
  return given;
}

void network_addresses::release(std::uint32_t group_size, const std::vector<std::string>& addresses) {
  if (group_size >= 2) {
    const auto networks = blocks_of(group_size, addresses);
    for (const auto& x : networks)
      count(x, -1);
    blocks_ -= std::min(blocks_, networks.size());
    return;
  }
  for (const auto& text : addresses)
    if (const auto address = parse_ipv4(text)) {
      if (shared_ && shared_->contains(*address))
        alone_.erase(*address);
      else
        count(block_around(*address, unit_prefix), -1);
    }
}

std::optional<std::string> network_addresses::never_fits(std::uint32_t group_size) const {
  if (group_size < 2)
    return shared_ ? std::nullopt
                   : std::optional<std::string>{"needs a network: all of " + to_text(range_) +
                                                " is taken by others on this host"};
  const auto wanted = ipv4_block{0, block_prefix(group_size)}.size();
  if (wanted <= largest_)
    return std::nullopt;
  return "has " + std::to_string(group_size) + " tasks that need a network of " + std::to_string(wanted) +
         " addresses: " +
         (largest_ == 0 ? "nothing of " + to_text(range_) + " is free for networks"
                        : "the largest that " + to_text(range_) + " has room for has " + std::to_string(largest_)) +
         "; a larger range can be configured";
}

std::string network_addresses::why_waiting(std::uint32_t group_size) const {
  if (group_size < 2)
    return "waiting for a network: all of " + (shared_ ? to_text(*shared_) : to_text(range_)) + " is in use by " +
           count_of(alone_.size(), "task");
  const auto prefix = block_prefix(group_size);
  auto full = "waiting for a network: all of " + to_text(range_) + " is in use by " + count_of(blocks_, "group");
  if (prefix >= unit_prefix || !free_block(unit_prefix, 0, units_.size()))
    return full;
  return "waiting for a network of " + std::to_string(ipv4_block{0, prefix}.size()) + " addresses: what " +
         count_of(blocks_, "group") + (blocks_ == 1 ? " leaves" : " leave") + " of " + to_text(range_) +
         " is too small";
}

/// The first free block that begins at a unit in [from, to).
std::optional<ipv4_block> network_addresses::free_block(std::uint8_t prefix, std::uint64_t from,
                                                        std::uint64_t to) const {
  const auto length = ipv4_block{0, prefix}.size() / unit_size;
  if (length > units_.size())
    return std::nullopt;
  for (auto first = (from + length - 1) / length * length; first < to && first + length <= units_.size();
       first += length) {
    const auto begin = units_.begin() + static_cast<std::ptrdiff_t>(first);
    if (std::all_of(begin, begin + static_cast<std::ptrdiff_t>(length), [](auto holders) { return holders == 0; }))
      return ipv4_block{static_cast<ipv4_address>(range_.base + first * unit_size), prefix};
  }
  return std::nullopt;
}

std::optional<ipv4_block> network_addresses::take_block(std::uint8_t prefix) {
  if (ipv4_block{0, prefix}.size() > largest_)
    return std::nullopt;
  auto found = free_block(prefix, next_unit_, units_.size());
  if (!found)
    found = free_block(prefix, 0, next_unit_);
  if (!found)
    return std::nullopt;
  count(*found, 1);
  ++blocks_;
  next_unit_ = ((found->last() - range_.base) / unit_size + 1) % units_.size();
  return found;
}

std::optional<std::string> network_addresses::give_alone(address_need need) {
  if (need == address_need::none)
    return std::string{};
  if (need == address_need::host)
    return std::string{"127.0.0.1"};
  const auto address = take_alone();
  return address ? std::optional<std::string>{ipv4_to_text(*address)} : std::nullopt;
}

std::optional<ipv4_address> network_addresses::take_alone() {
  constexpr std::size_t not_for_tasks = 3; // network, gateway, broadcast
  if (!shared_ || alone_.size() >= shared_->size() - not_for_tasks)
    return std::nullopt;
  for (;; next_alone_ = (next_alone_ + 1) % shared_->size()) {
    const auto address = static_cast<ipv4_address>(shared_->base + next_alone_);
    if (next_alone_ < 2 || address == shared_->last() || !alone_.insert(address).second)
      continue;
    next_alone_ = (next_alone_ + 1) % shared_->size();
    return address;
  }
}

/// The networks that these addresses are in, each once.
std::vector<ipv4_block> network_addresses::blocks_of(std::uint32_t group_size,
                                                     const std::vector<std::string>& addresses) const {
  std::vector<ipv4_block> found;
  for (const auto& text : addresses)
    if (const auto address = parse_ipv4(text)) {
      const auto network = block_of(*address, group_size);
      if (std::find(found.begin(), found.end(), network) == found.end())
        found.push_back(network);
    }
  return found;
}

/// Adds to the holders of what the range shares with `block`.
void network_addresses::count(const ipv4_block& block, std::int32_t by) {
  if (!block.overlaps(range_))
    return;
  const auto first = std::max(block.base, range_.base) - range_.base;
  const auto last = std::min(block.last(), range_.last()) - range_.base;
  for (auto unit = first / unit_size; unit <= last / unit_size && unit < units_.size(); ++unit)
    units_[unit] += by;
}

} // namespace muster
