#include "flow/engine.hpp"

#include "muster/spec/expression.hpp"

#include <algorithm>
#include <utility>

namespace muster::flow {

namespace {

/// Begun before the restart, and not ended.
bool has_begun(const recorded_gang& x) {
  return !x.is_step && x.status > status::waiting && !is_group_finished(x.status);
}

/// Whether `next` comes across it: what was not run because of others is decided without looking.
bool can_be_met(const recorded_gang& x) {
  return !x.is_step && x.status != status::skipped && x.status != status::failed_upstream;
}

} // namespace

result<template_value> held_result::value() const {
  if (!parsed_) {
    auto made = spec::value_from_json(*text_);
    if (!made)
      return made.failure();
    parsed_ = std::move(*made);
  }
  return *parsed_;
}

engine::engine(spec::scope_ptr definition) : definition_(std::move(definition)), layouts_(*definition_) {
  scope_part part;
  part.source = definition_.get();
  root_ = make(no_node, std::move(part));
}

void engine::recall(std::vector<std::pair<std::string, recorded_gang>> recorded) {
  for (auto& x : recorded) {
    to_recall_ += has_begun(x.second) ? 1 : 0;
    ++recorded_paths_[x.first];
    const bool counts = can_be_met(x.second);
    if (recorded_.insert(std::move(x)).second && counts)
      ++to_meet_;
  }
}

node_id engine::make(node_id parent, decltype(node::part) part) {
  node_id id = static_cast<node_id>(nodes_.size());
  if (free_.empty()) {
    nodes_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
    nodes_[id] = {};
  }
  nodes_[id].parent = parent;
  nodes_[id].part = std::move(part);
  return id;
}

void engine::discard(node_id id) {
  if (id == no_node)
    return;
  if (const auto* scope = std::get_if<scope_part>(&at(id).part))
    for (const auto step : scope->steps)
      discard(step);
  if (const auto* step = std::get_if<step_part>(&at(id).part)) {
    discard(step->run);
    discard(step->handler);
    if (step->fan && step->fan->queued)
      fans_.erase(std::find(fans_.begin(), fans_.end(), id));
  }
  if (const auto* run = std::get_if<run_part>(&at(id).part)) {
    discard(run->round);
    for (const auto scope : run->scopes)
      discard(scope);
  }
  nodes_[id] = {};
  free_.push_back(id);
}

std::string engine::path_of(node_id id) const {
  std::vector<const std::string*> labels;
  for (auto i = id; i != no_node; i = at(i).parent)
    if (!at(i).label.empty())
      labels.push_back(&at(i).label);
  std::string path;
  for (auto i = labels.size(); i-- > 0;)
    path += (path.empty() ? "" : ".") + *labels[i];
  return path;
}

const step_layout& engine::layout_of(const node& step) const {
  auto id = step.parent;
  while (!std::holds_alternative<scope_part>(at(id).part))
    id = at(id).parent;
  return layouts_.of(*scope_of(id).source, *step.step);
}

void engine::end(node_id id, muster::status s, std::string reason) {
  auto& x = at(id);
  if (x.stage == stage::ended)
    return;
  x.stage = stage::ended;
  x.status = s;
  x.reason = std::move(reason);
  ended_.push_back(id);
}

void engine::settle() {
  while (!ended_.empty()) {
    const auto id = ended_.front();
    ended_.pop_front();
    tell_parent(id);
  }
}

void engine::tell_parent(node_id id) {
  const auto parent = at(id).parent;
  if (parent == no_node)
    return;
  if (std::holds_alternative<step_part>(at(id).part))
    return step_ended(parent, id);
  const bool in_step = std::holds_alternative<step_part>(at(parent).part);
  if (std::holds_alternative<run_part>(at(id).part))
    return in_step ? run_ended(id) : round_ended(parent, id);
  return in_step ? handler_ended(parent, id) : inner_scope_ended(parent);
}

std::optional<gang> engine::next() {
  if (at(root_).stage == stage::waiting)
    begin_scope(root_);
  for (;;) {
    settle();
    // What has begun goes before what has not: elements in progress are finished first, and little is held.
    if (!gangs_.empty()) {
      const auto id = gangs_.front();
      gangs_.pop_front();
      gang out{id, gang_name(id), task_names(id), at(id).step, std::nullopt, std::nullopt};
      run_of(id).given = true;
      const auto known = recorded_.find(out.name);
      const bool stopping = is_stopping(id);
      if (known == recorded_.end() && stopping) {
        end(id, status::failed_canceled, "canceled");
        continue;
      }
      if (known == recorded_.end())
        return out;
      auto past = std::move(known->second);
      recorded_.erase(known);
      to_meet_ -= can_be_met(past) ? 1 : 0;
      if (!is_group_finished(past.status)) {
        to_recall_ -= has_begun(past) ? 1 : 0;
        out.index = past.index;
        if (stopping)
          out.canceled = "canceled before the restart";
        return out;
      }
      any_begun_ = any_begun_ || past.status != status::skipped;
      take_gang_end(id, {past.status, std::move(past.results)});
    } else if (!fans_.empty()) {
      const auto step = fans_.front();
      fans_.pop_front();
      step_of(step).fan->queued = false;
      begin_next_element(step);
      queue_fan(step);
    } else {
      return std::nullopt;
    }
  }
}

/// Whether `id`, or a foreach that it is an element of, is being cancelled. What makes a failed step good goes on.
bool engine::is_stopping(node_id id) const {
  auto from = no_node;
  for (auto i = id; i != no_node; from = std::exchange(i, at(i).parent)) {
    const auto* step = std::get_if<step_part>(&at(i).part);
    const bool in_fan = step != nullptr && step->fan && from != step->handler;
    if (at(i).stopping || (in_fan && step->fan->stopping))
      return true;
  }
  return false;
}

void engine::started(node_id id) {
  any_begun_ = true;
  for (auto i = id; i != no_node && at(i).status == status::waiting; i = at(i).parent)
    at(i).status = muster::status::running;
}

void engine::finished(node_id id, gang_end how) {
  any_begun_ = true;
  take_gang_end(id, std::move(how));
  settle();
}

void engine::cancel(const std::string& reason) {
  if (at(root_).stage == stage::waiting)
    begin_scope(root_);
  canceled_ = true;
  cancel_below(root_, reason);
  settle();
}

std::vector<std::pair<std::uint32_t, std::string>> engine::take_cancels() {
  return std::exchange(cancels_, {});
}

std::vector<note> engine::take_notes() {
  return std::exchange(notes_, {});
}

muster::status engine::status() const {
  if (done())
    return at(root_).status;
  return any_begun_ ? status::running : status::pending;
}

result<template_value> engine::result_of(std::string_view path) const {
  const auto& steps = scope_of(root_).steps;
  if (steps.empty())
    return error{ec::not_found, "there is no step"};
  return result_at(steps.front(), path);
}

json_text engine::result_of_all() const {
  return at(root_).result ? at(root_).result->text() : nullptr;
}

} // namespace muster::flow
