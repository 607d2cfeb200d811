#include "actor_fixture.hpp"

#include "actors/admission.hpp"
#include "muster/store/writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace muster;
using namespace muster::test;

namespace {

/// What a pool of that driver says to a workflow.
result<void> admission_of(const spec::workflow& w, const capabilities& offered, const config::pool_policy& rules) {
  const temporary_folder folder;
  const store::state_directory directory{folder.path()};
  auto writer = store::writer::open(directory);
  REQUIRE(writer);
  auto reader = store::reader::open(directory);
  REQUIRE(reader);
  return check_admission(w, offered, rules, *reader);
}

/// What a pool of containers with these permissions says to a task; empty if it takes it.
std::string verdict(const spec::task& t, const host_permissions& permits, const config::pool_policy& rules = {},
                    const std::string& platform = {}) {
  capabilities offered;
  offered.driver = "docker";
  offered.images = true;
  offered.permits = permits;
  auto w = make_workflow({t});
  w.resources["default"].platform = platform;
  const auto admitted = admission_of(w, offered, rules);
  return admitted ? std::string{} : admitted.failure().message;
}

spec::task mounting(const std::string& what) {
  auto t = make_task("a");
  t.volume_mounts = {what};
  return t;
}

} // namespace

TEST_CASE("what a spec asks of the host is held to the pool's permissions") {
  auto t = make_task("a");
  CHECK(verdict(t, {}).empty());
  t.privileged = true;
  t.host_network = true;
  const auto refused = verdict(t, {});
  CHECK_THAT(refused, ContainsSubstring("task a: privileged is not permitted by this pool; "
                                        "`permissions: {privileged: true}` of the pool"));
  CHECK_THAT(refused, ContainsSubstring("task a: hostNetwork is not permitted"));
  CHECK(verdict(t, {true, true, {}}).empty());
  CHECK_THAT(verdict(t, {true, false, {}}), ContainsSubstring("hostNetwork"));
}

TEST_CASE("only what is below a permitted path may be mounted") {
  const host_permissions permits{false, false, {"/data", "/srv/models/"}};
  for (const auto* good : {"/data:/mnt", "/data", "/data/a/b:/mnt:ro", "/srv/models/x:/x", "/data/./a:/a"}) {
    INFO(good);
    CHECK(verdict(mounting(good), permits).empty());
  }
  for (const auto* bad :
       {"/:/host", "/database:/x", "/data/../etc:/etc", "/etc:/data", "data:/x", "/srv:/x", ":/x", ""}) {
    INFO(bad);
    CHECK_THAT(verdict(mounting(bad), permits), ContainsSubstring("volumeMounts"));
  }
  CHECK(verdict(mounting("/etc:/etc"), {false, false, {"/"}}).empty());
  CHECK(!verdict(mounting("/etc:/etc"), {}).empty());
}

TEST_CASE("who names no platform is held to the permissions of each, as it may be placed on any") {
  config::pool_policy rules;
  rules.platforms["open"].permissions = config::platform_permissions{false, false, {"/data"}};
  rules.platforms["plain"];
  const host_permissions pool{false, false, {"/data"}};
  CHECK(verdict(mounting("/data:/data"), pool, rules).empty());
  CHECK(verdict(mounting("/data:/data"), {}, rules, "open").empty());
  CHECK_THAT(verdict(mounting("/data:/data"), {}, rules), ContainsSubstring("not permitted by this pool"));
  CHECK_THAT(verdict(mounting("/data:/data"), {}, rules, "plain"), ContainsSubstring("not permitted by this pool"));
  rules.platforms["closed"].permissions = config::platform_permissions{};
  CHECK_THAT(verdict(mounting("/data:/data"), pool, rules), ContainsSubstring("not permitted by this platform closed"));
  CHECK(verdict(mounting("/data:/data"), pool, rules, "open").empty());
}

TEST_CASE("what runs a task is as the pool says for its platform when it is submitted") {
  auto w = make_workflow({make_task("a"), make_task("b")});
  w.groups[0].tasks[0].resource = "boxed";
  w.resources["boxed"].platform = "containers";
  config::pool_policy rules;
  CHECK_FALSE(with_drivers(w, rules));
  rules.platforms["containers"].driver = "docker";
  const auto named = with_drivers(w, rules);
  REQUIRE(named);
  CHECK(named->resources.at("boxed").driver == "docker");
  CHECK(named->resources.at("default").driver.empty());
  rules.default_driver = "process";
  CHECK(with_drivers(w, rules)->resources.at("default").driver == "process");
}

TEST_CASE("members of a group are run by the same driver") {
  capabilities offered;
  offered.images = true;
  auto w = make_workflow({make_task("a")});
  w.groups[0].tasks.push_back(make_task("b"));
  w.groups[0].tasks[0].resource = "boxed";
  w.resources["boxed"].platform = "containers";
  config::pool_policy rules;
  CHECK(admission_of(w, offered, rules));
  rules.platforms["containers"].driver = "docker";
  const auto refused = admission_of(w, offered, rules);
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::unsupported);
  CHECK_THAT(refused.failure().message,
             ContainsSubstring("task a is run by `docker` and task b by what its node has first"));
  rules.default_driver = "docker";
  CHECK(admission_of(w, offered, rules));
}
