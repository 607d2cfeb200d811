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

/// A life of the attempt that all of this is about.
attempt_spec_ptr life(std::uint64_t lease) {
  auto spec = std::make_shared<attempt_spec>();
  spec->id = {workflow_key{4}, task_index{1}, 0};
  spec->lease = epoch{lease};
  return spec;
}

node_command told(node_verb verb, const attempt_spec_ptr& which) {
  return {verb, which->id, which->lease, 0, verb == node_verb::prepare ? which : nullptr};
}

/// Has prepared this life.
held_attempts holding(const attempt_spec_ptr& which) {
  held_attempts held;
  REQUIRE(held.command(told(node_verb::prepare, which)).size() == 1);
  REQUIRE(held.report(said(which->id, report_kind::prepared)).first);
  return held;
}

} // namespace

TEST_CASE("a node says of an attempt that was told to start that it may run, before its driver does") {
  const auto spec = life(7);
  auto held = holding(spec);
  CHECK_FALSE(held.all().front().then_start);
  CHECK(held.command(told(node_verb::start, spec)).size() == 1);
  CHECK(held.all().front().what.kind == report_kind::prepared);
  CHECK(held.all().front().then_start);
}

TEST_CASE("an attempt that is removed before it has ended is ended first") {
  const auto spec = life(7);
  auto held = holding(spec);
  const auto calls = held.command(told(node_verb::remove, spec));
  REQUIRE(calls.size() == 1);
  CHECK(calls.front().verb == node_verb::stop);
  CHECK(calls.front().grace == 0);
  CHECK(held.command(told(node_verb::remove, life(6))).empty()); // Of another life.
  const auto then = held.report(said(spec->id, report_kind::exited)).second;
  REQUIRE(then.size() == 1);
  CHECK(then.front().verb == node_verb::remove);
  CHECK(held.size() == 0);
}

TEST_CASE("a next life of an attempt that is removed before it has begun does not begin") {
  const auto next = life(8);
  auto held = holding(life(7));
  CHECK(held.command(told(node_verb::prepare, next)).front().verb == node_verb::stop);
  const bool is_removed = GENERATE(true, false);
  if (is_removed)
    CHECK(held.command(told(node_verb::remove, next)).empty());
  const auto calls = held.report(said(next->id, report_kind::exited)).second;
  REQUIRE(calls.size() == (is_removed ? 1U : 2U));
  CHECK(calls.front().verb == node_verb::remove);
  CHECK(held.size() == (is_removed ? 0U : 1U));
}

TEST_CASE("an attempt that has ended stays so on its node, whatever is said late or once more") {
  const auto spec = life(7);
  auto held = holding(spec);
  for (const auto kind : {report_kind::started, report_kind::exited})
    CHECK(held.report(said(spec->id, kind)).first);
  for (const auto kind : {report_kind::started, report_kind::exited, report_kind::prepared, report_kind::lost}) {
    const auto [told_head, calls] = held.report(said(spec->id, kind));
    CHECK_FALSE(told_head);
    CHECK(calls.empty());
  }
  CHECK(held.all().front().what.kind == report_kind::exited);
  const auto calls = held.command(told(node_verb::remove, spec));
  REQUIRE(calls.size() == 1);
  CHECK(calls.front().verb == node_verb::remove);
  CHECK(held.size() == 0);
}
