#include "support/catch.hpp"

#include "muster/config/file.hpp"

using namespace muster;
using namespace muster::config;

namespace {

const std::string all = R"yaml(pools:
  "farm":
    driver: agents
    silence_limit: 10s
    lost_after: 1m
    on_loss: wait
    node_labels: {}
    policy:
      quotas: [{name: "vision", guarantee: 8, maximum: 16, weight: 2, users: ["ann", "bob"]}, {name: "batch", guarantee: 0, maximum: 32, weight: 0.5, labels: {"kind": "batch"}}, {name: "rest", guarantee: 4, maximum: -1, weight: 1}]
      user_weights: {"ann": 2.5}
      age_step: 30m
      usage_half_life: 7d
      max_passes: 0
      strategy: spread
      topology: [{key: "zone", label: "topology/zone"}, {key: "rack", label: "topology/rack"}]
      platforms: {"dgx": {labels: {"gpu": "h100"}, permissions: {privileged: true, host_network: false, mounts: ["/data"]}}, "images": {labels: {}, driver: docker}, "plain": {labels: {}}}
      default_driver: process
      exec_timeout: {default: 1d, maximum: 7d}
      queue_timeout: {maximum: 1h}
      exit_actions: {RESCHEDULE: "3004,3006", FAIL: "2"}
      maintenance: "new switches until noon"
)yaml";

std::string errors_of(const std::string& policy) {
  std::string out;
  for (const auto& x : load("pools: {farm: {driver: agents, policy: " + policy + "}}", "f").errors)
    out += spec::render(x);
  return out;
}

} // namespace

TEST_CASE("the policy of a pool is shown as it was read") {
  const auto read = load(all, "x");
  for (const auto& x : read.errors)
    UNSCOPED_INFO(spec::render(x));
  REQUIRE(read.ok());
  CHECK(to_yaml(read.value->pools) == all);
  const auto& policy = read.value->pools.at("farm").policy;
  CHECK(policy.quotas[0].guarantee == 8);
  CHECK(policy.topology[1].label == "topology/rack");
  CHECK(policy.platforms.at("dgx").permissions->privileged);
  CHECK(driver_of(policy, "images") == "docker");
  CHECK(driver_of(policy, "plain") == "process");
  CHECK(driver_of(policy, "") == "process");
  CHECK(policy.exit_actions.size() == 2);
  const auto queue = queue_policy_of(policy);
  CHECK(queue.quotas.size() == 3);
  CHECK(queue.quotas[1].weight == 0.5);
  CHECK(queue.age_step == std::chrono::minutes{30});
  CHECK(queue.usage_half_life == std::chrono::hours{24 * 7});
  CHECK(queue.max_passes == 0);
  CHECK(queue.topology_keys.size() == 2);
}

TEST_CASE("the first quota that takes a workflow is its own") {
  const auto read = load(all, "x");
  REQUIRE(read.ok());
  auto policy = read.value->pools.at("farm").policy;
  CHECK(quota_of(policy, "bob", {}) == "vision");
  CHECK(quota_of(policy, "cid", {{"kind", "batch"}, {"x", "y"}}) == "batch");
  CHECK(quota_of(policy, "cid", {{"kind", "other"}}) == "rest");
  policy.quotas.pop_back();
  CHECK_FALSE(quota_of(policy, "cid", {}));
  CHECK(quota_of({}, "cid", {}) == "");
}

TEST_CASE("times of a pool: what the spec says, else the default, and never more than the most") {
  using std::chrono::hours;
  const time_settings none;
  CHECK(none.apply(hours{5}, hours{1}) == hours{5});
  CHECK(none.apply({}, hours{1}) == hours{1});
  CHECK_FALSE(none.apply({}, {}));
  const time_settings both{hours{2}, hours{4}};
  CHECK(both.apply({}, hours{1}) == hours{2});
  CHECK(both.apply(hours{3}, {}) == hours{3});
  CHECK(both.apply(hours{9}, {}) == hours{4});
  const time_settings only_most{{}, hours{4}};
  CHECK(only_most.apply({}, {}) == hours{4});
  const time_settings never{duration{}, {}};
  CHECK_FALSE(never.apply({}, hours{1}));
}

TEST_CASE("maintenance is true, false or why") {
  const auto said = [](const std::string& x) {
    const auto read = load("pools: {farm: {driver: agents, policy: {maintenance: " + x + "}}}", "f");
    REQUIRE(read.ok());
    return read.value->pools.at("farm").policy.maintenance;
  };
  CHECK(said("true") == "nothing is started for now");
  CHECK(said("false").empty());
  CHECK(said("new disks") == "new disks");
}

TEST_CASE("a quota with a maximum alone guarantees that") {
  const auto read = load("pools: {farm: {driver: agents, policy: {quotas: [{name: a, maximum: 8}]}}}", "f");
  REQUIRE(read.ok());
  CHECK(read.value->pools.at("farm").policy.quotas[0].guarantee == 8);
}

TEST_CASE("what is wrong in a policy is said where it stands") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{qoutas: []}", "did you mean 'quotas'?"},
      {"{quotas: [{guarantee: 1}]}", "`name` is missing"},
      {"{quotas: [{name: a}, {name: a}]}", "there are two quotas 'a'"},
      {"{quotas: [{name: a}, {name: b, users: [ann]}]}", "the quota 'b' gets nobody: 'a' before it takes everybody"},
      {"{quotas: [{name: a, guarantee: 9, maximum: 8}]}", "`guarantee` is larger than `maximum`"},
      {"{quotas: [{name: a, weight: 0}]}", "between 0.001 and 1000000"},
      {"{quotas: {}}", "a list"},
      {"{user_weights: {1: 2}}", "the name of a user"},
      {"{user_weights: {ann: -1}}", "between 0.001 and 1000000"},
      {"{age_step: -1s}", "expected"},
      {"{max_passes: -1}", "expected"},
      {"{strategy: best}", "expected pack or spread, found 'best'"},
      {"{topology: [{key: rack}]}", "`label` is missing"},
      {"{topology: [{key: a, label: b}, {key: a, label: c}]}", "there are two topology keys 'a'"},
      {"{default_driver: slurm}", "default_driver: expected process or docker, found 'slurm'"},
      {"{platforms: {dgx: {driver: podman}}}", "platforms.dgx.driver: expected process or docker, found 'podman'"},
      {"{platforms: {dgx: {label: {}}}}", "did you mean 'labels'?"},
      {"{platforms: {dgx: {permissions: {mounts: [data]}}}}", "an absolute path of the host"},
      {"{exec_timeout: {default: 2d, maximum: 1d}}", "`default` is longer than `maximum`"},
      {"{exec_timeout: 1d}", "a mapping"},
      {"{exit_actions: {RETRY: 1}}", "expected COMPLETE, FAIL or RESCHEDULE"},
      {"{exit_actions: {FAIL: x}}", "expected exit codes such as"},
      {"{maintenance: [1]}", "maintenance"},
  };
  for (const auto& [policy, said] : cases) {
    INFO(policy);
    CHECK_THAT(errors_of(policy), ContainsSubstring(said));
  }
}
