#include "actors/agents/held_attempts.hpp"

#include "support/catch.hpp"

#include <memory>

// What an agent knows of its attempts, when its driver does not keep to its contract.

using namespace muster;

namespace {

attempt_report said(attempt_id id, report_kind kind) {
  attempt_report x;
  x.id = id;
  x.kind = kind;
  return x;
}

} // namespace

TEST_CASE("a node says of an attempt that was told to start that it may run, before its driver does") {
  held_attempts held;
  auto spec = std::make_shared<attempt_spec>();
  spec->id = {workflow_key{4}, task_index{0}, 1};
  spec->lease = epoch{7};
  const auto id = spec->id;
  REQUIRE(held.command({node_verb::prepare, id, spec->lease, 0, spec}).size() == 1);
  REQUIRE(held.report(said(id, report_kind::prepared)).first);
  CHECK_FALSE(held.all().front().then_start);
  CHECK(held.command({node_verb::start, id, spec->lease, 0, nullptr}).size() == 1);
  CHECK(held.all().front().what.kind == report_kind::prepared);
  CHECK(held.all().front().then_start);
}

TEST_CASE("an attempt that has ended stays so on its node, whatever is said late or once more") {
  held_attempts held;
  auto spec = std::make_shared<attempt_spec>();
  spec->id = {workflow_key{4}, task_index{1}, 0};
  spec->lease = epoch{7};
  const auto id = spec->id;
  REQUIRE(held.command({node_verb::prepare, id, spec->lease, 0, spec}).size() == 1);
  for (const auto kind : {report_kind::prepared, report_kind::started, report_kind::exited})
    CHECK(held.report(said(id, kind)).first);
  for (const auto kind : {report_kind::started, report_kind::exited, report_kind::prepared, report_kind::lost}) {
    const auto [told, calls] = held.report(said(id, kind));
    CHECK_FALSE(told);
    CHECK(calls.empty());
  }
  CHECK(held.all().front().what.kind == report_kind::exited);
  const auto calls = held.command({node_verb::remove, id, spec->lease, 0, nullptr});
  REQUIRE(calls.size() == 1);
  CHECK(calls.front().verb == node_verb::remove);
  CHECK(held.size() == 0);
}
