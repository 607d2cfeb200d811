#include "api_fixture.hpp"

#include "gateway/auth/authority.hpp"
#include "gateway/auth/monitor_admission.hpp"
#include "gateway/auth/token.hpp"
#include "support/api_contract.hpp"
#include "support/catch.hpp"

#include <sqlite3.h>

#include <fstream>
#include <iterator>
#include <regex>

using namespace muster;
using namespace muster::test;

namespace {

using headers = std::vector<std::pair<std::string, std::string>>;

headers bearing(const std::string& token) {
  return {{"Authorization", "Bearer " + token}};
}

/// An API that asks for tokens, and a token of an admin.
class guarded_api {
public:
  guarded_api() {
    admin = create("root", "admin", {});
    api.services().access = std::make_unique<gateway::authority>(gateway::access_config{});
  }

  /// A new token.
  std::string create(const std::string& user, const std::string& role, const headers& as) {
    auto all = as;
    all.emplace_back("Content-Type", "application/json");
    const auto got = api.ask("POST", "/v1/tokens", json{{"user", user}, {"role", role}}.dump(), all);
    INFO(got.text);
    REQUIRE(got.status == 201);
    ids[got.body["token"]] = got.body["id"];
    return got.body["token"];
  }

  unsigned submit(const std::string& token, const std::string& name) const {
    auto all = bearing(token);
    all.emplace_back("Content-Type", "application/yaml");
    return api.ask("POST", "/v1/workflows", spec_of(name), all).status;
  }

  unsigned status_of(const std::string& method, const std::string& target, const std::string& token) const {
    return api.ask(method, target, "", bearing(token)).status;
  }

  api_fixture api;
  std::string admin;
  std::map<std::string, std::string> ids;
};

http::request request_from(const std::string& peer, const std::string& token = {}) {
  http::request x;
  x.peer = peer;
  x.headers.emplace("Host", "localhost:7717");
  if (!token.empty())
    x.headers.emplace("Authorization", token);
  return x;
}

} // namespace

TEST_CASE("without a valid token nothing is told") {
  const guarded_api x;
  for (const auto& all :
       {headers{}, headers{{"Authorization", ""}}, headers{{"Authorization", "Bearer"}},
        headers{{"Authorization", "Basic " + x.admin}}, headers{{"Authorization", x.admin}}, bearing(x.admin + "x"),
        bearing(x.admin.substr(0, 20)), bearing("mst_" + std::string(43, 'A')), bearing(std::string(20'000, 'm')),
        headers{{"Authorization", "Bearer " + x.admin}, {"Authorization", "Bearer " + x.admin}}})
    for (const auto* target : {"/v1/workflows", "/v1/workflows/none-1", "/v1/openapi.json", "/v1/tokens"}) {
      const auto got = x.api.ask("GET", target, "", all);
      CHECK((got.status == 401 || got.status == 429));
      CHECK(got.text.find(x.admin) == std::string::npos);
      CHECK((got.status == 429 || got.header("WWW-Authenticate").find("Bearer") == 0));
    }
  CHECK(x.status_of("GET", "/v1/workflows?token=" + x.admin, "") == 429);
  CHECK(x.api.get("/livez").status == 200);
  CHECK(x.api.get("/readyz").status == 200);
}

TEST_CASE("roles say what a token may do") {
  guarded_api x;
  const auto user = x.create("ann", "user", bearing(x.admin));
  const auto viewer = x.create("eve", "viewer", bearing(x.admin));
  CHECK(x.submit(user, "mine") == 201);
  CHECK(x.submit(viewer, "never") == 403);
  CHECK(x.submit(x.admin, "roots") == 201);
  CHECK(x.status_of("GET", "/v1/workflows/mine-1", viewer) == 200);
  CHECK(x.status_of("POST", "/v1/workflows/mine-1/cancel", viewer) == 403);
  CHECK(x.status_of("GET", "/v1/audit", user) == 403);
  CHECK(x.status_of("GET", "/v1/audit", viewer) == 403);
  CHECK(x.status_of("POST", "/v1/tokens", user) == 403);
  for (const auto* what : {"cordon", "uncordon", "drain"}) {
    const auto target = std::string{"/v1/nodes/local/"} + what;
    CHECK(x.status_of("POST", target, user) == 403);
    CHECK(x.status_of("POST", target, viewer) == 403);
    CHECK(x.status_of("POST", target, x.admin) == 404); // It is the head's own.
  }
  CHECK(x.status_of("DELETE", "/v1/nodes/local", user) == 403);
  const auto all = x.api.ask("GET", "/v1/tokens", "", bearing(x.admin)).body["items"];
  for (const auto& one : all)
    if (one["user"] == "ann")
      CHECK(x.status_of("DELETE", "/v1/tokens/" + one["id"].get<std::string>(), viewer) == 404);
  const auto own = x.api.ask("GET", "/v1/tokens", "", bearing(viewer)).body["items"];
  REQUIRE(own.size() == 1);
  CHECK(x.status_of("DELETE", "/v1/tokens/" + own[0]["id"].get<std::string>(), viewer) == 204);
  CHECK(x.status_of("GET", "/v1/workflows", viewer) == 401);
  CHECK(x.api.ask("GET", "/v1/workflows/mine-1", "", bearing(x.admin)).body["user"] == "ann");
}

TEST_CASE("what lets a node join gives no right here") {
  guarded_api x;
  const auto node = x.create("farm", "node", bearing(x.admin));
  for (const auto* target : {"/v1/workflows", "/v1/nodes", "/v1/tokens", "/v1/version"})
    CHECK(x.status_of("GET", target, node) == 403);
  CHECK(x.submit(node, "never") == 403);
  auto all = bearing(x.admin);
  all.emplace_back("Content-Type", "application/json");
  const auto bound = x.api.ask("POST", "/v1/tokens", R"({"user":"farm","role":"node","node":"n-1.a"})", all);
  REQUIRE(bound.status == 201);
  CHECK(bound.body["node"] == "n-1.a");
  CHECK(x.api.ask("POST", "/v1/tokens", R"({"user":"a","role":"user","node":"n1"})", all).status == 400);
  CHECK(x.api.ask("POST", "/v1/tokens", R"({"user":"a","role":"node","node":"a b"})", all).status == 400);
}

TEST_CASE("a user sees and changes what is their own, and cannot tell what else is there") {
  guarded_api x;
  const auto ann = x.create("ann", "user", bearing(x.admin));
  const auto bob = x.create("bob", "user", bearing(x.admin));
  REQUIRE(x.submit(ann, "anns") == 201);
  REQUIRE(x.submit(bob, "bobs") == 201);
  for (const auto* tail :
       {"", "/spec", "/plan", "/groups", "/groups/t0-group", "/tasks", "/tasks/t0", "/tasks/t0/attempts",
        "/tasks/t0/attempts/0", "/tasks/t0/result", "/explain", "/tasks/t0/explain", "/steps"}) {
    const auto target = std::string{"/v1/workflows/anns-1"} + tail;
    const auto hidden = x.api.ask("GET", target, "", bearing(bob));
    CHECK(hidden.status == 404);
    CHECK(hidden.body["detail"] == "there is no workflow anns-1");
    if (std::string{tail} != "/tasks/t0/result")
      CHECK(x.status_of("GET", target, ann) == 200);
  }
  // Not even what is near is told.
  CHECK(x.api.ask("GET", "/v1/workflows/anns-2", "", bearing(bob)).body["detail"] == "there is no workflow anns-2");
  for (const auto* action : {"cancel", "retry", "restart"})
    CHECK(x.status_of("POST", std::string{"/v1/workflows/anns-1/"} + action, bob) == 404);
  const auto list = x.api.ask("GET", "/v1/workflows", "", bearing(bob)).body["items"];
  REQUIRE(list.size() == 1);
  CHECK(list[0]["id"] == "bobs-1");
  CHECK(x.api.ask("GET", "/v1/workflows?user=ann", "", bearing(bob)).body["items"].empty());
  CHECK(x.api.ask("GET", "/v1/workflows", "", bearing(x.admin)).body["items"].size() == 2);
  CHECK(x.api.ask("GET", "/v1/workflows?user=ann", "", bearing(x.admin)).body["items"].size() == 1);
  // Nor can it be reached through an input.
  const std::string thief =
      "workflow:\n  name: thief\n  tasks:\n  - {name: t, image: none, command: [\"true\"], inputs: "
      "[{task: \"anns-1:t0\"}]}\n";
  for (const auto* target : {"/v1/workflows", "/v1/workflows?dry_run"}) {
    const auto post = [&](const std::string& token) {
      auto as = bearing(token);
      as.emplace_back("Content-Type", "application/yaml");
      return x.api.ask("POST", target, thief, as);
    };
    (void)x.api.wait("anns-1");
    CHECK(post(bob).status == 422);
    CHECK(post(bob).body["detail"].get<std::string>().find("no workflow of that id") != std::string::npos);
    const auto own = post(ann);
    INFO(own.text);
    CHECK(own.status < 300);
  }
  // Keys of submissions are each user's own.
  auto all = bearing(ann);
  all.insert(all.end(), {{"Content-Type", "application/yaml"}, {"Idempotency-Key", "k"}});
  CHECK(x.api.ask("POST", "/v1/workflows", spec_of("same"), all).status == 201);
  all.front() = bearing(bob).front();
  CHECK(x.api.ask("POST", "/v1/workflows", spec_of("same"), all).body["id"] == "same-2");
}

TEST_CASE("a token is shown once, kept as a hash, and gone when it is revoked") {
  guarded_api x;
  const auto ann = x.create("ann", "user", bearing(x.admin));
  const auto bob = x.create("bob", "user", bearing(x.admin));
  const auto list = x.api.ask("GET", "/v1/tokens", "", bearing(x.admin));
  CHECK(list.body["items"].size() == 3);
  CHECK(list.text.find("mst_") == std::string::npos);
  CHECK(list.text.find(gateway::hash_of_token(ann)) == std::string::npos);
  CHECK(x.api.ask("GET", "/v1/tokens", "", bearing(ann)).body["items"].size() == 1);
  for (const auto& file : std::filesystem::directory_iterator(x.api.state()))
    if (file.is_regular_file()) {
      std::ifstream in{file.path(), std::ios::binary};
      const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
      CHECK(bytes.find(ann) == std::string::npos);
    }
  CHECK(x.status_of("GET", "/v1/tokens/" + x.ids[ann], bob) == 404);
  CHECK(x.status_of("DELETE", "/v1/tokens/" + x.ids[ann], bob) == 404);
  CHECK(x.status_of("DELETE", "/v1/tokens/" + x.ids[ann], x.admin) == 204);
  CHECK(x.status_of("GET", "/v1/workflows", ann) == 401);
  CHECK(x.status_of("GET", "/v1/workflows", bob) == 200);
  CHECK_FALSE(x.api.ask("GET", "/v1/tokens/" + x.ids[ann], "", bearing(x.admin)).body["revoked"].is_null());
}

TEST_CASE("a token expires") {
  guarded_api x;
  auto all = bearing(x.admin);
  all.emplace_back("Content-Type", "application/json");
  const auto made = x.api.ask("POST", "/v1/tokens", R"({"user":"ann","expires_in":60})", all);
  REQUIRE(made.status == 201);
  CHECK(x.status_of("GET", "/v1/workflows", made.body["token"]) == 200);
  const auto now = x.api.services().now;
  x.api.services().now = [now] { return now() + std::chrono::seconds{61}; };
  CHECK(x.status_of("GET", "/v1/workflows", made.body["token"]) == 401);
  for (const auto* body : {R"({})", R"({"user":""})", R"({"user":"a b"})", R"({"user":"x","role":"god"})",
                           R"({"user":"x","expires_in":0})", R"({"user":"x","expires_in":1.5})",
                           R"({"user":"x","expires_in":1e300})", R"({"user":1})", R"({"user":"x","hash":"y"})"})
    CHECK(x.api.ask("POST", "/v1/tokens", body, all).status == 400);
}

TEST_CASE("guesses are slowed down, by where they come from, and not those who know a token") {
  gateway::authority who{gateway::access_config{}};
  const auto good = gateway::new_token();
  const auto new_one = gateway::new_token();
  const auto find = [&](std::string_view hash) -> result<std::optional<store::token_record>> {
    if (hash != gateway::hash_of_token(good) && hash != gateway::hash_of_token(new_one))
      return std::optional<store::token_record>{};
    store::token_record x;
    x.user = "ann";
    x.role = store::role::user;
    return std::optional{x};
  };
  auto at = gateway::guess_limit::clock::now();
  const auto ask = [&](const std::string& peer, const std::string& token) {
    const auto got = who.identify(request_from(peer, "Bearer " + token), find, timestamp{}, at);
    return got->who ? std::string{"ok"} : std::string{got->why.code};
  };
  CHECK(ask("10.0.0.2", good) == "ok");
  std::size_t refused = 0;
  for (int i = 0; i < 100; ++i)
    refused += ask("10.0.0.1", gateway::new_token()) == "too_many_requests" ? 1 : 0;
  CHECK(refused == 90);
  CHECK(ask("10.0.0.1", good) == "ok"); // It was right before.
  CHECK(ask("10.0.0.1", new_one) == "ok");
  CHECK(ask("10.0.0.3", gateway::new_token()) == "unauthorized");
  at += std::chrono::seconds{4};
  CHECK(ask("10.0.0.1", gateway::new_token()) == "unauthorized");
  CHECK(ask("10.0.0.1", gateway::new_token()) == "unauthorized");
  CHECK(ask("10.0.0.1", gateway::new_token()) == "too_many_requests");
  for (int i = 0; i < 20'000; ++i)
    (void)ask("peer" + std::to_string(i), "x");
}

TEST_CASE("without tokens only names of this machine are answered") {
  gateway::authority who{gateway::access_config{false, {"head.example"}}};
  const auto ask = [&](const std::string& host, const std::string& origin = {}) {
    http::request x;
    x.headers.emplace("Host", host);
    if (!origin.empty())
      x.headers.emplace("Origin", origin);
    return who.identify(x, {}, {})->who.has_value();
  };
  for (const auto* host :
       {"127.0.0.1:7717", "127.0.0.1", "localhost", "LocalHost:80", "[::1]:7717", "127.9.9.9", "head.example:1"})
    CHECK(ask(host));
  for (const auto* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]", "128.0.0.1",
                           "127.0.0.1@evil", "127.evil", "0.0.0.0"})
    CHECK_FALSE(ask(host));
  CHECK(ask("localhost:7717", "http://localhost:7717"));
  CHECK_FALSE(ask("localhost:7717", "https://evil.example"));
  CHECK_FALSE(ask("localhost:7717", "null"));
  CHECK_FALSE(ask("localhost:7717", "http://localhost.evil.example"));
}

TEST_CASE("what needs no token is for programs of this machine, or for all") {
  gateway::authority open{gateway::access_config{false, {}}};
  gateway::authority guarded{gateway::access_config{true, {"head.example"}}};
  const auto from = [](const std::string& host, bool local, const char* more = nullptr) {
    http::request x;
    x.headers.emplace("Host", host);
    x.peer_is_local = local;
    if (more != nullptr)
      x.headers.emplace(more, "10.0.0.1");
    return x;
  };
  // Where nobody needs a token, a page of another site is told nothing, not even that this lives.
  CHECK(open.refusal_of_host(from("evil.example", true)));
  CHECK_FALSE(open.refusal_of_host(from("127.0.0.1:7717", true)));
  CHECK_FALSE(guarded.refusal_of_host(from("10.1.2.3:7717", false))); // A probe of a supervisor.
  // A proxy on this machine, or a browser, is not this machine.
  CHECK(guarded.is_from_here(from("127.0.0.1:7717", true)));
  CHECK_FALSE(guarded.is_from_here(from("127.0.0.1:7717", false)));
  CHECK_FALSE(guarded.is_from_here(from("head.example", true)));
  for (const auto* header : {"Forwarded", "X-Forwarded-For", "Via", "Origin"})
    CHECK_FALSE(guarded.is_from_here(from("localhost", true, header)));

  guarded_api x;
  const auto status = [&](const std::string& target, const std::string& host) {
    return x.api.ask("GET", target, "", {{"Host", host}}).status;
  };
  CHECK(status("/metrics", "127.0.0.1:7717") == 200);
  CHECK(status("/metrics", "head.example") == 401);
  CHECK(status("/livez", "10.1.2.3:7717") == 200);
  x.api.services().public_metrics = true;
  CHECK(status("/metrics", "head.example") == 200);
  x.api.services().access = std::make_unique<gateway::authority>(gateway::access_config{false, {}});
  for (const auto* target : {"/livez", "/readyz", "/metrics", "/v1/workflows"}) {
    CHECK(status(target, "127.0.0.1:7717") == 200);
    CHECK(status(target, "evil.example") == 403);
  }
}

TEST_CASE("an admin changes what is logged") {
  guarded_api x;
  const auto user = x.create("ann", "user", bearing(x.admin));
  auto all = bearing(x.admin);
  all.emplace_back("Content-Type", "application/json");
  CHECK(x.status_of("GET", "/v1/log-levels", user) == 403);
  CHECK(x.status_of("PUT", "/v1/log-levels", user) == 403);
  const auto before = x.api.ask("GET", "/v1/log-levels", "", all);
  REQUIRE(before.status == 200);
  const auto set = x.api.ask("PUT", "/v1/log-levels", R"({"level":"warn","components":{"api":"off"}})", all);
  CHECK(set.status == 200);
  CHECK(x.api.ask("GET", "/v1/log-levels", "", all).body == json{{"level", "warn"}, {"components", {{"api", "off"}}}});
  for (const auto* body :
       {R"({"level":"loud"})", R"({"components":{"api":1}})", R"({"components":{"nothing":"info"}})", "[]", "{"})
    CHECK(x.api.ask("PUT", "/v1/log-levels", body, all).status == 400);
  CHECK(x.api.ask("PUT", "/v1/log-levels", before.text, all).body == before.body);
}

TEST_CASE("every change is in the audit log, with how it went") {
  guarded_api x;
  const auto ann = x.create("ann", "user", bearing(x.admin));
  REQUIRE(x.submit(ann, "w") == 201);
  CHECK(x.status_of("POST", "/v1/workflows/none-1/cancel", ann) == 404);
  (void)x.api.wait("w-1");
  // What is noted is durable with the next commit, at the latest with that of the next record.
  (void)x.create("bob", "viewer", bearing(x.admin));
  const auto rows = x.api.ask("GET", "/v1/audit", "", bearing(x.admin)).body["items"];
  REQUIRE(rows.size() == 5);
  CHECK(rows[1]["action"] == "workflow.cancel");
  CHECK(rows[1]["target"] == "none-1");
  CHECK(rows[1]["user"] == "ann");
  CHECK(rows[1]["token"] == x.ids[ann]);
  CHECK(rows[1]["peer"] == "127.0.0.1");
  CHECK(rows[1]["outcome"] == "not_found");
  CHECK(rows[2]["action"] == "workflow.submit");
  CHECK(rows[2]["outcome"] == "ok");
  CHECK(rows[2]["target"] == "w-1"); // Which it became, not before it was known.
  CHECK(rows[3]["action"] == "token.create");
  CHECK(rows[3]["target"] == x.ids[ann]);
  CHECK(rows.dump().find("mst_") == std::string::npos);
  CHECK(x.api.ask("GET", "/v1/audit?user=ann", "", bearing(x.admin)).body["items"].size() == 2);
  CHECK(x.api.ask("GET", "/v1/audit?action=token.create&limit=1", "", bearing(x.admin)).body["next"].is_string());
}

TEST_CASE("whatever may change something is in the audit log, also what was refused") {
  guarded_api x;
  auto as = bearing(x.admin);
  as.emplace_back("Content-Type", "application/json");
  const auto rows = [&] {
    (void)x.create("ann", "viewer", bearing(x.admin)); // What is noted is durable with it.
    return x.api.ask("GET", "/v1/audit?limit=1000", "", bearing(x.admin)).body["items"].size();
  };
  std::size_t asked = 0;
  auto before = rows();
  for (const auto& route : x.api.routes().routes()) {
    const auto path = openapi_path(route);
    const auto method = path.substr(0, path.find(' '));
    if (method == "GET" || path == "POST /v1/validate")
      continue;
    INFO(path);
    const auto target = std::regex_replace(path.substr(method.size() + 1), std::regex{"\\{[^}]*\\}"}, "none");
    CHECK(x.api.ask(method, target, "[]", as).status >= 400);
    const auto after = rows();
    CHECK(after == before + 2);
    before = after;
    ++asked;
  }
  CHECK(asked >= 15);
}

TEST_CASE("monitors of other processes see what their token sees here") {
  guarded_api x;
  const auto ann = x.create("ann", "user", bearing(x.admin));
  const auto viewer = x.create("eve", "viewer", bearing(x.admin));
  const auto node = x.create("farm", "node", bearing(x.admin));
  auto time = x.api.services().now();
  std::vector<std::string> used;
  gateway::monitor_admission by{store::state_directory{x.api.state()}, [&time] { return time; },
                                [&used](const std::string& id) { used.push_back(id); }};
  for (const auto& token : {std::string{}, std::string{"ann"}, gateway::new_token(), node})
    CHECK(by.check(token, true).failure().code == ec::invalid_argument);
  CHECK(used.empty());
  const auto own = by.check(ann, true);
  REQUIRE(own);
  CHECK(own->only_user == "ann");
  for (const auto& token : {viewer, x.admin}) {
    const auto guest = by.check(token, true);
    REQUIRE(guest);
    CHECK_FALSE(guest->only_user);
  }
  CHECK(by.check(ann, false));
  CHECK(used == std::vector<std::string>{x.ids[ann], x.ids[viewer], x.ids[x.admin]});
  REQUIRE(x.status_of("DELETE", "/v1/tokens/" + x.ids[ann], x.admin) == 204);
  CHECK(by.check(ann, false).failure().code == ec::invalid_argument);
  CHECK(by.check(viewer, false));
}

TEST_CASE("large bodies of tokens that nobody knows are tries until they are known") {
  gateway::authority who{gateway::access_config{}};
  const auto at = gateway::guess_limit::clock::now();
  const auto good = gateway::new_token();
  const auto find = [&](std::string_view hash) -> result<std::optional<store::token_record>> {
    store::token_record x;
    x.role = store::role::user;
    return hash == gateway::hash_of_token(good) ? std::optional{x} : std::nullopt;
  };
  const auto large = [](const std::string& token, const std::string& size = "60000000") {
    auto x = request_from("10.0.0.1", "Bearer " + token);
    x.headers.emplace("Content-Length", size);
    return x;
  };
  std::vector<http::request> admitted;
  for (int i = 0; i < 100; ++i) {
    auto x = large(gateway::new_token());
    if (!who.refusal_before_body(x, at))
      admitted.push_back(std::move(x));
  }
  CHECK(admitted.size() == 10);
  auto early = large(good);
  CHECK(who.refusal_before_body(early, at).has_value());
  auto other = large(good);
  other.peer = "10.0.0.2";
  // What turns out to be right costs nothing, however often it is sent before it is known.
  std::vector<http::request> rights;
  for (int i = 0; i < 10; ++i) {
    rights.push_back(other);
    REQUIRE_FALSE(who.refusal_before_body(rights.back(), at));
  }
  auto chunked = other;
  chunked.headers.erase("Content-Length");
  chunked.headers.emplace("Transfer-Encoding", "chunked");
  CHECK(who.refusal_before_body(chunked, at).has_value());
  for (const auto& x : rights)
    CHECK(who.identify(x, find, timestamp{}, at)->who);
  CHECK_FALSE(who.refusal_before_body(chunked, at));
  std::size_t more = 0;
  for (int i = 0; i < 100; ++i) {
    auto x = large(gateway::new_token());
    x.peer = "10.0.0.2";
    more += who.refusal_before_body(x, at) ? 0 : 1;
  }
  CHECK(more == 10);
  // What is small is heard out, as long as not too many were wrong.
  auto small = large(gateway::new_token(), "500");
  small.peer = "10.0.0.3";
  for (int i = 0; i < 20; ++i)
    CHECK_FALSE(who.refusal_before_body(small, at));
}

TEST_CASE("what a token gives goes on as long as the token counts") {
  guarded_api x;
  const auto user = x.create("ann", "user", bearing(x.admin));
  gateway::identity ann{"ann", store::role::user, x.ids[user]};
  CHECK(x.api.services().still_counts({}));
  CHECK(x.api.services().still_counts(ann));
  CHECK(x.status_of("DELETE", "/v1/tokens/" + x.ids[user], x.admin) == 204);
  CHECK_FALSE(x.api.services().still_counts(ann));
  ann.token = "t_0000000000000000";
  CHECK_FALSE(x.api.services().still_counts(ann));
}

TEST_CASE("a list of tokens that cannot be read is not an empty one") {
  guarded_api x;
  const auto target = "/v1/tokens/" + x.ids[x.admin];
  CHECK(x.status_of("GET", "/v1/tokens/t_0000000000000000", x.admin) == 404);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((x.api.services().directory.database()).c_str(), &db) == SQLITE_OK);
  sqlite3_busy_timeout(db, 20'000); // The API writes there, too.
  // Who asks is found, but the row cannot be read by its id.
  x.api.services().access.reset();
  CHECK(x.status_of("GET", target, x.admin) == 200);
  CHECK(sqlite3_exec(db, "ALTER TABLE token RENAME TO lost", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(x.status_of("GET", target, x.admin) == 500);
  sqlite3_close(db);
}
