#include "api_fixture.hpp"

#include "muster/store/reader.hpp"
#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;

namespace {

/// What the audit log has of making and deleting pools, the oldest first.
std::vector<std::string> audited(const api_fixture& api) {
  auto reader = store::reader::open(store::state_directory{api.state()});
  REQUIRE(reader);
  const auto rows = reader->audit({});
  REQUIRE(rows);
  std::vector<std::string> out;
  for (const auto& x : *rows)
    out.insert(out.begin(), x.action + ' ' + x.target + ' ' + x.outcome);
  return out;
}

} // namespace

TEST_CASE("a pool is made and deleted over HTTP") {
  const api_fixture api{true};
  const auto made =
      api.post("/v1/pools", {{"name", "west"},
                             {"silence_limit", "4s"},
                             {"lost_after", "2m"},
                             {"on_loss", "reschedule"},
                             {"node_labels", {{"zone", "b"}, {"rack", 7}}},
                             {"policy", {{"strategy", "spread"}, {"exec_timeout", {{"maximum", "2d"}}}}}});
  INFO(made.text);
  REQUIRE(made.status == 201);
  CHECK(made.header("Location") == "/v1/pools/west");
  CHECK(made.body["from"] == "api");
  const json agents{{"silence_limit", "4s"},
                    {"lost_after", "2m"},
                    {"on_loss", "reschedule"},
                    {"node_labels", {{"rack", "7"}, {"zone", "b"}}}};
  CHECK(made.body["agents"] == agents);
  CHECK(made.body["policy"]["exec_timeout"]["maximum"] == "2d");
  CHECK(made.body["policy_overrides"] == json({"exec_timeout", "strategy"}));
  const auto got = api.get("/v1/pools/west");
  CHECK(got.body == made.body);
  CHECK(got.header("ETag") == made.header("ETag"));

  const auto plain = api.post("/v1/pools", {{"name", "east"}, {"lost_after", nullptr}, {"policy", nullptr}});
  CHECK(plain.status == 201);
  const json usual{
      {"silence_limit", "10s"}, {"lost_after", "1m"}, {"on_loss", "wait"}, {"node_labels", json::object()}};
  CHECK(plain.body["agents"] == usual);
  CHECK(plain.body["policy_overrides"] == json::array());
  const auto all = api.get("/v1/pools").body["items"];
  REQUIRE(all.size() == 4);
  CHECK(all[0]["from"] == "file");
  CHECK(all[0]["agents"].is_null());
  CHECK(all[2]["name"] == "west");
  CHECK(all[3]["name"] == "east");

  // It is changed as others are.
  const auto patched = api.ask("PATCH", "/v1/pools/west", R"({"policy":{"strategy":null}})",
                               {{"Content-Type", "application/json"}, {"If-Match", made.header("ETag")}});
  CHECK(patched.status == 200);
  CHECK(patched.body["policy"]["strategy"] == "pack");

  const auto submitted =
      api.ask("POST", "/v1/workflows?pool=west", spec_of("w"), {{"Content-Type", "application/yaml"}});
  REQUIRE(submitted.status == 201);
  const auto kept = api.ask("DELETE", "/v1/pools/west");
  CHECK(kept.status == 409);
  CHECK_THAT(kept.body["detail"].get<std::string>(), ContainsSubstring("1 unfinished workflow, w-1"));
  CHECK(api.post("/v1/workflows/w-1/cancel", json::object()).status == 202);
  CHECK(api.wait("w-1") == status::failed_canceled);
  CHECK(api.ask("DELETE", "/v1/pools/west").status == 204);
  CHECK(api.get("/v1/pools/west").status == 404);
  CHECK(api.ask("DELETE", "/v1/pools/west").status == 404);
  CHECK(api.ask("POST", "/v1/workflows?pool=west", spec_of("w"), {{"Content-Type", "application/yaml"}}).status == 400);
  CHECK(api.post("/v1/pools", {{"name", "west"}}).status == 201);
  CHECK(api.ask("DELETE", "/v1/pools/farm").status == 409);
  CHECK(api.post("/v1/pools", {{"name", "farm"}}).status == 409); // When this is begun, all before it is written down.

  const auto rows = audited(api);
  CHECK(std::count(rows.begin(), rows.end(), "pool.create west ok") == 2);
  CHECK(std::count(rows.begin(), rows.end(), "pool.delete west ok") == 1);
  CHECK(std::count(rows.begin(), rows.end(), "pool.delete west conflict") == 1);
  CHECK(std::count(rows.begin(), rows.end(), "pool.delete farm conflict") == 1);
}

TEST_CASE("what is no pool is refused with the field, as in a configuration file") {
  const api_fixture api{true};
  const auto problem = [&](unsigned status, const json& body) {
    const auto got = api.post("/v1/pools", body);
    INFO(got.text);
    CHECK(got.status == status);
    return got.body.value("detail", "");
  };
  CHECK_THAT(problem(400, json::object()), ContainsSubstring("'name'"));
  CHECK_THAT(problem(400, json::array()), ContainsSubstring("expected a JSON object"));
  CHECK_THAT(problem(400, {{"name", 7}}), ContainsSubstring("'name'"));
  CHECK_THAT(problem(400, {{"name", "a b"}}), ContainsSubstring("letters, digits"));
  CHECK_THAT(problem(400, {{"name", "process"}}), ContainsSubstring("always there"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"silence_limit", "1m"}}),
             ContainsSubstring("silence_limit: expected 2s to 10s"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"colour", "red"}}), ContainsSubstring("colour"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"gpus", 2}}), ContainsSubstring("muster agent --gpus"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"driver", "docker"}}), ContainsSubstring("driver: agents"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"policy", {{"strateg", "pack"}}}}), ContainsSubstring("policy.strateg"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"policy", {{"strategy", "none"}}}}), ContainsSubstring("policy.strategy"));
  CHECK_THAT(problem(400, {{"name", "x"}, {"policy", "none"}}), ContainsSubstring("policy"));
  CHECK_THAT(problem(409, {{"name", "farm"}}), ContainsSubstring("there is a pool farm already"));
  CHECK(api.post("/v1/pools?x=1", {{"name", "x"}}).status == 400);
  CHECK(api.get("/v1/pools").body["items"].size() == 2);
}

TEST_CASE("a head that takes no agents makes no pools") {
  const api_fixture api;
  const auto got = api.post("/v1/pools", {{"name", "west"}});
  CHECK(got.status == 409);
  CHECK_THAT(got.body["detail"].get<std::string>(),
             ContainsSubstring("driver: agents") && ContainsSubstring("restart"));
}
