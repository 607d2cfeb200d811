#pragma once

#include "muster/base/time.hpp"
#include "muster/spec/model.hpp"
#include "muster/spec/template_value.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// What Muster adds to OSMO's spec: fan-out, nesting, conditions, loops, results and parameters. A spec that uses any
/// of it has a `workflow::flow`, and no `workflow::groups`. docs/spec.md has each key.
namespace muster::spec {

struct scope;
using scope_ptr = std::shared_ptr<const scope>;

/// What values a parameter takes.
enum class parameter_type : std::uint8_t {
  any = 0,
  string = 1,
  integer = 2,
  number = 3,
  boolean = 4,
  list = 5,
  map = 6
};

/// One entry of `parameters`, its value being what `--set`, the parameters file or its default gave it. In a nested
/// workflow a text may hold tokens (`{{item}}`), which are replaced when the scope begins.
struct parameter {
  std::string name;
  parameter_type type = parameter_type::any;
  template_value value;
  std::string description;
};

/// When an entry of `after` lets its step begin.
enum class after_on : std::uint8_t {
  success = 1,            ///< The other one is COMPLETED. If it is SKIPPED, so is this step.
  success_or_skipped = 2, ///< COMPLETED or SKIPPED.
  failure = 3,            ///< It failed. If it did not, this step is SKIPPED.
  always = 4,             ///< It has ended in any way.
};

/// One entry of `after`: a step of the same scope, or a task of one of its groups.
struct after {
  std::string step;
  after_on on = after_on::success;
};

/// `foreach: [a, b]`
struct each_of_list {
  template_value::list_type items;
};

/// `foreach: {lr: [0.1, 0.2], batch: [32, 64]}`: all combinations, the last key turning fastest. An item is a map.
struct each_of_axes {
  std::vector<std::pair<std::string, template_value::list_type>> axes;
  std::vector<template_value> exclude; ///< Maps; a combination that has all of one's entries is left out.
  std::vector<template_value> include; ///< Maps that are added at the end.
};

/// `foreach: {from: 1, to: 10, step: 2}`, `to` included. `step` is not 0.
struct each_of_range {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t step = 1;
};

/// `foreach: {result: split.chunks}`: the elements of a list that a step results in. Known when that step has ended.
struct each_of_result {
  std::string path; ///< As in `{{result:path}}`.
};

/// `foreach: "parameters.chunks"`: an expression that gives a list; evaluated when the step begins.
struct each_of_expression {
  std::string text;
};

/// `foreach: {each: stage1}`: one element for each of another step's `foreach`, which waits for that element alone.
/// The item is that element's result.
struct each_of_step {
  std::string step; ///< Of the same scope.
};

using item_source =
    std::variant<each_of_list, each_of_axes, each_of_range, each_of_result, each_of_expression, each_of_step>;

/// How the results of a `foreach` become one.
enum class reduction : std::uint8_t { collect = 0, sum = 1, min = 2, max = 3, mean = 4, best = 5 };

/// `reduce: sum`, `reduce: {mean: metrics.loss}`, `reduce: {best: {by: accuracy, order: max}}`. Elements without a
/// result (failed ones under `allow_partial`, skipped ones) do not count, but are `null` in what `collect` gives.
/// Numbers: `sum` of integers is an integer; over maps the reduction goes key by key.
struct reduce {
  reduction with = reduction::collect;
  std::string path;      ///< Of the value within each element's result, dotted; empty for all of it. `best`: of `by`.
  bool smallest = false; ///< `best`: `order: min`. Of equals the first wins.
};

/// `foreach` with what limits it.
struct foreach {
  item_source items;
  std::uint32_t max_parallel = 0; ///< Elements at a time; 0 for no limit.
  bool fail_fast = false;         ///< The first failure cancels the rest.
  /// Failed elements that the step bears and goes on: one more ends it like `fail_fast` does. Unset: all are run,
  /// and the step fails at the end if any failed.
  std::optional<std::uint32_t> max_failures;
  bool allow_partial = false; ///< The step is COMPLETED if any element is; with `max_failures`, if no more failed.
  spec::reduce reduce;
};

/// `repeat: {until: "result.done", max: 10, carry: {n: 0}}`: runs the step again and again, `{{index}}` counting from
/// 0.
struct repeat {
  std::string until;     ///< An expression over `result`, `carry` and `index`; empty for none.
  std::uint32_t max = 1; ///< Rounds at most; 1 or more.
  /// Values that a round hands to the next: `{{carry.n}}`. A round whose result is a map replaces those of its keys.
  std::vector<std::pair<std::string, template_value>> carry;
};

/// `switch: {value: "results.toss", cases: {heads: {...}, tails: {...}}, default: {...}}`
struct switch_body {
  std::string value; ///< An expression; its text is the case's name.
  std::vector<std::pair<std::string, scope_ptr>> cases;
  scope_ptr otherwise; ///< `default`; null for none: the step is FAILED then, saying which value found no case.
};

/// `branches: {a: {...}, b: {...}}`: workflows that run side by side.
struct branches_body {
  std::vector<std::pair<std::string, scope_ptr>> branches; ///< In declared order.
};

/// What a step runs: a gang, a nested workflow, branches, one of several cases.
using step_body = std::variant<group, scope_ptr, branches_body, switch_body>;

/// `retry: {max: 3, backoff: 10s, on: [1, "2-5", FAILED_EVICTED]}`: of each task of a gang.
struct retry {
  std::uint32_t max = 0;             ///< Attempts after the first.
  std::optional<duration> backoff;   ///< Before the first of them; doubles each time. Unset: the pool's.
  std::vector<code_range> codes;     ///< Exit codes; with `statuses` empty too: any but 0.
  std::vector<std::string> statuses; ///< Names such as FAILED_EVICTED.
};

/// One task, group or nested workflow of a scope, with everything that decides whether, when and how often it runs.
struct step {
  std::string name;
  step_body body;
  std::vector<spec::after> after; ///< What `after` says.
  /// Further steps, of this scope or of one around it, whose completion this one needs: those that any input, token
  /// or expression in it, at any depth, names. Found by the decoder, each once. What `after` or `foreach: {each: ...}`
  /// say of one of them goes first.
  std::vector<std::string> needs;
  std::string when; ///< An expression; empty for always.
  std::optional<spec::foreach> foreach;
  std::optional<spec::repeat> repeat; ///< With `foreach`: each element repeats.
  scope_ptr on_failure; ///< Runs when the step has failed; when it completes, the step counts as COMPLETED.
  std::optional<spec::retry> retry;
  std::optional<duration> timeout; ///< Of a gang, from RUNNING.
  /// `cache: true` gives an empty key: one is made of all that the task depends on.
  std::optional<std::string> cache;
};

/// A workflow at any depth.
struct scope {
  std::vector<parameter> parameters;
  std::vector<step> steps; ///< In declared order; names are unique.
  /// An expression for the scope's own result (`result:`); empty: the results of its steps that are maps, merged in
  /// declared order, the last winning, and the others under their step's name.
  std::string result;
};

} // namespace muster::spec
