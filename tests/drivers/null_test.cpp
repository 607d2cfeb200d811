#include "executors/null/behaviour.hpp"
#include "harness.hpp"

#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

result<null::behaviour> read(const char* key, const char* value, std::uint32_t attempt = 0) {
  auto spec = make_spec("/nowhere", 0, attempt);
  spec.task.environment = {{key, value}};
  return null::read_behaviour({}, spec);
}

} // namespace

TEST_CASE("spans of the null driver") {
  CHECK(null::parse_span("250ms") == duration{250'000});
  CHECK(null::parse_span("1.5s") == duration{1'500'000});
  CHECK(null::parse_span("2m") == duration{120'000'000});
  CHECK(null::parse_span("1h") == duration{3'600'000'000});
  CHECK(null::parse_span("7us") == duration{7});
  for (const auto* bad : {"", "5", "-1s", "s", " 1s", "1s ", "1 s", "nan s", "infs", "1e300s"})
    CHECK_FALSE(null::parse_span(bad).has_value());
}

TEST_CASE("the environment of a task decides what the null driver does") {
  CHECK(read("MUSTER_NULL_EXIT", "7")->code == 7);
  CHECK(read("MUSTER_NULL_EXIT", "1,2,0", 0)->code == 1);
  CHECK(read("MUSTER_NULL_EXIT", "1,2,0", 1)->code == 2);
  CHECK(read("MUSTER_NULL_EXIT", "1,2,0", 2)->code == 0);
  CHECK(read("MUSTER_NULL_EXIT", "1,2,0", 9)->code == 0);
  CHECK(read("MUSTER_NULL_SIGNAL", "9")->code == 137);
  CHECK(read("MUSTER_NULL_STUBBORN", "1")->stubborn);
  CHECK(read("MUSTER_NULL_DURATION", "3s")->run == duration{3'000'000});
  CHECK(read("OTHER", "x")->code == 0);
  for (const auto* bad : {"256", "-1", "x", "1x", ""})
    CHECK(read("MUSTER_NULL_EXIT", bad).failure().code == ec::invalid_argument);
  CHECK(read("MUSTER_NULL_DURATION", "soon").failure().code == ec::invalid_argument);
  CHECK(read("MUSTER_NULL_SIGNAL", "0").failure().code == ec::invalid_argument);
}

TEST_CASE("a null attempt can be lost, or refused while it is prepared") {
  scratch dir;
  recorder heard;
  const auto driver = make_null_driver();
  driver->listen(heard);

  auto lost = make_spec(dir.path(), 1);
  lost.task.environment = {{"MUSTER_NULL_LOST", "nobody knows"}};
  driver->prepare(lost);
  driver->start(lost.id);
  CHECK(heard.wait_end(lost.id).lost == std::string{"nobody knows"});

  auto slow = make_spec(dir.path(), 2);
  slow.task.environment = {{"MUSTER_NULL_PREPARATION", "1h"}};
  driver->prepare(slow);
  driver->stop(slow.id, 1ms);
  const auto seen = heard.wait_prepared(slow.id);
  REQUIRE(seen.prepared.has_value());
  CHECK(seen.prepared->failure().code == ec::canceled);
}
