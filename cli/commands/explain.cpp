#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/base/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct explain_options {
  std::string id;
  std::string task;
  std::string format = "text";
  head_choice head;
};

/// Prints explanations for people.
class explanation_printer {
public:
  explicit explanation_printer(std::string workflow)
      : workflow_(std::move(workflow)), look_(style::for_descriptor(STDOUT_FILENO)) {}

  /// `asked`: what the user named; empty if nothing.
  void print(const json& x, const std::string& asked) const {
    const auto name = text_of(x, "name");
    const auto waiting = member(x, "waiting");
    // What the pool says now is newer than what was recorded when it began to wait.
    const auto reason = text_of(waiting.is_object() ? waiting : x, waiting.is_object() ? "text" : "reason");
    if (!asked.empty() && asked != name)
      std::cout << printable(asked) << " has not begun; it is in\n";
    std::cout << look_.paint(tone::strong, printable(name)) << "  "
              << look_.paint(tone_of(status_of(x)), text_of(x, "status"));
    if (!reason.empty())
      std::cout << "  " << printable(reason);
    std::cout << '\n';
    if (const auto counts = member(x, "elements"); counts.is_object())
      std::cout << "  " << text_of(counts, "total") << " elements: " << text_of(counts, "running") << " running, "
                << text_of(counts, "completed") << " completed, " << text_of(counts, "failed") << " failed, "
                << text_of(counts, "skipped") << " skipped\n";
    if (waiting.is_object())
      print_waiting(waiting);
    if (const auto cache = member(x, "cache"); cache.is_object())
      print_cache(cache, reason);
    print_causes(x, 1);
    if (x.value("wrote_log", false))
      std::cout << "  what it wrote: muster logs " << workflow_ << " -t " << shell_word(printable(name)) << '\n';
  }

private:
  static json member(const json& x, const char* name) { return x.is_object() ? x.value(name, json(nullptr)) : json(); }

  static std::string name_of(const json& gang) {
    const auto workflow = text_of(gang, "workflow");
    return workflow.empty() ? "a workflow of somebody else" : printable(workflow + " " + text_of(gang, "group"));
  }

  static void print_waiting(const json& x) {
    if (const auto place = member(x, "placement"); place.is_object() && number_of(place, "position") > 0)
      std::cout << "  number " << text_of(place, "position") << " of " << text_of(place, "waiting") << " that wait\n";
    if (const auto ahead = member(x, "ahead"); ahead.is_object())
      std::cout << "  kept for " << name_of(ahead) << '\n';
    std::string holders;
    for (const auto& one : member(x, "holders"))
      holders += (holders.empty() ? "" : ", ") + name_of(one);
    if (!holders.empty())
      std::cout << "  held by " << holders << '\n';
  }

  static void print_cache(const json& x, const std::string& reason) {
    // Of one that was taken the reason says it already.
    if (const auto text = text_of(x, "text"); text != reason)
      std::cout << "  it was run although it is marked cache: " << printable(text) << '\n';
    if (const auto key = text_of(x, "key"); !key.empty())
      std::cout << "  cache key: " << printable(key) << '\n';
  }

  void print_causes(const json& of, std::size_t depth) const {
    const std::string margin(2 * depth, ' ');
    for (const auto& x : member(of, "causes")) {
      const auto reason = text_of(x, "reason");
      std::cout << margin << "because of " << printable(text_of(x, "task")) << "  "
                << look_.paint(tone_of(status_of(x)), text_of(x, "status"))
                << (reason.empty() ? "" : "  " + printable(reason)) << '\n';
      print_causes(x, depth + 1);
    }
    if (number_of(of, "more_causes") > 0)
      std::cout << margin << "and of " << text_of(of, "more_causes") << " more\n";
  }

  std::string workflow_;
  style look_;
};

int explain(const context& ctx, const explain_options& options) {
  auto head = find_live_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  const auto id = workflow_id(**head, options.id);
  if (!id)
    return report(id.why());
  const auto got =
      get_json(**head, options.task.empty() ? client::path_of({"workflows", *id, "explain"})
                                            : client::path_of({"workflows", *id, "tasks", options.task, "explain"}));
  if (!got)
    return report(got.why());
  if (options.format == "json") {
    std::cout << dump(*got, 1) << '\n';
    return exit_completed;
  }
  const explanation_printer printer(*id);
  if (!options.task.empty()) {
    printer.print(*got, options.task);
    return exit_completed;
  }
  const auto items = got->value("items", json::array());
  if (!text_of(*got, "held").empty()) {
    std::cout << *id << "  " << text_of(*got, "status");
    print_held(*got);
    std::cout << '\n';
  }
  for (const auto& x : items)
    printer.print(x, {});
  if (number_of(*got, "more") > 0)
    std::cout << "and " << text_of(*got, "more") << " more; name one: muster explain " << *id << " TASK\n";
  if (items.empty() && is_finished(status_of(*got)))
    std::cout << "every task of " << *id << " was run and is COMPLETED\n";
  return exit_completed;
}

} // namespace

void add_explain(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("explain", "Say why a task waits, was not run, or was run although it is cached");
  auto options = std::make_shared<explain_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("task", options->task, "A task or step; without it all of which there is something to say")
      ->type_name("TASK");
  add_text_or_json(*command, options->format);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster explain last train.2");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return explain(ctx, *options); }; });
}

} // namespace muster::cli
