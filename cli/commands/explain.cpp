#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/reading.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/explanation.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <unistd.h>

namespace muster::cli {

namespace {

/// Prints explanations for people.
class explanation_printer {
public:
  explicit explanation_printer(std::string workflow)
      : workflow_(std::move(workflow)), look_(style::for_descriptor(STDOUT_FILENO)) {}

  /// `asked`: what the user named; empty if nothing.
  void print(const picture::explanation& x, const std::string& asked) const {
    if (!asked.empty() && asked != x.name)
      std::cout << asked << " has not begun; it is in\n";
    std::cout << look_.paint(tone::strong, x.name) << "  " << look_.paint(tone_of(x.status), to_string(x.status));
    if (!x.reason.empty())
      std::cout << "  " << printable(x.reason);
    std::cout << '\n';
    if (x.elements)
      std::cout << "  " << x.elements->total << " elements: " << x.elements->running << " running, "
                << x.elements->completed << " completed, " << x.elements->failed << " failed, " << x.elements->skipped
                << " skipped\n";
    if (x.cache)
      print_cache(*x.cache, x.reason);
    print_causes(x.causes, x.more_causes, 1);
    if (x.wrote_log)
      std::cout << "  what it wrote: muster logs " << workflow_ << " -t " << x.name << '\n';
  }

private:
  static void print_cache(const picture::cache_answer& x, const std::string& reason) {
    // Of one that was taken the reason says it already.
    if (x.text != reason)
      std::cout << "  it was run although it is marked cache: " << printable(x.text) << '\n';
    if (!x.key.empty())
      std::cout << "  cache key: " << x.key << '\n';
  }

  void print_causes(const std::vector<picture::cause>& causes, std::uint64_t more, std::size_t depth) const {
    const std::string margin(2 * depth, ' ');
    for (const auto& x : causes) {
      std::cout << margin << "because of " << x.task << "  " << look_.paint(tone_of(x.status), to_string(x.status))
                << (x.reason.empty() ? "" : "  " + printable(x.reason)) << '\n';
      print_causes(x.behind, x.more_behind, depth + 1);
    }
    if (more > 0)
      std::cout << margin << "and of " << more << " more\n";
  }

  std::string workflow_;
  style look_;
};

int explain(const context& ctx, const head_choice& choice, const std::string& id, const std::string& task) {
  const auto elsewhere = means_other_machine(ctx, choice);
  if (!elsewhere)
    return report(elsewhere.failure());
  if (*elsewhere) {
    auto head = require_head(ctx, choice);
    return head ? explain_on_head(**head, id, task) : report(head.failure());
  }
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  auto reader = open_reader(*directory);
  if (!reader)
    return report(reader.failure());
  const auto workflow = find_workflow(*reader, id);
  if (!workflow)
    return report(workflow.failure());
  const explanation_printer printer{workflow->id};
  if (!task.empty()) {
    const auto one = picture::explain(*reader, *workflow, task);
    if (!one)
      return report(one.failure());
    printer.print(*one, task);
    return exit_completed;
  }
  const auto all = picture::explain(*reader, *workflow);
  if (!all)
    return report(all.failure());
  for (const auto& x : all->items)
    printer.print(x, {});
  if (all->more > 0)
    std::cout << "and " << all->more << " more; name one: muster explain " << workflow->id << " TASK\n";
  if (all->items.empty())
    std::cout << "every task of " << workflow->id << " was run and is COMPLETED\n";
  return exit_completed;
}

} // namespace

void add_explain(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("explain", "Say why a task waits, was not run, or was run although it is cached");
  auto names = std::make_shared<std::pair<std::string, std::string>>();
  command->add_option("id", names->first, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("task", names->second, "A task or step; without it all of which there is something to say")
      ->type_name("TASK");
  add_state_dir(*command, ctx);
  auto head = std::make_shared<head_choice>();
  add_head_choice(*command, *head, ctx);
  command->footer("Example:\n  muster explain last train.2");
  command->callback([&ctx, names, head] {
    ctx.action = [&ctx, names, head] { return explain(ctx, *head, names->first, names->second); };
  });
}

} // namespace muster::cli
