#include "muster/config/pool_policy.hpp"

#include <algorithm>

namespace muster::config {

namespace {

bool takes(const quota_settings& x, const std::string& user, const std::map<std::string, std::string>& labels) {
  if (x.users.empty() && x.labels.empty())
    return true;
  if (std::find(x.users.begin(), x.users.end(), user) != x.users.end())
    return true;
  return !x.labels.empty() && std::all_of(x.labels.begin(), x.labels.end(), [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

} // namespace

std::optional<duration> time_settings::apply(const std::optional<duration>& said,
                                             const std::optional<duration>& otherwise) const {
  auto out = said ? said : usual && *usual > duration{} ? usual : usual ? std::nullopt : otherwise;
  if (most && *most > duration{} && (!out || *out > *most))
    out = most;
  return out;
}

queue_policy queue_policy_of(const pool_policy& x) {
  queue_policy out;
  out.topology_keys = x.topology;
  out.quotas.assign(x.quotas.begin(), x.quotas.end());
  out.user_weights = x.user_weights;
  out.age_step = std::chrono::duration_cast<std::chrono::seconds>(x.age_step);
  out.max_passes = x.max_passes;
  out.usage_half_life = std::chrono::duration_cast<std::chrono::seconds>(x.usage_half_life);
  return out;
}

std::optional<std::string> quota_of(const pool_policy& x, const std::string& user,
                                    const std::map<std::string, std::string>& labels) {
  if (x.quotas.empty())
    return std::string{};
  const auto found =
      std::find_if(x.quotas.begin(), x.quotas.end(), [&](const auto& quota) { return takes(quota, user, labels); });
  return found == x.quotas.end() ? std::nullopt : std::make_optional(found->name);
}

std::string driver_of(const pool_policy& x, const std::string& platform) {
  const auto found = x.platforms.find(platform);
  return found == x.platforms.end() || found->second.driver.empty() ? x.default_driver : found->second.driver;
}

bool names_drivers(const pool_policy& x) {
  return !x.default_driver.empty() ||
         std::any_of(x.platforms.begin(), x.platforms.end(), [](const auto& p) { return !p.second.driver.empty(); });
}

} // namespace muster::config
