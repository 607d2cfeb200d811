#include "api_fixture.hpp"

#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;

TEST_CASE("the results of steps of any kind are read by their paths") {
  const api_fixture api;
  const auto id =
      api.run("workflow:\n  name: r\n  steps:\n"
              "  - {name: one, image: none, command: [x], environment: {MUSTER_NULL_RESULT: '{\"a\": 1}'}}\n"
              "  - name: each\n    foreach: [1, 2]\n    reduce: sum\n    image: none\n    command: [x]\n"
              "    environment: {MUSTER_NULL_RESULT: '{{item}}'}\n"
              "  - {name: none, image: none, command: [x]}\n");
  const auto of = [&](const std::string& step) { return api.get("/v1/workflows/" + id + "/result?step=" + step); };
  CHECK(of("one").body == json{{"a", 1}});
  CHECK(of("each").body == 3);
  CHECK(of("each.1").body == 2);
  const auto whole = api.get("/v1/workflows/" + id + "/result");
  CHECK(whole.status == 200);
  CHECK(whole.body == json{{"a", 1}, {"each", 3}});
  CHECK(of("none").status == 404);
  CHECK(of("nowhere").status == 404);
  CHECK(api.get("/v1/workflows/" + id + "/result?steps=one").status == 400);
  CHECK(api.get("/v1/workflows/other-1/result").status == 404);
}
