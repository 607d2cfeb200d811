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

TEST_CASE("a next life of an attempt that is removed before it has begun does not begin") {
  held_attempts held;
  const auto life = [](std::uint64_t lease) {
    auto spec = std::make_shared<attempt_spec>();
    spec->id = {workflow_key{1}, task_index{7}, 0};
    spec->lease = epoch{lease};
    return spec;
  };
  const auto first = life(304);
  const auto next = life(305);
  const auto id = first->id;
  REQUIRE(held.command({node_verb::prepare, id, first->lease, 0, first}).size() == 1);
  REQUIRE(held.report(said(id, report_kind::prepared)).first);
  CHECK(held.command({node_verb::prepare, id, next->lease, 0, next}).front().verb == node_verb::stop);
  const bool is_removed = GENERATE(true, false);
  if (is_removed)
    CHECK(held.command({node_verb::remove, id, next->lease, 0, nullptr}).empty());
  const auto calls = held.report(said(id, report_kind::exited)).second;
  REQUIRE(calls.size() == (is_removed ? 1U : 2U));
  CHECK(calls.front().verb == node_verb::remove);
  CHECK(held.size() == (is_removed ? 0U : 1U));
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
