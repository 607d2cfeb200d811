#include "support/catch.hpp"

#include "muster/spec/duration.hpp"
#include "muster/spec/image.hpp"
#include "muster/spec/labels.hpp"
#include "muster/spec/names.hpp"
#include "muster/spec/quantity.hpp"
#include "muster/spec/storage_url.hpp"
#include "support/shared_folder.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <limits>

using namespace muster;
using namespace muster::spec;
using nlohmann::json;

namespace {

/// One family of value cases: `check(text, expected)` for each, where `expected` has `ok` or `error`.
template <class Check>
void each_case(const char* family, Check check) {
  const auto folder = muster::test::shared_folder();
  if (!folder)
    return;
  std::ifstream in{*folder / "conformance" / "osmo_value_cases.json"};
  REQUIRE(in);
  const auto cases = json::parse(in).at(family);
  CHECK_FALSE(cases.empty());
  for (const auto& [text, expected] : cases.items()) {
    INFO(family << ": '" << text << "'");
    check(text, expected);
  }
}

json or_null(const std::optional<std::string>& x) {
  return x ? json(*x) : json();
}

} // namespace

TEST_CASE("durations of the conformance cases") {
  each_case("duration_seconds", [](const std::string& text, const json& expected) {
    const auto x = parse_duration(text);
    REQUIRE(x.ok() == expected.contains("ok"));
    if (x)
      CHECK(static_cast<double>(x->count()) / 1e6 == expected["ok"].get<double>());
  });
}

TEST_CASE("quantities of the conformance cases") {
  each_case("quantity_GiB", [](const std::string& text, const json& expected) {
    const auto x = parse_quantity(text);
    REQUIRE(x.ok() == expected.contains("ok"));
    if (x)
      CHECK(*x / 1073741824.0 == expected["ok"].get<double>());
  });
}

TEST_CASE("images of the conformance cases") {
  each_case("image", [](const std::string& text, const json& expected) {
    const auto x = parse_image(text);
    REQUIRE(x.ok() == expected.contains("ok"));
    if (!x)
      return;
    const auto& want = expected["ok"];
    CHECK(x->host == want["host"].get<std::string>());
    CHECK(x->port == want["port"].get<int>());
    CHECK(x->name == want["name"].get<std::string>());
    CHECK(or_null(x->tag) == want["tag"]);
    CHECK(or_null(x->digest) == want["digest"]);
    CHECK(x->manifest_url() == want["manifest_url"].get<std::string>());
  });
}

TEST_CASE("label selectors of the conformance cases") {
  each_case("label_selector", [](const std::string& text, const json& expected) {
    const auto x = parse_label_selector(text);
    REQUIRE(x.ok() == expected.contains("ok"));
    if (!x)
      return;
    CHECK(x->key == expected["ok"]["key"].get<std::string>());
    CHECK(x->values == expected["ok"]["values"].get<std::vector<std::string>>());
  });
}

TEST_CASE("storage URLs of the conformance cases") {
  each_case("storage_url", [](const std::string& text, const json& expected) {
    const auto x = parse_storage_url(text);
    REQUIRE(x.ok() == expected.contains("ok"));
    if (!x)
      return;
    const auto& want = expected["ok"];
    CHECK(x->scheme == want["scheme"].get<std::string>());
    CHECK(x->container == want["container"].get<std::string>());
    CHECK(x->path == want["path"].get<std::string>());
    CHECK(x->profile == want["profile"].get<std::string>());
    CHECK(x->uri == want["uri"].get<std::string>());
    CHECK(x->environment_auth == want["env_auth"].get<bool>());
  });
}

TEST_CASE("task references of the conformance cases") {
  each_case("task_input_name", [](const std::string& text, const json& expected) {
    const auto x = parse_task_reference(text);
    const auto& want = expected["ok"];
    REQUIRE(x.has_value() == !want.is_null());
    if (!x)
      return;
    const bool earlier = !x->workflow.empty();
    CHECK(json(earlier ? x->workflow : x->task) == want["a"]);
    CHECK((earlier ? json(x->task) : json()) == want["b"]);
  });
}

TEST_CASE("durations at the edges") {
  CHECK(*parse_duration("106751991d") == duration{106751991LL * 86'400'000'000LL});
  CHECK(*parse_duration("999999999d") == duration::max());
  CHECK(*parse_duration("-999999999d") == duration::min());
  CHECK_FALSE(parse_duration("1000000000d"));
  CHECK_FALSE(parse_duration("99999999999999999999999999s"));
  CHECK(*parse_duration("9223372036854775807us") == duration::max());
  CHECK_FALSE(parse_duration("PT1.S"));
  CHECK_FALSE(parse_duration("PT1H30"));
  CHECK_FALSE(parse_duration("P1DT"[0] == 'P' ? "PD" : ""));
  CHECK(*parse_duration("PT0.0000005S") == duration{0}); // half to even
  CHECK(*duration_from_seconds(1.5) == duration{1'500'000});
  CHECK_FALSE(duration_from_seconds(std::numeric_limits<double>::infinity()));
  CHECK_FALSE(duration_from_seconds(std::numeric_limits<double>::quiet_NaN()));
  CHECK(to_string(duration{90'000'000}) == "90s");
  CHECK(to_string(duration{7'200'000'000}) == "2h");
  CHECK(to_string(duration{1}) == "1us");
  CHECK(to_string(duration{0}) == "0s");
}

TEST_CASE("quantities in whole bytes") {
  CHECK(*parse_bytes("1") == 1);
  CHECK(*parse_bytes("1.5K") == 1536);
  CHECK(*parse_bytes("100m") == 1);
  CHECK(*parse_bytes("99999999T") == std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(parse_bytes("1.Gi"));
  CHECK_FALSE(parse_bytes(".5Gi"));
  CHECK_FALSE(parse_bytes(""));
  CHECK(bytes_text(std::int64_t{16} << 30U) == "16Gi");
  CHECK(bytes_text(1000) == "1000");
  CHECK(bytes_text(0) == "0");
}

TEST_CASE("a label selector matches whole values") {
  const auto x = parse_label_selector("t=r_*(a|b)");
  REQUIRE(x);
  CHECK(x->matches("r_a"));
  CHECK(x->matches("r_xxb"));
  CHECK_FALSE(x->matches("r_xxbc"));
  CHECK_FALSE(x->matches("xr_a"));
}

TEST_CASE("file URLs give absolute paths") {
  CHECK(*parse_file_url("file:///a/b%20c") == "/a/b c");
  CHECK(*parse_file_url("file://localhost/a") == "/a");
  CHECK_FALSE(parse_file_url("file://host/a"));
  CHECK_FALSE(parse_file_url("file:/a"));
  CHECK_FALSE(parse_file_url("file:a"));
  CHECK_FALSE(parse_file_url("file:///a/../b"));
  CHECK_FALSE(parse_file_url("file:///a/%2e%2e/b"));
  CHECK_FALSE(parse_file_url("file:///a%00b"));
  CHECK(is_file_url("FILE:///a"));
  CHECK_FALSE(is_file_url("s3://b"));
}
