#include "api_fixture.hpp"

#include "support/catch.hpp"

#include <chrono>

#include <regex>
#include <set>
#include <sstream>

using namespace muster;
using namespace muster::test;

namespace {

const std::regex time_text{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"};

/// Checks that it is a problem document with that code.
void check_problem(const answer& x, unsigned wanted, const std::string& code) {
  INFO(x.text);
  CHECK(x.status == wanted);
  CHECK(x.header("Content-Type") == "application/problem+json");
  CHECK(x.body["code"] == code);
  CHECK(x.body["type"] == "urn:muster:problem:" + code);
  CHECK(x.body["status"] == wanted);
  CHECK_FALSE(x.body["detail"].get<std::string>().empty());
  CHECK(x.body["instance"] == "r1");
}

} // namespace

TEST_CASE("of the groups before a group a thousand are named, and all are counted") {
  const api_fixture api;
  std::string spec = spec_of("wide", 1001);
  std::string inputs;
  for (int i = 0; i < 1001; ++i)
    inputs += (i == 0 ? "{task: t" : ", {task: t") + std::to_string(i) + "}";
  for (int i = 0; i < 12; ++i)
    spec += "  - {name: last" + std::to_string(i) + ", image: none, command: [\"true\"], inputs: [" + inputs + "]}\n";
  const auto id = api.run(spec);
  const auto group = api.get("/v1/workflows/" + id + "/groups/last0-group").body;
  CHECK(group["upstream"].size() == 1000);
  CHECK(group["upstream"][999] == "t999-group");
  CHECK(group["upstream_count"] == 1001);
  std::size_t seen = 0;
  std::size_t pages = 0;
  for (json next = ""; !next.is_null(); ++pages) {
    const auto page =
        api.get("/v1/workflows/" + id + "/plan?limit=1000" + (next == "" ? "" : "&cursor=" + next.get<std::string>()))
            .body;
    std::size_t names = 0;
    for (const auto& one : page["groups"])
      names += one["upstream"].size();
    CHECK(names <= 10'000);
    seen += page["groups"].size();
    if (!page["groups"].empty() && page["groups"].back()["name"] == "last11-group")
      CHECK(page["groups"].back()["upstream_count"] == 1001);
    next = page["next"];
  }
  CHECK(seen == 1013);
  CHECK(pages >= 3);
  const auto planned = api.ask("POST", "/v1/validate", spec, {{"Content-Type", "application/yaml"}}).body["plan"];
  CHECK(planned["group_count"] == 1013);
}

TEST_CASE("a task that waits names some of those that it waits for") {
  const api_fixture api;
  std::string spec = "workflow:\n  name: wait\n  tasks:\n";
  std::string inputs;
  for (int i = 0; i < 40; ++i) {
    const bool quick = i % 8 != 7;
    spec += "  - {name: t" + std::to_string(i) +
            ", image: none, command: [\"true\"], environment: "
            "{MUSTER_NULL_DURATION: " +
            (quick ? "1ms" : "1h") + "}}\n";
    inputs += (i == 0 ? "{task: t" : ", {task: t") + std::to_string(i) + "}";
  }
  for (const auto* name : {"a", "b"})
    spec += std::string{"  - {name: "} + name + ", image: none, command: [\"true\"], inputs: [" + inputs + "]}\n";
  const auto id = api.submit(spec);
  const auto target = "/v1/workflows/" + id + "/tasks";
  const std::string expected = "waits for t7-group, t15-group, t23-group and others";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  json one;
  do
    one = api.get(target + "/a").body;
  while (one["waits_for"] != expected && std::chrono::steady_clock::now() < deadline);
  CHECK(one["waits_for"] == expected);
  const auto all = api.get(target + "?limit=1000").body["items"];
  REQUIRE(all.size() == 42);
  CHECK(all[40]["waits_for"] == expected);
  CHECK(all[41]["waits_for"] == expected);
}

TEST_CASE("a workflow is submitted, listed and read with its groups, tasks and attempts") {
  const api_fixture api;
  const auto accepted = api.ask("POST", "/v1/workflows", spec_of("first", 3), {{"Content-Type", "application/yaml"}});
  REQUIRE(accepted.status == 201);
  CHECK(accepted.body["id"] == "first-1");
  CHECK(accepted.header("Location") == "/v1/workflows/first-1");
  CHECK(accepted.header("X-Request-Id") == "r1");
  CHECK(api.wait("first-1") == status::completed);

  const auto list = api.get("/v1/workflows");
  REQUIRE(list.status == 200);
  REQUIRE(list.body["items"].size() == 1);
  CHECK(list.body["next"].is_null());
  CHECK(list.body["items"][0]["id"] == "first-1");
  CHECK(list.body["items"][0]["status"] == "COMPLETED");
  for (const auto* target :
       {"/v1/workflows", "/v1/pools", "/v1/pools/local", "/v1/nodes", "/v1/nodes/local", "/v1/workflows/first-1/tasks"})
    CHECK(std::stoull(api.get(target).header("X-Muster-Seq")) == std::stoull(list.header("X-Muster-Seq")));
  CHECK(std::stoull(list.header("X-Muster-Seq")) > 0);

  const auto one = api.get("/v1/workflows/first-1");
  REQUIRE(one.status == 200);
  CHECK(one.body["tasks"] == 3);
  CHECK(one.body["task_counts"] == json{{"COMPLETED", 3}});
  CHECK(std::regex_match(one.body["submitted"].get<std::string>(), time_text));
  CHECK(one.body["cancel"].is_null());
  CHECK_FALSE(one.header("ETag").empty());

  const auto groups = api.get("/v1/workflows/first-1/groups");
  REQUIRE(groups.body["items"].size() == 3);
  CHECK(groups.body["items"][1]["name"] == "t1-group");
  const auto group = api.get("/v1/workflows/first-1/groups/t1-group");
  CHECK(group.body["members"] == json{"t1"});
  CHECK(group.body["lead"] == "t1");

  const auto tasks = api.get("/v1/workflows/first-1/tasks");
  REQUIRE(tasks.body["items"].size() == 3);
  CHECK(tasks.body["items"][2]["group"] == "t2-group");
  const auto task = api.get("/v1/workflows/first-1/tasks/t2");
  CHECK(task.body["attempt"]["exit_code"] == 0);
  CHECK(task.body["attempts"] == 1);
  const auto attempts = api.get("/v1/workflows/first-1/tasks/t2/attempts");
  REQUIRE(attempts.body["items"].size() == 1);
  CHECK(attempts.body["items"][0] == api.get("/v1/workflows/first-1/tasks/t2/attempts/0").body);

  const auto spec = api.get("/v1/workflows/first-1/spec");
  CHECK(spec.header("Content-Type") == "application/yaml");
  CHECK(spec.text == spec_of("first", 3));
}

TEST_CASE("lists are read page by page, without a gap and without a repetition") {
  const api_fixture api;
  for (int i = 0; i < 7; ++i)
    (void)api.run(spec_of(i % 2 == 0 ? "even" : "odd", 5));
  const auto read_all = [&api](const std::string& target) {
    std::vector<std::string> found;
    for (std::string cursor, next; found.size() < 100; cursor = next) {
      const auto page = api.get(target + (cursor.empty() ? "" : "&cursor=" + cursor));
      REQUIRE(page.status == 200);
      for (const auto& x : page.body["items"])
        found.push_back(x.contains("id") ? x["id"] : x["name"]);
      if (page.body["next"].is_null())
        break;
      next = page.body["next"];
    }
    return found;
  };
  CHECK(read_all("/v1/workflows?limit=2") ==
        std::vector<std::string>{"even-4", "odd-3", "even-3", "odd-2", "even-2", "odd-1", "even-1"});
  CHECK(read_all("/v1/workflows?limit=2&name=odd") == std::vector<std::string>{"odd-3", "odd-2", "odd-1"});
  CHECK(read_all("/v1/workflows?limit=1&status=running").empty());
  CHECK(read_all("/v1/workflows?limit=3&unfinished").empty());
  CHECK(read_all("/v1/workflows/odd-1/tasks?limit=2") == std::vector<std::string>{"t0", "t1", "t2", "t3", "t4"});
  CHECK(read_all("/v1/workflows/odd-1/tasks?limit=2&status=COMPLETED,failed") ==
        std::vector<std::string>{"t0", "t1", "t2", "t3", "t4"});
  CHECK(read_all("/v1/workflows/odd-1/tasks?limit=2&status=FAILED").empty());
  CHECK(read_all("/v1/workflows/odd-1/tasks?limit=2&failed=true").empty());
  CHECK(read_all("/v1/workflows/odd-1/tasks?limit=2&failed=false").size() == 5);
  CHECK(api.get("/v1/workflows/odd-1/groups?failed=true").status == 400); // Of tasks alone.
  CHECK(read_all("/v1/workflows/odd-1/groups?limit=4").size() == 5);
}

TEST_CASE("a cursor serves only the list that gave it") {
  const api_fixture api;
  for (int i = 0; i < 3; ++i)
    (void)api.run(spec_of("w", 3));
  const std::string cursor = api.get("/v1/workflows?limit=1").body["next"];
  CHECK(api.get("/v1/workflows?limit=2&cursor=" + cursor).status == 200);
  check_problem(api.get("/v1/workflows?name=w&cursor=" + cursor), 400, "invalid_argument");
  check_problem(api.get("/v1/workflows/w-1/tasks?cursor=" + cursor), 400, "invalid_argument");
  auto changed = cursor;
  changed.front() = changed.front() == '9' ? '8' : static_cast<char>(changed.front() + 1);
  check_problem(api.get("/v1/workflows?cursor=" + changed), 400, "invalid_argument");
  for (const auto* text : {"", "1", "-", "x-y", "99999999999999999999999-0", "%00", "%FF%FE"})
    if (const auto parsed = std::string{text}; parsed != "%00")
      check_problem(api.get("/v1/workflows?cursor=" + parsed), 400, "invalid_argument");
}

TEST_CASE("what a query may not hold is refused by name") {
  const api_fixture api;
  (void)api.run(spec_of("w"));
  for (const auto* query : {"limit=0", "limit=1001", "limit=-1", "limit=ten", "limit=1e2",
                            "limit=", "limit=99999999999999999999", "limit=1&limit=2", "status=SLEEPING",
                            "status=unspecified", "unfinished=maybe", "name=%FF", "what=1", "limitt=1"})
    check_problem(api.get(std::string{"/v1/workflows?"} + query), 400, "invalid_argument");
  CHECK(api.get("/v1/workflows?limitt=1").body["detail"].get<std::string>().find("'limit'") != std::string::npos);
  check_problem(api.get("/v1/workflows/w-1?verbose=1"), 400, "invalid_argument");
}

TEST_CASE("what is not there is a problem document") {
  const api_fixture api;
  (void)api.run(spec_of("w"));
  for (const auto* target :
       {"/v1/workflows/x-1", "/v1/workflows/w-01", "/v1/workflows/w-99999999999999999999",
        "/v1/workflows/..%2F..%2Fetc", "/v1/workflows/%FF%FE", "/v1/workflows/w-1/tasks/none",
        "/v1/workflows/w-1/tasks/..%2F..", "/v1/workflows/w-1/groups/none", "/v1/workflows/w-1/groups/%C0%AF",
        "/v1/workflows/w-1/tasks/t0/attempts/1", "/v1/workflows/w-1/tasks/t0/attempts/00",
        "/v1/workflows/w-1/tasks/t0/attempts/-1", "/v1/workflows/w-1/tasks/t0/attempts/99999999999999999999",
        "/v1/workflows/w-1/tasks/t0/result", "/v1/nothing", "/v2/workflows"})
    check_problem(api.get(target), 404, "not_found");
  check_problem(api.get("/v1/workflows/" + std::string(30'000, 'a') + "-1"), 404, "not_found");
  const auto wrong = api.ask("PATCH", "/v1/workflows/w-1");
  check_problem(wrong, 405, "method_not_allowed");
  CHECK(wrong.header("Allow").find("GET") != std::string::npos);
}

TEST_CASE("without a head everything can be read and nothing changed") {
  api_fixture api;
  (void)api.run(spec_of("w"));
  api.stop();
  CHECK(api.get("/v1/workflows/w-1/tasks/t0").status == 200);
  check_problem(api.post("/v1/workflows/w-1/retry", json::object()), 503, "unavailable");
  CHECK(api.post("/v1/workflows/w-1/retry", json::object()).header("Retry-After") == "1");
  check_problem(api.ask("POST", "/v1/workflows", spec_of("w"), {{"Content-Type", "application/yaml"}}), 503,
                "unavailable");
}

TEST_CASE("a page of a plan ends by its tasks, too") {
  const api_fixture api;
  std::string spec = "workflow:\n  name: wide\n  groups:\n";
  for (int g = 0; g < 5; ++g) {
    spec += "  - name: g" + std::to_string(g) + "\n    tasks:\n";
    for (int t = 0; t < 3000; ++t)
      spec += "    - {name: t" + std::to_string(g) + "x" + std::to_string(t) + ", image: none, command: [x]" +
              (t == 0 ? ", lead: true}\n" : "}\n");
  }
  const auto dry = api.ask("POST", "/v1/workflows?dry_run", spec, {{"Content-Type", "application/yaml"}});
  REQUIRE(dry.status == 200);
  CHECK(dry.body["plan"]["groups"].size() == 3);
  CHECK(dry.body["plan"]["group_count"] == 5);
  const auto id = api.submit(spec);
  std::vector<std::size_t> pages;
  std::size_t tasks = 0;
  for (std::string more; pages.size() < 9;) {
    const auto page = api.get("/v1/workflows/" + id + "/plan" + more);
    REQUIRE(page.status == 200);
    pages.push_back(page.body["groups"].size());
    for (const auto& g : page.body["groups"])
      tasks += g["tasks"].size();
    if (page.body["next"].is_null())
      break;
    more = "?cursor=" + page.body["next"].get<std::string>();
  }
  CHECK(pages == std::vector<std::size_t>{3, 2});
  CHECK(tasks == 15'000);
}

TEST_CASE("a scrape is as long after many tasks as after few, and has no name of any") {
  const api_fixture api;
  const auto series = [&api] {
    std::vector<std::string> out;
    std::istringstream text{api.get("/metrics").text};
    for (std::string line; std::getline(text, line);)
      if (!line.empty() && line.front() != '#')
        out.push_back(line.substr(0, line.rfind(' ')));
    return out;
  };
  REQUIRE(api.wait(api.submit(spec_of("few", 3))) == status::completed);
  const auto few = series();
  CHECK(few.size() > 100);
  REQUIRE(api.wait(api.submit(spec_of("many", 5'000))) == status::completed);
  CHECK(series() == few);
  CHECK_THAT(api.get("/metrics").text, !ContainsSubstring("many") && ContainsSubstring("muster_tasks{"));
}
