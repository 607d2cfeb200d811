#include "event_fixture.hpp"

#include "gateway/api/services.hpp"
#include "gateway/events/routes.hpp"
#include "gateway/http/target.hpp"
#include "support/api_contract.hpp"
#include "support/json_schema.hpp"

#include <nlohmann/json.hpp>

#include <sstream>

using namespace muster;
using namespace muster::test;
using namespace muster::gateway;
using nlohmann::json;

namespace {

struct route_fixture : event_fixture {
  std::shared_ptr<services> with = std::make_shared<services>(directory);
  http::router routes;

  route_fixture() {
    happen(9);
    stream_client{*feed, from(1)}.read_to(10);
    with->feed = std::move(feed);
    add_event_routes(routes, with);
  }

  http::response get(const std::string& query,
                     const std::vector<std::pair<std::string, std::string>>& headers = {}) const {
    auto parsed = http::parse_target("/v1/events" + query);
    REQUIRE(parsed);
    http::request x;
    x.method = "GET";
    x.path = std::move(parsed->path);
    x.parts = std::move(parsed->parts);
    x.query = std::move(parsed->query);
    x.id = "r1";
    for (const auto& [name, value] : headers)
      x.headers.emplace(name, value);
    return routes.route(x);
  }

  /// What a request streams now: numbers of events.
  std::vector<std::uint64_t> events(const std::string& query,
                                    std::vector<std::pair<std::string, std::string>> headers = {}) const {
    headers.emplace_back("Accept", "text/event-stream");
    auto got = get(query, headers);
    INFO(got.body);
    REQUIRE(got.status == 200);
    stream_client x{std::move(got.stream)};
    CHECK(x.drain() == http::body_stream::next::wait);
    return x.events();
  }
};

std::string header(const http::response& x, const char* name) {
  const auto found = x.headers.find(name);
  return found == x.headers.end() ? "" : found->second;
}

} // namespace

TEST_CASE("events are streamed from where the client asks") {
  const route_fixture f;
  CHECK(f.events("?after=4") == all_of(5, 10));
  CHECK(f.events("?from=earliest") == all_of(1, 10));
  CHECK(f.events("?after=0") == all_of(1, 10));
  CHECK(f.events("?from=now").empty());
  CHECK(f.events("").empty());
  CHECK(f.events("?after=2", {{"Last-Event-ID", "7"}}) == all_of(8, 10));
  CHECK(f.events("", {{"Last-Event-ID", "9"}}) == all_of(10, 10));
  CHECK(f.events("?from=earliest&type=workflow.submitted") == all_of(1, 1));
  CHECK(f.events("?from=earliest&workflow=flow-1&type=workflow.resumed,task.status") == all_of(2, 10));
  CHECK(f.events("?from=earliest&workflow=flow-1&task=one").empty());
}

TEST_CASE("event streams have places") {
  const route_fixture f;
  f.with->set_places(8, 1);
  std::vector<http::response> open;
  for (int i = 0; i < 4; ++i) {
    open.push_back(
        f.get(i == 0 ? "?wait=60" : "", {{"Accept", i == 0 ? "application/cloudevents-batch+json" : "*/*"}}));
    REQUIRE(open.back().status == 200);
  }
  const auto refused = f.get("");
  CHECK(refused.status == 503);
  CHECK_FALSE(header(refused, "Retry-After").empty());
  open.pop_back();
  CHECK(f.get("").status == 200);
}

TEST_CASE("events come in the form that is asked for") {
  const route_fixture f;
  auto sse = f.get("?after=9", {{"Accept", "text/html, text/event-stream;q=0.9"}});
  CHECK(header(sse, "Content-Type") == "text/event-stream");
  CHECK(header(sse, "X-Muster-Seq") == "9");
  CHECK(header(sse, "X-Muster-Log-Id") == f.with->feed->log_id());
  CHECK(header(sse, "X-Accel-Buffering") == "no");
  CHECK(header(sse, "Cache-Control") == "no-store");
  CHECK(header(f.get(""), "Content-Type") == "application/x-ndjson");
  CHECK(header(f.get("", {{"Accept", "*/*"}}), "Content-Type") == "application/x-ndjson");
  auto page = f.get("?after=9&limit=5&wait=30", {{"Accept", "application/cloudevents-batch+json"}});
  CHECK(header(page, "Content-Type") == "application/cloudevents-batch+json");
  stream_client x{std::move(page.stream)};
  CHECK(x.drain() == http::body_stream::next::end);
  CHECK(json::parse(x.text).at(0)["id"] == "10");
  CHECK(f.get("", {{"Accept", "image/png"}}).status == 406);
}

TEST_CASE("an event is the same in each form, and as it is described") {
  route_fixture f;
  f.append(event_type::task_status, f.first, 1, status::processing);
  f.append(event_type::group_status, f.first, 0, status::running);
  event x;
  x.type = event_type::task_status;
  x.workflow = f.first;
  x.status = status::failed;
  x.exit_code = 7;
  x.text = "exit code 7, \"quoted\"";
  x.node = "n1";
  x.gpus = "0,1";
  x.time = timestamp{duration{1'700'000'000'123'999}};
  must(f.writer.append(x));
  must(f.writer.commit());
  f.with->feed->notify();
  stream_client{*f.with->feed, from(10)}.read_to(13);

  const auto body = [&](const char* accept) {
    stream_client client{std::move(f.get("?after=9&limit=4", {{"Accept", accept}}).stream)};
    (void)client.drain();
    return client.text;
  };
  std::istringstream sse{body("text/event-stream")};
  std::istringstream lines{body("application/x-ndjson")};
  const auto batch = nlohmann::ordered_json::parse(body("application/cloudevents-batch+json"));
  REQUIRE(batch.size() == 5);
  const auto& schemas = api_contract::instance().document().at("components").at("schemas");
  const json_schema schema{api_contract::instance().document()};
  CHECK(schema.check(batch[4], schemas.at("CloudEvent")).empty());
  std::string last;
  for (std::size_t i = 0; i < 4; ++i) {
    std::string line;
    REQUIRE(std::getline(lines, line));
    const auto event = nlohmann::ordered_json::parse(line);
    CHECK(schema.check(event, schemas.at("Event")).empty());
    CHECK(batch[i]["data"] == event);
    CHECK(batch[i]["time"] == event["time"]);
    CHECK(schema.check(batch[i], schemas.at("CloudEvent")).empty());
    std::string data;
    while (std::getline(sse, data) && data.rfind("data: ", 0) != 0) {
    }
    CHECK(data.substr(6) == line);
    last = line;
  }
  CHECK_THAT(last, ContainsSubstring("\"time\":\"2023-11-14T22:13:20.123Z\""));
}

TEST_CASE("what was removed, or is of another log, is gone") {
  route_fixture f;
  must(f.writer.compact({5}, 100));
  must(f.writer.commit());
  CHECK(f.events("?after=5") == all_of(6, 10));
  CHECK(f.events("?from=earliest") == all_of(6, 10));
  for (const auto& got :
       {f.get("?after=4"), f.get("?after=0"), f.get("", {{"Last-Event-ID", "4"}}), f.get("?after=11"),
        f.get("?after=7", {{"Muster-Log-Id", "another"}}), f.get("", {{"X-Muster-Log-Id", "another"}})}) {
    CHECK(got.status == 410);
    CHECK(header(got, "Content-Type") == "application/problem+json");
    const auto body = json::parse(got.body);
    CHECK(body["code"] == "gone");
    CHECK(body["earliest_seq"] == 6);
    CHECK(body["log_id"] == f.with->feed->log_id());
  }
  CHECK(f.events("?after=7", {{"Muster-Log-Id", f.with->feed->log_id()}}) == all_of(8, 10));
}

TEST_CASE("requests for events that make no sense are refused") {
  const route_fixture f;
  for (const char* query :
       {"?after=x", "?after=-1", "?after=1&from=now", "?from=yesterday", "?type=task.exploded", "?task=one", "?wait=61",
        "?limit=0", "?limit=1001", "?colour=red", "?after=18446744073709551615"})
    if (const auto got = f.get(query); got.status != 400)
      FAIL(query << " -> " << got.status);
  CHECK(f.get("", {{"Last-Event-ID", "seven"}}).status == 400);
  CHECK(f.get("?workflow=nobody-1").status == 404);
  std::string many = "?after=1";
  for (int i = 0; i < 101; ++i)
    many += "&type=task.status";
  CHECK(f.get(many).status == 400);
}

TEST_CASE("without a head there are no event streams") {
  route_fixture f;
  f.with->feed.reset();
  CHECK(f.get("").status == 503);
}
