#include "flow/engine.hpp"

#include "muster/spec/expression.hpp"
#include "muster/state/aggregate.hpp"

#include <utility>

/// How scopes and their steps come and go.
namespace muster::flow {

namespace {

/// What one dependency says of the step that has it.
enum class verdict : std::uint8_t { go, wait, skip, fail };

verdict judge(const dependency& d, const node& other) {
  const auto* step = std::get_if<step_part>(&other.part);
  if (d.by_element && other.stage != stage::waiting && step->fan)
    return verdict::go;
  if (other.stage != stage::ended)
    return verdict::wait;
  const bool failed = is_failed(other.status);
  const bool skipped = other.status == status::skipped;
  switch (d.on) {
    case spec::after_on::always: return verdict::go;
    case spec::after_on::failure: return failed ? verdict::go : verdict::skip;
    case spec::after_on::success_or_skipped: return failed ? verdict::fail : verdict::go;
    case spec::after_on::success: break;
  }
  return failed ? verdict::fail : skipped ? verdict::skip : verdict::go;
}

std::string why(const dependency& d, const node& other) {
  const auto& name = other.step->name;
  if (d.on == spec::after_on::failure)
    return "it runs only if " + name + " fails, which is " + std::string{to_string(other.status)};
  return "upstream " + name + " is " + std::string{to_string(other.status)};
}

} // namespace

void engine::begin_scope(node_id id) {
  auto& x = at(id);
  x.stage = stage::open;
  if (auto set = set_parameters(id); !set)
    return end(id, status::failed, set.failure().message);
  const auto& source = *scope_of(id).source;
  for (const auto& step : source.steps) {
    const auto child = make(id, step_part{});
    at(child).step = &step;
    // The one step of a handler that has no name of its own is the handler.
    at(child).label = x.label == "on_failure" && step.name == x.label ? "" : step.name;
    scope_of(id).steps.push_back(child);
  }
  scope_of(id).open_steps = static_cast<std::uint32_t>(source.steps.size());
  if (source.steps.empty())
    return finish_scope(id);
  for (const auto step : scope_of(id).steps)
    consider(step);
}

result<void> engine::set_parameters(node_id id) {
  auto& scope = scope_of(id);
  for (const auto& p : scope.source->parameters) {
    auto value = replace_tokens(at(id).parent == no_node ? id : at(id).parent, p.value);
    if (!value)
      return error{value.failure().code, "parameter " + p.name + ": " + value.failure().message};
    scope.parameters.insert_or_assign(p.name, std::move(*value));
  }
  return {};
}

/// Begins the step if everything that it waits for lets it; ends it if something never will.
void engine::consider(node_id id) {
  auto& x = at(id);
  if (x.stage != stage::waiting)
    return;
  const auto& scope = scope_of(x.parent);
  auto found = verdict::go;
  std::string reason;
  for (const auto& d : layout_of(x).waits_for) {
    const auto& other = at(scope.steps[d.step]);
    const auto said = judge(d, other);
    if (said <= found)
      continue;
    found = said;
    reason = said == verdict::wait ? "" : why(d, other);
  }
  if (found == verdict::wait)
    return;
  if (found == verdict::go)
    return begin_step(id);
  const auto s = found == verdict::fail ? status::failed_upstream : status::skipped;
  note_unrun(id, s, reason);
  end(id, s, reason);
}

void engine::begin_step(node_id id) {
  auto& x = at(id);
  x.stage = stage::open;
  if (!x.step->when.empty() && !layout_of(x).when_per_item) {
    const auto answer = holds(id, x.step->when);
    if (!answer)
      return fail_itself(id, "when: " + answer.failure().message);
    if (!*answer) {
      const auto reason = "when: " + x.step->when + " does not hold";
      note_unrun(id, status::skipped, reason);
      return end(id, status::skipped, reason);
    }
  }
  if (x.step->foreach)
    return begin_fan(id);
  const auto run = make(id, run_part{});
  at(run).step = x.step;
  step_of(id).run = run;
  begin_run(run);
}

void engine::step_ended(node_id scope, node_id id) {
  const auto& x = at(id);
  // A step that was recorded as not run before a retry has a row, which is to say what became of it.
  if (!std::holds_alternative<spec::group>(x.step->body) && recorded_.count(path_of(id)) > 0)
    note_unrun(id, x.status, x.reason);
  if (tracks_borne_ && x.status == status::completed &&
      (step_of(id).handler != no_node || (step_of(id).fan && step_of(id).fan->failures > 0)))
    borne_.push_back(path_of(id));
  for (const auto i : layout_of(x).waited_by)
    consider(scope_of(scope).steps[i]);
  if (--scope_of(scope).open_steps == 0)
    finish_scope(scope);
}

void engine::finish_scope(node_id id) {
  status_counts counts;
  std::string reason;
  for (const auto step : scope_of(id).steps) {
    const auto& x = at(step);
    counts.add(x.status);
    if (reason.empty() && is_failed(x.status) && x.status != status::failed_upstream)
      reason = path_of(step) + " is " + std::string{to_string(x.status)};
  }
  const auto s = aggregate_workflow(counts);
  if (s == status::completed) {
    auto made = scope_result(id);
    if (!made)
      return end(id, status::failed, "result: " + made.failure().message);
    if (*made)
      at(id).result = std::make_shared<held_result>(std::move(*made));
  }
  end(id, s, std::move(reason));
}

result<json_text> engine::scope_result(node_id id) const {
  const auto& scope = scope_of(id);
  template_value whole;
  if (!scope.source->result.empty()) {
    auto value = evaluate(scope.steps.empty() ? id : scope.steps.front(), scope.source->result);
    if (!value)
      return value.failure();
    whole = std::move(*value);
  } else if (id == root_) {
    return json_text{};
  } else if (at(id).label == "on_failure" && scope.steps.size() == 1) {
    const auto& only = at(scope.steps.front()).result;
    return only ? only->text() : json_text{};
  } else {
    template_dict merged;
    for (const auto step : scope.steps) {
      if (!at(step).result)
        continue;
      auto value = at(step).result->value();
      if (!value)
        return value.failure();
      if (value->is(template_value::type::dict))
        for (const auto& [key, part] : value->dict().entries())
          merged.set(key, part);
      else
        merged.set(at(step).step->name, std::move(*value));
    }
    if (merged.size() == 0)
      return json_text{};
    whole = template_value::make_dict(std::move(merged));
  }
  auto text = spec::value_to_json(whole);
  if (!text)
    return text.failure();
  return json_text{std::make_shared<const std::string>(std::move(*text))};
}

/// Ends the step, or lets `on_failure` try to make good.
void engine::step_failed(node_id id, muster::status s, std::string reason) {
  auto& x = at(id);
  if (!x.step->on_failure || x.stopping || canceled_)
    return end(id, s, std::move(reason));
  step_of(id).failure = s;
  step_of(id).failure_reason = std::move(reason);
  scope_part part;
  part.source = x.step->on_failure.get();
  const auto handler = make(id, std::move(part));
  at(handler).label = "on_failure";
  step_of(id).handler = handler;
  begin_scope(handler);
}

void engine::handler_ended(node_id id, node_id handler) {
  if (at(handler).status != status::completed)
    return end(id, step_of(id).failure, step_of(id).failure_reason);
  at(id).result = at(handler).result;
  end(id, status::completed, "recovered by on_failure: " + step_of(id).failure_reason);
}

void engine::run_ended(node_id run) {
  const auto id = at(run).parent;
  const auto& x = at(run);
  if (run_of(run).is_element) {
    if (const auto round = run_of(run).round; round != no_node) {
      auto& rounds = step_of(id).fan->rounds;
      rounds.resize(step_of(id).fan->count);
      rounds[run_of(run).element] = static_cast<std::uint32_t>(run_of(round).index);
    }
    element_ended(id, run_of(run).element, x.status, x.reason, x.result ? x.result->text() : nullptr);
    discard(run);
    return;
  }
  if (is_failed(x.status))
    return step_failed(id, x.status, x.reason);
  at(id).result = x.result;
  end(id, x.status, x.reason);
}

void engine::note_unrun(node_id id, muster::status s, const std::string& reason) {
  const auto& x = at(id);
  const auto path = path_of(id);
  note out{path, {path}, nullptr, s, reason};
  if (const auto* gang = std::get_if<spec::group>(&x.step->body)) {
    out.members = gang;
    if (layout_of(x).plain) {
      out.name += "-group";
    } else {
      out.tasks.clear();
      const auto around = path_of(x.parent);
      for (const auto& task : gang->tasks)
        out.tasks.push_back((around.empty() ? "" : around + ".") + task.name);
    }
  }
  notes_.push_back(std::move(out));
}

void engine::fail_itself(node_id id, const std::string& reason) {
  const bool is_step = std::holds_alternative<step_part>(at(id).part);
  const auto* gang = std::get_if<spec::group>(&at(id).step->body);
  // A gang is recorded as it would be run: when it is run once more, it has its row.
  if (is_step || gang == nullptr)
    note_unrun(id, status::failed, reason);
  else
    notes_.push_back({gang_name(id), task_names(id), gang, status::failed, reason});
  if (is_step)
    step_failed(id, status::failed, reason);
  else
    end(id, status::failed, reason);
}

} // namespace muster::flow
