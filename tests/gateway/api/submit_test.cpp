#include "api_fixture.hpp"

#include "gateway/api/body.hpp"
#include "support/catch.hpp"

#include <fstream>

using namespace muster;
using namespace muster::test;

namespace {

const std::vector<std::pair<std::string, std::string>> yaml{{"Content-Type", "application/yaml"}};

/// A spec with one file that is named by `localpath`.
std::string spec_with_file(const std::string& localpath) {
  return "workflow:\n  name: files\n  tasks:\n  - name: t\n    image: none\n    command: [\"true\"]\n"
         "    files:\n    - {path: /tmp/x, localpath: \"" +
         localpath + "\"}\n";
}

std::string form(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string out;
  for (const auto& [name, body] : parts)
    out += "--edge\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"f\"\r\n\r\n" + body + "\r\n";
  return out + "--edge--\r\n";
}

answer send_form(const api_fixture& api, const std::string& body,
                 const std::string& type = "multipart/form-data; boundary=edge") {
  return api.ask("POST", "/v1/workflows", body, {{"Content-Type", type}});
}

} // namespace

TEST_CASE("a form that is put together anew is the same request") {
  const api_fixture api;
  const std::string spec = "workflow:\n  name: form\n  tasks:\n  - {name: t, image: none, command: [\"true\"], files: "
                           "[{path: /run.sh, localpath: run.sh}]}\n";
  const auto send = [&](const std::string& edge, const std::string& file, const std::string& options) {
    std::string body;
    for (const auto& [name, text] : {std::pair{"options", options}, {"spec", spec}, {"run.sh", file}})
      body += "--" + edge + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n";
    return api.ask("POST", "/v1/workflows", body + "--" + edge + "--\r\n",
                   {{"Content-Type", "multipart/form-data; boundary=" + edge}, {"Idempotency-Key", "k"}});
  };
  const auto first = send("one", "echo", "{}");
  INFO(first.text);
  REQUIRE(first.status == 201);
  const auto again = send("another", "echo", "{ }");
  CHECK(again.status == 200);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(again.body == first.body);
  CHECK(send("one", "echo more", "{}").status == 422);
  CHECK(send("one", "echo", R"({"no_cache": true})").status == 422);
  const auto dry = send("one", "echo", R"({"dry_run": true})");
  CHECK(dry.status == 200);
  CHECK(dry.body.contains("plan"));
  CHECK(api.get("/v1/workflows").body["items"].size() == 1);
}

TEST_CASE("checks leave a worker to others, and one user does not have all of the rest") {
  api_fixture api;
  api.services().set_places(4, 4);
  std::vector<gateway::places::place> held;
  const auto check = [&](const std::string& target) {
    return api.ask("POST", target, spec_of("x"), {{"Content-Type", "application/yaml"}}).status;
  };
  for (int i = 0; i < 3; ++i) {
    CHECK(check("/v1/validate") == 200);
    auto one = api.services().checks.take(i < 2 ? std::optional<std::string>{"ada"} : std::nullopt);
    REQUIRE(one);
    held.push_back(std::move(*one));
    if (i > 0)
      CHECK_FALSE(api.services().checks.take("ada"));
  }
  CHECK(check("/v1/validate") == 503);
  CHECK(check("/v1/workflows?dry_run=true") == 503);
  CHECK(check("/v1/workflows") == 201);
  held.pop_back();
  CHECK(check("/v1/workflows?dry_run=true") == 200);
}

TEST_CASE("a spec is taken as text with its options in the query, and as JSON") {
  const api_fixture api;
  const std::string templated =
      "workflow:\n  name: \"{{ name }}\"\n  tasks:\n  - {name: t, image: none, command: [\"{{ word }}\"]}\n"
      "default-values:\n  name: fallback\n  word: x\n";
  CHECK(api.ask("POST", "/v1/workflows?set-string=a", templated, yaml).status == 400);
  const auto text = api.ask("POST", "/v1/workflows?set=name=given&set_env=A=1&pool=local", templated, yaml);
  INFO(text.text);
  REQUIRE(text.status == 201);
  CHECK(text.body["id"] == "given-1");
  const auto object =
      api.post("/v1/workflows", {{"spec", templated}, {"set_string", {"name=given"}}, {"labels", {{"team", "blue"}}}});
  INFO(object.text);
  REQUIRE(object.status == 201);
  CHECK(object.body["id"] == "given-2");
  const auto stored = api.get("/v1/workflows/given-2").body;
  CHECK(stored["labels"] == json{{"team", "blue"}});
  CHECK(stored["options"]["set_string"] == json{"name=given"});
  CHECK(api.get("/v1/workflows?label=team=blue").body["items"].size() == 1);
  CHECK(api.get("/v1/workflows?label=team").body["items"].size() == 1);
  CHECK(api.get("/v1/workflows?label=team=red").body["items"].empty());
}

TEST_CASE("a spec that breaks rules is refused with every place") {
  const api_fixture api;
  const auto refused = api.ask("POST", "/v1/workflows",
                               "workflow:\n  name: x\n  tasks:\n  - {name: a, imagee: none}\n  - {name: a}\n", yaml);
  CHECK(refused.status == 422);
  CHECK(refused.body["code"] == "invalid_spec");
  REQUIRE(refused.body["errors"].size() > 1);
  CHECK(refused.body["errors"][0]["line"] == 4);
  CHECK(refused.body["errors"][0]["path"].get<std::string>().find("workflow.tasks[0]") == 0);
  const auto checked = api.ask("POST", "/v1/validate", "workflow: {}\n", yaml);
  CHECK(checked.status == 200);
  CHECK(checked.body["valid"] == false);
  CHECK(api.get("/v1/workflows").body["items"].empty());
}

TEST_CASE("a dry run shows the plan and submits nothing") {
  const api_fixture api;
  const std::string spec = "workflow:\n  name: chain\n  tasks:\n  - {name: a, image: none, command: [\"true\"]}\n"
                           "  - {name: b, image: none, command: [\"true\"], inputs: [{task: a}]}\n";
  for (const auto& got :
       {api.ask("POST", "/v1/workflows?dry_run=true", spec, yaml), api.ask("POST", "/v1/validate", spec, yaml)}) {
    INFO(got.text);
    REQUIRE(got.status == 200);
    CHECK(got.body["valid"] == true);
    CHECK(got.body["plan"]["group_count"] == 2);
    CHECK(got.body["plan"]["groups"][1]["upstream"] == json{"a-group"});
  }
  CHECK(api.get("/v1/workflows").body["items"].empty());
  const auto id = api.run(spec);
  CHECK(api.get("/v1/workflows/" + id + "/plan").body["groups"] ==
        api.ask("POST", "/v1/validate", spec, yaml).body["plan"]["groups"]);
}

TEST_CASE("files that a spec names come from the request, never from the head") {
  const api_fixture api;
  const auto secret = (api.state() / "secret").string();
  std::ofstream{secret} << "hidden";
  for (const auto& name : {secret, std::string{"secret"}, std::string{"../secret"}, std::string{"/etc/passwd"},
                           std::string{"/proc/self/environ"}, std::string{"file:///etc/passwd"}}) {
    const auto alone = api.ask("POST", "/v1/workflows", spec_with_file(name), yaml);
    CHECK(alone.status == 422);
    CHECK_THAT(alone.text, ContainsSubstring("was not sent with the spec"));
    CHECK(api.post("/v1/validate", {{"spec", spec_with_file(name)}}).body["valid"] == false);
    CHECK(send_form(api, form({{"spec", spec_with_file(name)}})).status == 422);
    CHECK(send_form(api, form({{"spec", spec_with_file(name)}, {"other", "x"}})).status == 422);
  }
  const auto sent = send_form(api, form({{"spec", spec_with_file("run.sh")}, {"run.sh", "echo\r\n--edg\r\n"}}));
  INFO(sent.text);
  REQUIRE(sent.status == 201);
  CHECK(api.get("/v1/workflows/files-1").body["options"]["files"] == json{"run.sh"});
  // As libcurl and browsers write a quote in a name.
  CHECK(send_form(api, form({{"spec", spec_with_file("a\\\"b.sh")}, {"a%22b.sh", "true\n"}})).status == 201);
  // A parameters file is a path of the client's; here it is no option at all.
  CHECK(api.post("/v1/workflows", {{"spec", spec_of("w")}, {"parameters_file", "/etc/passwd"}}).status == 400);
  CHECK(api.post("/v1/workflows", {{"spec", spec_of("w")}, {"parameters", "/etc/passwd"}}).status == 400);
  for (const auto* trick :
       {"{% include '/etc/passwd' %}", "{{ ''.__class__.__mro__ }}", "{% import '/etc/passwd' as x %}"}) {
    auto spec = spec_of("w") + "default-values: {a: b}\n";
    spec.replace(spec.find("true"), 4, trick);
    const auto got = api.post("/v1/workflows", {{"spec", spec}, {"dry_run", true}});
    INFO(got.text);
    CHECK(got.status == 422);
  }
  CHECK(api.post("/v1/workflows", {{"spec", "workflow: !include /etc/passwd\n"}}).status == 422);
}

TEST_CASE("a form that is not well-formed is refused") {
  const api_fixture api;
  const auto good = form({{"spec", spec_of("w")}, {"options", R"({"dry_run":true})"}});
  CHECK(send_form(api, good).status == 200);
  CHECK(send_form(api, "preamble\r\n" + good, "Multipart/Form-Data; charset=x; boundary=\"edge\"").status == 200);
  for (std::size_t cut = 0; cut < good.size() - 4; cut += 7)
    CHECK(send_form(api, good.substr(0, cut)).status == 400);
  for (const auto* type : {"multipart/form-data", "multipart/form-data; boundary=",
                           "multipart/form-data; boundary=other", "multipart/form-data; xboundary=edge"})
    CHECK(send_form(api, good, type).status == 400);
  for (const auto* type : {"text/html", "", ";", "application/x-www-form-urlencoded"})
    CHECK(send_form(api, good, type).status == 415);
  CHECK(send_form(api, form({{"spec", "a"}, {"spec", "b"}})).status == 400);
  CHECK(send_form(api, form({{"options", "{}"}})).status == 400);
  CHECK(send_form(api, form({{"spec", spec_of("w")}, {"options", "[]"}})).status == 400);
  CHECK(send_form(api, form({{"spec", spec_of("w")}, {"options", R"({"spec":"x"})"}})).status == 400);
  CHECK(send_form(api, "--edge\r\n\r\nno name\r\n--edge--").status == 400);
  CHECK(send_form(api, "--edge\r\nX: " + std::string(9000, 'x') + "\r\n\r\n\r\n--edge--").status == 400);
  std::vector<std::pair<std::string, std::string>> many{{"spec", spec_of("w")}};
  for (int i = 0; i < 1001; ++i)
    many.emplace_back("f" + std::to_string(i), "");
  CHECK(send_form(api, form(many)).status == 422);
}

TEST_CASE("bodies with wrong types, unknown members or hostile JSON are refused") {
  const api_fixture api;
  const auto spec = spec_of("w");
  for (const json& body :
       {json::array(), json("text"), json(1), json{{"spec", 1}}, json{{"spec", nullptr}}, json{{"spec", {"x"}}},
        json{{"spec", spec}, {"set", "a=1"}}, json{{"spec", spec}, {"set", {1}}}, json{{"spec", spec}, {"set", {"a"}}},
        json{{"spec", spec}, {"set", {"=1"}}}, json{{"spec", spec}, {"dry_run", "yes"}},
        json{{"spec", spec}, {"pool", 7}}, json{{"spec", spec}, {"profile", "slurm"}},
        json{{"spec", spec}, {"labels", {{"a", 1}}}}, json{{"spec", spec}, {"labels", {{"bad key!", "x"}}}},
        json{{"spec", spec}, {"labels", json::array()}}, json{{"spec", spec}, {"what", true}}, json{{"spec", ""}}}) {
    const auto got = api.post("/v1/workflows", body);
    INFO(body.dump() << got.text);
    CHECK(got.status == 400);
  }
  const auto send = [&api](const std::string& text) {
    return api.ask("POST", "/v1/workflows", text, {{"Content-Type", "application/json"}}).status;
  };
  CHECK(send("") == 400);
  CHECK(send("{") == 400);
  CHECK(send("{\"spec\":\"\xff\xfe\"}") == 400);
  CHECK(send(std::string(1'000'000, '[')) == 400);
  CHECK(send("{\"spec\":" + std::string(100'000, '{')) == 400);
  CHECK(send("{\"spec\":1e999999}") == 400);
  CHECK(send("{\"spec\":99999999999999999999999999999999999999}") == 400);
  json many{{"spec", spec}, {"set", json::array()}};
  for (int i = 0; i < 10'000; ++i)
    many["set"].push_back("k" + std::to_string(i) + "=1");
  CHECK(api.post("/v1/workflows", many).status == 422);
  std::string query = "/v1/workflows?dry_run";
  for (int i = 0; i < 10'000; ++i)
    query += "&set=k=1";
  CHECK(api.ask("POST", query, spec, yaml).status == 422);
  CHECK(api.get("/v1/workflows").body["items"].empty());
}

TEST_CASE("a submission with a key is accepted once") {
  const api_fixture api;
  const auto send = [&api](const std::string& key, const std::string& spec,
                           const std::string& target = "/v1/workflows") {
    return api.ask("POST", target, spec, {{"Content-Type", "application/yaml"}, {"Idempotency-Key", key}});
  };
  const auto first = send("k1", spec_of("once"));
  REQUIRE(first.status == 201);
  const auto again = send("k1", spec_of("once"));
  CHECK(again.status == 200);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(again.header("Location") == first.header("Location"));
  CHECK(again.body == first.body);
  const auto other = send("k1", spec_of("other"));
  CHECK(other.status == 422);
  CHECK(other.body["code"] == "idempotency_mismatch");
  CHECK(send("k1", spec_of("once"), "/v1/workflows?pool=local").status == 422);
  CHECK(send("k2", spec_of("once")).body["id"] == "once-2");
  CHECK(send("k1", spec_of("other"), "/v1/workflows?dry_run").status == 200); // Which uses up no key.
  CHECK(send("", spec_of("once")).status == 400);
  CHECK(send(std::string(256, 'k'), spec_of("once")).status == 400);
  CHECK(send("\xff", spec_of("once")).status == 400);
  CHECK(api.get("/v1/workflows?name=once").body["items"].size() == 2);
}

TEST_CASE("what was accepted under a key is told again by a head that can accept nothing more") {
  api_fixture api;
  const auto send = [&api](const std::string& spec) {
    return api.ask("POST", "/v1/workflows", spec, {{"Content-Type", "application/yaml"}, {"Idempotency-Key", "k1"}});
  };
  const auto first = send(spec_of("once"));
  REQUIRE(first.status == 201);
  const auto rows = api.get("/v1/audit").body["items"].size();
  api.stop();
  const auto again = send(spec_of("once"));
  CHECK(again.status == 200);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(again.body == first.body);
  CHECK(send(spec_of("other")).status == 503);
  CHECK(api.get("/v1/audit").body["items"].size() == rows); // Nothing was done, and nothing was written down.
}

TEST_CASE("a body of another type is refused as that") {
  const api_fixture api;
  (void)api.run(spec_of("w"));
  const auto code = [&api](const std::string& method, const std::string& target, const std::string& type,
                           const std::string& body = "{}") {
    const auto got =
        type.empty() ? api.ask(method, target, body) : api.ask(method, target, body, {{"Content-Type", type}});
    INFO(method << ' ' << target << ' ' << type << ' ' << got.text);
    CHECK(got.status == 415);
    CHECK_THAT(got.body["detail"].get<std::string>(), ContainsSubstring("application/json"));
    return got.body["code"];
  };
  for (const auto* type : {"", "text/html", "application/x-www-form-urlencoded", "application/jsonx", "json"}) {
    CHECK(code("POST", "/v1/workflows", type, spec_of("w")) == "unsupported_media_type");
    CHECK(code("POST", "/v1/validate", type, spec_of("w")) == "unsupported_media_type");
    CHECK(code("POST", "/v1/tokens", type) == "unsupported_media_type");
    CHECK(code("POST", "/v1/workflows/w-1/restart", type) == "unsupported_media_type");
    CHECK(code("PUT", "/v1/log-levels", type) == "unsupported_media_type");
  }
  CHECK(code("POST", "/v1/workflows", "", "") == "unsupported_media_type");
  CHECK(code("POST", "/v1/tokens", "application/yaml") == "unsupported_media_type");
  CHECK(api.ask("POST", "/v1/workflows/w-1/restart").status == 201); // There is no body to be of a type.
  CHECK(api.ask("POST", "/v1/workflows/w-1/restart", "{}", {{"Content-Type", "Application/JSON; charset=utf-8"}})
            .status == 201);
}

TEST_CASE("a workflow that is submitted without the cache runs its tasks, and serves later ones") {
  const api_fixture api;
  const std::string spec =
      "workflow:\n  name: same\n  tasks:\n  - {name: t, cache: true, image: none, command: [\"true\"]}\n";
  const auto run = [&](bool no_cache) {
    const auto got = api.post("/v1/workflows", {{"spec", spec}, {"no_cache", no_cache}});
    INFO(got.text);
    REQUIRE(got.status == 201);
    const std::string id = got.body["id"];
    CHECK(api.wait(id) == status::completed);
    return api.get("/v1/workflows/" + id + "/tasks/t/explain").body["cache"]["text"].get<std::string>();
  };
  CHECK(run(false) == "no earlier task is like it");
  CHECK(run(false) == "cached: same as same-1 t");
  CHECK(run(true) == "--no-cache was given");
  CHECK(run(false).find("cached: same as same-3 t") == 0);
}

TEST_CASE("objects with too many members are refused before they cost anything") {
  const auto object = [](std::size_t members) {
    std::string out = "{";
    for (std::size_t i = 0; i < members; ++i)
      out += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\":\"a:{b,[c\"";
    return out + "}";
  };
  CHECK(gateway::parse_json(object(10'000)));
  const auto many = gateway::parse_json(object(10'002));
  REQUIRE_FALSE(many);
  CHECK(many.failure().code == ec::invalid_argument);
  CHECK_THAT(many.failure().message, ContainsSubstring("too many members"));
  std::string list = "[";
  for (int i = 0; i < 10; ++i)
    list += object(5'000) + ",";
  CHECK_FALSE(gateway::parse_json(list + "0]"));
  // A long list of small objects is what a spec may be.
  list = "[";
  for (int i = 0; i < 50'000; ++i)
    list += R"({"a":1,"b":{"c":2}},)";
  CHECK(gateway::parse_json(list + "0]"));
  CHECK_FALSE(gateway::parse_json(std::string(65, '[') + std::string(65, ']')));
  CHECK(gateway::parse_json(std::string(64, '[') + std::string(64, ']')));
}
