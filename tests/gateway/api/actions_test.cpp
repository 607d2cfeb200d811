#include "api_fixture.hpp"

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <thread>

using namespace muster;
using namespace muster::test;

namespace {

const std::string slow =
    "workflow:\n  name: slow\n  tasks:\n  - {name: t, image: none, command: [\"true\"], environment: "
    "{MUSTER_NULL_DURATION: 1h}}\n";
const std::string failing =
    "workflow:\n  name: failing\n  tasks:\n  - {name: a, image: none, command: [\"true\"], environment: "
    "{MUSTER_NULL_EXIT: \"1,0\"}}\n  - {name: b, image: none, command: [\"true\"], inputs: [{task: a}]}\n";

} // namespace

TEST_CASE("a workflow is canceled, and says by whose words") {
  const api_fixture api;
  const auto id = api.submit(slow);
  const auto got = api.post("/v1/workflows/" + id + "/cancel", {{"message", "enough"}, {"force", true}});
  CHECK(got.status == 202);
  CHECK(got.body == json{{"id", id}});
  CHECK(got.header("Location") == "/v1/workflows/" + id);
  CHECK(api.wait(id) == status::failed_canceled);
  const auto after = api.get("/v1/workflows/" + id).body;
  CHECK(after["cancel"]["message"] == "enough");
  CHECK(api.ask("POST", "/v1/workflows/" + id + "/cancel").status == 409);
  CHECK(api.ask("POST", "/v1/workflows/none-1/cancel").status == 404);
}

TEST_CASE("what an action may not hold is refused before anything is done") {
  const api_fixture api;
  const auto id = api.submit(slow);
  const auto target = "/v1/workflows/" + id + "/cancel";
  for (const json& body : {json{{"message", 1}}, json{{"force", "yes"}}, json{{"now", true}}, json::array(), json("x")})
    CHECK(api.post(target, body).status == 400);
  CHECK(api.post(target, {{"message", std::string(5000, 'x')}}).status == 422);
  CHECK(api.ask("POST", target, "message=x", {{"Content-Type", "text/plain"}}).status == 415);
  CHECK(api.ask("POST", target + "?force=true").status == 400);
  CHECK(api.get("/v1/workflows/" + id).body["cancel"].is_null());
  CHECK(api.ask("POST", target).status == 202);
  CHECK(api.wait(id) == status::failed_canceled);
}

TEST_CASE("If-Match guards an action") {
  const api_fixture api;
  const auto id = api.submit(slow);
  const auto cancel = [&](const std::string& tag) {
    return api.ask("POST", "/v1/workflows/" + id + "/cancel", "", {{"If-Match", tag}}).status;
  };
  CHECK(cancel("\"old\"") == 412);
  CHECK(cancel("\"old\", \"older\"") == 412);
  CHECK(api.get("/v1/workflows/" + id).body["cancel"].is_null());
  // It may go from PENDING to RUNNING in between, so it is asked until nothing did.
  unsigned got = 412;
  for (int i = 0; i < 1000 && got == 412; ++i)
    got = cancel("\"old\" , " + api.get("/v1/workflows/" + id).header("ETag"));
  CHECK(got == 202);
  (void)api.wait(id);
  CHECK(cancel("*") == 409);
}

TEST_CASE("of two actions at once with the same If-Match one is carried out") {
  const api_fixture api;
  for (int round = 0; round < 20; ++round) {
    const auto id = api.submit(slow);
    std::string tag; // Of the workflow that runs: nothing but the actions changes it then.
    for (bool runs = false; !runs; std::this_thread::yield()) {
      const auto now = api.get("/v1/workflows/" + id);
      runs = now.body["status"] == "RUNNING";
      tag = now.header("ETag");
    }
    std::array<unsigned, 2> got{};
    std::atomic<int> ready{0};
    std::array<std::thread, 2> clients;
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i] = std::thread{[&, i] {
        http::request x;
        x.method = "POST";
        x.path = "/v1/workflows/" + id + "/cancel";
        x.parts = {"v1", "workflows", id, "cancel"};
        x.headers.emplace("If-Match", tag);
        for (++ready; ready < 2;)
          std::this_thread::yield();
        got[i] = api.routes().route(x).status;
      }};
    for (auto& one : clients)
      one.join();
    INFO(got[0] << " and " << got[1]);
    CHECK(std::min(got[0], got[1]) == 202);
    CHECK(std::max(got[0], got[1]) == 412);
    CHECK(api.wait(id) == status::failed_canceled);
  }
}

TEST_CASE("an action waits for its turn, for a while") {
  gateway::workflow_turns turns{std::chrono::milliseconds{20}};
  {
    const auto first = turns.take("a-1");
    REQUIRE(first);
    CHECK(turns.take("a-2"));
    const auto second = turns.take("a-1");
    REQUIRE_FALSE(second);
    CHECK(second.failure().code == ec::unavailable);
  }
  CHECK(turns.take("a-1"));
}

TEST_CASE("what failed is run once more under the same id") {
  const api_fixture api;
  const auto id = api.submit(failing);
  CHECK(api.wait(id) == status::failed);
  const auto why = api.get("/v1/workflows/" + id + "/tasks/b/explain").body;
  CHECK(why["status"] == "FAILED_UPSTREAM");
  REQUIRE(why["causes"].size() == 1);
  CHECK(why["causes"][0]["task"] == "a");
  CHECK(api.get("/v1/workflows/" + id + "/explain").body["items"].size() == 2);
  CHECK(api.post("/v1/workflows/" + id + "/retry", {{"from", "nothing"}}).status == 404);
  CHECK(api.ask("POST", "/v1/workflows/" + id + "/retry").status == 202);
  CHECK(api.wait(id) == status::completed);
  CHECK(api.get("/v1/workflows/" + id + "/tasks/a/attempts").body["items"].size() == 2);
  CHECK(api.get("/v1/workflows/" + id + "/tasks/a/attempts?limit=1").body["items"].size() == 1);
  CHECK(api.ask("POST", "/v1/workflows/" + id + "/retry").status == 409);
  CHECK(api.get("/v1/workflows/" + id + "/explain").body["items"].empty());
}

TEST_CASE("a restart is a new workflow of the same plan") {
  const api_fixture api;
  const std::string spec =
      "workflow:\n  name: gang\n  resources: {default: {cpu: 1}, big: {cpu: 3, memory: 2Gi}}\n  groups:\n  - name: g\n "
      "   barrier: false\n"
      "    ignoreNonleadStatus: false\n    tasks:\n    - {name: m, lead: true, image: none, command: [\"true\"], "
      "resource: big}\n"
      "    - {name: w, image: none, command: [\"true\"], environment: {A: \"1\"}}\n"
      "  - name: h\n    tasks:\n    - {name: after, image: none, command: [\"true\"], inputs: [{task: m}]}\n";
  const auto id = api.run(spec);
  const auto again = api.ask("POST", "/v1/workflows/" + id + "/restart");
  INFO(again.text);
  REQUIRE(again.status == 201);
  CHECK(again.body["id"] == "gang-2");
  CHECK(api.wait("gang-2") == status::completed);
  CHECK(api.get("/v1/workflows/gang-2/plan").body["groups"] == api.get("/v1/workflows/gang-1/plan").body["groups"]);
  CHECK(api.get("/v1/workflows/gang-2/spec").text == spec);
  CHECK(api.get("/v1/workflows/gang-2").body["options"]["restart_of"] == "gang-1");
}

TEST_CASE("a restart under a key is made once") {
  const api_fixture api;
  const auto id = api.run(spec_of("work"));
  const auto other = api.run(spec_of("other"));
  const auto restart = [&](const std::string& of, const std::string& key) {
    return api.ask("POST", "/v1/workflows/" + of + "/restart", "", {{"Idempotency-Key", key}});
  };
  const auto first = restart(id, "k");
  REQUIRE(first.status == 201);
  const auto again = restart(id, "k");
  CHECK(again.status == 200);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(again.header("Location") == first.header("Location"));
  CHECK(again.body == first.body);
  CHECK(restart(other, "k").body["code"] == "idempotency_mismatch");
  CHECK(restart(id, "").status == 400);
  CHECK(restart(id, "k2").body["id"] == "work-3");
  CHECK(api.ask("DELETE", "/v1/workflows/" + id).status == 204);
  CHECK(restart(id, "k").status == 200); // It was made all the same.
  CHECK(restart(id, "k3").status == 404);
}

TEST_CASE("a task deep in nested workflows is found by its name, however long that is") {
  const api_fixture api;
  constexpr int depth = 64;
  const std::string part = "n" + std::string(63, 'x');
  std::string spec = "workflow: {name: deep, tasks: [";
  std::string name;
  for (int level = 1; level < depth; ++level) {
    spec += "{name: " + part + ", workflow: {tasks: [";
    name += part + '.';
  }
  name += "leaf";
  spec += "{name: leaf, image: none, command: ['true']}";
  for (int level = 1; level < depth; ++level)
    spec += "]}}";
  const auto got = api.ask("POST", "/v1/workflows", spec + "]}\n", {{"Content-Type", "application/yaml"}});
  INFO(got.text);
  REQUIRE(got.status == 201);
  CHECK(api.wait("deep-1") == status::completed);
  const auto task = api.get("/v1/workflows/deep-1/tasks/" + name);
  CHECK(task.status == 200);
  CHECK(task.body["name"] == name);
}

TEST_CASE("a flow tells its steps and its plan, and is restarted") {
  const api_fixture api;
  const std::string spec =
      "workflow:\n  name: fan\n  tasks:\n  - name: each\n    foreach: [1, 2, 3]\n    image: none\n    "
      "command: [\"true\"]\n  - {name: last, image: none, command: [\"true\"], after: [each]}\n";
  const auto got = api.ask("POST", "/v1/workflows", spec, {{"Content-Type", "application/yaml"}});
  INFO(got.text);
  REQUIRE(got.status == 201);
  CHECK(api.wait("fan-1") == status::completed);
  const auto steps = api.get("/v1/workflows/fan-1/steps");
  INFO(steps.text);
  REQUIRE(steps.body["items"].size() == 2);
  CHECK(steps.body["items"][0]["elements"]["completed"] == 3);
  CHECK(api.get("/v1/workflows/fan-1/steps?failures=x").status == 400);
  const auto one = api.get("/v1/workflows/fan-1/tasks/each.1").body;
  CHECK(one["element"] == json{{"index", 1}, {"item", 2}});
  CHECK(api.get("/v1/workflows/fan-1/tasks/last").body["element"].is_null());
  CHECK(api.get("/v1/workflows/fan-1/plan").body["kind"] == "flow");
  CHECK(api.get("/v1/workflows/fan-1/tasks").body["items"].size() == 4);
  CHECK(api.ask("POST", "/v1/workflows/fan-1/restart").status == 201);
  CHECK(api.wait("fan-2") == status::completed);
}
