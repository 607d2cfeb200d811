#include "support/catch.hpp"

#include "unit/state/frontier_support.hpp"

#include "muster/state/frontier.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::test;

namespace {

/// 0 -> {1, 2} -> 3, and 4 alone.
std::shared_ptr<const plan> diamond() {
  return plan_of({{}, {0}, {0}, {1, 2}, {}});
}

group_index g(std::uint32_t n) {
  return group_index{n};
}

using groups = std::vector<group_index>;

groups drain(frontier& front) {
  groups out;
  while (const auto next = front.pop_ready())
    out.push_back(*next);
  return out;
}

} // namespace

TEST_CASE("groups become ready when all their upstream groups are done") {
  frontier front{diamond()};
  CHECK(front.workflow_status() == status::pending);
  CHECK(drain(front) == groups{g(0), g(4)});
  front.on_group_status(g(0), status::running);
  CHECK(front.workflow_status() == status::running);
  CHECK(front.on_group_finished(g(0), status::completed).empty());
  CHECK(front.workflow_status() == status::running);
  CHECK(drain(front) == groups{g(1), g(2)});
  CHECK(front.on_group_finished(g(1), status::completed).empty());
  CHECK(drain(front).empty());
  CHECK(front.group_status(g(3)) == status::waiting);
  CHECK(front.on_group_finished(g(2), status::completed).empty());
  CHECK(front.on_group_finished(g(2), status::completed).empty());
  CHECK(drain(front) == groups{g(3)});
  CHECK(front.on_group_finished(g(4), status::completed).empty());
  CHECK_FALSE(front.done());
  CHECK(front.on_group_finished(g(3), status::completed).empty());
  CHECK(front.done());
  CHECK(front.workflow_status() == status::completed);
}

TEST_CASE("a failed group takes all that need it along, and nothing else") {
  frontier front{diamond()};
  CHECK(drain(front).size() == 2);
  CHECK(front.on_group_finished(g(0), status::failed_evicted) == groups{g(1), g(2), g(3)});
  CHECK(front.on_group_finished(g(0), status::completed).empty());
  CHECK_FALSE(front.done());
  CHECK(front.on_group_finished(g(4), status::completed).empty());
  CHECK(front.done());
  CHECK(front.workflow_status() == status::failed_evicted);
}

TEST_CASE("cancel ends what is not admitted") {
  frontier front{diamond()};
  CHECK(front.pop_ready() == g(0));
  CHECK(front.cancel() == groups{g(4), g(1), g(2), g(3)});
  CHECK(front.cancel().empty());
  CHECK_FALSE(front.pop_ready());
  CHECK_FALSE(front.done());
  CHECK(front.on_group_finished(g(0), status::completed).empty());
  CHECK_FALSE(front.pop_ready());
  CHECK(front.done());
  CHECK(front.workflow_status() == status::failed_canceled);
}

TEST_CASE("a frontier is rebuilt from recorded statuses") {
  SECTION("in the middle") {
    auto again = frontier::rebuild(
        diamond(), {status::completed, status::running, status::waiting, status::waiting, status::unspecified});
    CHECK(again.begun == groups{g(1)});
    CHECK(again.upstream_failed.empty());
    CHECK(drain(again.front) == groups{g(2), g(4)});
    CHECK(again.front.workflow_status() == status::running);
  }
  SECTION("with a failure whose consequences were not recorded") {
    auto again = frontier::rebuild(
        diamond(), {status::completed, status::failed, status::completed, status::waiting, status::completed});
    CHECK(again.upstream_failed == groups{g(3)});
    CHECK(again.front.done());
    CHECK(again.front.workflow_status() == status::failed);
  }
  SECTION("at the end") {
    const auto again = frontier::rebuild(diamond(), std::vector<status>(5, status::completed));
    CHECK(again.front.done());
    CHECK(again.begun.empty());
  }
}

TEST_CASE("a chain of a million groups completes and fails without deep recursion") {
  constexpr std::uint32_t count = 1'000'000;
  plan_builder b{{}};
  for (std::uint32_t i = 0; i < count; ++i) {
    const groups upstream = i == 0 ? groups{} : groups{g(i - 1)};
    b.add_group({"g" + std::to_string(i), false, true, upstream});
    b.add_task({"t" + std::to_string(i), g(i), true, "{}", "{}"});
  }
  auto built = std::move(b).finish();
  REQUIRE(built);
  const auto chain = std::make_shared<const plan>(*std::move(built));
  frontier front{chain};
  for (std::uint32_t i = 0; i < count / 2; ++i) {
    const auto next = front.pop_ready();
    if (next != g(i))
      FAIL("group " << i << " is not ready");
    if (!front.on_group_finished(*next, status::completed).empty())
      FAIL("group " << i << " failed others");
  }
  REQUIRE(front.pop_ready() == g(count / 2));
  CHECK(front.on_group_finished(g(count / 2), status::failed).size() == count / 2 - 1);
  CHECK(front.done());
  CHECK(front.workflow_status() == status::failed);
}
