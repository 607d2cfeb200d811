#include "muster/placement/address_need.hpp"

#include "muster/spec/tokens.hpp"

#include <algorithm>

namespace muster {

bool says_own_address(const spec::task& x) {
  const spec::token_values itself{{"host:" + x.name, ""}};
  const auto says = [&](const std::string& text) {
    return text.find("MUSTER_ADDRESS") != std::string::npos ||
           (text.find("{{") != std::string::npos && spec::substitute(text, itself) != text);
  };
  return std::any_of(x.command.begin(), x.command.end(), says) || std::any_of(x.args.begin(), x.args.end(), says) ||
         std::any_of(x.environment.begin(), x.environment.end(),
                     [&](const auto& variable) { return says(variable.first) || says(variable.second); }) ||
         std::any_of(x.files.begin(), x.files.end(),
                     [&](const auto& file) { return says(file.path) || says(file.contents); }) ||
         std::any_of(x.volume_mounts.begin(), x.volume_mounts.end(), says) ||
         std::any_of(x.outputs.begin(), x.outputs.end(),
                     [&](const auto& to) { return says(to.url) || says(to.regex); });
}

address_need address_need_of(const spec::task& x, bool alone, bool only_if_said) {
  if (alone && only_if_said && !says_own_address(x))
    return address_need::none;
  return x.host_network ? address_need::host : address_need::own;
}

} // namespace muster
