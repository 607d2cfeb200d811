#include "gateway/api/waiting.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/json.hpp"
#include "gateway/auth/identity.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// A group, by the names that the caller may know.
json named(call& x, const gang_name& who) {
  json out{{"workflow", nullptr}, {"group", nullptr}};
  const auto reader = x.state();
  if (!reader)
    return out;
  const auto workflow = (*reader)->workflow(who.workflow);
  if (!workflow || !may_see(x.who, workflow->user))
    return out;
  out["workflow"] = workflow->id;
  const auto group = (*reader)->groups(who.workflow, who.group, 1);
  if (group && !group->empty() && group->front().index == who.group)
    out["group"] = group->front().name;
  return out;
}

json lacks_of(const wait_reason& x) {
  auto out = json::array();
  for (const auto& lack : x.lacks)
    out.push_back(
        {{"resource", to_string(lack.what)}, {"wanted", lack.wanted}, {"free", lack.free}, {"total", lack.total}});
  return out;
}

json placement_of(const wait_reason& x) {
  return {{"lacks", lacks_of(x)},
          {"node", text_or_null(x.node)},
          {"subject", text_or_null(x.subject)},
          {"members", x.members},
          {"members_fit", x.members_fit},
          {"together", x.together},
          {"nodes",
           {{"usable", x.nodes_usable},
            {"short", x.nodes_short},
            {"isolated", x.nodes_isolated},
            {"small_network", x.nodes_small_network},
            {"cordoned", x.nodes_cordoned},
            {"draining", x.nodes_draining},
            {"suspect", x.nodes_suspect},
            {"lost", x.nodes_lost}}},
          {"position", x.position},
          {"waiting", x.waiting}};
}

json json_of(call& x, const group_wait& why) {
  json out{{"cause", why.cause}, {"text", why.text}};
  out["placement"] = why.placement ? placement_of(*why.placement) : json(nullptr);
  out["ahead"] = why.ahead ? named(x, *why.ahead) : json(nullptr);
  auto holders = json::array();
  for (const auto& one : why.holders)
    holders.push_back(named(x, one));
  out["holders"] = std::move(holders);
  return out;
}

} // namespace

std::map<group_index, json> waiting_now(call& x, const store::workflow_record& workflow,
                                        const std::vector<group_index>& groups) {
  std::map<group_index, json> out;
  const auto engine = groups.empty() ? result<runtime*>{error{ec::not_found, {}}} : x.engine();
  if (!engine)
    return out;
  const auto said = (*engine)->why_waiting(workflow.key, groups, x.with.look_limit);
  if (!said)
    return out;
  for (const auto& why : *said)
    out.emplace(why.group, json_of(x, why));
  return out;
}

json held_now(const call& x, const store::workflow_record& workflow) {
  if (is_finished(workflow.status))
    return nullptr;
  const auto engine = x.engine();
  return text_or_null(engine ? (*engine)->why_held(workflow.key) : x.with.why_held(workflow.id));
}

} // namespace muster::gateway
