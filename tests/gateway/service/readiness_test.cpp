#include "service_fixture.hpp"

#include <nlohmann/json.hpp>

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
