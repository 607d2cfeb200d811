#include "actors/pool_terms.hpp"

#include "actors/driver_labels.hpp"
#include "actors/pool_why.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// By what nodes of this platform are found.
void look_for(const config::platform_settings& known, bool agents_join, resource_request& wanted) {
  if (!known.labels.empty()) { // It is none that nodes name.
    wanted.labels = known.labels;
    wanted.platform.clear();
    return;
  }
  // What it permits is not permitted on whatever joins.
  wanted.platform_must_be_said = agents_join && known.permissions.has_value();
}

} // namespace

gang gang_of(const pool_state& state, const plan& layout, const std::vector<task_index>& members,
             const std::vector<std::string>& avoids) {
  const auto& platforms = state.config.policy->platforms;
  gang who;
  who.reserve(members.size());
  for (const auto t : members) {
    const auto& resource = layout.resource(t);
    auto wanted = request_of(resource);
    if (const auto known = platforms.find(wanted.platform); known != platforms.end())
      look_for(known->second, state.config.may_grow, wanted);
    ask_for_driver(resource.driver, wanted.gpu > 0, wanted.labels);
    wanted.nodes_excluded.insert(wanted.nodes_excluded.end(), avoids.begin(), avoids.end());
    who.push_back(std::move(wanted));
  }
  return who;
}

std::vector<task_index> members_of(gang_key key, const pool_state::client& x) {
  const auto first = x.layout->tasks(name_of(key).group).first.value;
  std::vector<task_index> out;
  out.reserve(x.who.positions.size());
  for (const auto position : x.who.positions)
    out.push_back(task_index{first + position});
  return out;
}

result<gang_terms> terms_of(const pool_state& state, const plan& layout, const workflow_terms& x, std::int64_t at_most,
                            std::uint32_t group_size) {
  const auto& policy = *state.config.policy;
  auto quota = config::quota_of(policy, x.user, layout.header().labels);
  if (!quota)
    return error{ec::never_fits, "no quota of pool " + state.config.name + " takes workflows of " +
                                     (x.user.empty() ? "nobody in particular" : "user " + x.user)};
  gang_terms out;
  out.priority = x.priority;
  out.user = x.user;
  out.quota = *std::move(quota);
  out.strategy = policy.strategy;
  out.group_size = group_size;
  if (at_most > 0)
    out.at_most = std::chrono::seconds{at_most};
  return out;
}

bool may_fit_later(const pool_state& state, const gang& who, const gang_terms& terms) {
  if (!state.config.may_grow || state.queue.ruled_out(who, terms))
    return false;
  const auto& declared = state.config.policy->platforms;
  const auto is_known = [&](const std::string& platform) {
    if (platform.empty() || declared.count(platform) > 0)
      return true;
    if (declared.empty() && state.nodes.empty())
      return true; // Nobody has said yet which ones there are.
    return std::any_of(state.nodes.begin(), state.nodes.end(), [&](const auto& x) {
      const auto& offered = x.second.what->platform;
      return offered.empty() || offered == platform;
    });
  };
  return std::all_of(who.begin(), who.end(), [&](const auto& x) { return is_known(x.platform); });
}

} // namespace muster
