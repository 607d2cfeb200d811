#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::spec {

/// A quantity of memory or storage in bytes, such as `1.5Gi`. Units are `T Ti TiB G Gi GiB M Mi MiB K Ki KiB B m`, none
/// is bytes; all are powers of two, so `1G` is `1Gi`, and `m` is 1/1024 byte. No sign, no space.
[[nodiscard]] result<double> parse_quantity(std::string_view text);

/// The same in whole bytes, rounded up; what 64 bits do not hold becomes the highest value.
[[nodiscard]] result<std::int64_t> parse_bytes(std::string_view text);

/// What 64 bits hold in whole steps of the largest unit: more is refused where it can be said.
constexpr std::int64_t most_bytes = std::int64_t{8'388'607} << 40U;

/// `bytes` in the largest unit that divides it, such as `16Gi`.
[[nodiscard]] std::string bytes_text(std::int64_t bytes);

} // namespace muster::spec
