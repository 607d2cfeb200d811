#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "gateway/api/services.hpp"
#include "gateway/auth/authority.hpp"
#include "gateway/auth/issue.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/target.hpp"
#include "gateway/webhooks/dispatcher.hpp"
#include "gateway/webhooks/routes.hpp"
#include "gateway/webhooks/signature.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <nlohmann/json.hpp>

using namespace muster;
using namespace muster::gateway;
using namespace muster::test;
using nlohmann::json;

namespace {

using headers = std::vector<std::pair<std::string, std::string>>;

/// The routes over a runtime that runs nothing, without sockets.
struct route_fixture {
  temporary_folder folder;
  std::unique_ptr<runtime> engine;
  std::shared_ptr<services> with;
  http::router routes;

  explicit route_fixture(std::uint32_t most = 100) {
    runtime_config config;
    config.state_directory = folder.path();
    config.pools.push_back({"local", make_null_driver()});
    auto started = runtime::start(std::move(config));
    REQUIRE(started);
    engine = std::move(*started);
    with = std::make_shared<services>(store::state_directory{folder.path()});
    with->engine = engine.get();
    auto feed = event_feed::start({with->directory});
    REQUIRE(feed);
    with->feed = std::move(*feed);
    webhook_config webhooks;
    webhooks.directory = with->directory;
    webhooks.most = most;
    webhooks.record = [this](store::service_change x) { return engine->record(std::move(x)); };
    auto dispatcher = webhook_dispatcher::start(std::move(webhooks), *with->feed);
    REQUIRE(dispatcher);
    with->webhooks = std::move(*dispatcher);
    add_webhook_routes(routes, with);
  }

  /// Tokens are asked for from now on; a new one.
  issued_token admit(const std::string& user, store::role as) const {
    const auto* role = as == store::role::admin ? "admin" : as == store::role::viewer ? "viewer" : "user";
    auto made = issue_token({"test", user, role, {}}, with->now());
    REQUIRE(made);
    REQUIRE(engine->record(store::token_created{made->record}));
    if (!with->access)
      with->access = std::make_unique<authority>(access_config{});
    return *made;
  }

  http::response ask(const std::string& method, const std::string& target, const std::string& body = {},
                     const headers& more = {}) const {
    auto parsed = http::parse_target(target);
    REQUIRE(parsed);
    http::request x;
    x.method = method;
    x.path = std::move(parsed->path);
    x.parts = std::move(parsed->parts);
    x.query = std::move(parsed->query);
    x.headers.emplace("Content-Type", "application/json");
    x.headers.emplace("Host", "127.0.0.1:7717");
    for (const auto& [name, value] : more)
      x.headers.emplace(name, value);
    x.body = body;
    x.peer = "127.0.0.1";
    x.peer_is_local = true;
    x.id = "r1";
    return routes.route(x);
  }

  json create(const json& body) const {
    const auto got = ask("POST", "/v1/webhooks", body.dump());
    INFO(got.body);
    REQUIRE(got.status == 201);
    return json::parse(got.body);
  }
};

} // namespace

TEST_CASE("a webhook is created, shown without its secret, and deleted") {
  const route_fixture f;
  const auto made = f.create({{"url", "https://example.org/hook"}, {"filter", {{"types", {"workflow.status"}}}}});
  CHECK(made["secret"].get<std::string>().substr(0, 6) == "whsec_");
  const std::string id = made["id"];
  const auto one = json::parse(f.ask("GET", "/v1/webhooks/" + id).body);
  CHECK(one["url"] == "https://example.org/hook");
  CHECK(one["state"] == "active");
  CHECK(one["filter"] == json{{"types", {"workflow.status"}}});
  CHECK_FALSE(one.contains("secret"));
  const auto list = json::parse(f.ask("GET", "/v1/webhooks").body);
  REQUIRE(list["items"].size() == 1);
  CHECK(list["items"][0] == one);
  CHECK(list["next"].is_null());
  CHECK(json::parse(f.ask("GET", "/v1/webhooks/" + id + "/dead").body)["items"].empty());
  CHECK(f.ask("DELETE", "/v1/webhooks/" + id).status == 204);
  CHECK(f.ask("DELETE", "/v1/webhooks/" + id).status == 404);
  CHECK(f.ask("GET", "/v1/webhooks/" + id).status == 404);
  CHECK(f.ask("GET", "/v1/webhooks/" + id + "/dead").status == 404);
  CHECK(f.ask("POST", "/v1/webhooks/" + id + "/test").status == 404);
}

TEST_CASE("webhooks that make no sense are refused") {
  const route_fixture f;
  for (const char* body :
       {"", "[]", "{}", "{\"url\":7}", "{\"url\":\"ftp://example.org\"}", "{\"url\":\"http://127.0.0.1/\"}",
        "{\"url\":\"http://169.254.169.254/\"}", "{\"url\":\"https://example.org\",\"colour\":\"red\"}",
        "{\"url\":\"https://example.org\",\"filter\":[]}", "{\"url\":\"https://example.org\",\"filter\":{\"x\":[]}}",
        "{\"url\":\"https://example.org\",\"filter\":{\"types\":[\"task.exploded\"]}}",
        "{\"url\":\"https://example.org\",\"filter\":{\"types\":[7]}}",
        "{\"url\":\"https://example.org\",\"filter\":{\"workflow\":\"nobody-1\"}}"})
    if (const auto got = f.ask("POST", "/v1/webhooks", body); got.status != 400)
      FAIL(body << " -> " << got.status << ' ' << got.body);
  CHECK(json::parse(f.ask("GET", "/v1/webhooks").body)["items"].empty());
}

TEST_CASE("there are only so many webhooks, and lists of them have pages") {
  const route_fixture f{3};
  for (int i = 0; i < 3; ++i)
    f.create({{"url", "https://example.org/" + std::to_string(i)}});
  CHECK(f.ask("POST", "/v1/webhooks", "{\"url\":\"https://example.org\"}").status == 409);
  auto page = json::parse(f.ask("GET", "/v1/webhooks?limit=2").body);
  CHECK(page["items"].size() == 2);
  page = json::parse(f.ask("GET", "/v1/webhooks?limit=2&cursor=" + page["next"].get<std::string>()).body);
  REQUIRE(page["items"].size() == 1);
  CHECK(page["items"][0]["url"] == "https://example.org/2");
  CHECK(f.ask("GET", "/v1/webhooks?cursor=x").status == 400);
}

TEST_CASE("one user has a share of the webhooks, each with the token it was made by") {
  const route_fixture f{8};
  const auto token = f.admit("ann", store::role::user);
  const headers as{{"Authorization", "Bearer " + token.token}};
  const std::string body = "{\"url\":\"https://example.org/\"}";
  for (int i = 0; i < 2; ++i) {
    const auto made = f.ask("POST", "/v1/webhooks", body, as);
    REQUIRE(made.status == 201);
    CHECK(json::parse(made.body)["token"] == token.record.id);
  }
  const auto refused = f.ask("POST", "/v1/webhooks", body, as);
  CHECK(refused.status == 409);
  CHECK_THAT(refused.body, ContainsSubstring("share"));
  const auto admin = f.admit("root", store::role::admin);
  for (int i = 0; i < 6; ++i)
    CHECK(f.ask("POST", "/v1/webhooks", body, {{"Authorization", "Bearer " + admin.token}}).status == 201);
}

TEST_CASE("what is behind the host of a webhook is for its owner and admins") {
  const route_fixture f;
  const auto as = [&f](const std::string& user, store::role role) {
    return headers{{"Authorization", "Bearer " + f.admit(user, role).token}};
  };
  const auto owner = as("ann", store::role::user);
  const auto viewer = as("eve", store::role::viewer);
  const auto made = f.ask("POST", "/v1/webhooks", R"({"url":"https://chat.example.org/T0/s3cret?key=x"})", owner);
  REQUIRE(made.status == 201);
  const auto one = "/v1/webhooks/" + json::parse(made.body)["id"].get<std::string>();
  for (const auto& who : {owner, as("root", store::role::admin)})
    CHECK(json::parse(f.ask("GET", one, {}, who).body)["url"] == "https://chat.example.org/T0/s3cret?key=x");
  CHECK(json::parse(f.ask("GET", one, {}, viewer).body)["url"] == "https://chat.example.org/...");
  const auto list = f.ask("GET", "/v1/webhooks", {}, viewer);
  REQUIRE(list.status == 200);
  CHECK_THAT(list.body, !ContainsSubstring("s3cret"));
}

TEST_CASE("of a URL that was taken in another form nothing is shown to others") {
  const route_fixture f;
  const auto viewer = headers{{"Authorization", "Bearer " + f.admit("eve", store::role::viewer).token}};
  store::webhook_record x;
  x.id = "wh_000000000000000000000001";
  x.url = "https:/chat.example.org/T0/s3cret";
  x.user = "ann";
  REQUIRE(f.engine->record(store::webhook_created{x, *make_webhook_secret()}));
  CHECK(json::parse(f.ask("GET", "/v1/webhooks/" + x.id, {}, viewer).body)["url"] == "...");
}

TEST_CASE("a query that means nothing is refused") {
  const route_fixture f;
  const std::string body = "{\"url\":\"https://example.org/\"}";
  const std::string one = "/v1/webhooks/" + f.create(json::parse(body))["id"].get<std::string>();
  CHECK(f.ask("POST", "/v1/webhooks?dry_run", body).status == 400);
  for (const auto& [method, target] : {std::pair{"GET", one}, {"POST", one + "/test"}, {"DELETE", one}})
    CHECK(f.ask(method, target + "?force=true").status == 400);
  CHECK(f.ask("GET", one).status == 200);
}

TEST_CASE("without a head webhooks can only be looked at") {
  route_fixture f;
  const std::string id = f.create({{"url", "https://example.org/"}})["id"];
  f.with->engine = nullptr;
  CHECK(f.ask("POST", "/v1/webhooks", "{\"url\":\"https://example.org\"}").status == 503);
  CHECK(f.ask("DELETE", "/v1/webhooks/" + id).status == 503);
  CHECK(f.ask("GET", "/v1/webhooks/" + id).status == 200);
}
