#include "support/catch.hpp"

#include "muster/event/json.hpp"

#include <nlohmann/json.hpp>

using namespace muster;

TEST_CASE("an event is one line with stable names") {
  event x;
  x.seq.value = 12;
  x.time = timestamp{duration{1'700'000'000'042'999}};
  x.type = event_type::task_status;
  x.status = status::failed;
  x.attempt = 1;
  x.exit_code = 3;
  x.text = "said \"no\"\n";
  x.node = "local";
  x.address = "127.0.0.2";
  x.gpus = "0,3";
  CHECK(to_json(x, {"flow-1", "g", "t"}) ==
        R"({"seq":12,"time":"2023-11-14T22:13:20.042Z","type":"task.status","workflow":"flow-1","group":"g",)"
        R"("task":"t","attempt":1,"status":"FAILED","exit_code":3,"reason":"said \"no\"\n","node":"local",)"
        R"("address":"127.0.0.2","gpus":"0,3"})");
}

TEST_CASE("what does not apply is left out") {
  event x;
  x.seq.value = 1;
  x.type = event_type::workflow_resumed;
  CHECK(to_json(x, {"flow-1", "", ""}) ==
        R"({"seq":1,"time":"1970-01-01T00:00:00.000Z","type":"workflow.resumed","workflow":"flow-1"})");
}

TEST_CASE("exit code 0 and attempt 0 are told") {
  event x;
  x.type = event_type::task_status;
  x.exit_code = 0;
  const auto parsed = nlohmann::json::parse(to_json(x, {}));
  CHECK(parsed.at("exit_code") == 0);
  CHECK(parsed.at("attempt") == 0);
}

TEST_CASE("hostile bytes make valid JSON") {
  event x;
  x.type = event_type::workflow_status;
  for (int first = 0; first < 256; ++first)
    for (const auto* rest : {"", "\x80", "\xa0\x80", "\x80\x80\x80", "\xff", "\"\\"}) {
      x.text = std::string(1, static_cast<char>(first)) + rest;
      const auto line = to_json(x, {x.text, x.text, x.text});
      CHECK(line.find('\n') == std::string::npos);
      const auto parsed = nlohmann::json::parse(line, nullptr, false);
      REQUIRE_FALSE(parsed.is_discarded());
    }
  x.text = "a\xff\xc3\xa9\xe2\x82";
  CHECK(nlohmann::json::parse(to_json(x, {})).at("reason") == "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("times before 1970 and far ahead are written") {
  CHECK(to_rfc3339(timestamp{duration{-1}}) == "1969-12-31T23:59:59.999Z");
  CHECK(to_rfc3339(timestamp{duration{951'782'400'000'000}}) == "2000-02-29T00:00:00.000Z");
  CHECK_FALSE(to_rfc3339(timestamp::max()).empty());
  CHECK_FALSE(to_rfc3339(timestamp::min()).empty());
}

TEST_CASE("GPU indices round-trip as text") {
  CHECK(gpus_to_text({}).empty());
  CHECK(gpus_to_text({0, 13}) == "0,13");
  CHECK(gpus_from_text("0,13") == std::vector<std::uint32_t>{0, 13});
  CHECK(gpus_from_text("").empty());
  CHECK(gpus_from_text("x,2,,3y,4") == std::vector<std::uint32_t>{2, 4});
}
