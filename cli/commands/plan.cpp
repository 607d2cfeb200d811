#include "muster/plan/plan.hpp"
#include "muster/picture/graph.hpp"

#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/commands/plan_flow.hpp"
#include "cli/commands/spec_input.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/resource_text.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <numeric>
#include <unistd.h>

namespace muster::cli {

namespace {

struct plan_options {
  spec_input input;
  std::string format = "text";
};

/// The groups in an order in which they may run: by level, then as written.
std::vector<group_index> in_order(const plan& x, const std::vector<std::uint32_t>& levels) {
  std::vector<group_index> order(x.group_count());
  for (std::uint32_t i = 0; i < x.group_count(); ++i)
    order[i] = group_index{i};
  std::stable_sort(order.begin(), order.end(),
                   [&](group_index a, group_index b) { return levels[a.value] < levels[b.value]; });
  return order;
}

/// `a, b and 98 more`
std::string names_of(const plan& x, array_view<group_index> groups) {
  constexpr std::size_t shown = 8;
  std::string text;
  for (std::size_t i = 0; i < groups.size() && i < shown; ++i)
    text += (i == 0 ? "" : ", ") + printable(x.group_name(groups[i]));
  return groups.size() > shown ? text + " and " + std::to_string(groups.size() - shown) + " more" : text;
}

void print_group(const plan& x, group_index g, bool last, const style& look) {
  const auto range = x.tasks(g);
  std::cout << (last ? "└─ " : "├─ ") << look.paint(tone::strong, printable(x.group_name(g)));
  if (range.count > 1)
    std::cout << look.paint(tone::faint, x.barrier(g) ? "  barrier" : "  no barrier")
              << look.paint(tone::faint, x.ignore_nonlead_status(g) ? ", ends as its lead" : ", fails with any member");
  if (!x.upstream(g).empty())
    std::cout << look.paint(tone::faint, "  after ") << names_of(x, x.upstream(g));
  std::cout << '\n';
  for (std::uint32_t i = 0; i < range.count; ++i) {
    const task_index t{range.first.value + i};
    std::cout << (last ? "   " : "│  ") << (i + 1 == range.count ? "└─ " : "├─ ") << printable(x.task_name(t))
              << (range.count > 1 && x.is_lead(t) ? look.paint(tone::busy, "  lead") : "") << "  "
              << look.paint(tone::faint, describe(x.resource(t))) << '\n';
  }
}

void print_text(const plan& x) {
  const auto look = style::for_descriptor(STDOUT_FILENO);
  const auto levels = x.levels();
  const auto order = in_order(x, levels);
  std::cout << look.paint(tone::strong, printable(x.name())) << "  " << count_of(x.group_count(), "group") << ", "
            << count_of(x.task_count(), "task");
  if (!x.header().pool.empty())
    std::cout << ", pool " << printable(x.header().pool);
  if (x.header().timeout.exec)
    std::cout << ", exec timeout " << show_duration(*x.header().timeout.exec);
  if (x.header().timeout.queue)
    std::cout << ", queue timeout " << show_duration(*x.header().timeout.queue);
  std::cout << '\n';
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto level = levels[order[i].value];
    if (i == 0 || level != levels[order[i - 1].value])
      std::cout << look.paint(tone::faint, "step " + std::to_string(level + 1)) << '\n';
    const bool last = i + 1 == order.size() || levels[order[i + 1].value] != level;
    print_group(x, order[i], last, look);
  }
}

/// `text` between double quotes.
std::string quoted(std::string_view text, bool mermaid) {
  return '"' + (mermaid ? picture::mermaid_text(text) : picture::dot_text(text)) + '"';
}

std::string label(const plan& x, group_index g, const char* line_break, bool mermaid) {
  const auto range = x.tasks(g);
  std::string text = quoted(x.group_name(g), mermaid);
  text.pop_back();
  if (range.count > 1)
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const task_index t{range.first.value + i};
      auto name = quoted(x.task_name(t), mermaid);
      text += line_break + name.substr(1, name.size() - 2) + (x.is_lead(t) ? " (lead)" : "");
    }
  return text + '"';
}

void print_dot(const plan& x) {
  std::cout << "digraph " << quoted(x.name(), false) << " {\n  node [shape=box];\n";
  for (std::uint32_t i = 0; i < x.group_count(); ++i)
    std::cout << "  g" << i << " [label=" << label(x, group_index{i}, "\\n", false) << "];\n";
  for (std::uint32_t i = 0; i < x.group_count(); ++i)
    for (const auto from : x.upstream(group_index{i}))
      std::cout << "  g" << from.value << " -> g" << i << ";\n";
  std::cout << "}\n";
}

void print_mermaid(const plan& x) {
  std::cout << "flowchart TD\n";
  for (std::uint32_t i = 0; i < x.group_count(); ++i)
    std::cout << "  g" << i << '[' << label(x, group_index{i}, "<br/>", true) << "]\n";
  for (std::uint32_t i = 0; i < x.group_count(); ++i)
    for (const auto from : x.upstream(group_index{i}))
      std::cout << "  g" << from.value << " --> g" << i << '\n';
}

void print_json(const plan& x, const spec::workflow& workflow) {
  const auto levels = x.levels();
  auto steps = nlohmann::ordered_json::array();
  for (const auto g : in_order(x, levels)) {
    if (steps.size() <= levels[g.value])
      steps.push_back(nlohmann::ordered_json::array());
    steps.back().push_back(x.group_name(g));
  }
  auto edges = nlohmann::ordered_json::array();
  for (std::uint32_t i = 0; i < x.group_count(); ++i)
    for (const auto from : x.upstream(group_index{i}))
      edges.push_back({{"from", x.group_name(from)}, {"to", x.group_name(group_index{i})}});
  nlohmann::ordered_json resources = nlohmann::ordered_json::object();
  for (std::uint32_t i = 0; i < x.task_count(); ++i)
    resources[std::string(x.task_name(task_index{i}))] = resource_json(x.resource(task_index{i}));
  const nlohmann::ordered_json out{{"workflow", x.name()},
                                   {"pool", x.header().pool},
                                   {"groups", nlohmann::ordered_json::parse(spec::to_resolved_json(workflow))},
                                   {"order", std::move(steps)},
                                   {"edges", std::move(edges)},
                                   {"resources", std::move(resources)}};
  std::cout << dump(out, 2) << '\n';
}

int show_plan(const plan_options& options) {
  const auto spec = load(options.input);
  print_diagnostics(spec.outcome);
  if (!spec.outcome.ok())
    return exit_error;
  if (spec.outcome.workflow->flow) {
    print_flow_plan(*spec.outcome.workflow, options.format);
    return exit_completed;
  }
  const auto laid_out = make_plan(*spec.outcome.workflow);
  if (!laid_out)
    return report(laid_out.failure());
  if (options.format == "dot")
    print_dot(*laid_out);
  else if (options.format == "mermaid")
    print_mermaid(*laid_out);
  else if (options.format == "json")
    print_json(*laid_out, *spec.outcome.workflow);
  else
    print_text(*laid_out);
  return exit_completed;
}

} // namespace

void add_plan(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("plan", "Show what a spec would run: steps, order, edges, resources");
  auto options = std::make_shared<plan_options>();
  add_spec_input(*command, options->input);
  add_choice(*command, "--format", options->format, "How to print it (default: text)",
             {"text", "dot", "mermaid", "json"});
  command->footer("Example:\n  muster plan train.yaml --format dot | dot -Tsvg "
                  "> train.svg");
  command->callback([&ctx, options] { ctx.action = [options] { return show_plan(*options); }; });
}

} // namespace muster::cli
