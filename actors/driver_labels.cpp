#include "actors/driver_labels.hpp"

#include <string_view>

namespace muster {

namespace {

constexpr auto carried = "yes";
constexpr std::string_view prefix = "muster/driver-";

std::string label_of(const std::string& driver, bool with_gpus) {
  return std::string{prefix} + driver + (with_gpus ? "-gpu" : "");
}

} // namespace

void add_driver_labels(const capabilities& offered, std::map<std::string, std::string>& to) {
  for (auto at = to.lower_bound(std::string{prefix}); at != to.end() && at->first.rfind(prefix, 0) == 0;)
    at = to.erase(at);
  const auto add = [&](const capabilities& x) {
    if (x.driver.empty())
      return; // It was never heard of what it has.
    to[label_of(x.driver, false)] = carried;
    if (x.total.gpus == offered.total.gpus && !x.total.gpus.empty())
      to[label_of(x.driver, true)] = carried;
  };
  add(offered);
  for (const auto& x : offered.besides)
    add(x);
}

void ask_for_driver(const std::string& driver, bool with_gpus, std::map<std::string, std::string>& to) {
  if (!driver.empty())
    to[label_of(driver, with_gpus)] = carried;
}

} // namespace muster
