#include "actors/wall_clock.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

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
  const auto fresh = directory.root() / "epoch.new";
  std::ofstream file{fresh, std::ios::trunc};
  file << first.value << '\n';
  file.close();
  std::error_code failed;
  if (file)
    std::filesystem::rename(fresh, path, failed);
  else
    std::filesystem::remove(fresh, failed);
  return first;
}

} // namespace muster
