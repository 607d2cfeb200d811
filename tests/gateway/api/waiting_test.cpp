#include "api_fixture.hpp"

#include "support/catch.hpp"

#include <future>
#include <memory>
#include <utility>

using namespace muster;
using namespace muster::test;

namespace {

/// One task that runs for an hour on so many of the million CPUs that there are.
std::string spec_with(const std::string& name, const std::string& cpus) {
  return "workflow:\n  name: " + name + "\n  resources:\n    default: {cpu: " + cpus +
         "}\n  tasks:\n  - {name: t, image: x, command: [y], environment: {MUSTER_NULL_DURATION: 1h}}\n";
}

/// What is said of task `t` once it waits.
json explained(const api_fixture& api, const std::string& id) {
  json one;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  do
    one = api.get("/v1/workflows/" + id + "/tasks/t/explain").body;
  while (one["waiting"].is_null() && std::chrono::steady_clock::now() < until);
  return one;
}

} // namespace

TEST_CASE("who looks at pools does not wait long for one that says nothing") {
  const api_fixture api;
  const auto id = api.submit(spec_with("waiting", "1"));
  // One thread has all actors, and this holds it.
  std::promise<void> entered;
  std::promise<void> release;
  auto* engine = api.services().engine;
  engine->subscribe([&, first = std::make_shared<bool>(true), go = release.get_future().share()](const auto&) {
    if (std::exchange(*first, false))
      entered.set_value();
    go.wait();
  });
  auto submitted = std::async(std::launch::async, [&] { return engine->cancel(workflow_key{1}, "over", true).ok(); });
  entered.get_future().wait();
  api.services().look_limit = std::chrono::milliseconds{50};
  for (const auto* target : {"/v1/pools", "/v1/pools/local", "/v1/nodes", "/v1/nodes/local"}) {
    const auto got = api.get(target);
    CHECK(got.status == 503);
    CHECK(got.body["code"] == "unavailable");
    CHECK_FALSE(got.header("Retry-After").empty());
    // How long it was waited for: no longer than looking may take.
    const auto said = got.body.value("detail", "");
    const auto time = said.find("within ");
    INFO(said);
    REQUIRE(time != std::string::npos);
    CHECK(std::stol(said.substr(time + 7)) <= api.services().look_limit.count());
  }
  CHECK(api.get("/v1/workflows/" + id + "/tasks/t/explain").status == 200);
  release.set_value();
  CHECK(submitted.get());
  CHECK(api.get("/v1/pools").status == 200);
}

TEST_CASE("why a group waits is told as its pool has it now") {
  const api_fixture api;
  const auto holder = api.submit(spec_with("holder", "1000000"));
  const auto waiting = api.submit(spec_with("waiting", "3"));
  const auto one = explained(api, waiting);
  const auto& why = one["waiting"];
  REQUIRE(why.is_object());
  CHECK(why["cause"] == "resources");
  CHECK(why["text"] == "waiting for 3 CPUs: 0 of 1000000 free on node local");
  const auto& place = why["placement"];
  CHECK(place["lacks"] == json::array({{{"resource", "cpu"}, {"wanted", 3}, {"free", 0}, {"total", 1000000}}}));
  CHECK(place["node"] == "local");
  CHECK(place["position"] == 1);
  CHECK(place["waiting"] == 1);
  CHECK(why["ahead"].is_null());
  CHECK(why["holders"] == json::array({{{"workflow", holder}, {"group", "t-group"}}}));
  CHECK(api.get("/v1/workflows/" + waiting + "/explain").body["items"][0]["waiting"]["cause"] == "resources");
  CHECK(api.get("/v1/workflows/" + holder + "/tasks/t/explain").body["waiting"].is_null());
  CHECK(api.post("/v1/workflows/" + holder + "/cancel", {{"force", true}}).status == 202);
  CHECK(api.wait(holder) == status::failed_canceled);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!api.get("/v1/workflows/" + waiting + "/tasks/t/explain").body["waiting"].is_null() &&
         std::chrono::steady_clock::now() < until)
    ;
  CHECK(api.get("/v1/workflows/" + waiting + "/tasks/t/explain").body["waiting"].is_null());
}

TEST_CASE("a workflow has the priority that it was submitted with") {
  const api_fixture api;
  const auto plain = api.run(spec_of("plain"));
  CHECK(api.get("/v1/workflows/" + plain).body["priority"] == "NORMAL");
  const auto low =
      api.post("/v1/workflows", {{"spec", spec_of("low")}, {"priority", "LOW"}}).body["id"].get<std::string>();
  (void)api.wait(low);
  CHECK(api.get("/v1/workflows/" + low).body["priority"] == "LOW");
  const auto again = api.post("/v1/workflows/" + low + "/restart", json::object()).body["id"].get<std::string>();
  CHECK(api.get("/v1/workflows/" + again).body["priority"] == "LOW");
  const auto high =
      api.ask("POST", "/v1/workflows?priority=high", spec_of("high"), {{"Content-Type", "application/yaml"}});
  REQUIRE(high.status == 201);
  CHECK(api.get("/v1/workflows/" + high.body["id"].get<std::string>()).body["priority"] == "HIGH");
  const auto wrong = api.post("/v1/workflows", {{"spec", spec_of("x")}, {"priority", "URGENT"}});
  CHECK(wrong.status == 400);
  CHECK_THAT(wrong.body["detail"].get<std::string>(), ContainsSubstring("expected HIGH, NORMAL or LOW"));
}
