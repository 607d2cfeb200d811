#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/reading.hpp"
#include "cli/terminal/text.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_tasks = 10'000'000;

void print_head(const json& x, const style& look) {
  std::cout << look.paint(tone::strong, text_of(x, "id")) << "  "
            << look.paint(tone_of(status_of(x)), text_of(x, "status"));
  if (const auto reason = text_of(x, "reason"); !reason.empty())
    std::cout << "  " << printable(reason);
  std::cout << "\nsubmitted " << show_time(time_of(x, "submitted")) << "   started " << show_time(time_of(x, "started"))
            << "   ended " << show_time(time_of(x, "ended")) << '\n'
            << count_of(static_cast<std::uint64_t>(number_of(x, "groups")), "group") << ", "
            << count_of(static_cast<std::uint64_t>(number_of(x, "tasks")), "task")
            << (x.value("growing", false) ? " so far" : "");
  if (const auto counts = x.find("task_counts"); counts != x.end() && counts->is_object())
    for (const auto& [name, number] : counts->items())
      std::cout << "  " << look.paint(tone_of(parse_status(name).value_or(status::unspecified)), name) << ' '
                << text_of(*counts, name.c_str());
  std::cout << "\n\n";
}

item_view task_view_of() {
  item_view x;
  x.header = {"TASK", "GROUP", "STATUS", "ATTEMPT", "EXIT", "NODE", "TOOK", "REASON"};
  x.cells = [](const json& t) -> std::vector<cell> {
    const auto attempt = t.value("attempt", json(nullptr));
    const auto times = attempt.is_object() ? attempt.value("times", json::object()) : json::object();
    return {{text_of(t, "name")},
            {text_of(t, "group")},
            {text_of(t, "status"), tone_of(status_of(t))},
            {text_of(attempt, "number")},
            {text_of(attempt, "exit_code")},
            {text_of(attempt, "node")},
            {elapsed(time_of(times, "running"), time_of(times, "ended"))},
            {text_of(t, "reason")}};
  };
  x.name = "name";
  return x;
}

int show_task(client::api& head, const std::string& id, const head_show& what, const style& look) {
  const auto path = [&](std::vector<std::string> more) {
    std::vector<std::string> parts{"workflows", id, "tasks", what.task};
    parts.insert(parts.end(), more.begin(), more.end());
    return client::path_of(parts);
  };
  const auto task = get_json(head, path({}));
  if (!task)
    return report(task.why());
  if (what.format != list_format::table) {
    print_object(*task, what.format, "name");
    return exit_completed;
  }
  item_printer rows(task_view_of(), list_format::table, false);
  rows.add(*task);
  rows.finish();
  if (const auto result = get_json(head, path({"result"})); result && !result->is_null())
    std::cout << '\n' << look.paint(tone::strong, "result") << "  " << printable(dump(*result)) << '\n';
  return exit_completed;
}

} // namespace

int show_on_head(client::api& head, const head_show& what) {
  const auto id = workflow_id(head, what.id);
  if (!id)
    return report(id.why());
  const auto look = style::for_descriptor(STDOUT_FILENO);
  if (!what.task.empty())
    return show_task(head, *id, what, look);
  const auto workflow = get_json(head, client::path_of({"workflows", *id}));
  if (!workflow)
    return report(workflow.why());
  query_list query;
  for (const auto s : what.statuses)
    query.emplace_back("status", std::string{to_string(s)});
  const auto tasks = client::path_of({"workflows", *id, "tasks"});
  if (what.format != list_format::json) {
    if (what.format == list_format::table)
      print_head(*workflow, look);
    return print_list(head, tasks, query, most_tasks, task_view_of(), what.format, false);
  }
  auto out = *workflow;
  auto list = json::array();
  const auto done = each_item(head, tasks, query, most_tasks, [&](const json& x) { list.push_back(x); });
  if (!done)
    return report(done.why());
  out["task_list"] = std::move(list);
  std::cout << dump(out, 1) << '\n';
  return exit_completed;
}

} // namespace muster::cli
