#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/flow/definition.hpp"
#include "muster/flow/machine.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <unistd.h>

namespace muster::cli {

namespace {

constexpr std::size_t page_size = 1000;
/// Tasks that are explained when none is named, causes that are shown of one, and how far they are followed.
constexpr std::size_t most_tasks = 50;
constexpr std::size_t most_causes = 5;
constexpr std::size_t deepest = 20;

/// All rows of one workflow.
struct whole_workflow {
  store::workflow_record record;
  std::vector<store::group_record> groups;
  std::map<std::string, store::task_record> tasks; ///< By name.
};

template <class T, class ReadPage>
result<void> read_all(std::vector<T>& into, ReadPage read_page) {
  for (;;) {
    auto page = read_page(static_cast<std::uint32_t>(into.size()));
    if (!page)
      return page.failure();
    const auto count = page->size();
    std::move(page->begin(), page->end(), std::back_inserter(into));
    if (count < page_size)
      return {};
  }
}

result<whole_workflow> read_whole(store::reader& reader, store::workflow_record record) {
  whole_workflow out;
  const auto key = record.key;
  std::vector<store::task_record> tasks;
  if (auto x = read_all(out.groups, [&](std::uint32_t n) { return reader.groups(key, group_index{n}, page_size); }); !x)
    return x.failure();
  if (auto x = read_all(tasks, [&](std::uint32_t n) { return reader.tasks(key, task_index{n}, page_size); }); !x)
    return x.failure();
  for (auto& t : tasks)
    if (t.group.value < out.groups.size()) // Else it has come since.
      out.tasks.emplace(t.name, std::move(t));
  out.record = std::move(record);
  return out;
}

/// The steps of a flow as they stand; none of other workflows.
result<std::vector<flow::step_view>> read_steps(store::reader& reader, const whole_workflow& x) {
  constexpr std::size_t most_fresh = 1024;
  const auto text = reader.flow(x.record.key);
  if (!text)
    return text.failure();
  if (text->empty())
    return std::vector<flow::step_view>{};
  plan_header header;
  header.name = x.record.name;
  const auto definition = flow::decode_definition(*text, header);
  if (!definition)
    return definition.failure();
  std::vector<std::pair<std::string, flow::recorded_gang>> recorded;
  for (const auto& g : x.groups)
    recorded.push_back({g.name, {g.index, g.status, std::vector<flow::json_text>(g.tasks), false}});
  for (const auto& [name, t] : x.tasks) {
    auto& gang = recorded[t.group.value].second;
    gang.is_step = gang.is_step || recorded[t.group.value].first == name;
    auto result = reader.task_result(x.record.key, t.index);
    if (!result)
      return result.failure();
    const auto member = t.index.value - x.groups[t.group.value].first_task.value;
    if (*result && member < gang.results.size())
      gang.results[member] = std::make_shared<const std::string>(std::move(**result));
  }
  flow::machine machine{definition->flow};
  machine.recall(std::move(recorded));
  // Of elements that could begin now, and did not yet, a few say enough.
  for (std::size_t fresh = 0; fresh < most_fresh;) {
    const auto next = machine.next();
    if (!next)
      break;
    if (next->index && x.groups[next->index->value].status >= status::running)
      machine.started(next->id);
    fresh += next->index ? 0 : 1;
  }
  return machine.view();
}

/// The step at `path`, or the innermost one around it.
const flow::step_view* find_step(const std::vector<flow::step_view>& steps, const std::string& path) {
  for (const auto& x : steps) {
    if (path == x.path)
      return &x;
    if (path.compare(0, x.path.size() + 1, x.path + '.') == 0) {
      const auto* inner = find_step(x.inner, path);
      return inner != nullptr ? inner : &x;
    }
  }
  return nullptr;
}

/// The text between `begin` and ` is `; empty if there is none.
std::string named_in(const std::string& reason, const std::string& begin) {
  const auto at = reason.find(begin);
  const auto end = reason.find(" is ", at == std::string::npos ? 0 : at + begin.size());
  if (at == std::string::npos || end == std::string::npos)
    return {};
  return reason.substr(at + begin.size(), end - at - begin.size());
}

class explainer {
public:
  explainer(store::reader& reader, const whole_workflow& whole, const std::vector<flow::step_view>& steps)
      : reader_(reader), whole_(whole), steps_(steps), look_(style::for_descriptor(STDOUT_FILENO)) {}

  result<void> explain(const store::task_record& t) {
    std::cout << look_.paint(tone::strong, t.name) << "  " << look_.paint(tone_of(t.status), to_string(t.status));
    const auto why = reason_of(t);
    if (!why.empty())
      std::cout << "  " << printable(why);
    std::cout << '\n';
    if (auto told = tell_cache(t); !told)
      return told;
    std::set<std::string> seen{t.name};
    if (t.status == status::failed_upstream || t.status == status::skipped)
      tell_causes(t.name, why, 1, seen);
    else if (is_failed(t.status) && t.attempt)
      std::cout << "  what it wrote: muster logs " << whole_.record.id << " -t " << t.name << '\n';
    return {};
  }

  void explain(const flow::step_view& x, const std::string& asked) {
    if (asked != x.path)
      std::cout << asked << " has not begun; it is in\n";
    std::cout << look_.paint(tone::strong, x.path) << "  " << look_.paint(tone_of(x.status), to_string(x.status));
    if (!x.reason.empty())
      std::cout << "  " << printable(x.reason);
    std::cout << '\n';
    if (x.is_foreach)
      std::cout << "  " << x.elements << " elements: " << x.running << " running, " << x.completed << " completed, "
                << x.failed << " failed, " << x.skipped << " skipped\n";
    std::set<std::string> seen;
    if (is_failed(x.status) || x.status == status::skipped)
      tell_failures(x.path, 1, seen);
  }

  /// Whether there is anything to say of a task that nobody named.
  result<bool> is_worth_telling(const store::task_record& t) {
    if (t.status != status::completed)
      return true;
    const auto note = reader_.note_of_cache(whole_.record.key, t.index);
    return note ? result<bool>{note->has_value()} : result<bool>{note.failure()};
  }

private:
  std::string reason_of(const store::task_record& t) {
    if (is_finished(t.status) || t.status == status::running || !t.reason.empty())
      return t.reason;
    const auto& group = whole_.groups[t.group.value];
    if (!group.reason.empty())
      return group.reason;
    if (const auto* step = find_step(steps_, t.name); step != nullptr && !step->reason.empty())
      return step->reason;
    return waits_for(group);
  }

  /// The groups before it that have not ended.
  std::string waits_for(const store::group_record& group) {
    const auto upstream = reader_.upstream(whole_.record.key, group.index);
    std::string text;
    std::size_t open = 0;
    if (upstream)
      for (const auto g : *upstream)
        if (g.value < whole_.groups.size() && !is_finished(whole_.groups[g.value].status) && ++open <= most_causes)
          text += (text.empty() ? "waiting for " : ", ") + whole_.groups[g.value].name;
    return open > most_causes ? text + " and others" : text;
  }

  result<void> tell_cache(const store::task_record& t) {
    const auto note = reader_.note_of_cache(whole_.record.key, t.index);
    if (!note)
      return note.failure();
    if (!*note)
      return {};
    // Of one that was taken the reason says it already.
    if ((*note)->text != t.reason)
      std::cout << "  it was run although it is marked cache: " << printable((*note)->text) << '\n';
    if (!(*note)->key.empty())
      std::cout << "  cache key: " << (*note)->key << '\n';
    return {};
  }

  /// What an end without a run came from.
  void tell_causes(const std::string& task, const std::string& why, std::size_t depth, std::set<std::string>& seen) {
    if (const auto name = named_in(why, "upstream group "); !name.empty()) {
      tell_failed_of(depth, seen,
                     [&](const store::task_record& t) { return whole_.groups[t.group.value].name == name; });
      return;
    }
    auto name = named_in(why, "upstream ");
    if (name.empty())
      return;
    // It is a step of the scope that the task is in; numbers of elements in between belong to no scope.
    for (auto around = task; !around.empty();) {
      const auto dot = around.rfind('.');
      around = dot == std::string::npos ? std::string{} : around.substr(0, dot);
      const auto path = around.empty() ? name : around + '.' + name;
      if (tell_failures(path, depth, seen))
        return;
    }
  }

  /// Of the tasks at or below a step; false if there are none.
  bool tell_failures(const std::string& path, std::size_t depth, std::set<std::string>& seen) {
    return tell_failed_of(depth, seen, [&](const store::task_record& t) {
      return t.name.compare(0, path.size(), path) == 0 && (t.name.size() == path.size() || t.name[path.size()] == '.');
    });
  }

  template <class Predicate>
  bool tell_failed_of(std::size_t depth, std::set<std::string>& seen, Predicate is_meant) {
    std::size_t found = 0;
    std::vector<const store::task_record*> causes;
    for (const auto& [name, t] : whole_.tasks)
      if (is_meant(t) && (is_failed(t.status) || t.status == status::skipped))
        causes.push_back(&t);
    // What failed itself goes before what it took along.
    std::stable_partition(causes.begin(), causes.end(),
                          [](const auto* t) { return is_failed(t->status) && t->status != status::failed_upstream; });
    for (const auto* t : causes) {
      if (!seen.insert(t->name).second)
        continue;
      if (++found > most_causes)
        continue;
      std::cout << std::string(2 * depth, ' ') << "because of " << t->name << "  "
                << look_.paint(tone_of(t->status), to_string(t->status))
                << (t->reason.empty() ? "" : "  " + printable(t->reason)) << '\n';
      if (depth < deepest && (t->status == status::failed_upstream || t->status == status::skipped))
        tell_causes(t->name, t->reason, depth + 1, seen);
    }
    if (found > most_causes)
      std::cout << std::string(2 * depth, ' ') << "and of " << found - most_causes << " more\n";
    return !causes.empty();
  }

  store::reader& reader_;
  const whole_workflow& whole_;
  const std::vector<flow::step_view>& steps_;
  style look_;
};

result<void> explain_all(explainer& how, const whole_workflow& whole, const std::vector<flow::step_view>& steps) {
  std::size_t told = 0;
  for (const auto& [name, t] : whole.tasks) {
    const auto worth = how.is_worth_telling(t);
    if (!worth)
      return worth.failure();
    if (*worth && ++told <= most_tasks)
      if (auto done = how.explain(t); !done)
        return done;
  }
  for (const auto& step : steps)
    if (!is_finished(step.status) && whole.tasks.count(step.path) == 0 && ++told <= most_tasks)
      how.explain(step, step.path);
  if (told > most_tasks)
    std::cout << "and " << told - most_tasks << " more; name one: muster explain " << whole.record.id << " TASK\n";
  if (told == 0)
    std::cout << "every task of " << whole.record.id << " was run and is COMPLETED\n";
  return {};
}

int explain(const context& ctx, const std::string& id, const std::string& task) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  auto reader = open_reader(*directory);
  if (!reader)
    return report(reader.failure());
  auto workflow = find_workflow(*reader, id);
  if (!workflow)
    return report(workflow.failure());
  const auto whole = read_whole(*reader, std::move(*workflow));
  if (!whole)
    return report(whole.failure());
  const auto steps = read_steps(*reader, *whole);
  if (!steps)
    return report(steps.failure());
  explainer how{*reader, *whole, *steps};
  result<void> done;
  if (task.empty()) {
    done = explain_all(how, *whole, *steps);
  } else if (const auto found = whole->tasks.find(task); found != whole->tasks.end()) {
    done = how.explain(found->second);
  } else if (const auto* step = find_step(*steps, task)) {
    how.explain(*step, task);
  } else {
    const auto missing = reader->task(whole->record.key, task);
    done = missing ? result<void>{} : result<void>{missing.failure()};
  }
  return done ? exit_completed : report(done.failure());
}

} // namespace

void add_explain(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("explain", "Say why a task waits, was not run, or was run although it is cached");
  auto names = std::make_shared<std::pair<std::string, std::string>>();
  command->add_option("id", names->first, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("task", names->second, "A task or step; without it all of which there is something to say")
      ->type_name("TASK");
  add_state_dir(*command, ctx);
  command->footer("Example:\n  muster explain last train.2");
  command->callback(
      [&ctx, names] { ctx.action = [&ctx, names] { return explain(ctx, names->first, names->second); }; });
}

} // namespace muster::cli
