#include "muster/config/pools.hpp"
#include "actors/runtime.hpp"
#include "gateway/api/body.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/etag.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "muster/config/policy_patch.hpp"
#include "muster/spec/duration.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

json json_of(const capacity& x) {
  return {{"cpu", x.cpu}, {"memory", x.memory}, {"storage", x.storage}, {"gpus", x.gpus}};
}

/// The GPUs of a group that NVLink connects, without `index`.
std::vector<std::uint32_t> neighbours(const machine_facts& x, std::uint32_t index) {
  for (auto group : x.gpu_links)
    if (const auto own = std::find(group.begin(), group.end(), index); own != group.end()) {
      group.erase(own);
      return group;
    }
  return {};
}

json gpus_of(const machine_facts& x) {
  auto out = json::array();
  for (const auto& gpu : x.gpus)
    out.push_back({{"index", gpu.index},
                   {"uuid", gpu.uuid},
                   {"model", gpu.model},
                   {"memory", gpu.memory},
                   {"pci", gpu.pci},
                   {"numa_node", gpu.numa_node ? json(*gpu.numa_node) : json{}},
                   {"nvlink", neighbours(x, gpu.index)}});
  return out;
}

json numa_of(const machine_facts& x) {
  auto out = json::array();
  for (const auto& node : x.numa)
    out.push_back({{"node", node.number}, {"cpus", node.cpus}, {"memory", node.memory}});
  return out;
}

json json_of(const node_view& x) {
  const auto machine = x.machine ? *x.machine : machine_facts{};
  auto drivers = json::array();
  for (const auto& [name, version] : x.drivers)
    drivers.push_back({{"name", name}, {"version", version}});
  return {{"name", x.name},
          {"pool", x.pool},
          {"available", x.available},
          {"condition", x.condition},
          {"reason", x.reason},
          {"address", x.address},
          {"platform", x.platform},
          {"drivers", std::move(drivers)},
          {"labels", x.labels},
          {"total", json_of(x.total)},
          {"free", json_of(x.free)},
          {"gpus", gpus_of(machine)},
          {"gpu_warnings", machine.gpu_warnings},
          {"numa", numa_of(machine)}};
}

/// How a pool treats its nodes; null where no agents join it.
json json_of(const std::optional<agents_setup>& x) {
  if (!x)
    return nullptr;
  return {{"silence_limit", spec::to_string(duration{x->silence_limit})},
          {"lost_after", spec::to_string(duration{x->lost_after})},
          {"on_loss", x->reschedule_lost ? "reschedule" : "wait"},
          {"node_labels", x->node_labels}};
}

json json_of(const pool_view& x) {
  auto nodes = json::array();
  for (const auto& node : x.nodes)
    nodes.push_back(node.name);
  return {{"name", x.name},
          {"default", x.is_default},
          {"from", x.is_made ? "api" : "file"},
          {"driver", x.driver},
          {"version", x.version},
          {"available", x.available},
          {"reason", x.reason},
          {"maintenance", x.maintenance},
          {"max_parallel", x.max_parallel},
          {"oversubscribe", x.oversubscribe},
          {"agents", json_of(x.agents)},
          {"total", json_of(x.total)},
          {"free", json_of(x.free)},
          {"waiting_gangs", x.waiting_gangs},
          {"waiting_for_nodes", x.waiting_for_nodes},
          {"placed_gangs", x.placed_gangs},
          {"placed_tasks", x.placed_tasks},
          {"nodes", std::move(nodes)}};
}

/// Which others fall under a quota is not for those who see their own workflows only.
void leave_out_others(json& policy, const identity& who) {
  if (!sees_own_only(who))
    return;
  auto own = json::object();
  for (const auto& [user, weight] : policy["user_weights"].items())
    if (user == who.user)
      own[user] = weight;
  policy["user_weights"] = std::move(own);
  for (auto& quota : policy["quotas"])
    if (const auto users = quota.find("users"); users != quota.end()) {
      const bool is_one = std::find(users->begin(), users->end(), json(who.user)) != users->end();
      *users = is_one ? json{who.user} : json::array();
    }
}

void add_policy(json& to, const config::pool_policy& policy, const std::vector<std::string>& overrides,
                const identity& who) {
  auto whole = json::parse(config::to_json(policy));
  leave_out_others(whole, who);
  to["policy"] = std::move(whole);
  to["policy_overrides"] = overrides;
}

/// As of now. The answer tells of a number before that: an event that it takes account of may follow, none is missed.
result<muster::runtime*> engine_to_look_at(call& x) {
  if (const auto reader = x.state(); !reader)
    return reader.failure();
  x.release();
  return x.engine();
}

result<std::vector<pool_view>> pools_of(call& x) {
  const auto engine = engine_to_look_at(x);
  return engine ? (*engine)->pools(x.with.look_limit) : result<std::vector<pool_view>>{engine.failure()};
}

/// A page of what is sorted and small: the cursor is a position.
result<http::response> page(call& x, const char* of, const std::vector<json>& all) {
  query_reader query{x.request};
  const auto limit = query.limit();
  if (!limit)
    return limit.failure();
  const auto first = cursor_of(query, of);
  if (!first)
    return first.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto begin = std::min<std::size_t>(first->value_or(0), all.size());
  const auto end = std::min(begin + *limit, all.size());
  auto items = json::array();
  for (auto i = begin; i < end; ++i)
    items.push_back(all[i]);
  return json_response(200, page_of(std::move(items), end < all.size() ? std::optional{make_cursor(of, end)}
                                                                       : std::optional<std::string>{}));
}

result<http::response> list_pools(call& x) {
  const auto pools = pools_of(x);
  if (!pools)
    return pools.failure();
  std::vector<json> all;
  for (const auto& pool : *pools)
    all.push_back(json_of(pool));
  return page(x, "pools", all);
}

/// With its policy.
http::response whole(const call& x, unsigned status, const pool_view& pool) {
  auto body = json_of(pool);
  add_policy(body, *pool.policy, pool.overrides, x.who);
  auto out = json_response(status, body);
  out.headers.emplace("ETag", etag_of(*pool.policy, pool.overrides));
  return out;
}

result<http::response> get_pool(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto name = x.checked_name("pool");
  if (!name)
    return name.failure();
  const auto engine = engine_to_look_at(x);
  if (!engine)
    return engine.failure();
  const auto pool = (*engine)->pool(*name, x.with.look_limit);
  if (!pool)
    return pool.failure();
  return whole(x, 200, *pool);
}

/// What is asked for: with the keys that a pool of the configuration has, and its name.
result<new_pool> new_pool_of(const http::request& x) {
  auto body = x.body.empty() ? result<json>{json::object()} : parse_json(x.body);
  if (!body)
    return body.failure();
  if (!body->is_object())
    return error{ec::invalid_argument, std::string{"the body: expected a JSON object, found "} + body->type_name()};
  new_pool out;
  out.setup.name.clear();
  if (auto taken = take_text(*body, "name", out.setup.name); !taken)
    return taken.failure();
  if (out.setup.name.empty())
    return error{ec::invalid_argument, "'name': the pool needs one"};
  auto asked = json::object();
  for (const auto& [key, value] : body->items())
    if (key != "name" && key != "policy" && !value.is_null())
      asked[key] = value;
  out.settings = asked.dump();
  const auto settings = config::read_made_pool(out.setup.name, out.settings);
  if (!settings)
    return settings.failure();
  out.setup.agents = agents_setup_of(*settings);
  if (const auto policy = body->find("policy"); policy != body->end()) {
    auto set = config::patched(out.set, out.setup.policy, policy->dump());
    if (!set)
      return set.failure();
    out.set = *std::move(set);
  }
  return out;
}

result<http::response> create_pool(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  auto asked = new_pool_of(x.request);
  if (!asked)
    return asked.failure();
  const auto name = asked->setup.name;
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  x.made = name;
  if (auto done = (*engine)->make_pool(*std::move(asked)); !done)
    return done.failure();
  const auto pool = (*engine)->pool(name, x.with.look_limit);
  if (!pool)
    return error{pool.failure().code, "pool " + name + " is made, but: " + pool.failure().message};
  auto out = whole(x, 201, *pool);
  out.headers.emplace("Location", "/v1/pools/" + name);
  return out;
}

result<http::response> delete_pool(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto name = x.checked_name("pool");
  if (!name)
    return name.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  if (auto done = (*engine)->remove_pool(*name); !done)
    return done.failure();
  http::response out;
  out.status = 204;
  return out;
}

/// The patch of the policy: the one member that can be changed.
result<std::string> policy_patch_of(const http::request& x) {
  const auto body = json_body(x, {"policy"});
  if (!body)
    return body.failure();
  const auto found = body->find("policy");
  if (found == body->end())
    return error{ec::invalid_argument, "the body changes nothing: expected an object with 'policy'"};
  return found->dump();
}

result<http::response> patch_pool(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto name = x.checked_name("pool");
  if (!name)
    return name.failure();
  const auto patch = policy_patch_of(x.request);
  if (!patch)
    return patch.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  bool matches = true;
  const auto done = (*engine)->edit_policy(*name, [&](const policy_in_force& before) -> result<std::string> {
    matches = may_change(x.request, etag_of(*before.now, config::keys_of(before.set)));
    return matches ? config::patched(before.set, *before.now, *patch)
                   : result<std::string>{ec::conflict, "pool " + *name + " is not as If-Match says any more"};
  });
  if (!matches)
    return problem(x.request.id, "precondition_failed", done.failure().message);
  if (!done)
    return done.failure();
  const auto overrides = config::keys_of(done->set);
  json body{{"name", *name}};
  add_policy(body, *done->now, overrides, x.who);
  auto out = json_response(200, body);
  out.headers.emplace("ETag", etag_of(*done->now, overrides));
  return out;
}

/// By name, `n2` before `n10`; where a machine is in several pools, in their order.
result<http::response> list_nodes(call& x) {
  const auto pools = pools_of(x);
  if (!pools)
    return pools.failure();
  std::vector<std::pair<std::string, json>> named;
  for (const auto& pool : *pools)
    for (const auto& node : pool.nodes)
      named.emplace_back(node.name, json_of(node));
  std::stable_sort(named.begin(), named.end(),
                   [](const auto& a, const auto& b) { return strverscmp(a.first.c_str(), b.first.c_str()) < 0; });
  std::vector<json> all;
  all.reserve(named.size());
  for (auto& [name, node] : named)
    all.push_back(std::move(node));
  return page(x, "nodes", all);
}

/// A machine may be in several pools: one object for each.
result<http::response> get_node(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto name = x.checked_name("node");
  if (!name)
    return name.failure();
  const auto pools = pools_of(x);
  if (!pools)
    return pools.failure();
  auto found = json::array();
  for (const auto& pool : *pools)
    for (const auto& node : pool.nodes)
      if (node.name == *name)
        found.push_back(json_of(node));
  if (found.empty())
    return {ec::not_found, "there is no node " + *name};
  return json_response(200, {{"name", *name}, {"pools", std::move(found)}});
}

} // namespace

void add_pool_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/pools"}, list_pools);
  add_route(to, with, {"POST", "/v1/pools", access::admin, "pool.create"}, create_pool);
  add_route(to, with, {"GET", "/v1/pools/{pool}"}, get_pool);
  add_route(to, with, {"PATCH", "/v1/pools/{pool}", access::admin, "pool.patch", body_kind::patch}, patch_pool);
  add_route(to, with, {"DELETE", "/v1/pools/{pool}", access::admin, "pool.delete"}, delete_pool);
  add_route(to, with, {"GET", "/v1/nodes"}, list_nodes);
  add_route(to, with, {"GET", "/v1/nodes/{node}"}, get_node);
}

} // namespace muster::gateway
