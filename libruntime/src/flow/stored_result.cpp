#include "muster/flow/stored_result.hpp"

#include "muster/flow/definition.hpp"
#include "muster/flow/machine.hpp"
#include "muster/spec/expression.hpp"
#include "muster/spec/flow.hpp"
#include "muster/store/results.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muster::flow {

namespace {

constexpr std::size_t page_size = 4096;

/// Calls `use` with each row of the pages of `read`.
template <class Read, class Use>
result<void> each_row(Read read, Use use) {
  for (std::uint32_t first = 0;;) {
    auto page = read(first);
    if (!page)
      return page.failure();
    for (auto& row : *page)
      use(std::move(row));
    if (page->size() < page_size)
      return {};
    first += static_cast<std::uint32_t>(page->size());
  }
}

result<std::map<std::uint32_t, std::string>> read_results(store::reader& reader, workflow_key key) {
  std::map<std::uint32_t, std::string> out;
  const auto whole = store::read_results(
      reader, key, [](task_index) { return true; },
      [&out](store::task_result_record x) { out.emplace(x.index.value, std::move(x.text)); });
  if (!whole)
    return whole.failure();
  if (!*whole)
    return {ec::limit_exceeded, "the results of all tasks together hold more than " +
                                    std::to_string(store::most_result_bytes >> 20U) +
                                    " MiB; ask for those of single tasks"};
  return out;
}

std::string described(const store::task_record& x) {
  return "task " + x.name + " is " + std::string(to_string(x.status)) + (x.reason.empty() ? "" : ", " + x.reason);
}

using spec::template_value;

result<std::string> result_of_task(store::reader& reader, workflow_key key, const store::task_record& task) {
  if (!is_group_finished(task.status))
    return {ec::conflict, described(task) + ": it has a result when it has ended"};
  auto text = reader.task_result(key, task.index);
  if (!text)
    return text.failure();
  if (*text)
    return **std::move(text);
  return {ec::not_found, described(task) + " and gave no result; a task gives one by writing JSON to $MUSTER_RESULT"};
}

/// The step at a path of the definition, in which the numbers of elements and rounds may stand; null if there is none.
const spec::step* find_step(const spec::scope& in, std::string_view path) {
  const auto take = [&path] {
    const auto name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    return name;
  };
  const auto name = take();
  const auto found = std::find_if(in.steps.begin(), in.steps.end(), [&](const auto& x) { return x.name == name; });
  if (found == in.steps.end())
    return nullptr;
  while (!path.empty() && path.front() >= '0' && path.front() <= '9')
    static_cast<void>(take());
  if (path.empty())
    return &*found;
  if (const auto* nested = std::get_if<spec::scope_ptr>(&found->body))
    return find_step(**nested, path);
  const auto label = take();
  const auto in_named = [&](const auto& scopes) -> const spec::step* {
    const auto scope = std::find_if(scopes.begin(), scopes.end(), [&](const auto& x) { return x.first == label; });
    return scope == scopes.end() ? nullptr : find_step(*scope->second, path);
  };
  if (const auto* branches = std::get_if<spec::branches_body>(&found->body))
    return in_named(branches->branches);
  if (const auto* choice = std::get_if<spec::switch_body>(&found->body))
    return choice->otherwise && label == "default" ? find_step(*choice->otherwise, path) : in_named(choice->cases);
  return nullptr;
}

/// Null if the workflow was not one that grows.
result<spec::scope_ptr> read_definition(store::reader& reader, workflow_key key) {
  const auto text = reader.flow(key);
  if (!text)
    return text.failure();
  if (text->empty())
    return spec::scope_ptr{};
  const auto definition = decode_definition(*text, {});
  if (!definition)
    return definition.failure();
  return definition->flow;
}

/// What a workflow without a `result` of its own results in.
template_value merged(const machine& after, const spec::scope& definition) {
  spec::template_dict out;
  for (const auto& step : definition.steps) {
    const auto found = after.result_of(step.name);
    if (!found)
      continue;
    if (found->is(template_value::type::dict))
      for (const auto& [name, entry] : found->dict().entries())
        out.set(name, entry);
    else
      out.set(template_value{step.name}, *found);
  }
  return template_value::make_dict(std::move(out));
}

result<std::optional<std::string>> json_of(const template_value& x) {
  auto text = spec::value_to_json(x);
  if (!text)
    return text.failure();
  return std::optional{*std::move(text)};
}

/// What a step, or the whole, resulted in: the definition is run once more, over what was recorded.
result<std::optional<std::string>> replay(store::reader& reader, const store::workflow_record& workflow,
                                          const spec::scope& definition, const std::string& path) {
  auto whole = std::make_shared<spec::scope>(definition);
  const bool has_result = !whole->result.empty();
  if (!path.empty() || !has_result)
    whole->result = "true"; // So that the results of all of its steps are kept.
  auto results = read_results(reader, workflow.key);
  if (!results)
    return results.failure();
  std::vector<std::string> tasks;
  auto read = each_row([&](std::uint32_t n) { return reader.tasks(workflow.key, task_index{n}, page_size); },
                       [&](store::task_record x) { tasks.push_back(std::move(x.name)); });
  if (!read)
    return read.failure();
  std::vector<std::pair<std::string, recorded_gang>> recorded;
  read = each_row([&](std::uint32_t n) { return reader.groups(workflow.key, group_index{n}, page_size); },
                  [&](store::group_record x) {
                    recorded_gang past{x.index, x.status, {}, false};
                    for (std::uint32_t i = 0; i < x.tasks; ++i) {
                      const auto found = results->find(x.first_task.value + i);
                      past.results.push_back(found == results->end()
                                                 ? nullptr
                                                 : std::make_shared<const std::string>(std::move(found->second)));
                    }
                    // Only a step that is no gang has a task of its own name: see `note`.
                    past.is_step =
                        x.tasks == 1 && x.first_task.value < tasks.size() && tasks[x.first_task.value] == x.name;
                    recorded.emplace_back(std::move(x.name), std::move(past));
                  });
  if (!read)
    return read.failure();
  machine again{whole};
  again.recall(std::move(recorded));
  while (again.next()) {
  }
  if (!path.empty()) {
    const auto found = again.result_of(path);
    return found ? json_of(*found) : std::optional<std::string>{};
  }
  if (workflow.status != status::completed)
    return std::optional<std::string>{};
  if (!has_result)
    return json_of(merged(again, definition));
  const auto found = again.result_of_all();
  return found ? std::optional{*found} : std::optional<std::string>{};
}

/// The results of the elements `path.0`, `path.1`, ...; nothing if there are none.
result<std::optional<std::string>> gather(store::reader& reader, workflow_key key, const std::string& path) {
  std::map<std::uint32_t, std::uint32_t> elements; // By their numbers.
  const auto prefix = path + ".";
  auto read = each_row([&](std::uint32_t n) { return reader.tasks(key, task_index{n}, page_size); },
                       [&](const store::task_record& x) {
                         std::uint32_t number = 0;
                         const auto* const end = x.name.data() + x.name.size();
                         if (x.name.compare(0, prefix.size(), prefix) != 0)
                           return;
                         const auto [stop, problem] = std::from_chars(x.name.data() + prefix.size(), end, number);
                         if (problem == std::errc{} && stop == end)
                           elements.emplace(number, x.index.value);
                       });
  if (!read)
    return read.failure();
  if (elements.empty())
    return std::optional<std::string>{};
  const auto results = read_results(reader, key);
  if (!results)
    return results.failure();
  std::string out = "[";
  for (std::uint32_t i = 0; i <= elements.rbegin()->first; ++i) {
    const auto element = elements.find(i);
    const auto found = element == elements.end() ? results->end() : results->find(element->second);
    out += (i == 0 ? "" : ",") + (found == results->end() ? "null" : found->second);
  }
  return std::optional{out + "]"};
}

} // namespace

result<std::string> stored_result(store::reader& reader, const store::workflow_record& workflow,
                                  const std::string& path) {
  if (!path.empty()) {
    const auto task = reader.task(workflow.key, path);
    if (task)
      return result_of_task(reader, workflow.key, *task);
    if (task.failure().code != ec::not_found)
      return task.failure();
  }
  const auto what = path.empty() ? "the workflow" : "step " + path;
  if (!is_group_finished(workflow.status))
    return {ec::conflict,
            what + " has a result when the workflow has ended; it is " + std::string(to_string(workflow.status))};
  const auto definition = read_definition(reader, workflow.key);
  if (!definition)
    return definition.failure();
  result<std::optional<std::string>> found = std::optional<std::string>{};
  if (*definition)
    found = replay(reader, workflow, **definition, path);
  if (found && !*found && *definition) {
    // Of a map that failed there are the results of the elements that did not.
    const auto* step = find_step(**definition, path);
    if (step != nullptr && step->foreach && step->foreach->reduce.with == spec::reduction::collect)
      found = gather(reader, workflow.key, path);
  }
  if (!found)
    return found.failure();
  if (!*found && !path.empty() && (!*definition || find_step(**definition, path) == nullptr))
    return {ec::not_found, "workflow " + workflow.id + " has no step or task " + path + " with a result"};
  if (!*found)
    return {ec::not_found, what + " has no result; the workflow is " + std::string(to_string(workflow.status))};
  return **std::move(found);
}

} // namespace muster::flow
