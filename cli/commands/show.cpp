#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/flow_tree.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/terminal/table.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_tasks = 10'000'000;

struct show_options {
  std::string id;
  std::string task;
  std::vector<std::string> statuses;
  bool failed = false;
  bool all = false;
  list_format format = list_format::table;
  head_choice head;
};

std::uint64_t count_in(const json& x, const char* name) {
  return static_cast<std::uint64_t>(number_of(x, name));
}

/// One row for each attempt of a task; of one that was never begun, one that says why.
class task_table {
public:
  task_table(client::api& head, std::string workflow)
      : head_(head), workflow_(std::move(workflow)),
        rows_({"GROUP", "TASK", "ATTEMPT", "STATUS", "EXIT", "QUEUED", "RAN", "NODE", "REASON"},
              style::for_descriptor(STDOUT_FILENO), std::cout) {}

  [[nodiscard]] std::optional<client::problem> add(const json& task) {
    const auto attempts = attempts_of(head_, workflow_, task);
    if (!attempts)
      return attempts.why();
    for (const auto& attempt : *attempts)
      add_attempt(task, attempt);
    if (attempts->empty())
      rows_.add({{printable(text_of(task, "group"))},
                 {name_of_task(task)},
                 {},
                 {text_of(task, "status"), tone_of(status_of(task))},
                 {},
                 {},
                 {},
                 {},
                 {printable(text_of(task, text_of(task, "reason").empty() ? "waits_for" : "reason"))}});
    return std::nullopt;
  }
  void finish() { rows_.flush(); }

private:
  static std::string name_of_task(const json& task) {
    return printable(text_of(task, "name")) + (task.value("lead", true) ? "" : " (member)");
  }

  void add_attempt(const json& task, const json& attempt) {
    const auto times = attempt.value("times", json::object());
    const auto running = time_of(times, "running");
    const auto ended = time_of(times, "ended");
    const auto reason = text_of(attempt, "reason");
    const bool waits = reason.empty() && !is_finished(status_of(attempt));
    rows_.add({{printable(text_of(task, "group"))},
               {name_of_task(task)},
               {text_of(attempt, "number")},
               {text_of(attempt, "status"), tone_of(status_of(attempt))},
               {text_of(attempt, "exit_code")},
               {elapsed(time_of(times, "scheduling"), running ? running : ended)},
               {elapsed(running, ended)},
               {printable(text_of(attempt, "node"))},
               {printable(waits ? text_of(task, "waits_for") : reason)}});
  }

  client::api& head_;
  std::string workflow_;
  table rows_;
};

/// Prints one workflow, or one of its tasks.
class viewer {
public:
  viewer(client::api& head, std::string id, const show_options& options, const std::vector<status>& statuses)
      : head_(head), id_(std::move(id)), options_(options), look_(style::for_descriptor(STDOUT_FILENO)) {
    for (const auto s : statuses)
      filter_.emplace_back("status", std::string{to_string(s)});
    if (options.failed)
      filter_.emplace_back("failed", "true");
  }

  int show_workflow() {
    if (options_.format == list_format::name || options_.format == list_format::jsonl)
      return each_task([this](const json& x) {
        std::cout << (options_.format == list_format::name ? printable(text_of(x, "name")) : dump(x)) << '\n';
        return std::optional<client::problem>{};
      });
    const auto workflow = get_json(head_, path_to({}));
    if (!workflow)
      return report(workflow.why());
    const auto steps = steps_of_flow();
    if (options_.format == list_format::json)
      return print_json(*workflow, steps);
    print_head(*workflow, steps);
    if (!steps.empty() && filter_.empty()) {
      print_flow(steps, options_.all ? std::numeric_limits<std::size_t>::max() : elements_shown);
      return exit_completed;
    }
    task_table rows(head_, id_);
    const int code = each_task([&rows](const json& x) { return rows.add(x); });
    rows.finish();
    return code;
  }

  int show_task() {
    const auto got = get_json(head_, path_to({"tasks", options_.task}));
    if (!got)
      return report(got.why());
    auto task = *got;
    if (options_.format == list_format::name) {
      std::cout << printable(text_of(task, "name")) << '\n';
      return exit_completed;
    }
    const auto result = get_json(head_, path_to({"tasks", options_.task, "result"}));
    if (!result && result.why().status != 404)
      return report(result.why());
    if (options_.format == list_format::table)
      return print_task(task, result ? std::optional{*result} : std::nullopt);
    auto attempts = attempts_of(head_, id_, task);
    if (!attempts)
      return report(attempts.why());
    task["attempt_list"] = std::move(*attempts);
    if (result)
      task["result"] = *result;
    print_object(task, options_.format, "name");
    return exit_completed;
  }

private:
  static constexpr std::size_t elements_shown = 10;

  [[nodiscard]] std::string path_to(const std::vector<std::string>& more) const {
    std::vector<std::string> parts{"workflows", id_};
    parts.insert(parts.end(), more.begin(), more.end());
    return client::path_of(parts);
  }

  /// Calls `use` with every task that is wanted, until it has a problem; returns the exit code.
  int each_task(const std::function<std::optional<client::problem>(const json&)>& use) {
    std::optional<client::problem> wrong;
    const auto done = each_item(head_, path_to({"tasks"}), filter_, most_tasks, [&](const json& x) {
      if (!wrong && std::cout)
        wrong = use(x);
    });
    if (wrong || !done)
      return report(wrong ? *wrong : done.why());
    return exit_completed;
  }

  /// None where there is no flow, or where it cannot be told how it stands: its tasks can be shown all the same.
  json steps_of_flow() {
    query_list query;
    if (options_.all)
      query.emplace_back("failures", "1000000");
    const auto got = get_json(head_, path_to({"steps"}), query);
    if (!got) {
      (void)report(got.why());
      return json::array();
    }
    if (got->value("results_left_out", false))
      std::cerr
          << "muster: the results of this workflow are too large to be read for this; steps behind conditions may "
             "be shown wrongly\n";
    return got->value("items", json::array());
  }

  void print_head(const json& x, const json& steps) const {
    const auto started = time_of(x, "started");
    const auto ended = time_of(x, "ended");
    std::cout << look_.paint(tone::strong, text_of(x, "id")) << "  "
              << look_.paint(tone_of(status_of(x)), text_of(x, "status"));
    if (const auto reason = text_of(x, "reason"); !reason.empty())
      std::cout << "  " << printable(reason);
    print_held(x);
    std::cout << "\nsubmitted " << show_time(time_of(x, "submitted")) << "   started " << show_time(started)
              << "   ended " << show_time(ended) << "   took " << (started ? elapsed(started, ended) : "-") << '\n'
              << (steps.empty() ? count_of(count_in(x, "groups"), "group") : count_of(steps.size(), "step")) << ", "
              << count_of(count_in(x, "tasks"), "task") << (x.value("growing", false) ? " so far" : "");
    const auto counts = x.value("task_counts", json::object());
    for (const auto& [name, number] : counts.items())
      std::cout << "  " << look_.paint(tone_of(parse_status(name).value_or(status::unspecified)), name) << ' '
                << dump(number);
    std::cout << "\n\n";
  }

  int print_json(json workflow, const json& steps) {
    if (!steps.empty())
      workflow["steps"] = steps;
    // The tasks are streamed: there may be many.
    auto text = dump(workflow);
    text.pop_back();
    std::cout << text << ",\"task_list\":[";
    bool first = true;
    const int code = each_task([&first](const json& x) {
      std::cout << (std::exchange(first, false) ? "\n" : ",\n") << dump(x);
      return std::optional<client::problem>{};
    });
    std::cout << "\n]}\n";
    return code;
  }

  int print_task(const json& task, const std::optional<json>& result) {
    task_table rows(head_, id_);
    if (const auto wrong = rows.add(task))
      return report(*wrong);
    rows.finish();
    if (const auto element = task.value("element", json(nullptr)); element.is_object())
      for (const auto& [name, value] : element.items())
        if (!value.is_null())
          print_fact(name, value);
    if (result)
      print_fact("result", *result);
    return exit_completed;
  }

  void print_fact(const std::string& name, const json& value) const {
    constexpr std::size_t most = 4000;
    auto text = dump(value, 2);
    const auto whole = text.size();
    if (!options_.all && whole > most) {
      auto end = most;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
        --end;
      text.resize(end);
    }
    std::cout << '\n' << look_.paint(tone::strong, name) << '\n' << text << '\n';
    if (text.size() < whole)
      std::cout << "... and " << whole - text.size() << " more bytes; --all shows them\n";
  }

  client::api& head_;
  std::string id_;
  const show_options& options_;
  style look_;
  query_list filter_;
};

int show(const context& ctx, const show_options& options) {
  const auto statuses = parse_statuses(options.statuses);
  if (!statuses)
    return report_usage(statuses.failure().message);
  auto head = find_live_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  const auto id = workflow_id(**head, options.id);
  if (!id)
    return report(id.why());
  viewer view(**head, *id, options, *statuses);
  return options.task.empty() ? view.show_workflow() : view.show_task();
}

} // namespace

void add_show(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("show", "Show a workflow: its steps, tasks, attempts, and why they wait");
  auto options = std::make_shared<show_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  auto* task = command->add_option("-t,--task", options->task, "Only this task")->type_name("TASK");
  command->add_option("--status", options->statuses, "Only tasks in these statuses")
      ->type_name("STATUS,...")
      ->allow_extra_args(false)
      ->excludes(task);
  command->add_flag("--failed", options->failed, "Only tasks that failed themselves")->excludes(task);
  command->add_flag("--all", options->all, "All elements that run or failed, and the whole of a result");
  add_list_format(*command, options->format);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster show last --failed");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return show(ctx, *options); }; });
}

} // namespace muster::cli
