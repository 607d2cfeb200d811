#include "support/catch.hpp"

#include "muster/base/log.hpp"

#include <mutex>

using namespace muster;

namespace {

/// Keeps what is written, as lines.
class kept final : public log::sink {
public:
  void write(const log::record& x) noexcept override {
    std::string line{to_string(x.level)};
    line += ' ';
    line += x.component;
    line += ' ';
    line += x.message;
    log::append_logfmt(line, x.fields, x.count);
    lines.push_back(line);
    std::string object;
    log::append_json(object, x.fields, x.count);
    objects.push_back(object);
  }
  std::vector<std::string> lines;
  std::vector<std::string> objects;
};

/// Installs a sink for the length of a test.
struct with_sink {
  with_sink() { log::install(sink); }
  ~with_sink() {
    log::install(nullptr);
    (void)log::set_levels({});
  }
  std::shared_ptr<kept> sink = std::make_shared<kept>();
};

} // namespace

TEST_CASE("a record is written with its fields") {
  with_sink x;
  log::info("registry", "workflow accepted", {{"workflow", "a-1"}, {"tasks", 3}, {"took_ms", 1.5}, {"dry", false}});
  REQUIRE(x.sink->lines.size() == 1);
  CHECK(x.sink->lines[0] == "info registry workflow accepted workflow=a-1 tasks=3 took_ms=1.500 dry=false");
  CHECK(x.sink->objects[0] == R"(,"workflow":"a-1","tasks":3,"took_ms":1.500,"dry":false)");
}

TEST_CASE("values cannot break a line, and secrets are not shown") {
  with_sink x;
  log::warn("http", "odd", {{"a", "two words"}, {"b", "x\n\"y\"\x01"}, {"c", ""}, {"d", "\xff"}, {"token", "s3cret"}});
  REQUIRE(x.sink->lines.size() == 1);
  CHECK(x.sink->lines[0] ==
        "warn http odd a=\"two words\" b=\"x\\n\\\"y\\\"\\u0001\" c=\"\" d=\"\xEF\xBF\xBD\" token=[hidden]");
  CHECK(x.sink->objects[0].find("s3cret") == std::string::npos);
}

TEST_CASE("levels count by component and change while running") {
  with_sink x;
  log::debug("http", "no");
  REQUIRE(log::set_levels({log::level::warn, {{"http", log::level::debug}, {"store", log::level::off}}}).ok());
  CHECK(log::wanted("http", log::level::debug));
  CHECK_FALSE(log::wanted("cache", log::level::info));
  CHECK_FALSE(log::wanted("store", log::level::error));
  log::debug("http", "yes");
  log::info("cache", "no");
  log::error("cache", "yes");
  log::error("store", "no");
  CHECK(x.sink->lines == std::vector<std::string>{"debug http yes", "error cache yes"});
  CHECK(log::current_levels().components.size() == 2);
}

TEST_CASE("a component that does not exist has no level") {
  const auto refused = log::set_levels({log::level::info, {{"htp", log::level::debug}}});
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.failure().message, ContainsSubstring("there is no component 'htp'"));
  CHECK(log::current_levels().components.empty());
}
