#pragma once

#include "muster/spec/model.hpp"

#include <cstdint>

/// Which address a member of a group wants. Pure functions.
namespace muster {

enum class address_need : std::uint8_t {
  own,  ///< One that nobody else has.
  host, ///< It uses the host's network: that which the host has in the group's.
  none, ///< None that is known beforehand.
};

/// Whether a task says its own address: as `{{host:<itself>}}`, or by the variable MUSTER_ADDRESS. What a program of
/// its image reads cannot be seen.
[[nodiscard]] bool says_own_address(const spec::task& x);

/// What a member wants. With `only_if_said` a task that is `alone` in its group wants an address only if it says it.
[[nodiscard]] address_need address_need_of(const spec::task& x, bool alone, bool only_if_said);

} // namespace muster
