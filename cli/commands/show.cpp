#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/flow_state.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/reading.hpp"
#include "cli/terminal/table.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <unistd.h>

namespace muster::cli {

namespace {

constexpr std::size_t page_size = 500;

struct show_options {
  std::string id;
  std::string task;
  std::vector<std::string> statuses;
  bool failed = false;
  bool all = false;
  list_format format = list_format::table;
  head_choice head;
};

nlohmann::ordered_json to_json(const store::attempt_record& x) {
  nlohmann::ordered_json out{{"number", x.number}, {"status", to_string(x.status)}, {"reason", x.reason}};
  if (x.exit_code != no_exit_code)
    out["exit_code"] = x.exit_code;
  out["node"] = x.node;
  out["address"] = x.address;
  out["processing"] = json_time(x.times.processing);
  out["scheduling"] = json_time(x.times.scheduling);
  out["initializing"] = json_time(x.times.initializing);
  out["running"] = json_time(x.times.running);
  out["ended"] = json_time(x.times.ended);
  return out;
}

/// One task with its group, as both forms of output need it.
struct task_view {
  store::task_record task;
  std::string group;
  std::string waits_for; ///< Why its group has not begun; empty if it has.
  std::vector<store::attempt_record> attempts;
};

nlohmann::ordered_json to_json(const task_view& x) {
  nlohmann::ordered_json out{{"name", x.task.name},
                             {"group", x.group},
                             {"lead", x.task.lead},
                             {"status", to_string(x.task.status)},
                             {"reason", x.task.reason}};
  if (!x.waits_for.empty())
    out["waits_for"] = x.waits_for;
  auto attempts = nlohmann::ordered_json::array();
  for (const auto& attempt : x.attempts)
    attempts.push_back(to_json(attempt));
  out["attempts"] = std::move(attempts);
  return out;
}

nlohmann::ordered_json to_json(const store::workflow_record& x,
                               const std::vector<std::pair<status, std::uint64_t>>& counts) {
  nlohmann::ordered_json by_status = nlohmann::ordered_json::object();
  for (const auto& [state, number] : counts)
    by_status[std::string(to_string(state))] = number;
  return {{"id", x.id},
          {"name", x.name},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"pool", x.pool},
          {"profile", x.profile},
          {"labels", x.labels},
          {"groups", x.groups},
          {"tasks", x.tasks},
          {"task_counts", by_status},
          {"submitted", json_time(x.submitted)},
          {"started", json_time(x.started)},
          {"ended", json_time(x.ended)}};
}

void print_head(const store::workflow_record& x, const std::optional<spec::workflow>& definition,
                const std::vector<std::pair<status, std::uint64_t>>& counts, const style& look) {
  std::cout << look.paint(tone::strong, x.id) << "  " << look.paint(tone_of(x.status), to_string(x.status));
  if (!x.reason.empty())
    std::cout << "  " << printable(x.reason);
  std::cout << "\nsubmitted " << show_time(x.submitted) << "   started " << show_time(x.started) << "   ended "
            << show_time(x.ended) << "   took " << (x.started ? elapsed(x.started, x.ended) : "-") << '\n'
            << (definition ? count_of(definition->flow->steps.size(), "step") : count_of(x.groups, "group")) << ", "
            << count_of(x.tasks, "task") << (definition && !is_finished(x.status) ? " so far" : "");
  for (const auto& [state, number] : counts)
    std::cout << "  " << look.paint(tone_of(state), to_string(state)) << ' ' << number;
  std::cout << "\n\n";
}

/// Prints one workflow from the store, page by page.
class workflow_viewer {
public:
  workflow_viewer(store::reader& reader, store::workflow_record workflow, const show_options& options,
                  std::vector<status> statuses, std::optional<spec::workflow> definition)
      : reader_(reader), workflow_(std::move(workflow)), options_(options), statuses_(std::move(statuses)),
        definition_(std::move(definition)) {}

  result<void> show() {
    const auto counts = reader_.task_counts(workflow_.key);
    if (!counts)
      return counts.failure();
    const auto look = style::for_descriptor(STDOUT_FILENO);
    if (options_.format == list_format::table) {
      print_head(workflow_, definition_, *counts, look);
      const bool as_tree = definition_ && options_.task.empty() && statuses_.empty() && !options_.failed;
      if (as_tree)
        return print_tree();
      if (auto printed = print_table(look); !printed)
        return printed;
      return options_.task.empty() ? result<void>{} : print_result(look);
    }
    if (options_.format == list_format::name)
      return each_task([](const task_view& x) { std::cout << x.task.name << '\n'; });
    if (options_.format == list_format::jsonl)
      return each_task([](const task_view& x) { std::cout << dump(to_json(x)) << '\n'; });
    return print_json(*counts);
  }

private:
  [[nodiscard]] bool wanted(const store::task_record& x) const {
    if (!options_.task.empty() && x.name != options_.task)
      return false;
    if (options_.failed && (!is_failed(x.status) || x.status == status::failed_upstream))
      return false;
    return statuses_.empty() || std::find(statuses_.begin(), statuses_.end(), x.status) != statuses_.end();
  }

  template <class Use>
  result<void> view_one(store::task_record task, const store::group_record& group, const std::string& waits_for,
                        Use&& use) {
    auto attempts = reader_.attempts(workflow_.key, task.index);
    if (!attempts)
      return attempts.failure();
    use(task_view{std::move(task), group.name, waits_for, std::move(*attempts)});
    return {};
  }

  /// What a group that has not ended waits for: its place, or the groups before it.
  result<std::string> waiting_reason(const store::group_record& group) {
    constexpr std::size_t names_shown = 3;
    if (is_finished(group.status) || group.status == status::running || !group.reason.empty())
      return is_finished(group.status) ? std::string{} : group.reason;
    const auto upstream = reader_.upstream(workflow_.key, group.index);
    if (!upstream)
      return upstream.failure();
    std::string text;
    std::size_t open = 0;
    for (const auto index : *upstream) {
      const auto found = reader_.groups(workflow_.key, index, 1);
      if (!found)
        return found.failure();
      if (!found->empty() && !is_finished(found->front().status) && ++open <= names_shown)
        text += (text.empty() ? "waits for " : ", ") + found->front().name;
    }
    return open > names_shown ? text + " and others" : text;
  }

  /// Calls `use` with every wanted task. Memory holds a page of tasks and one group at a time.
  template <class Use>
  result<void> each_task(Use&& use) {
    store::group_record group;
    std::string waits_for;
    bool known = false;
    for (task_index first{0};; first.value += page_size) {
      auto page = reader_.tasks(workflow_.key, first, page_size);
      if (!page)
        return page.failure();
      for (auto& task : *page) {
        if (!wanted(task))
          continue;
        if (!known || group.index != task.group) {
          auto found = reader_.groups(workflow_.key, task.group, 1);
          if (!found)
            return found.failure();
          if (found->empty())
            return {ec::store_corrupt, "a task of " + workflow_.id + " is in no group"};
          group = std::move(found->front());
          known = true;
          auto reason = waiting_reason(group);
          if (!reason)
            return reason.failure();
          waits_for = std::move(*reason);
        }
        if (auto shown = view_one(std::move(task), group, waits_for, use); !shown)
          return shown;
      }
      if (page->size() < page_size)
        return {};
    }
  }

  result<void> print_table(const style& look) {
    table rows({"GROUP", "TASK", "ATTEMPT", "STATUS", "EXIT", "QUEUED", "RAN", "NODE", "REASON"}, look, std::cout);
    auto done = each_task([&rows](const task_view& x) {
      const auto name = x.task.name + (x.task.lead ? "" : " (member)");
      if (x.attempts.empty())
        rows.add({{x.group},
                  {name},
                  {},
                  {std::string(to_string(x.task.status)), tone_of(x.task.status)},
                  {},
                  {},
                  {},
                  {},
                  {x.task.reason.empty() ? x.waits_for : x.task.reason}});
      for (const auto& attempt : x.attempts)
        rows.add(
            {{x.group},
             {name},
             {std::to_string(attempt.number)},
             {std::string(to_string(attempt.status)), tone_of(attempt.status)},
             {attempt.exit_code == no_exit_code ? "" : std::to_string(attempt.exit_code)},
             {elapsed(attempt.times.scheduling, attempt.times.running ? attempt.times.running : attempt.times.ended)},
             {elapsed(attempt.times.running, attempt.times.ended)},
             {attempt.node},
             {attempt.reason.empty() && !is_finished(attempt.status) ? x.waits_for : attempt.reason}});
    });
    rows.flush();
    return done;
  }

  [[nodiscard]] result<flow_state> state_of_flow() {
    constexpr std::size_t failures_kept = 10;
    const auto most = options_.all ? std::numeric_limits<std::size_t>::max() : failures_kept;
    return read_flow_state(reader_, workflow_, *definition_, most);
  }

  result<void> print_tree() {
    constexpr std::size_t most = 10;
    const auto state = state_of_flow();
    if (!state)
      return state.failure();
    if (state->results_left_out)
      std::cerr
          << "muster: the results of this workflow are too large to be read for this; steps behind conditions may "
             "be shown wrongly\n";
    print_flow(state->steps, options_.all ? std::numeric_limits<std::size_t>::max() : most);
    return {};
  }

  /// What is known of the one task that is shown, beyond its attempts.
  result<nlohmann::ordered_json> facts_of_task() {
    nlohmann::ordered_json out = nlohmann::ordered_json::object();
    if (definition_) {
      const auto element = find_element(reader_, workflow_, *definition_, options_.task);
      if (!element)
        return element.failure();
      if (*element) {
        out["index"] = (*element)->index;
        if ((*element)->item)
          out["item"] = nlohmann::ordered_json::parse(*(*element)->item, nullptr, false);
      }
    }
    const auto task = reader_.task(workflow_.key, options_.task);
    if (!task)
      return task.failure();
    const auto text = reader_.task_result(workflow_.key, task->index);
    if (!text)
      return text.failure();
    if (*text)
      out["result"] = nlohmann::ordered_json::parse(**text, nullptr, false);
    return out;
  }

  result<void> print_result(const style& look) {
    constexpr std::size_t most = 4000;
    const auto facts = facts_of_task();
    if (!facts)
      return facts.failure();
    for (const auto& [name, value] : facts->items()) {
      auto text = dump(value, 2);
      const auto whole = text.size();
      if (!options_.all && whole > most) {
        auto end = most;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
          --end;
        text.resize(end);
      }
      std::cout << '\n' << look.paint(tone::strong, name) << '\n' << text << '\n';
      if (text.size() < whole)
        std::cout << "... and " << whole - text.size() << " more bytes; --all shows them\n";
    }
    return {};
  }

  result<void> print_json(const std::vector<std::pair<status, std::uint64_t>>& counts) {
    // The tasks are streamed: there may be many.
    auto object = to_json(workflow_, counts);
    if (!options_.task.empty()) {
      const auto facts = facts_of_task();
      if (!facts)
        return facts.failure();
      object.update(*facts);
    } else if (definition_) {
      const auto state = state_of_flow();
      if (!state)
        return state.failure();
      auto steps = nlohmann::ordered_json::array();
      for (const auto& x : state->steps)
        steps.push_back(state_json(x));
      object["steps"] = std::move(steps);
    }
    auto head = dump(object);
    head.pop_back();
    std::cout << head << ",\"task_list\":[";
    bool first = true;
    auto done = each_task([&first](const task_view& x) {
      std::cout << (first ? "\n" : ",\n") << dump(to_json(x));
      first = false;
    });
    std::cout << "\n]}\n";
    return done;
  }

  store::reader& reader_;
  store::workflow_record workflow_;
  const show_options& options_;
  std::vector<status> statuses_;
  std::optional<spec::workflow> definition_; ///< Of a flow.
};

/// Statuses of tasks that failed by themselves, not by what was before them.
std::vector<status> own_failures() {
  std::vector<status> out;
  for (unsigned number = 0; number < 64; ++number)
    if (const auto s = static_cast<status>(number);
        is_failed(s) && s != status::failed_upstream && parse_status(to_string(s)) == s)
      out.push_back(s);
  return out;
}

int show(const context& ctx, const show_options& options) {
  auto statuses = parse_statuses(options.statuses);
  if (!statuses)
    return report_usage(statuses.failure().message);
  const auto elsewhere = means_other_machine(ctx, options.head);
  if (!elsewhere)
    return report(elsewhere.failure());
  if (*elsewhere) {
    if (options.failed)
      *statuses = own_failures();
    auto head = require_head(ctx, options.head);
    return head ? show_on_head(**head, {options.id, options.task, *statuses, options.format}) : report(head.failure());
  }
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  auto reader = open_reader(*directory);
  if (!reader)
    return report(reader.failure());
  auto workflow = find_workflow(*reader, options.id);
  if (!workflow)
    return report(workflow.failure());
  if (!options.task.empty())
    if (const auto task = reader->task(workflow->key, options.task); !task)
      return report(task.failure());
  auto definition = read_definition(*reader, *workflow);
  if (!definition) { // Its tasks can be shown all the same.
    report(definition.failure());
    definition = std::optional<spec::workflow>{};
  }
  const auto shown =
      workflow_viewer(*reader, std::move(*workflow), options, std::move(*statuses), std::move(*definition)).show();
  return shown ? exit_completed : report(shown.failure());
}

} // namespace

void add_show(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("show", "Show a workflow: its steps, tasks, attempts, and why they wait");
  auto options = std::make_shared<show_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("-t,--task", options->task, "Only this task")->type_name("TASK");
  command->add_option("--status", options->statuses, "Only tasks in these statuses")
      ->type_name("STATUS,...")
      ->allow_extra_args(false);
  command->add_flag("--failed", options->failed, "Only tasks that failed themselves");
  command->add_flag("--all", options->all, "All elements that run or failed, and the whole of a result");
  add_list_format(*command, options->format);
  add_state_dir(*command, ctx);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster show last --failed");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return show(ctx, *options); }; });
}

} // namespace muster::cli
