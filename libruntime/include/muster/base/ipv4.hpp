#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster {

/// An IPv4 address as a number: 10.0.0.1 is 0x0a000001.
using ipv4_address = std::uint32_t;

/// In dotted form.
[[nodiscard]] std::string ipv4_to_text(ipv4_address x);

/// Reads the dotted form: four decimal numbers and nothing else.
[[nodiscard]] std::optional<ipv4_address> parse_ipv4(std::string_view text);

/// A power of two of addresses that begins at a multiple of its size: `10.213.0.0/16`.
struct ipv4_block {
  ipv4_address base = 0;
  std::uint8_t prefix = 32; ///< 0-32.

  /// How many addresses it has; 2^32 for `/0`.
  [[nodiscard]] std::uint64_t size() const noexcept { return std::uint64_t{1} << (32U - prefix); }
  /// Its last address.
  [[nodiscard]] ipv4_address last() const noexcept { return static_cast<ipv4_address>(base + (size() - 1)); }
  [[nodiscard]] bool contains(ipv4_address x) const noexcept { return x >= base && x <= last(); }
  /// Whether all of `x` is in it.
  [[nodiscard]] bool contains(const ipv4_block& x) const noexcept { return contains(x.base) && contains(x.last()); }
  /// Whether they share an address. One contains the other then.
  [[nodiscard]] bool overlaps(const ipv4_block& x) const noexcept { return contains(x.base) || x.contains(base); }
};

[[nodiscard]] inline bool operator==(const ipv4_block& a, const ipv4_block& b) noexcept {
  return a.base == b.base && a.prefix == b.prefix;
}
[[nodiscard]] inline bool operator!=(const ipv4_block& a, const ipv4_block& b) noexcept {
  return !(a == b);
}

/// The block of that size around `x`. `prefix` is at most 32.
[[nodiscard]] ipv4_block block_around(ipv4_address x, std::uint8_t prefix) noexcept;

/// `10.213.0.0/16`.
[[nodiscard]] std::string to_text(const ipv4_block& x);

/// Reads `10.213.0.0/16`. Fails with `invalid_argument`: it is none, or its address is not the first of the block.
[[nodiscard]] result<ipv4_block> parse_ipv4_block(std::string_view text);

} // namespace muster
