#include "service_fixture.hpp"
#include "support/api_contract.hpp"

#include <nlohmann/json.hpp>

#include <regex>

using namespace muster;
using namespace muster::test;

TEST_CASE("until it is open a service lives, says why it is not ready, and does nothing else") {
  service_fixture head{{false, {}}, false};
  head.service().set_not_ready("taking up workflows: 3 of 9");
  const auto alive = head.ask(get("/livez"));
  CHECK(alive.status == 200);
  CHECK(alive.body == "ok\n");
  const auto ready = head.ask(get("/readyz"));
  CHECK(ready.status == 503);
  CHECK(ready.headers.at("content-type") == "application/problem+json");
  CHECK(ready.headers.count("retry-after") == 1);
  const auto why = nlohmann::json::parse(ready.body);
  CHECK(why["code"] == "not_ready");
  CHECK_THAT(why["detail"].get<std::string>(), ContainsSubstring("3 of 9"));
  CHECK_THAT(head.ask(get("/readyz?verbose=true")).body, ContainsSubstring("[-]recovery taking up workflows: 3 of 9"));
  for (const auto& request :
       {get("/v1/workflows"), post("/v1/workflows", "{}"), get("/metrics"), get("/v1/events"), get("/nothing")}) {
    INFO(request);
    const auto later = head.ask(request);
    CHECK(later.status == 503);
    CHECK(later.headers.count("retry-after") == 1);
    CHECK(nlohmann::json::parse(later.body)["code"] == "not_ready");
    CHECK_THAT(later.body, ContainsSubstring("3 of 9"));
  }

  REQUIRE(head.service().open());
  CHECK(head.ask(get("/v1/workflows")).status == 200);
  CHECK(head.ask(get("/metrics")).status == 200);
  CHECK(head.ask(get("/nothing")).status == 404);
  CHECK(head.ask(get("/readyz")).status == 503); // Until that is said too.
  head.service().set_not_ready({});
  CHECK(head.ask(get("/readyz")).status == 200);
  head.service().set_not_ready("the head is being stopped");
  CHECK_THAT(head.ask(get("/readyz")).body, ContainsSubstring("being stopped"));
  CHECK(head.ask(get("/livez")).status == 200);
}

TEST_CASE("whatever is asked of a service that is not open is answered as the description of the API says") {
  service_fixture head{{false, {}}, false};
  head.service().set_not_ready("taking up workflows");
  const auto& contract = api_contract::instance();
  const auto operations = contract.operations();
  REQUIRE(operations.size() > 40);
  for (const auto& operation : operations) {
    INFO(operation);
    const auto method = operation.substr(0, operation.find(' '));
    const auto path = operation.substr(operation.find(' ') + 1);
    const auto target = std::regex_replace(path, std::regex{"\\{[^}]*\\}"}, "x");
    const auto got = head.ask(method + ' ' + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    const bool says_nothing_of_workflows = path == "/livez" || path == "/v1/openapi.json" || path == "/v1/version";
    CHECK(got.status == (says_nothing_of_workflows ? 200 : 503));
    for (const auto& problem : contract.check({method, path, static_cast<unsigned>(got.status), got.headers, got.body}))
      FAIL_CHECK(problem);
  }
}
