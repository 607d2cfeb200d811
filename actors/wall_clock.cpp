#include "actors/wall_clock.hpp"

#include "muster/base/durable_file.hpp"
#include "muster/base/log.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

namespace muster {

duration passed_since(const std::optional<timestamp>& since, timestamp now) {
  return since ? std::max(duration{}, now - *since) : duration{};
}

epoch epoch_after(epoch last, timestamp now) {
  constexpr std::uint64_t most_leases = std::uint64_t{1} << 32U; // Of one runtime.
  const auto by_clock = static_cast<std::uint64_t>(std::max<std::int64_t>(1, now.time_since_epoch().count()));
  return {last.value == 0 ? by_clock : std::max(by_clock, last.value + most_leases)};
}

epoch take_first_epoch(const store::state_directory& directory, timestamp now) {
  const auto path = directory.root() / "epoch";
  epoch last;
  std::ifstream{path} >> last.value;
  const auto first = epoch_after(last, now);
  if (const auto noted = replace_file_durably(path, std::to_string(first.value) + '\n'); !noted)
    log::error("runtime", "the first lease of this start is not noted", {{"why", noted.failure().message}});
  return first;
}

} // namespace muster
