#include "muster/placement/addresses.hpp"

#include "muster/base/ipv4.hpp"

#include <optional>
#include <string_view>

namespace muster {

namespace {

constexpr std::uint32_t base = (127U << 24U) | (64U << 16U);
constexpr std::uint32_t size = 1U << 22U;

std::string to_text(std::uint32_t offset) {
  return ipv4_to_text(base + offset);
}

std::optional<std::uint32_t> to_offset(std::string_view text) {
  const auto address = parse_ipv4(text);
  if (!address || *address < base || *address - base >= size)
    return std::nullopt;
  return *address - base;
}

} // namespace

loopback_addresses::loopback_addresses(std::uint32_t start) noexcept : next_(start % size) {}

std::string loopback_addresses::allocate() {
  // The first and the last address look like a network and a broadcast address to some tools.
  if (taken_.size() >= size - 2)
    return {};
  for (;; next_ = (next_ + 1) % size) {
    if (next_ == 0 || next_ == size - 1 || taken_.count(next_) > 0)
      continue;
    taken_.insert(next_);
    const auto found = next_;
    next_ = (next_ + 1) % size;
    return to_text(found);
  }
}

void loopback_addresses::reserve(const std::string& address) {
  if (const auto offset = to_offset(address))
    taken_.insert(*offset);
}

void loopback_addresses::release(const std::string& address) {
  if (const auto offset = to_offset(address))
    taken_.erase(*offset);
}

} // namespace muster
