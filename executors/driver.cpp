#include "executors/driver.hpp"

#include <algorithm>

namespace muster {

const capabilities* driver_of(const capabilities& machine, std::string_view name) {
  if (name.empty() || machine.driver == name)
    return &machine;
  const auto found =
      std::find_if(machine.besides.begin(), machine.besides.end(), [&](const auto& x) { return x.driver == name; });
  return found == machine.besides.end() ? nullptr : &*found;
}

const capabilities* maker_of_networks(const capabilities& machine) {
  if (machine.addresses)
    return &machine;
  const auto found = std::find_if(machine.besides.begin(), machine.besides.end(),
                                  [](const auto& x) { return x.addresses.has_value(); });
  return found == machine.besides.end() ? nullptr : &*found;
}

} // namespace muster
