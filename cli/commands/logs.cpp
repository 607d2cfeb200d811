#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/remote_watch.hpp"
#include "cli/remote/run_watch.hpp"
#include "cli/terminal/style.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <set>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct logs_options {
  std::string id;
  std::string task;
  std::optional<std::uint64_t> lines;
  std::optional<std::uint32_t> attempt;
  std::string only; ///< `stdout`, `stderr` or empty.
  bool follow = false;
  head_choice head;
};

class line_printer {
public:
  explicit line_printer(bool prefixed) : prefixed_(prefixed), look_(style::for_descriptor(STDOUT_FILENO)) {}
  void operator()(const log_line& x) const {
    if (prefixed_)
      std::cout << look_.paint_number(x.number, x.task) << " | ";
    std::cout << x.text << '\n';
  }

private:
  bool prefixed_;
  style look_;
};

/// The logs of one workflow.
class log_printer {
public:
  /// `events` is another way to the same head, for what is followed.
  log_printer(client::api& head, client::api& events, const logs_options& options, const run_probe& probe)
      : head_(head), events_(events), options_(options), probe_(probe) {}

  int print() {
    const auto id = workflow_id(head_, options_.id);
    if (!id)
      return report(id.why());
    id_ = *id;
    run_watch runs(probe_, id_);
    const bool run = runs.goes_on();
    client::request x;
    x.path = client::path_of({"workflows", id_});
    const auto got = head_.send(x);
    if (!got)
      return report(got.why());
    const auto workflow = json::parse(got->body, nullptr, false);
    const auto after = std::strtoull(got->header("x-muster-seq").c_str(), nullptr, 10);
    prefixed_ = options_.task.empty() && (number_of(workflow, "tasks") > 1 || workflow.value("growing", false));
    if (!options_.follow || is_finished(status_of(workflow)))
      return print_all();
    if (run)
      return follow(workflow, after, runs);
    const int code = print_all();
    return code == exit_completed && more_ ? report(nobody_runs(workflow)) : code;
  }

private:
  /// Calls `use` with the task that was named, or with each that has the attempt that is asked for.
  std::optional<client::problem> each_task(const std::function<void(const json&)>& use) {
    if (!options_.task.empty()) {
      const auto task = get_json(head_, client::path_of({"workflows", id_, "tasks", options_.task}));
      if (!task)
        return task.why();
      more_ = is_open(*task);
      use(*task);
      return std::nullopt;
    }
    constexpr std::size_t all = 10'000'000;
    const auto done = each_item(head_, client::path_of({"workflows", id_, "tasks"}), {}, all, [&](const json& task) {
      if (attempt_of(task))
        use(task);
    });
    return done ? std::nullopt : std::optional{done.why()};
  }

  static const json& latest_of(const json& task) { return task.at("attempt"); }

  /// The latest attempt of a task, or the one that is asked for, if it was made.
  [[nodiscard]] std::optional<std::uint32_t> attempt_of(const json& task) const {
    if (!task.contains("attempt") || !latest_of(task).is_object())
      return std::nullopt;
    const auto latest = static_cast<std::uint32_t>(number_of(latest_of(task), "number"));
    return options_.attempt && *options_.attempt > latest ? std::nullopt
                                                          : std::optional{options_.attempt.value_or(latest)};
  }

  /// What there is. Where there are no prefixes, byte by byte as it was written.
  int print_all() {
    std::size_t number = 0;
    bool any = false;
    std::optional<client::problem> wrong;
    const line_printer lines(true);
    const auto failed = each_task([&](const json& task) {
      any = true;
      if (wrong || !std::cout)
        return;
      const auto name = text_of(task, "name");
      // That of one that was named, and has none: the head says why there is none.
      log_pieces log(head_, {id_, name, attempt_of(task).value_or(options_.attempt.value_or(0)), options_.lines,
                             options_.only, static_cast<std::uint64_t>(number_of(task, "index"))});
      line_cutter cutter;
      const auto pass = [&](std::string_view line) { lines({name, number, line}); };
      for (std::uint64_t got = 1; got > 0 && std::cout;) {
        const auto read = log.next([&](std::string_view piece) {
          if (prefixed_)
            cutter.feed(piece, pass);
          else
            std::cout << piece;
        });
        if (!read)
          wrong = read.why();
        got = read ? *read : 0;
      }
      cutter.finish(pass);
      ++number;
    });
    if (wrong || failed)
      return report(wrong ? *wrong : *failed);
    if (options_.attempt && !any)
      return report({ec::not_found, "no task of " + id_ + " has an attempt " + std::to_string(*options_.attempt) +
                                        "; those that there are: muster show " + id_});
    return exit_completed;
  }

  /// Whether more may come of the log that is asked for.
  [[nodiscard]] bool is_open(const json& task) const {
    if (is_group_finished(status_of(task)))
      return false;
    const auto shown = attempt_of(task);
    return !options_.attempt || !shown ||
           (*shown == number_of(latest_of(task), "number") && !is_finished(status_of(latest_of(task))));
  }

  int follow(const json& workflow, std::uint64_t after, run_watch& runs) {
    const line_printer print(prefixed_);
    std::set<std::pair<std::string, std::uint32_t>> told; // Their ends may come once more, as events.
    remote_logs logs(head_, id_, print, options_.only);
    const auto failed = each_task([&](const json& task) {
      const auto number = attempt_of(task);
      if (!number)
        return;
      const auto name = text_of(task, "name");
      logs.open(name, *number, options_.lines);
      if (*number == number_of(latest_of(task), "number") && !is_finished(status_of(latest_of(task))))
        return;
      logs.finish(name, *number);
      told.emplace(name, *number);
    });
    if (failed)
      return report(*failed);
    if (!more_)
      return logs.failure() ? report(*logs.failure()) : exit_completed;
    remote_watch_handler handler;
    handler.on_line = print;
    bool run = true;
    handler.tick = [&run, &runs] {
      std::cout.flush();
      run = runs.goes_on();
      return run && static_cast<bool>(std::cout);
    };
    remote_watch_filter filter{options_.task, options_.attempt, options_.only, std::move(told)};
    const auto done = watch_on_head(events_, head_, id_, after, filter, handler, &logs);
    if (!done)
      return report(done.why());
    if (logs.failure() || !run)
      return report(logs.failure() ? *logs.failure() : nobody_runs(workflow));
    return exit_completed;
  }

  client::api& head_;
  client::api& events_;
  const logs_options& options_;
  const run_probe& probe_;
  std::string id_;
  bool prefixed_ = false;
  bool more_ = true; ///< Whether more may come of what is asked for, if somebody runs the workflow.
};

int logs(const context& ctx, const logs_options& options) {
  auto head = find_reading_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  auto events = find_reading_api(ctx, options.head);
  if (!events)
    return report(events.failure());
  const run_probe probe(ctx, options.head);
  return log_printer(**head, **events, options, probe).print();
}

} // namespace

void add_logs(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("logs", "Print what tasks wrote");
  auto options = std::make_shared<logs_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("-t,--task", options->task, "Only this task; its lines come without a prefix")->type_name("TASK");
  command->add_option("-n,--lines", options->lines, "Only the last so many lines of each task")
      ->type_name("N")
      ->check(check_count);
  command->add_option("--attempt", options->attempt, "This attempt, counted from 0, not the latest")
      ->type_name("N")
      ->check(check_count);
  command->add_option("--stream", options->only, "Only what tasks wrote to this: stdout or stderr (containers)")
      ->type_name("STREAM")
      ->check(CLI::IsMember({"stdout", "stderr"}));
  command->add_flag("-f,--follow", options->follow, "Go on as output comes, until the end");
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster logs last -t server -n 20 -f");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return logs(ctx, *options); }; });
}

} // namespace muster::cli
