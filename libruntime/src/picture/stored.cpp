#include "muster/picture/stored.hpp"

#include "muster/flow/definition.hpp"
#include "muster/flow/items.hpp"
#include "muster/spec/expression.hpp"
#include "muster/store/results.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace muster::picture {

namespace {

constexpr std::size_t page_size = 2000;

/// Of a group that is stored, what the pages of results need.
struct task_span {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('.', at), path.size());
    out.emplace_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// Whether the result of that group may decide something.
bool decides(const std::string& group, const std::optional<std::set<std::string>>& names) {
  constexpr std::string_view suffix = "-group";
  if (!names)
    return true;
  for (auto& segment : segments_of(group)) {
    if (names->count(segment) > 0)
      return true;
    if (segment.size() > suffix.size() && segment.compare(segment.size() - suffix.size(), suffix.size(), suffix) == 0)
      if (names->count(segment.substr(0, segment.size() - suffix.size())) > 0)
        return true;
  }
  return false;
}

/// Reads rows and results of one workflow.
class row_reader {
public:
  row_reader(store::reader& reader, workflow_key key) : reader_(reader), key_(key) {}

  result<void> read_rows() {
    for (group_index first{0};; first.value += page_size) {
      auto page = reader_.groups(key_, first, page_size);
      if (!page)
        return page.failure();
      for (auto& x : *page) {
        const auto is_step = never_began(x);
        if (!is_step)
          return is_step.failure();
        rows.push_back(
            {std::move(x.name), x.index, x.status, *is_step, std::move(x.reason), x.times.running, x.times.ended, {}});
        spans_.push_back({x.first_task.value, x.tasks});
      }
      if (page->size() < page_size)
        return {};
    }
  }

  /// The results of groups that may decide something.
  result<void> read_results(const std::optional<std::set<std::string>>& names) {
    std::vector<bool> wanted;
    bool any = false;
    for (const auto& row : rows) {
      wanted.push_back(decides(row.name, names));
      any = any || wanted.back();
    }
    if (!any)
      return {};
    std::size_t group = 0;
    const auto is_wanted = [&](task_index task) {
      while (group < spans_.size() && spans_[group].first + spans_[group].count <= task.value)
        ++group;
      return group < spans_.size() && wanted[group];
    };
    const auto whole = store::read_results(reader_, key_, is_wanted, [&](store::task_result_record x) {
      rows[group].results.resize(spans_[group].count);
      rows[group].results[x.index.value - spans_[group].first] = std::make_shared<const std::string>(std::move(x.text));
    });
    if (!whole)
      return whole.failure();
    left_out = !*whole;
    return {};
  }

  std::vector<gang_row> rows;
  bool left_out = false;

private:
  /// A row that tells of a step that was not run.
  result<bool> never_began(const store::group_record& x) {
    const bool any_time = x.times.processing || x.times.scheduling || x.times.initializing || x.times.running;
    if (!is_group_finished(x.status) || any_time)
      return false;
    const auto task = reader_.tasks(key_, x.first_task, 1);
    if (!task)
      return task.failure();
    return task->empty() || !task->front().attempt;
  }

  store::reader& reader_;
  workflow_key key_;
  std::vector<task_span> spans_;
};

// -- the item of an element

/// A step on the way to a task, and the path of the scope that it is in.
struct found_element {
  const spec::step* step = nullptr;
  std::vector<std::string> around; ///< Paths of the scopes around it, the nearest first.
  std::uint32_t index = 0;
};

std::optional<std::uint32_t> number_of(const std::string& text) {
  constexpr std::size_t most_digits = 9;
  if (text.empty() || text.size() > most_digits || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return static_cast<std::uint32_t>(std::stoul(text));
}

const spec::step* step_named(const spec::scope& x, const std::string& name) {
  for (const auto& step : x.steps) {
    if (step.name == name)
      return &step;
    if (const auto* gang = std::get_if<spec::group>(&step.body))
      for (const auto& task : gang->tasks)
        if (task.name == name)
          return &step;
  }
  return nullptr;
}

/// The scope of a step's body that a path goes on in.
const spec::scope* inner_scope(const spec::step& step, const std::vector<std::string>& segments, std::size_t& at) {
  if (at < segments.size() && segments[at] == "on_failure" && step.on_failure) {
    ++at;
    return step.on_failure.get();
  }
  if (const auto* nested = std::get_if<spec::scope_ptr>(&step.body))
    return nested->get();
  if (at >= segments.size())
    return nullptr;
  const auto& label = segments[at];
  if (const auto* branches = std::get_if<spec::branches_body>(&step.body))
    for (const auto& [name, scope] : branches->branches)
      if (name == label)
        return ++at, scope.get();
  if (const auto* choice = std::get_if<spec::switch_body>(&step.body)) {
    for (const auto& [name, scope] : choice->cases)
      if (name == label)
        return ++at, scope.get();
    if (label == "default" && choice->otherwise)
      return ++at, choice->otherwise.get();
  }
  return nullptr;
}

std::optional<found_element> innermost_element(const spec::scope& root, const std::string& task) {
  const auto segments = segments_of(task);
  std::optional<found_element> found;
  const auto* scope = &root;
  std::vector<std::string> around{""};
  for (std::size_t at = 0; scope != nullptr && at < segments.size();) {
    const auto* step = step_named(*scope, segments[at]);
    if (step == nullptr)
      break;
    ++at;
    if (step->foreach && at < segments.size())
      if (const auto index = number_of(segments[at])) {
        found = found_element{step, around, *index};
        ++at;
      }
    if (step->repeat && at < segments.size() && number_of(segments[at]))
      ++at;
    scope = inner_scope(*step, segments, at);
    std::string path;
    for (std::size_t i = 0; i < at; ++i)
      path += segments[i] + ".";
    around.insert(around.begin(), path);
  }
  return found;
}

/// The result of the task that `path` begins with, as the scopes in `around` see it, at the rest of `path`.
result<std::optional<spec::template_value>> value_of(store::reader& reader, workflow_key key, const std::string& path,
                                                     const std::vector<std::string>& around) {
  const auto dot = path.find('.');
  for (const auto& scope : around) {
    const auto task = reader.task(key, scope + path.substr(0, dot));
    if (!task)
      continue;
    const auto text = reader.task_result(key, task->index);
    if (!text)
      return text.failure();
    if (!*text)
      break;
    const auto whole = spec::value_from_json(**text);
    if (!whole)
      break;
    const auto* part = spec::value_at_path(*whole, dot == std::string::npos ? "" : path.substr(dot + 1));
    return part == nullptr ? std::optional<spec::template_value>{} : *part;
  }
  return std::optional<spec::template_value>{};
}

result<std::optional<spec::template_value>> item_of(store::reader& reader, workflow_key key, const found_element& x) {
  using none = std::optional<spec::template_value>;
  const auto& source = x.step->foreach->items;
  if (std::holds_alternative<spec::each_of_expression>(source))
    return none{};
  if (const auto* each = std::get_if<spec::each_of_step>(&source))
    return value_of(reader, key, each->step + "." + std::to_string(x.index), {x.around.front()});
  spec::template_value known;
  if (const auto* from = std::get_if<spec::each_of_result>(&source)) {
    auto list = value_of(reader, key, from->path, x.around);
    if (!list)
      return list.failure();
    if (!*list || !(*list)->is_sequence())
      return none{};
    known = std::move(**list);
  }
  const auto items = flow::item_list::make(source, known);
  return items && x.index < items->size() ? none{items->at(x.index)} : none{};
}

} // namespace

result<std::optional<spec::workflow>> read_definition(store::reader& reader, const store::workflow_record& workflow) {
  const auto text = reader.flow(workflow.key);
  if (!text)
    return text.failure();
  if (text->empty())
    return std::optional<spec::workflow>{};
  auto made = flow::decode_definition(
      *text, {workflow.name, workflow.labels, workflow.pool, {workflow.exec_timeout, workflow.queue_timeout}});
  if (!made)
    return made.failure();
  return std::optional<spec::workflow>{std::move(*made)};
}

result<flow_state> read_flow_state(store::reader& reader, const store::workflow_record& workflow,
                                   const spec::workflow& definition, std::size_t most_failures) {
  row_reader rows(reader, workflow.key);
  if (auto read = rows.read_rows(); !read)
    return read.failure();
  if (auto read = rows.read_results(deciding_steps(*definition.flow)); !read)
    return read.failure();
  const auto canceled = workflow.cancel_requested ? std::optional<std::string>{workflow.cancel_message} : std::nullopt;
  return flow_state{state_of(definition.flow, rows.rows, canceled, most_failures), rows.left_out};
}

result<std::optional<element_place>> find_element(store::reader& reader, const store::workflow_record& workflow,
                                                  const spec::workflow& definition, const std::string& task) {
  const auto found = innermost_element(*definition.flow, task);
  if (!found)
    return std::optional<element_place>{};
  const auto item = item_of(reader, workflow.key, *found);
  if (!item)
    return item.failure();
  element_place out{found->index, std::nullopt};
  if (*item)
    if (auto text = spec::value_to_json(**item))
      out.item = std::move(*text);
  return std::optional{std::move(out)};
}

} // namespace muster::picture
