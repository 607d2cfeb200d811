#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/reading.hpp"
#include "cli/remote/remote_watch.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

/// The latest attempt of a task, or the one that is asked for, if it was made.
std::optional<std::uint32_t> attempt_of(const json& task, std::optional<std::uint32_t> wanted) {
  const auto attempt = task.find("attempt");
  if (attempt == task.end() || !attempt->is_object())
    return std::nullopt;
  const auto latest = static_cast<std::uint32_t>(number_of(*attempt, "number"));
  return wanted && *wanted > latest ? std::nullopt : std::optional{wanted.value_or(latest)};
}

bool runs(const json& task) {
  const auto attempt = task.find("attempt");
  return attempt != task.end() && attempt->is_object() && !is_finished(status_of(*attempt));
}

class printer {
public:
  explicit printer(bool prefixed) : prefixed_(prefixed), look_(style::for_descriptor(STDOUT_FILENO)) {}
  void operator()(const log_line& x) const {
    if (prefixed_)
      std::cout << look_.paint_number(x.number, x.task) << " | ";
    std::cout << x.text << '\n';
  }

private:
  bool prefixed_;
  style look_;
};

/// Why there is no log of a task that was named.
client::problem no_attempt(const json& task, const head_logs& what) {
  const auto reason = text_of(task, "reason");
  if (what.attempt && task.contains("attempt") && task["attempt"].is_object())
    return {404, "not_found", "task '" + what.task + "' has no attempt " + std::to_string(*what.attempt), {}};
  return {404,
          "not_found",
          "task '" + what.task + "' was not started: it is " + text_of(task, "status") +
              (reason.empty() ? "" : ", " + reason),
          {}};
}

} // namespace

int logs_on_head(const context& ctx, const head_choice& choice, const head_logs& what) {
  auto head = require_head(ctx, choice);
  if (!head)
    return report(head.failure());
  const auto id = workflow_id(**head, what.id);
  if (!id)
    return report(id.why());
  client::request one;
  one.path = client::path_of({"workflows", *id});
  const auto workflow = (*head)->send(one);
  if (!workflow)
    return report(workflow.why());
  const bool ended = is_finished(status_of(json::parse(workflow->body, nullptr, false)));
  const bool follow = what.follow && !ended;
  const auto after = std::strtoull(workflow->header("x-muster-seq").c_str(), nullptr, 10);
  const printer print(what.task.empty());
  remote_logs logs(**head, *id, print, what.only);
  const auto show = [&](const json& task) {
    const auto number = attempt_of(task, what.attempt);
    if (!number)
      return false;
    const auto name = text_of(task, "name");
    logs.open(name, *number, what.lines);
    if (!follow || !runs(task))
      logs.finish(name, *number);
    return true;
  };
  if (!what.task.empty()) {
    const auto task = get_json(**head, client::path_of({"workflows", *id, "tasks", what.task}));
    if (!task)
      return report(task.why());
    if (!show(*task) && !follow)
      return report(no_attempt(*task, what));
  } else {
    constexpr std::size_t all = 10'000'000;
    const auto done = each_item(**head, client::path_of({"workflows", *id, "tasks"}), {}, all,
                                [&](const json& task) { (void)show(task); });
    if (!done)
      return report(done.why());
  }
  if (follow) {
    auto events = require_head(ctx, choice);
    if (!events)
      return report(events.failure());
    remote_watch_handler handler;
    handler.on_line = print;
    handler.tick = [] {
      std::cout.flush();
      return static_cast<bool>(std::cout);
    };
    const auto done = watch_on_head(**events, **head, *id, after, {what.task, what.attempt, what.only}, handler, &logs);
    if (!done)
      return report(done.why());
  }
  return logs.failure() ? report(*logs.failure()) : exit_completed;
}

} // namespace muster::cli
