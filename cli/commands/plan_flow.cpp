#include "cli/commands/plan_flow.hpp"

#include "cli/commands/listing.hpp"
#include "cli/terminal/resource_text.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/graph.hpp"
#include "muster/picture/outline.hpp"
#include "muster/spec/load.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

using nlohmann::ordered_json;
using picture::outline_scope;
using picture::outline_step;

spec::resource resource_of(const spec::workflow& workflow, const spec::task& task) {
  const auto found = workflow.resources.find(task.resource);
  return found == workflow.resources.end() ? spec::resource{} : found->second;
}

std::string edges_text(const outline_step& x, const outline_scope& scope) {
  std::string text;
  for (const auto& edge : x.edges)
    text += (text.empty() ? "" : ", ") + describe(edge, scope);
  return text;
}

/// Draws the tree with lines that join what belongs together.
class tree_printer {
public:
  explicit tree_printer(const spec::workflow& workflow)
      : workflow_(workflow), look_(style::for_descriptor(STDOUT_FILENO)) {}

  void print(const outline_scope& scope, const std::string& margin) {
    for (std::size_t i = 0; i < scope.steps.size(); ++i)
      print_step(scope.steps[i], scope, margin, i + 1 == scope.steps.size());
  }

private:
  void print_step(const outline_step& x, const outline_scope& scope, const std::string& margin, bool last) {
    std::cout << margin << (last ? "└─ " : "├─ ") << look_.paint(tone::strong, printable(x.step->name));
    if (x.kind != "task")
      std::cout << look_.paint(tone::faint, "  " + x.kind);
    for (const auto& phrase : phrases(x))
      std::cout << "  " << look_.paint(tone::busy, printable(phrase));
    if (const auto edges = edges_text(x, scope); !edges.empty())
      std::cout << look_.paint(tone::faint, "  after ") << printable(edges);
    const auto below = margin + (last ? "   " : "│  ");
    const auto* gang = std::get_if<spec::group>(&x.step->body);
    if (gang != nullptr && x.kind == "task")
      std::cout << "  " << look_.paint(tone::faint, describe(resource_of(workflow_, gang->tasks.front())));
    std::cout << '\n';
    if (gang != nullptr && x.kind == "group")
      print_members(*gang, below, !x.inner.empty());
    for (std::size_t i = 0; i < x.inner.size(); ++i)
      print_inner(x.inner[i], below, i + 1 == x.inner.size());
  }

  void print_members(const spec::group& gang, const std::string& margin, bool more) {
    for (std::size_t i = 0; i < gang.tasks.size(); ++i) {
      const auto& task = gang.tasks[i];
      std::cout << margin << (i + 1 == gang.tasks.size() && !more ? "└─ " : "├─ ") << printable(task.name)
                << (task.lead && gang.tasks.size() > 1 ? look_.paint(tone::busy, "  lead") : "") << "  "
                << look_.paint(tone::faint, describe(resource_of(workflow_, task))) << '\n';
    }
  }

  void print_inner(const outline_scope& x, const std::string& margin, bool last) {
    if (x.role.empty())
      return print(x, margin);
    std::cout << margin << (last ? "└─ " : "├─ ") << look_.paint(tone::faint, x.role)
              << (x.label.empty() ? "" : " " + printable(x.label)) << '\n';
    print(x, margin + (last ? "   " : "│  "));
  }

  const spec::workflow& workflow_;
  style look_;
};

void print_text(const spec::workflow& workflow, const outline_scope& outline) {
  const auto look = style::for_descriptor(STDOUT_FILENO);
  std::cout << look.paint(tone::strong, printable(workflow.name)) << "  " << count_of(outline.steps.size(), "step");
  if (const auto tasks = tasks_of(outline))
    std::cout << ", " << count_of(*tasks, "task");
  else
    std::cout << ", how many tasks is decided at run time";
  if (!workflow.pool.empty())
    std::cout << ", pool " << printable(workflow.pool);
  if (workflow.timeout.exec)
    std::cout << ", exec timeout " << show_duration(*workflow.timeout.exec);
  if (workflow.timeout.queue)
    std::cout << ", queue timeout " << show_duration(*workflow.timeout.queue);
  std::cout << '\n';
  tree_printer(workflow).print(outline, "");
}

const char* word_of(spec::after_on on) {
  switch (on) {
    case spec::after_on::success_or_skipped: return "success_or_skipped";
    case spec::after_on::failure: return "failure";
    case spec::after_on::always: return "always";
    case spec::after_on::success: break;
  }
  return "success";
}

ordered_json to_json(const outline_scope& scope, const spec::workflow& workflow);

ordered_json to_json(const outline_step& x, const outline_scope& scope, const spec::workflow& workflow) {
  ordered_json out{{"path", x.path}, {"name", x.step->name}, {"kind", x.kind}};
  if (x.step->foreach)
    out["elements"] = x.elements ? ordered_json(*x.elements) : ordered_json(nullptr);
  out["says"] = phrases(x);
  auto after = ordered_json::array();
  for (const auto& edge : x.edges)
    after.push_back({{"step", scope.steps[edge.from].step->name},
                     {"on", word_of(edge.on)},
                     {"data", edge.is_data},
                     {"by_element", edge.by_element}});
  out["after"] = std::move(after);
  if (const auto* gang = std::get_if<spec::group>(&x.step->body)) {
    auto tasks = ordered_json::array();
    for (const auto& task : gang->tasks)
      tasks.push_back(
          {{"name", task.name}, {"lead", task.lead}, {"resource", resource_json(resource_of(workflow, task))}});
    out["tasks"] = std::move(tasks);
  }
  auto inner = ordered_json::array();
  for (const auto& one : x.inner)
    inner.push_back({{"role", one.role}, {"label", one.label}, {"steps", to_json(one, workflow)}});
  out["inner"] = std::move(inner);
  return out;
}

ordered_json to_json(const outline_scope& scope, const spec::workflow& workflow) {
  auto out = ordered_json::array();
  for (const auto& step : scope.steps)
    out.push_back(to_json(step, scope, workflow));
  return out;
}

void print_json(const spec::workflow& workflow, const outline_scope& outline) {
  const auto tasks = tasks_of(outline);
  const ordered_json out{{"workflow", workflow.name},
                         {"pool", workflow.pool},
                         {"tasks", tasks ? ordered_json(*tasks) : ordered_json(nullptr)},
                         {"steps", to_json(outline, workflow)},
                         {"flow", ordered_json::parse(spec::to_resolved_json(workflow))}};
  std::cout << dump(out, 2) << '\n';
}

} // namespace

void print_flow_plan(const spec::workflow& workflow, const std::string& format) {
  const auto outline = picture::outline_of(*workflow.flow);
  if (format == "dot")
    std::cout << picture::to_dot(workflow.name, outline);
  else if (format == "mermaid")
    std::cout << picture::to_mermaid(outline);
  else if (format == "json")
    print_json(workflow, outline);
  else
    print_text(workflow, outline);
}

} // namespace muster::cli
