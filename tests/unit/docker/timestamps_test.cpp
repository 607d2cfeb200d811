#include "executors/docker/engine/timestamps.hpp"

#include "support/catch.hpp"

#include <ctime>

using namespace muster::docker;

namespace {

std::int64_t nanos(std::string_view text) {
  const auto at = parse_timestamp(text);
  return at ? at->time_since_epoch().count() : -1;
}

} // namespace

TEST_CASE("times of the Engine are read to the nanosecond") {
  CHECK(nanos("1970-01-01T00:00:00Z") == 0);
  CHECK(nanos("2026-01-02T03:04:05.123456789Z") == 1'767'323'045'123'456'789);
  CHECK(nanos("2026-01-02T03:04:05.1Z") == 1'767'323'045'100'000'000);
  CHECK(nanos("2024-02-29T23:59:59.000000001Z") == 1'709'251'199'000'000'001);
  CHECK(nanos("2026-01-02T04:04:05+01:00") == nanos("2026-01-02T03:04:05Z"));
  CHECK(nanos("2026-01-01T21:34:05-05:30") == nanos("2026-01-02T03:04:05Z"));
  CHECK(nanos("2261-12-31T23:59:59.999999999Z") > 0);
}

TEST_CASE("what is no time, or means never, is nothing") {
  for (const auto* text :
       {"", "0001-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-02T24:00:00Z",
        "2026-01-02 03:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567890Z",
        "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+1:00", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
        "2262-01-01T00:00:00Z", "-026-01-02T03:04:05Z"}) {
    INFO(text);
    CHECK_FALSE(parse_timestamp(text).has_value());
  }
}

TEST_CASE("every day from 1970 to 2100 is the day that the C library says") {
  for (std::int64_t day = 0; day < 47'482; ++day) {
    const std::time_t seconds = day * 86'400 + day % 86'400;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    const nano_timestamp at{std::chrono::nanoseconds{seconds * 1'000'000'000 + day}};
    const auto text = to_rfc3339(at);
    REQUIRE(text.size() == 30);
    REQUIRE(std::stoi(text.substr(8, 2)) == parts.tm_mday);
    REQUIRE(parse_timestamp(text) == at);
  }
}

TEST_CASE("a time is written as the Engine takes it") {
  CHECK(to_query(*parse_timestamp("2026-01-02T03:04:05.000000009Z")) == "1767323045.000000009");
  CHECK(to_query(nano_timestamp{}) == "0.000000000");
}

TEST_CASE("a record is parted into its time and its text") {
  const auto record = split_timestamp("2026-01-02T03:04:05.123456789Z hello  there\n");
  REQUIRE(record.has_value());
  CHECK(to_rfc3339(record->at) == "2026-01-02T03:04:05.123456789Z");
  CHECK(record->text == "hello  there\n");
  CHECK(split_timestamp("2026-01-02T03:04:05Z \n")->text == "\n");
  CHECK(split_timestamp("2026-01-02T03:04:05.5+10:00 x")->text == "x");
  CHECK_FALSE(split_timestamp("hello there").has_value());
  CHECK_FALSE(split_timestamp("2026-01-02T03:04:05.123456789Z").has_value());
  CHECK_FALSE(split_timestamp("").has_value());
}
