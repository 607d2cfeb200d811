#include "flow/engine.hpp"

#include "muster/flow/reduce.hpp"
#include "muster/spec/expression.hpp"

#include <algorithm>
#include <utility>

/// The elements of a `foreach`.
namespace muster::flow {

namespace {

/// Whether the failure of element `i` says more of the step than the one that is known: the first counts, but what was
/// cancelled because of another one does not.
bool says_more(const fan_part& fan, std::uint32_t i, muster::status s) {
  if (!fan.failure)
    return true;
  const bool known_is_canceled = fan.states[*fan.failure] == status::failed_canceled;
  if (known_is_canceled != (s == status::failed_canceled))
    return known_is_canceled;
  return i < *fan.failure;
}

} // namespace

result<item_list> engine::items_of(node_id id) const {
  const auto& source = at(id).step->foreach->items;
  template_value known;
  if (const auto* from = std::get_if<spec::each_of_result>(&source)) {
    auto value = result_at(id, from->path);
    if (!value)
      return value.failure();
    known = std::move(*value);
  } else if (const auto* expression = std::get_if<spec::each_of_expression>(&source)) {
    auto value = evaluate(id, expression->text);
    if (!value)
      return value.failure();
    known = std::move(*value);
  }
  return item_list::make(source, known);
}

void engine::begin_fan(node_id id) {
  auto fan = std::make_unique<fan_part>();
  if (const auto* each = std::get_if<spec::each_of_step>(&at(id).step->foreach->items)) {
    fan->source = find_step(id, each->step);
    if (fan->source == no_node || !step_of(fan->source).fan)
      return end_without_source(id, each->step, fan->source);
    fan->count = step_of(fan->source).fan->count;
  } else {
    auto items = items_of(id);
    if (!items)
      return fail_itself(id, items.failure().message);
    fan->items = std::move(*items);
    fan->count = fan->items.size();
  }
  fan->states.assign(fan->count, status::waiting);
  const auto source = fan->source;
  step_of(id).fan = std::move(fan);
  if (source != no_node) {
    const auto states = step_of(source).fan->states;
    for (std::uint32_t i = 0; i < states.size(); ++i)
      if (is_group_finished(states[i]))
        release_element(id, i);
  }
  for (const auto i : layout_of(at(id)).waited_by)
    consider(scope_of(at(id).parent).steps[i]);
  queue_fan(id);
  finish_fan_if_ended(id);
}

/// Of a step that follows the elements of one that never had any: it was not run, or its list could not be made.
void engine::end_without_source(node_id id, const std::string& name, node_id source) {
  const bool skipped = source != no_node && at(source).status == status::skipped;
  const auto s = skipped ? status::skipped : status::failed_upstream;
  const auto reason = "upstream " + name + (skipped ? " is SKIPPED" : " has no elements to follow");
  note_unrun(id, s, reason);
  end(id, s, reason);
}

bool engine::can_begin_element(node_id id) const {
  if (at(id).stage != stage::open || !step_of(id).fan)
    return false;
  const auto& fan = *step_of(id).fan;
  const auto most = at(id).step->foreach->max_parallel;
  if (fan.stopping || (most != 0 && fan.active >= most))
    return false;
  return fan.source == no_node ? fan.next < fan.count : !fan.released.empty();
}

void engine::queue_fan(node_id id) {
  if (!can_begin_element(id) || std::exchange(step_of(id).fan->queued, true))
    return;
  fans_.push_back(id);
}

void engine::begin_next_element(node_id id) {
  if (!can_begin_element(id))
    return;
  auto& fan = *step_of(id).fan;
  if (fan.source == no_node)
    return begin_element(id, fan.next++);
  const auto i = fan.released.front();
  fan.released.pop_front();
  begin_element(id, i);
}

void engine::begin_element(node_id id, std::uint32_t i) {
  auto& fan = *step_of(id).fan;
  ++fan.active;
  fan.states[i] = status::running;
  const auto run = make(id, run_part{});
  at(run).step = at(id).step;
  at(run).label = std::to_string(i);
  auto& part = run_of(run);
  part.is_element = true;
  part.element = i;
  part.index = i;
  result<template_value> item = template_value{};
  if (fan.source == no_node) {
    item = replace_tokens(id, fan.items.at(i));
  } else if (const auto& results = step_of(fan.source).fan->results; i < results.size() && results[i]) {
    item = held_result{results[i]}.value();
  }
  if (!item) {
    at(run).stage = stage::open;
    return fail_itself(run, "item " + std::to_string(i) + ": " + item.failure().message);
  }
  part.item = std::move(*item);
  if (layout_of(at(id)).when_per_item && !at(id).step->when.empty()) {
    const auto answer = holds(run, at(id).step->when);
    if (!answer)
      return fail_itself(run, "when: " + answer.failure().message);
    if (!*answer)
      return end(run, status::skipped, "when: " + at(id).step->when + " does not hold");
  }
  begin_run(run);
}

/// Tells a step with `each: source` that an element there has ended.
void engine::release_element(node_id follower, std::uint32_t i) {
  auto& fan = *step_of(follower).fan;
  if (fan.states[i] != status::waiting)
    return;
  const auto s = step_of(fan.source).fan->states[i];
  if (s == status::completed && !fan.stopping) {
    fan.released.push_back(i);
    return queue_fan(follower);
  }
  ++fan.active; // As if it had begun.
  const auto& name = at(fan.source).step->name;
  const auto reason = "upstream " + name + "." + std::to_string(i) + " is " + std::string{to_string(s)};
  element_ended(follower, i, is_failed(s) ? status::failed_upstream : status::skipped, reason, nullptr);
}

void engine::element_ended(node_id id, std::uint32_t i, muster::status s, const std::string& reason, json_text result) {
  auto& fan = *step_of(id).fan;
  const auto& policy = *at(id).step->foreach;
  --fan.active;
  ++fan.ended;
  fan.states[i] = s;
  fan.completed += s == status::completed ? 1 : 0;
  fan.skipped += s == status::skipped ? 1 : 0;
  if (result && layout_of(at(id)).wanted) {
    fan.results.resize(fan.count);
    fan.results[i] = std::move(result);
  }
  if (is_failed(s) && says_more(fan, i, s)) {
    fan.failure = i;
    fan.failure_reason =
        reason.empty() ? path_of(id) + "." + std::to_string(i) + " is " + std::string{to_string(s)} : reason;
  }
  fan.failures += is_failed(s) ? 1 : 0;
  const bool too_many = policy.max_failures && fan.failures > *policy.max_failures;
  if (is_failed(s) && !fan.stopping && (policy.fail_fast || too_many))
    stop_fan(id, path_of(id) + "." + std::to_string(i) + " is " + std::string{to_string(s)} +
                     (too_many ? ", one more than max_failures" : " and fail_fast is set"));
  for (const auto other : layout_of(at(id)).waited_by) {
    const auto follower = scope_of(at(id).parent).steps[other];
    if (at(follower).stage == stage::open && step_of(follower).fan && step_of(follower).fan->source == id)
      release_element(follower, i);
  }
  queue_fan(id);
  finish_fan_if_ended(id);
}

bool engine::was_recorded(const std::string& path) const {
  const auto after = recorded_paths_.lower_bound(path);
  return after != recorded_paths_.end() && after->first.compare(0, path.size(), path) == 0 &&
         (after->first.size() == path.size() || after->first[path.size()] == '.' || after->first[path.size()] == '-');
}

/// No further element begins; those that have are cancelled.
void engine::stop_fan(node_id id, const std::string& reason) {
  auto& fan = *step_of(id).fan;
  fan.stopping = true;
  fan.released.clear();
  const auto path = path_of(id);
  std::vector<std::uint32_t> unbegun;
  for (std::uint32_t i = 0; i < fan.count; ++i)
    if (fan.states[i] == status::waiting)
      unbegun.push_back(i);
  for (node_id i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].parent == id && std::holds_alternative<run_part>(nodes_[i].part))
      cancel_below(i, reason);
  for (const auto i : unbegun) {
    // After a restart: what had begun before the failure is still to be met again.
    if (!recorded_paths_.empty() && was_recorded(path + "." + std::to_string(i))) {
      begin_element(id, i);
      continue;
    }
    ++fan.active;
    element_ended(id, i, status::failed_canceled, reason, nullptr);
  }
}

void engine::finish_fan_if_ended(node_id id) {
  if (at(id).stage != stage::open || step_of(id).fan->ended < step_of(id).fan->count)
    return;
  if (step_of(id).handler != no_node)
    return; // It has failed, and is being made good.
  const auto s = fan_status(at(id));
  if (s != status::completed)
    return step_failed(id, s, step_of(id).fan->failure_reason);
  auto whole = fan_result(at(id));
  if (!whole)
    return fail_itself(id, whole.failure().message);
  if (*whole)
    at(id).result = std::make_shared<held_result>(std::move(*whole));
  end(id, status::completed, "");
}

muster::status engine::fan_status(const node& step) const {
  const auto& fan = *std::get<step_part>(step.part).fan;
  const auto& policy = *step.step->foreach;
  const auto within = !policy.max_failures || fan.failures <= *policy.max_failures;
  const bool borne = policy.allow_partial ? within && fan.completed > 0 : policy.max_failures && within;
  if (fan.failures == 0 || (borne && !step.stopping))
    return status::completed;
  return step.stopping ? status::failed_canceled : fan.states[*fan.failure];
}

result<json_text> engine::fan_result(const node& step) const {
  const auto& fan = *std::get<step_part>(step.part).fan;
  const auto& how = step.step->foreach->reduce;
  if (!layout_of(step).wanted)
    return json_text{};
  if (how.with == spec::reduction::collect && how.path.empty()) {
    std::string text = "[";
    for (std::uint32_t i = 0; i < fan.count; ++i) {
      text += i == 0 ? "" : ",";
      text += i < fan.results.size() && fan.results[i] ? *fan.results[i] : "null";
    }
    return json_text{std::make_shared<const std::string>(text + "]")};
  }
  template_value::list_type values(fan.count);
  for (std::uint32_t i = 0; i < fan.results.size(); ++i)
    if (fan.results[i]) {
      auto value = held_result{fan.results[i]}.value();
      if (!value)
        return value.failure();
      values[i] = std::move(*value);
    }
  auto reduced = reduce(how, values);
  if (!reduced)
    return reduced.failure();
  auto text = spec::value_to_json(*reduced);
  if (!text)
    return text.failure();
  return json_text{std::make_shared<const std::string>(std::move(*text))};
}

} // namespace muster::flow
