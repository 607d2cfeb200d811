#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/commands/watch.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/reading.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <thread>
#include <unistd.h>

namespace muster::cli {

namespace {

struct logs_options {
  std::string id;
  std::string task;
  std::optional<std::uint64_t> lines;
  std::optional<std::uint32_t> attempt;
  std::optional<store::log_origin> only;
  bool follow = false;
  head_choice head;
};

void print_line(const log_line& x, bool prefixed, const style& look) {
  if (prefixed)
    std::cout << look.paint_number(x.number, x.task) << " | ";
  std::cout << x.text << '\n';
}

/// Prints logs of one workflow from the state directory.
class log_printer {
public:
  log_printer(store::reader& reader, const store::state_directory& directory, store::workflow_record workflow,
              const logs_options& options)
      : reader_(reader), directory_(directory), workflow_(std::move(workflow)), options_(options),
        look_(style::for_descriptor(STDOUT_FILENO)) {}

  result<void> print() {
    if (!options_.task.empty()) {
      auto task = reader_.task(workflow_.key, options_.task);
      if (!task)
        return task.failure();
      only_ = std::move(*task);
    }
    prefixed_ = !only_ && workflow_.tasks > 1;
    if (options_.follow)
      return follow();
    return only_ ? print_task(*only_) : print_all();
  }

private:
  [[nodiscard]] result<void> print_all() {
    constexpr std::size_t page_size = 500;
    for (task_index first{0};; first.value += page_size) {
      const auto page = reader_.tasks(workflow_.key, first, page_size);
      if (!page)
        return page.failure();
      for (const auto& task : *page)
        if (task.attempt && (!options_.attempt || *options_.attempt <= task.attempt->number))
          if (auto printed = print_task(task); !printed)
            return printed;
      if (page->size() < page_size || !std::cout)
        return {};
    }
  }

  [[nodiscard]] result<void> print_task(const store::task_record& task) {
    if (!task.attempt)
      return {ec::not_found, "task '" + task.name + "' was not started: it is " + std::string(to_string(task.status)) +
                                 (task.reason.empty() ? "" : ", " + printable(task.reason))};
    if (options_.attempt && *options_.attempt > task.attempt->number)
      return {ec::not_found, "task '" + task.name + "' has no attempt " + std::to_string(*options_.attempt) +
                                 "; the latest is " + std::to_string(task.attempt->number)};
    const auto file = directory_.log(workflow_.id, task.name, options_.attempt.value_or(task.attempt->number));
    if (auto told = check_streams(task, file); !told)
      return told;
    log_tail tail(file, options_.lines ? offset_of_last_lines(file, *options_.lines, options_.only) : 0, options_.only);
    line_cutter lines;
    const auto whole = std::numeric_limits<std::size_t>::max();
    const auto pass = [&](std::string_view line) { print_line({task.name, task.index.value, line}, true, look_); };
    tail.read(whole, [&](std::string_view piece) {
      if (!std::cout)
        return;
      if (prefixed_)
        lines.feed(piece, pass);
      else
        std::cout << piece;
    });
    lines.finish(pass);
    return {};
  }

  [[nodiscard]] result<void> check_streams(const store::task_record& task, const std::filesystem::path& file) const {
    if (!options_.only || tells_streams(file))
      return {};
    return {ec::unsupported,
            "the log of task '" + task.name +
                "' does not tell stdout and stderr apart: the driver that ran it writes both into one; "
                "leave --stream out"};
  }

  [[nodiscard]] result<void> follow() {
    if (only_ && only_->attempt)
      if (auto told = check_streams(
              *only_, directory_.log(workflow_.id, only_->name, options_.attempt.value_or(only_->attempt->number)));
          !told)
        return told;
    constexpr auto poll_interval = std::chrono::milliseconds(50);
    watch_filter filter;
    filter.attempt = options_.attempt;
    filter.last_lines = options_.lines;
    filter.only = options_.only;
    if (only_)
      filter.task = only_->index;
    bool task_over = false;
    watch_handler handler;
    handler.on_line = [this](const log_line& x) { print_line(x, prefixed_, look_); };
    handler.on_event = [&](const store::named_event& x) {
      task_over = task_over || (only_ && x.fact.type == event_type::task_status && x.fact.task == only_->index &&
                                (is_group_finished(x.fact.status) || options_.attempt == x.fact.attempt) &&
                                is_finished(x.fact.status));
    };
    workflow_watch watch(reader_, directory_, workflow_, {}, filter, handler);
    while (!watch.ended() && !task_over && std::cout) {
      const auto stepped = watch.step();
      if (!stepped)
        return stepped.failure();
      std::cout.flush();
      if (!*stepped)
        std::this_thread::sleep_for(poll_interval);
    }
    return {};
  }

  store::reader& reader_;
  const store::state_directory& directory_;
  store::workflow_record workflow_;
  const logs_options& options_;
  style look_;
  std::optional<store::task_record> only_;
  bool prefixed_ = false;
};

int logs(const context& ctx, const logs_options& options) {
  const auto elsewhere = means_other_machine(ctx, options.head);
  if (!elsewhere)
    return report(elsewhere.failure());
  if (*elsewhere) {
    const char* only = !options.only ? "" : *options.only == store::log_origin::output ? "stdout" : "stderr";
    return logs_on_head(ctx, options.head,
                        {options.id, options.task, options.lines, options.attempt, only, options.follow});
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
  const auto printed = log_printer(*reader, *directory, std::move(*workflow), options).print();
  return printed ? exit_completed : report(printed.failure());
}

} // namespace

void add_logs(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("logs", "Print what tasks wrote");
  auto options = std::make_shared<logs_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("-t,--task", options->task, "Only this task; its lines come without a prefix")->type_name("TASK");
  command->add_option("-n,--lines", options->lines, "Only the last so many lines of each task")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--attempt", options->attempt, "This attempt, counted from 0, not the latest")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  const std::map<std::string, store::log_origin> streams{{"stdout", store::log_origin::output},
                                                         {"stderr", store::log_origin::errors}};
  command
      ->add_option_function<std::string>(
          "--stream", [options, streams](const std::string& name) { options->only = streams.at(name); },
          "Only what tasks wrote to this: stdout or stderr (containers)")
      ->type_name("STREAM")
      ->check(CLI::IsMember({"stdout", "stderr"}));
  command->add_flag("-f,--follow", options->follow, "Go on as output comes, until the end");
  add_state_dir(*command, ctx);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster logs last -t server -n 20 -f");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return logs(ctx, *options); }; });
}

} // namespace muster::cli
