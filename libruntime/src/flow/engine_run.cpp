#include "flow/engine.hpp"

#include "muster/spec/expression.hpp"
#include "muster/state/aggregate.hpp"

#include <algorithm>
#include <utility>

/// One run of a step's body: rounds, gangs, inner scopes.
namespace muster::flow {

void engine::begin_run(node_id id) {
  at(id).stage = stage::open;
  const auto& repeat = at(id).step->repeat;
  if (!repeat)
    return begin_body(id);
  template_dict carry;
  for (const auto& [name, value] : repeat->carry) {
    auto ready = replace_tokens(id, value);
    if (!ready)
      return fail_itself(id, "carry: " + ready.failure().message);
    carry.set(name, std::move(*ready));
  }
  run_of(id).holds_rounds = true;
  run_of(id).carry = template_value::make_dict(std::move(carry));
  begin_round(id, 0);
}

void engine::begin_round(node_id id, std::uint32_t number) {
  const auto round = make(id, run_part{});
  auto& x = at(round);
  x.step = at(id).step;
  x.stage = stage::open;
  x.label = std::to_string(number);
  run_of(round).index = number;
  run_of(round).carry = run_of(id).carry;
  run_of(id).round = round;
  begin_body(round);
}

void engine::round_ended(node_id id, node_id round) {
  auto& whole = run_of(id);
  const auto& x = at(round);
  const auto& repeat = *x.step->repeat;
  const auto number = static_cast<std::uint32_t>(run_of(round).index);
  if (x.status != status::completed || at(id).stopping)
    return end(id, is_failed(x.status) ? x.status : status::failed_canceled, x.reason);
  template_value value;
  if (x.result) {
    auto parsed = x.result->value();
    if (!parsed)
      return fail_itself(id, "result: " + parsed.failure().message);
    value = std::move(*parsed);
  }
  if (value.is(template_value::type::dict)) {
    template_dict carry;
    for (const auto& [key, old] : whole.carry->dict().entries()) {
      const auto* fresh = value.dict().find(key);
      carry.set(key, fresh == nullptr ? old : *fresh);
    }
    whole.carry = template_value::make_dict(std::move(carry));
  }
  bool enough = number + 1 >= repeat.max;
  if (!repeat.until.empty()) {
    const auto answer = holds(
        id, repeat.until, {{"result", value}, {"carry", *whole.carry}, {"index", template_value{run_of(round).index}}});
    if (!answer)
      return fail_itself(id, "until: " + answer.failure().message);
    enough = enough || *answer;
  }
  if (enough) {
    at(id).result = x.result;
    return end(id, status::completed, "");
  }
  discard(std::exchange(whole.round, no_node));
  begin_round(id, number + 1);
}

void engine::begin_body(node_id id) {
  const auto& body = at(id).step->body;
  if (std::holds_alternative<spec::group>(body)) {
    gangs_.push_back(id);
  } else if (const auto* inner = std::get_if<spec::scope_ptr>(&body)) {
    add_scope(id, *inner, "");
  } else if (const auto* branches = std::get_if<spec::branches_body>(&body)) {
    for (const auto& [name, branch] : branches->branches)
      add_scope(id, branch, name);
    if (branches->branches.empty())
      end(id, status::completed, "");
  } else {
    begin_switch(id, std::get<spec::switch_body>(body));
  }
}

void engine::add_scope(node_id id, const spec::scope_ptr& source, std::string label) {
  scope_part part;
  part.source = source.get();
  const auto scope = make(id, std::move(part));
  at(scope).label = std::move(label);
  run_of(id).scopes.push_back(scope);
  ++run_of(id).open_scopes;
  begin_scope(scope);
}

void engine::begin_switch(node_id id, const spec::switch_body& x) {
  const auto value = evaluate(id, x.value);
  if (!value)
    return fail_itself(id, "switch: " + value.failure().message);
  const auto name = spec::value_to_text(*value);
  if (!name)
    return fail_itself(id, "switch: " + name.failure().message);
  for (const auto& [key, scope] : x.cases)
    if (key == *name)
      return add_scope(id, scope, key);
  if (x.otherwise)
    return add_scope(id, x.otherwise, "default");
  std::string known;
  for (const auto& [key, scope] : x.cases)
    known += (known.empty() ? "" : ", ") + key;
  fail_itself(id,
              "switch: no case for '" + name->substr(0, 100) + "', and there is no default; the cases are " + known);
}

void engine::inner_scope_ended(node_id id) {
  auto& run = run_of(id);
  if (--run.open_scopes > 0)
    return;
  status_counts counts;
  std::string reason;
  for (const auto scope : run.scopes) {
    counts.add(at(scope).status);
    if (reason.empty())
      reason = at(scope).reason;
  }
  const auto s = aggregate_workflow(counts);
  if (s == status::completed) {
    auto made = scopes_result(at(id));
    if (!made)
      return fail_itself(id, "result: " + made.failure().message);
    if (*made)
      at(id).result = std::make_shared<held_result>(std::move(*made));
  }
  end(id, s, std::move(reason));
}

/// Of several branches the maps are merged in declared order; what is no map stands under its branch's name.
result<json_text> engine::scopes_result(const node& x) const {
  const auto& scopes = std::get<run_part>(x.part).scopes;
  if (!std::holds_alternative<spec::branches_body>(x.step->body))
    return at(scopes.front()).result ? at(scopes.front()).result->text() : json_text{};
  template_dict merged;
  for (const auto scope : scopes) {
    if (!at(scope).result)
      continue;
    auto value = at(scope).result->value();
    if (!value)
      return value.failure();
    if (value->is(template_value::type::dict))
      for (const auto& [key, part] : value->dict().entries())
        merged.set(key, part);
    else
      merged.set(at(scope).label, std::move(*value));
  }
  if (merged.size() == 0)
    return json_text{};
  auto text = spec::value_to_json(template_value::make_dict(std::move(merged)));
  if (!text)
    return text.failure();
  return json_text{std::make_shared<const std::string>(std::move(*text))};
}

void engine::take_gang_end(node_id id, gang_end how) {
  const auto& members = std::get<spec::group>(at(id).step->body).tasks;
  if (how.status == status::completed && layout_of(at(id)).plain) {
    if (!how.results.empty() && how.results.front())
      at(id).result = std::make_shared<held_result>(std::move(how.results.front()));
  } else if (how.status == status::completed) {
    // Names of tasks need no escapes, and what tasks wrote is JSON already.
    std::string text;
    for (std::size_t i = 0; i < how.results.size() && i < members.size(); ++i)
      if (how.results[i])
        text += (text.empty() ? "{\"" : ",\"") + members[i].name + "\":" + *how.results[i];
    if (!text.empty())
      at(id).result = std::make_shared<held_result>(std::make_shared<const std::string>(text + "}"));
  }
  auto reason = is_failed(how.status) ? path_of(id) + " is " + std::string{to_string(how.status)} : std::string{};
  end(id, how.status, std::move(reason));
}

void engine::cancel_below(node_id id, const std::string& reason) {
  auto& x = at(id);
  if (x.stage == stage::ended)
    return;
  x.stopping = true;
  if (std::holds_alternative<scope_part>(x.part)) {
    const auto steps = scope_of(id).steps;
    for (const auto step : steps)
      cancel_below(step, reason);
  } else if (std::holds_alternative<step_part>(x.part)) {
    if (x.stage == stage::waiting) {
      note_unrun(id, status::failed_canceled, reason);
      return end(id, status::failed_canceled, reason);
    }
    if (step_of(id).fan && !step_of(id).fan->stopping)
      stop_fan(id, reason);
    for (const auto child : {step_of(id).run, step_of(id).handler})
      if (child != no_node)
        cancel_below(child, reason);
  } else {
    const auto scopes = run_of(id).scopes;
    for (const auto scope : scopes)
      cancel_below(scope, reason);
    if (run_of(id).round != no_node)
      return cancel_below(run_of(id).round, reason);
    if (!std::holds_alternative<spec::group>(x.step->body))
      return;
    if (run_of(id).given) {
      cancels_.emplace_back(id, reason);
      return;
    }
    gangs_.erase(std::remove(gangs_.begin(), gangs_.end(), id), gangs_.end());
    if (x.label.empty())
      note_unrun(x.parent, status::failed_canceled, reason);
    end(id, status::failed_canceled, reason);
  }
}

} // namespace muster::flow
