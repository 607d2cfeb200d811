#include "muster/picture/outline.hpp"

#include "muster/flow/items.hpp"
#include "muster/spec/duration.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace muster::picture {

namespace {

std::string joined(const std::string& around, const std::string& name) {
  return around.empty() ? name : around + "." + name;
}

std::string kind_of(const spec::step& x) {
  if (const auto* gang = std::get_if<spec::group>(&x.body))
    return gang->tasks.size() == 1 && gang->tasks.front().name == x.name ? "task" : "group";
  if (std::holds_alternative<spec::scope_ptr>(x.body))
    return "workflow";
  return std::holds_alternative<spec::branches_body>(x.body) ? "branches" : "switch";
}

/// Decided at run time: by a result, an expression, or another step's elements.
bool is_late(const spec::item_source& x) {
  return std::holds_alternative<spec::each_of_result>(x) || std::holds_alternative<spec::each_of_expression>(x) ||
         std::holds_alternative<spec::each_of_step>(x);
}

std::optional<std::uint64_t> elements_of(const spec::step& x) {
  if (!x.foreach || is_late(x.foreach->items))
    return std::nullopt;
  const auto items = flow::item_list::make(x.foreach->items, {});
  return items ? std::optional<std::uint64_t>{items->size()} : std::nullopt;
}

/// Positions by the names that a step may be known by: its own, and those of a group's tasks.
std::map<std::string, std::uint32_t> positions(const spec::scope& x) {
  std::map<std::string, std::uint32_t> out;
  for (std::uint32_t i = 0; i < x.steps.size(); ++i) {
    out.emplace(x.steps[i].name, i);
    if (const auto* gang = std::get_if<spec::group>(&x.steps[i].body))
      for (const auto& task : gang->tasks)
        out.emplace(task.name, i);
  }
  return out;
}

std::vector<outline_edge> edges_of(const spec::step& x, const std::map<std::string, std::uint32_t>& known) {
  std::map<std::uint32_t, outline_edge> found;
  const auto add = [&](const std::string& name, outline_edge edge) {
    const auto at = known.find(name);
    if (at == known.end())
      return; // Of a scope around this one: an edge of the step that leads here.
    edge.from = at->second;
    const auto [place, fresh] = found.try_emplace(at->second, edge);
    place->second.is_data = place->second.is_data || edge.is_data;
  };
  for (const auto& a : x.after)
    add(a.step, {0, a.on, false, false});
  if (x.foreach)
    if (const auto* each = std::get_if<spec::each_of_step>(&x.foreach->items))
      add(each->step, {0, spec::after_on::success, true, true});
  for (const auto& name : x.needs)
    add(name, {0, spec::after_on::success, true, false});
  std::vector<outline_edge> out;
  out.reserve(found.size());
  for (const auto& [at, edge] : found)
    out.push_back(edge);
  return out;
}

outline_scope make_scope(const spec::scope& x, const std::string& around, std::string role, std::string label);

std::vector<outline_scope> inner_of(const spec::step& x, const std::string& path) {
  std::vector<outline_scope> out;
  if (const auto* inner = std::get_if<spec::scope_ptr>(&x.body))
    out.push_back(make_scope(**inner, path, "", ""));
  if (const auto* branches = std::get_if<spec::branches_body>(&x.body))
    for (const auto& [name, branch] : branches->branches)
      out.push_back(make_scope(*branch, joined(path, name), "branch", name));
  if (const auto* choice = std::get_if<spec::switch_body>(&x.body)) {
    for (const auto& [name, branch] : choice->cases)
      out.push_back(make_scope(*branch, joined(path, name), "case", name));
    if (choice->otherwise)
      out.push_back(make_scope(*choice->otherwise, joined(path, "default"), "default", ""));
  }
  if (x.on_failure)
    out.push_back(make_scope(*x.on_failure, joined(path, "on_failure"), "on_failure", ""));
  return out;
}

/// How many steps must end before each, along the longest way. Definitions are without cycles; what is not is bounded.
std::vector<std::uint32_t> levels_of(const std::vector<outline_step>& steps) {
  std::vector<std::uint32_t> levels(steps.size(), 0);
  for (std::size_t round = 0, changed = 1; changed > 0 && round < steps.size(); ++round) {
    changed = 0;
    for (std::size_t i = 0; i < steps.size(); ++i)
      for (const auto& edge : steps[i].edges)
        if (levels[edge.from] >= levels[i]) {
          levels[i] = levels[edge.from] + 1;
          ++changed;
        }
  }
  return levels;
}

outline_scope make_scope(const spec::scope& x, const std::string& around, std::string role, std::string label) {
  outline_scope out{std::move(role), std::move(label), {}};
  const auto known = positions(x);
  std::vector<outline_step> declared;
  for (const auto& step : x.steps) {
    // The one step of a handler that has no name of its own is the handler.
    const bool nameless = out.role == "on_failure" && step.name == "on_failure";
    const auto path = nameless ? around : joined(around, step.name);
    declared.push_back({&step, path, kind_of(step), elements_of(step), edges_of(step, known), inner_of(step, path)});
  }
  const auto levels = levels_of(declared);
  std::vector<std::uint32_t> order(declared.size());
  for (std::uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return levels[a] < levels[b]; });
  std::vector<std::uint32_t> place(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i)
    place[order[i]] = i;
  for (const auto i : order) {
    for (auto& edge : declared[i].edges)
      edge.from = place[edge.from];
    std::sort(declared[i].edges.begin(), declared[i].edges.end(),
              [](const auto& a, const auto& b) { return a.from < b.from; });
    out.steps.push_back(std::move(declared[i]));
  }
  return out;
}

std::string plural(std::uint64_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string reduction_of(const spec::reduce& x) {
  switch (x.with) {
    case spec::reduction::sum: return "sum";
    case spec::reduction::min: return "min";
    case spec::reduction::max: return "max";
    case spec::reduction::mean: return "mean";
    case spec::reduction::best: return x.smallest ? "best, the smallest" : "best";
    case spec::reduction::collect: break;
  }
  return "collect";
}

void add_foreach(const outline_step& x, std::vector<std::string>& out) {
  const auto& each = *x.step->foreach;
  if (x.elements)
    out.push_back("foreach: " + plural(*x.elements, "element"));
  else if (const auto* from = std::get_if<spec::each_of_result>(&each.items))
    out.push_back("foreach: decided at run time by the result of " + from->path);
  else if (const auto* expression = std::get_if<spec::each_of_expression>(&each.items))
    out.push_back("foreach: decided at run time by " + expression->text);
  else if (const auto* other = std::get_if<spec::each_of_step>(&each.items))
    out.push_back("foreach: one for each of " + other->step);
  else
    out.emplace_back("foreach: too many elements");
  if (each.max_parallel > 0)
    out.push_back("at most " + std::to_string(each.max_parallel) + " at once");
  if (each.fail_fast)
    out.emplace_back("the first failure cancels the rest");
  if (each.max_failures)
    out.push_back("bears " + plural(*each.max_failures, "failure"));
  if (each.allow_partial)
    out.emplace_back("partial results do");
  if (each.reduce.with != spec::reduction::collect || !each.reduce.path.empty())
    out.push_back("reduce: " + reduction_of(each.reduce) + (each.reduce.path.empty() ? "" : " of " + each.reduce.path));
}

std::optional<std::uint64_t> tasks_of(const outline_step& x);

std::optional<std::uint64_t> tasks_within(const outline_step& x) {
  if (const auto* gang = std::get_if<spec::group>(&x.step->body))
    return gang->tasks.size();
  if (x.kind == "switch")
    return std::nullopt;
  std::uint64_t sum = 0;
  for (const auto& inner : x.inner) {
    const auto tasks = picture::tasks_of(inner);
    if (!tasks)
      return std::nullopt;
    sum += *tasks;
  }
  return sum;
}

std::optional<std::uint64_t> tasks_of(const outline_step& x) {
  const bool conditional = std::any_of(x.step->after.begin(), x.step->after.end(),
                                       [](const auto& a) { return a.on == spec::after_on::failure; });
  if (conditional || !x.step->when.empty() || x.step->repeat || x.step->on_failure)
    return std::nullopt;
  const auto once = tasks_within(x);
  if (!once || !x.step->foreach)
    return once;
  if (!x.elements || (*once > 0 && *x.elements > std::numeric_limits<std::uint32_t>::max() / *once))
    return std::nullopt;
  return *once * *x.elements;
}

} // namespace

outline_scope outline_of(const spec::scope& definition) {
  return make_scope(definition, "", "", "");
}

std::vector<std::string> phrases(const outline_step& x) {
  std::vector<std::string> out;
  const auto& step = *x.step;
  if (!step.when.empty())
    out.push_back("when: " + step.when);
  if (const auto* choice = std::get_if<spec::switch_body>(&step.body))
    out.push_back("switch: " + choice->value);
  if (step.foreach)
    add_foreach(x, out);
  if (step.repeat)
    out.push_back("repeat: " + (step.repeat->until.empty() ? "" : "until " + step.repeat->until + ", ") +
                  (step.repeat->until.empty() ? "" : "at most ") + plural(step.repeat->max, "round"));
  if (step.retry)
    out.push_back("retry: " + std::to_string(step.retry->max));
  if (step.timeout)
    out.push_back("timeout: " + spec::to_string(*step.timeout));
  if (step.cache)
    out.push_back(step.cache->empty() ? "cache" : "cache: " + *step.cache);
  return out;
}

std::string describe(const outline_edge& x, const outline_scope& scope) {
  const auto& name = scope.steps[x.from].step->name;
  if (x.by_element)
    return "each of " + name;
  switch (x.on) {
    case spec::after_on::success: break;
    case spec::after_on::success_or_skipped: return name + " (also skipped)";
    case spec::after_on::failure: return name + " (if it fails)";
    case spec::after_on::always: return name + " (always)";
  }
  return name;
}

std::optional<std::uint64_t> tasks_of(const outline_scope& x) {
  std::uint64_t sum = 0;
  for (const auto& step : x.steps) {
    const auto tasks = tasks_of(step);
    if (!tasks)
      return std::nullopt;
    sum += *tasks;
  }
  return sum;
}

} // namespace muster::picture
