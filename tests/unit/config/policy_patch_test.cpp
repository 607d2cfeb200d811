#include "support/catch.hpp"

#include "muster/config/file.hpp"
#include "muster/config/policy_patch.hpp"

#include <nlohmann/json.hpp>

using namespace muster;
using namespace muster::config;
using json = nlohmann::ordered_json;

namespace {

pool_policy policy_of(const std::string& yaml) {
  const auto read = load("pools: {farm: {driver: agents, policy: " + yaml + "}}", "f");
  for (const auto& x : read.errors)
    UNSCOPED_INFO(spec::render(x));
  REQUIRE(read.ok());
  return read.value->pools.at("farm").policy;
}

const std::string every_key = R"({
  quotas: [{name: vision, guarantee: 8, maximum: 16, weight: 2.5, users: [ann, "b\"ob"]},
           {name: batch, guarantee: 0, maximum: 32, weight: 1, labels: {kind: "42"}}],
  user_weights: {ann: 2}, age_step: 30m, usage_half_life: 7d, max_passes: 7,
  strategy: spread,
  topology: [{key: zone, label: topology/zone}, {key: rack, label: topology/rack}],
  platforms: {dgx: {labels: {gpu: h100}, permissions: {privileged: true, mounts: [/data]}}, plain: {driver: docker}}, default_driver: process,
  exec_timeout: {default: 1d, maximum: 7d}, queue_timeout: {maximum: 1h}, start_timeout: {default: 30m},
  exit_actions: {RESCHEDULE: "3004,3006", FAIL: "2"}, maintenance: "new switches: ünttil noon"})";

/// Sets, one after the other, and what counts then.
pool_policy after(const pool_policy& file, std::string& set, const std::string& patch) {
  const auto before = with_set(file, set);
  REQUIRE(before);
  auto now = patched(set, *before, patch);
  if (!now)
    FAIL(now.failure().message);
  set = *now;
  auto out = with_set(file, set);
  if (!out)
    FAIL(out.failure().message);
  return *out;
}

std::string refused(const std::string& patch, const std::string& file = "{}") {
  const auto base = policy_of(file);
  const auto set = patched("{}", base, patch);
  if (!set)
    return set.failure().message;
  const auto out = with_set(base, *set);
  REQUIRE_FALSE(out);
  CHECK(out.failure().code == ec::invalid_argument);
  return out.failure().message;
}

} // namespace

TEST_CASE("a policy in JSON is read as the same policy") {
  for (const auto& yaml : {every_key, std::string{"{}"}}) {
    const auto policy = policy_of(yaml);
    const auto read = with_set({}, to_json(policy));
    if (!read)
      FAIL(read.failure().message);
    CHECK(to_yaml(*read, "") == to_yaml(policy, ""));
    CHECK(changed_keys(policy, *read).empty());
    CHECK(keys_of(to_json(policy)).size() == 14);
  }
}

TEST_CASE("keys of a patch count in place of the file's, and null takes them away again") {
  const auto file = policy_of("{exec_timeout: {default: 1d, maximum: 7d}, maintenance: disks, strategy: spread}");
  std::string set = "{}";
  auto now = after(file, set, R"({"exec_timeout": {"maximum": "2d"}, "maintenance": false})");
  CHECK(keys_of(set) == std::vector<std::string>{"exec_timeout", "maintenance"});
  CHECK(now.exec_timeout.usual == std::chrono::hours{24});
  CHECK(now.exec_timeout.most == std::chrono::hours{48});
  CHECK(now.maintenance.empty());
  CHECK(now.strategy == placement_strategy::spread);

  // What is set stays so, whatever the file says later.
  const auto other = policy_of("{exec_timeout: {default: 1h}, strategy: pack, age_step: 5m}");
  const auto then = with_set(other, set);
  REQUIRE(then);
  CHECK(then->exec_timeout.most == std::chrono::hours{48});
  CHECK(then->age_step == std::chrono::minutes{5});
  CHECK(then->strategy == placement_strategy::pack);

  now = after(file, set, R"({"exec_timeout": {"default": null}, "maintenance": null})");
  CHECK(keys_of(set) == std::vector<std::string>{"exec_timeout"});
  CHECK_FALSE(now.exec_timeout.usual);
  CHECK(now.maintenance == "disks");

  now = after(file, set, "null");
  CHECK(set == "{}");
  CHECK(changed_keys(file, now).empty());
}

TEST_CASE("what is read, changed and written counts as it was written") {
  const auto file = policy_of(every_key);
  auto whole = json::parse(to_json(file));
  whole["quotas"][0]["guarantee"] = 4;
  whole["user_weights"].erase("ann");
  std::string set = "{}";
  const auto now = after(file, set, json{{"quotas", whole["quotas"]}, {"user_weights", {{"ann", nullptr}}}}.dump());
  CHECK(now.quotas[0].guarantee == 4);
  CHECK(now.quotas[0].users == std::vector<std::string>{"ann", "b\"ob"});
  CHECK(now.user_weights.empty());
  CHECK(changed_keys(file, now) == std::vector<std::string>{"quotas", "user_weights"});
}

TEST_CASE("a patch that is no policy is refused, and the field named") {
  CHECK_THAT(refused(R"({"quotas": [{"name": "a", "guarantee": "many"}]})"),
             ContainsSubstring("policy.quotas[0].guarantee: "));
  CHECK_THAT(refused(R"({"quotas": [{"name": "a"}, {"name": "a"}]})"), ContainsSubstring("two quotas 'a'"));
  CHECK_THAT(refused(R"({"quota": []})"), ContainsSubstring("policy.quota: ") && ContainsSubstring("quotas"));
  CHECK_THAT(refused(R"({"quota": null})"), ContainsSubstring("policy.quota: "));
  CHECK_THAT(refused(R"({"exec_timeout": {"maximum": "1h"}})", "{exec_timeout: {default: 2h}}"),
             ContainsSubstring("policy.exec_timeout: `default` is longer than `maximum`"));
  CHECK_THAT(refused(R"({"platforms": {"dgx": {"permissions": {"mounts": ["data"]}}}})"),
             ContainsSubstring("policy.platforms.dgx.permissions.mounts[0]: "));
  CHECK_THAT(refused(R"({"strategy": "heap", "age_step": "soon"})"),
             ContainsSubstring("policy.strategy: ") && ContainsSubstring("policy.age_step: "));
  CHECK_THAT(refused(R"([1])"), ContainsSubstring("policy: expected an object"));
  CHECK_THAT(refused(R"({"maintenance": {"why": "disks"}})"), ContainsSubstring("policy.maintenance: "));
}

TEST_CASE("a weight that differs by little differs, and what is printed of it is the same weight") {
  pool_policy before;
  before.user_weights = {{"ann", 0.1234567}, {"bob", 1e6}, {"cid", 1e5}, {"dan", 0.001}};
  auto after = before;
  CHECK(changed_keys(before, after).empty());
  after.user_weights["ann"] = 0.12345671;
  CHECK(changed_keys(before, after) == std::vector<std::string>{"user_weights"});
  quota_settings quota;
  quota.name = "a";
  quota.weight = 999'999.5;
  after.quotas = {quota};
  const auto read = load("pools:\n  farm:\n    driver: process\n" + to_yaml(after, "    "), "f");
  REQUIRE(read.ok());
  CHECK(changed_keys(read.value->pools.at("farm").policy, after).empty());
  CHECK(read.value->pools.at("farm").policy.user_weights == after.user_weights);
  CHECK(read.value->pools.at("farm").policy.quotas[0].weight == quota.weight);
}

TEST_CASE("what differs between pools is told key by key, and what of it needs a restart") {
  const auto pools = [](const std::string& yaml) {
    const auto read = load("pools: " + yaml, "f");
    REQUIRE(read.ok());
    return read.value->pools;
  };
  const auto before =
      pools("{farm: {driver: agents, lost_after: 1m, policy: {strategy: spread}}, lab: {driver: docker}, "
            "ws: {driver: process, gpus: 2}}");
  CHECK(changes_between(before, before).taken.empty());
  CHECK(changes_between(before, before).need_restart.empty());
  const auto after = pools(
      "{farm: {driver: agents, lost_after: 2m, policy: {age_step: 5m, maintenance: disks}}, lab: {driver: docker, "
      "policy: {strategy: spread}}, other: {driver: process}}");
  const auto changes = changes_between(before, after);
  CHECK(changes.taken == std::vector<std::string>{"pools.farm.policy.strategy", "pools.farm.policy.age_step",
                                                  "pools.farm.policy.maintenance", "pools.lab.policy.strategy"});
  CHECK(changes.need_restart == std::vector<std::string>{"pools.farm.lost_after", "pools.ws", "pools.other"});
  CHECK(changes_between(pools("{ws: {driver: process}}"), pools("{ws: {driver: agents}}")).need_restart.front() ==
        "pools.ws.driver");
}
