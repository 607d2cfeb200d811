#include "actors/driver_names.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

namespace muster {

namespace {

using names = std::set<std::string>;

std::string joined(const names& all) {
  std::string out;
  for (const auto& x : all)
    out += (out.empty() ? "" : ",") + x;
  return out;
}

names split(const std::string& text) {
  names out;
  std::istringstream from{text};
  for (std::string x; std::getline(from, x, ',');)
    out.insert(x);
  return out;
}

} // namespace

std::string driver_names(const capabilities& offered) {
  names out{offered.driver};
  for (const auto& x : offered.besides)
    out.insert(x.driver);
  return joined(out);
}

std::string missing_drivers(const std::string& before, const std::string& now) {
  const auto had = split(before);
  const auto has = split(now);
  names out;
  std::set_difference(had.begin(), had.end(), has.begin(), has.end(), std::inserter(out, out.end()));
  return joined(out);
}

} // namespace muster
