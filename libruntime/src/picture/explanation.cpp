#include "muster/picture/explanation.hpp"

#include "muster/flow/definition.hpp"
#include "muster/flow/machine.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace muster::picture {

namespace {

constexpr std::size_t page_size = 1000;
/// How far causes are followed.
constexpr std::size_t deepest = 20;
/// In larger workflows causes are not looked for, and steps not recalled: all rows would have to be in memory.
constexpr std::uint32_t most_rows = 500'000;

/// All rows of one workflow.
struct whole_workflow {
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

result<whole_workflow> read_whole(store::reader& reader, workflow_key key) {
  whole_workflow out;
  std::vector<store::task_record> tasks;
  if (auto x = read_all(out.groups, [&](std::uint32_t n) { return reader.groups(key, group_index{n}, page_size); }); !x)
    return x.failure();
  if (auto x = read_all(tasks, [&](std::uint32_t n) { return reader.tasks(key, task_index{n}, page_size); }); !x)
    return x.failure();
  for (auto& t : tasks)
    if (t.group.value < out.groups.size()) // Else it has come since.
      out.tasks.emplace(t.name, std::move(t));
  return out;
}

/// The steps of a flow as they stand.
result<std::vector<flow::step_view>> read_steps(store::reader& reader, const store::workflow_record& record,
                                                const std::string& text, const whole_workflow& x) {
  constexpr std::size_t most_fresh = 1024;
  plan_header header;
  header.name = record.name;
  const auto definition = flow::decode_definition(text, header);
  if (!definition)
    return definition.failure();
  std::vector<std::pair<std::string, flow::recorded_gang>> recorded;
  for (const auto& g : x.groups)
    recorded.push_back({g.name, {g.index, g.status, std::vector<flow::json_text>(g.tasks), false}});
  for (const auto& [name, t] : x.tasks) {
    auto& gang = recorded[t.group.value].second;
    gang.is_step = gang.is_step || recorded[t.group.value].first == name;
    auto result = reader.task_result(record.key, t.index);
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

bool was_not_run(status s) {
  return s == status::failed_upstream || s == status::skipped;
}

/// Whether one of its attempts has begun, or came so far that its driver has left word of why it did not.
bool has_run(const store::task_record& x) {
  return x.attempt &&
         (x.attempt->number > x.first_attempt || x.attempt->times.running || x.attempt->exit_code != no_exit_code);
}

/// Explains tasks and steps of one workflow. Reads all of its rows only where that is needed.
class explainer {
public:
  explainer(store::reader& reader, const store::workflow_record& record) : reader_(reader), record_(record) {}

  result<explanation> task(const store::task_record& t) {
    explanation out;
    out.name = t.name;
    out.status = t.status;
    if (!is_finished(t.status))
      out.group = t.group;
    auto why = reason_of(t);
    if (!why)
      return why.failure();
    out.reason = std::move(*why);
    const auto note = reader_.note_of_cache(record_.key, t.index);
    if (!note)
      return note.failure();
    if (*note)
      out.cache = cache_answer{(*note)->key, (*note)->text};
    if (was_not_run(t.status)) {
      std::set<std::string> seen{t.name};
      if (auto told = tell_causes(t.name, out.reason, 1, seen, {out.causes, out.more_causes}); !told)
        return told.failure();
    } else {
      out.wrote_log = is_failed(t.status) && has_run(t);
    }
    return out;
  }

  result<explanation> step(const flow::step_view& x) {
    explanation out;
    out.name = x.path;
    out.is_step = true;
    out.status = x.status;
    out.reason = x.reason;
    if (x.is_foreach)
      out.elements = element_counts{x.elements, x.running, x.completed, x.failed, x.skipped};
    std::set<std::string> seen;
    if (is_failed(x.status) || x.status == status::skipped)
      if (auto told = tell_failures(x.path, 1, seen, {out.causes, out.more_causes}); !told)
        return told.failure();
    return out;
  }

  /// Null if the workflow has none, or is too large.
  result<const std::vector<flow::step_view>*> steps() {
    using pointer = const std::vector<flow::step_view>*;
    if (!steps_) {
      const auto text = reader_.flow(record_.key);
      if (!text)
        return text.failure();
      steps_.emplace();
      const auto rows = text->empty() ? pointer_result{nullptr} : whole();
      if (!rows)
        return rows.failure();
      if (*rows != nullptr) {
        auto found = read_steps(reader_, record_, *text, **rows);
        if (!found)
          return found.failure();
        *steps_ = std::move(*found);
      }
    }
    return pointer{&*steps_};
  }

private:
  using pointer_result = result<const whole_workflow*>;
  /// Where causes go.
  struct cause_list {
    std::vector<cause>& told;
    std::uint64_t& more;
  };

  /// Null if there are too many rows.
  pointer_result whole() {
    if (!whole_) {
      if (record_.tasks > most_rows)
        return pointer_result{nullptr};
      auto read = read_whole(reader_, record_.key);
      if (!read)
        return read.failure();
      whole_ = std::move(*read);
    }
    return pointer_result{&*whole_};
  }

  result<std::optional<store::group_record>> group(group_index g) {
    auto found = reader_.groups(record_.key, g, 1);
    if (!found)
      return found.failure();
    if (found->empty() || found->front().index != g)
      return std::optional<store::group_record>{};
    return std::optional{std::move(found->front())};
  }

  result<std::string> reason_of(const store::task_record& t) {
    if (is_finished(t.status) || t.status == status::running || !t.reason.empty())
      return t.reason;
    const auto own = group(t.group);
    if (!own)
      return own.failure();
    if (*own && !(*own)->reason.empty())
      return (*own)->reason;
    const auto known = steps();
    if (!known)
      return known.failure();
    if (const auto* step = find_step(**known, t.name); step != nullptr && !step->reason.empty())
      return step->reason;
    return waits_for(t.group);
  }

  /// The groups before it that have not ended.
  result<std::string> waits_for(group_index g) {
    const auto upstream = reader_.upstream(record_.key, g);
    if (!upstream)
      return upstream.failure();
    std::string text;
    std::size_t open = 0;
    for (const auto index : *upstream) {
      if (open > most_causes)
        break;
      const auto found = group(index);
      if (!found)
        return found.failure();
      if (*found && !is_finished((*found)->status) && ++open <= most_causes)
        text += (text.empty() ? "waiting for " : ", ") + (*found)->name;
    }
    return open > most_causes ? text + " and others" : text;
  }

  /// What an end without a run came from.
  result<void> tell_causes(const std::string& task, const std::string& why, std::size_t depth,
                           std::set<std::string>& seen, cause_list into) {
    const auto rows = whole();
    if (!rows)
      return rows.failure();
    if (*rows == nullptr)
      return {};
    if (const auto name = named_in(why, "upstream group "); !name.empty()) {
      const auto told = tell_failed_of(
          depth, seen, into, [&](const store::task_record& t) { return (*rows)->groups[t.group.value].name == name; });
      return told ? result<void>{} : result<void>{told.failure()};
    }
    const auto name = named_in(why, "upstream ");
    if (name.empty())
      return {};
    // It is a step of the scope that the task is in; numbers of elements in between belong to no scope.
    for (auto around = task; !around.empty();) {
      const auto dot = around.rfind('.');
      around = dot == std::string::npos ? std::string{} : around.substr(0, dot);
      auto step = around;
      step.append(around.empty() ? "" : ".").append(name);
      const auto told = tell_failures(step, depth, seen, into);
      if (!told)
        return told.failure();
      if (*told)
        return {};
    }
    return {};
  }

  /// Of the tasks at or below a step; false if there are none.
  result<bool> tell_failures(const std::string& path, std::size_t depth, std::set<std::string>& seen, cause_list into) {
    return tell_failed_of(depth, seen, into, [&](const store::task_record& t) {
      return t.name.compare(0, path.size(), path) == 0 && (t.name.size() == path.size() || t.name[path.size()] == '.');
    });
  }

  template <class Predicate>
  result<bool> tell_failed_of(std::size_t depth, std::set<std::string>& seen, cause_list into, Predicate is_meant) {
    const auto rows = whole();
    if (!rows)
      return rows.failure();
    if (*rows == nullptr)
      return false;
    std::vector<const store::task_record*> causes;
    for (const auto& [name, t] : (*rows)->tasks)
      if (is_meant(t) && (is_failed(t.status) || t.status == status::skipped))
        causes.push_back(&t);
    // What failed itself goes before what it took along.
    std::stable_partition(causes.begin(), causes.end(),
                          [](const auto* t) { return is_failed(t->status) && t->status != status::failed_upstream; });
    std::size_t found = 0;
    for (const auto* t : causes) {
      if (!seen.insert(t->name).second)
        continue;
      if (++found > most_causes) {
        ++into.more;
        continue;
      }
      into.told.push_back({t->name, t->status, t->reason, {}, 0});
      auto& one = into.told.back();
      if (depth < deepest && was_not_run(t->status))
        if (auto told = tell_causes(t->name, t->reason, depth + 1, seen, {one.behind, one.more_behind}); !told)
          return told.failure();
    }
    return !causes.empty();
  }

  store::reader& reader_;
  const store::workflow_record& record_;
  std::optional<whole_workflow> whole_;
  std::optional<std::vector<flow::step_view>> steps_;
};

/// Whether there is anything to say of a task that nobody named.
result<bool> is_worth_telling(store::reader& reader, workflow_key key, const store::task_record& t) {
  if (t.status != status::completed)
    return true;
  const auto note = reader.note_of_cache(key, t.index);
  return note ? result<bool>{note->has_value()} : result<bool>{note.failure()};
}

/// The tasks of which there is something to say; which of the workflow's names are tasks goes to `names`, as far as
/// steps may have them.
result<void> explain_tasks(store::reader& reader, workflow_key key, explainer& how, explanations& out,
                           const std::set<std::string>& steps, std::set<std::string>& names) {
  for (task_index first{0};; first.value += page_size) {
    const auto page = reader.tasks(key, first, page_size);
    if (!page)
      return page.failure();
    for (const auto& t : *page) {
      if (steps.count(t.name) > 0)
        names.insert(t.name);
      const auto worth = is_worth_telling(reader, key, t);
      if (!worth)
        return worth.failure();
      if (!*worth)
        continue;
      if (out.items.size() == most_explained) {
        ++out.more;
        continue;
      }
      auto one = how.task(t);
      if (!one)
        return one.failure();
      out.items.push_back(std::move(*one));
    }
    if (page->size() < page_size)
      return {};
  }
}

} // namespace

result<explanations> explain(store::reader& reader, const store::workflow_record& workflow) {
  explainer how{reader, workflow};
  const auto steps = how.steps();
  if (!steps)
    return steps.failure();
  std::set<std::string> paths;
  for (const auto& step : **steps)
    paths.insert(step.path);
  explanations out;
  std::set<std::string> tasks;
  if (auto done = explain_tasks(reader, workflow.key, how, out, paths, tasks); !done)
    return done.failure();
  for (const auto& step : **steps) {
    if (is_finished(step.status) || tasks.count(step.path) > 0)
      continue;
    if (out.items.size() == most_explained) {
      ++out.more;
      continue;
    }
    auto one = how.step(step);
    if (!one)
      return one.failure();
    out.items.push_back(std::move(*one));
  }
  return out;
}

result<explanation> explain(store::reader& reader, const store::workflow_record& workflow, const std::string& name) {
  explainer how{reader, workflow};
  const auto found = reader.task(workflow.key, name);
  if (found)
    return how.task(*found);
  if (found.failure().code != ec::not_found)
    return found.failure();
  const auto steps = how.steps();
  if (!steps)
    return steps.failure();
  if (const auto* step = find_step(**steps, name))
    return how.step(*step);
  return found.failure();
}

} // namespace muster::picture
