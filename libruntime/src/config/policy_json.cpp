#include "muster/config/policy_patch.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/exit_words.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace muster::config {

namespace {

using json = nlohmann::ordered_json;

/// Written as a file would have it: 2, not 2.0.
json number(double x) {
  constexpr double exact = 1e15;
  return std::floor(x) == x && std::abs(x) < exact ? json(static_cast<std::int64_t>(x)) : json(x);
}

json json_of(const std::map<std::string, std::string>& x) {
  auto out = json::object();
  for (const auto& [key, value] : x)
    out[key] = value;
  return out;
}

json json_of(const quota_settings& x) {
  json out{
      {"name", x.name},
      {"guarantee", x.guarantee},
      {"maximum", x.maximum},
      {"weight", number(x.weight)},
  };
  if (!x.users.empty())
    out["users"] = x.users;
  if (!x.labels.empty())
    out["labels"] = json_of(x.labels);
  return out;
}

json json_of(const platform_settings& x) {
  json out{{"labels", json_of(x.labels)}};
  if (!x.driver.empty())
    out["driver"] = x.driver;
  if (const auto& p = x.permissions) {
    auto mounts = json::array();
    for (const auto& path : p->mounts)
      mounts.push_back(path.string());
    out["permissions"] = {
        {"privileged", p->privileged}, {"host_network", p->host_network}, {"mounts", std::move(mounts)}};
  }
  return out;
}

json json_of(const time_settings& x) {
  auto out = json::object();
  if (x.usual)
    out["default"] = spec::to_string(*x.usual);
  if (x.most)
    out["maximum"] = spec::to_string(*x.most);
  return out;
}

} // namespace

std::string to_json(const pool_policy& x) {
  json out;
  auto& quotas = out["quotas"] = json::array();
  for (const auto& quota : x.quotas)
    quotas.push_back(json_of(quota));
  auto& weights = out["user_weights"] = json::object();
  for (const auto& [user, weight] : x.user_weights)
    weights[user] = number(weight);
  out["age_step"] = spec::to_string(x.age_step);
  out["usage_half_life"] = spec::to_string(x.usage_half_life);
  out["max_passes"] = x.max_passes;
  out["strategy"] = x.strategy == placement_strategy::spread ? "spread" : "pack";
  auto& topology = out["topology"] = json::array();
  for (const auto& level : x.topology)
    topology.push_back({{"key", level.key}, {"label", level.label}});
  auto& platforms = out["platforms"] = json::object();
  for (const auto& [name, platform] : x.platforms)
    platforms[name] = json_of(platform);
  out["default_driver"] = x.default_driver;
  out["exec_timeout"] = json_of(x.exec_timeout);
  out["queue_timeout"] = json_of(x.queue_timeout);
  out["start_timeout"] = json_of(x.start_timeout);
  auto& actions = out["exit_actions"] = json::object();
  for (const auto& rule : x.exit_actions)
    actions[spec::to_string(rule.action)] = rule.text;
  out["maintenance"] = x.maintenance.empty() ? json(false) : json(x.maintenance);
  return out.dump();
}

} // namespace muster::config
