#include "flow/engine.hpp"

/// The tree as people look at it.
namespace muster::flow {

namespace {

std::string kind_of(const spec::step& x, bool plain) {
  if (std::holds_alternative<spec::group>(x.body))
    return plain ? "task" : "group";
  if (std::holds_alternative<spec::scope_ptr>(x.body))
    return "workflow";
  return std::holds_alternative<spec::branches_body>(x.body) ? "branches" : "switch";
}

muster::status shown(const node& x) {
  return x.stage == stage::open && x.status == status::waiting ? status::processing : x.status;
}

} // namespace

std::string engine::why_waiting(node_id id) const {
  const auto& x = at(id);
  std::string text;
  for (const auto& d : layout_of(x).waits_for) {
    const auto& other = at(scope_of(x.parent).steps[d.step]);
    if (other.stage != stage::ended)
      text += (text.empty() ? "waiting for " : ", ") + other.step->name;
  }
  return text;
}

step_view engine::view_of(node_id id) const {
  const auto& x = at(id);
  const auto kind = kind_of(*x.step, layout_of(x).plain);
  const auto& part = step_of(id);
  step_view out;
  if (part.run != no_node) {
    out = view_of_run(part.run, kind);
  } else if (part.fan) {
    out.elements = part.fan->count;
    out.running = part.fan->active;
    out.completed = part.fan->completed;
    out.failed = part.fan->failures;
    out.skipped = part.fan->skipped;
    for (node_id i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].parent == id && std::holds_alternative<run_part>(nodes_[i].part))
        out.inner.push_back(view_of_run(i, "element"));
  }
  out.path = path_of(id);
  out.kind = kind;
  out.is_foreach = x.step->foreach.has_value();
  out.status = shown(x);
  out.reason = x.stage == stage::waiting ? why_waiting(id) : x.reason;
  if (part.handler != no_node)
    for (const auto step : scope_of(part.handler).steps)
      out.inner.push_back(view_of(step));
  return out;
}

step_view engine::view_of_run(node_id id, const std::string& kind) const {
  const auto& x = at(id);
  step_view out;
  out.path = path_of(id);
  out.kind = kind;
  out.status = shown(x);
  out.reason = x.reason;
  if (run_of(id).round != no_node)
    out.inner.push_back(view_of_run(run_of(id).round, "round"));
  for (const auto scope : run_of(id).scopes)
    for (const auto step : scope_of(scope).steps)
      out.inner.push_back(view_of(step));
  return out;
}

std::vector<step_view> engine::view() const {
  std::vector<step_view> out;
  for (const auto step : scope_of(root_).steps)
    out.push_back(view_of(step));
  return out;
}

} // namespace muster::flow
