#include "spec/decode.hpp"

#include "muster/base/nearest.hpp"
#include "muster/base/utf8.hpp"
#include "muster/spec/names.hpp"
#include "muster/spec/quantity.hpp"
#include "muster/spec/tokens.hpp"
#include "spec/python_number.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

namespace muster::spec {

namespace {

constexpr std::size_t osmo_most_tasks = 20;
constexpr std::size_t most_tasks = 1'000'000;

/// The rules that look at more than one field. One object for one check.
class rule_check {
public:
  rule_check(const workflow& x, const workflow_places& places, const load_options& options, reporter& report)
      : x_(x), places_(places), options_(options), report_(report), groups_(places.flow_groups) {
    if (!x.flow)
      for (const auto& g : x.groups)
        groups_.push_back(&g);
  }

  void run() {
    check_count();
    check_name_lengths();
    // In a flow both go by scope.
    if (!x_.flow) {
      check_unique_names();
      check_references();
    }
    check_resources();
    check_topology();
    check_file_paths();
  }

private:
  [[nodiscard]] std::string group_field(std::size_t g) const {
    const auto& at = places_.groups[g];
    if (!at.field.empty())
      return at.field;
    return std::string{at.from_task ? "workflow.tasks[" : "workflow.groups["} + std::to_string(at.index) + "]";
  }
  [[nodiscard]] std::string task_field(std::size_t g, std::size_t t) const {
    return places_.groups[g].from_task ? group_field(g) : group_field(g) + ".tasks[" + std::to_string(t) + "]";
  }

  void check_count() {
    std::size_t count = 0;
    for (const auto* const g : groups_)
      count += g->tasks.size();
    const auto most = options_.profile == profile::osmo ? osmo_most_tasks : most_tasks;
    if (count > most)
      report_.error(places_.start, "workflow",
                    "the workflow has " + std::to_string(count) + " tasks, expected at most " + std::to_string(most));
  }

  void check_length(const std::string& name, yaml::mark place, std::string field) {
    if (name.size() > longest_name)
      report_.error(place, std::move(field),
                    "the name has " + std::to_string(code_points(name)) + " characters, expected at most " +
                        std::to_string(longest_name));
  }

  void check_name_lengths() {
    check_length(x_.name, places_.name, "workflow.name");
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto& at = places_.groups[g];
      if (at.from_task && groups_[g]->name.size() > longest_name) {
        report_.error(at.name, group_field(g) + ".name",
                      "the name has " + std::to_string(groups_[g]->tasks[0].name.size()) +
                          " characters, expected at most 58: its group is named '<task>-group'");
        continue;
      }
      if (!at.from_task)
        check_length(groups_[g]->name, at.name, group_field(g) + ".name");
      for (std::size_t t = 0; t < groups_[g]->tasks.size(); ++t)
        check_length(groups_[g]->tasks[t].name, at.tasks[t].name, task_field(g, t) + ".name");
    }
  }

  void claim(const std::string& name, yaml::mark place, const std::string& field, const std::string& what) {
    if (name.empty())
      return;
    const auto [found, is_new] = names_.emplace(normal_name(name), place);
    if (!is_new)
      report_.error(place, field,
                    what + " '" + name + "' has the name of line " + std::to_string(found->second.line + 1) +
                        ": groups and tasks share their names, and neither case nor '-' and '_' make a difference");
  }

  void check_unique_names() {
    names_.reserve(groups_.size() * 2);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto& at = places_.groups[g];
      if (!at.from_task)
        claim(groups_[g]->name, at.name, group_field(g) + ".name", "group");
      for (std::size_t t = 0; t < groups_[g]->tasks.size(); ++t)
        claim(groups_[g]->tasks[t].name, at.tasks[t].name, task_field(g, t) + ".name", "task");
    }
    for (std::size_t g = 0; g < groups_.size(); ++g)
      if (places_.groups[g].from_task && !groups_[g]->tasks[0].name.empty())
        claim(groups_[g]->name, places_.groups[g].name, group_field(g) + ".name", "the group of the task,");
  }

  void check_references() {
    std::unordered_map<std::string_view, std::size_t> group_of;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (const auto& t : groups_[g]->tasks)
        group_of[t.name] = g;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (std::size_t t = 0; t < groups_[g]->tasks.size(); ++t) {
        const auto& inputs = groups_[g]->tasks[t].inputs;
        for (std::size_t i = 0; i < inputs.size(); ++i)
          check_reference(inputs[i], g, group_of, places_.groups[g].tasks[t].inputs[i],
                          task_field(g, t) + ".inputs[" + std::to_string(i) + "].task");
      }
  }

  void check_reference(const input& x, std::size_t reader,
                       const std::unordered_map<std::string_view, std::size_t>& group_of, yaml::mark place,
                       const std::string& field) {
    const auto* const from = std::get_if<task_input>(&x.from);
    if (from == nullptr || from->task.empty() || !from->workflow.empty())
      return;
    const auto found = group_of.find(from->task);
    if (found == group_of.end()) {
      report_.error(place, field, "there is no task '" + from->task + "'", suggestion(from->task, group_of));
      return;
    }
    if (found->second < reader)
      return;
    const auto same = found->second == reader;
    report_.error(place, field,
                  same ? "task '" + from->task + "' is of the same group, an input comes from an earlier group"
                       : "task '" + from->task + "' is declared later, an input comes from an earlier group",
                  same ? "" : order_hint(reader, found->second, group_of));
  }

  /// What to do about an input from a group that is declared later: no order helps where the two wait for each other.
  [[nodiscard]] std::string order_hint(std::size_t reader, std::size_t source,
                                       const std::unordered_map<std::string_view, std::size_t>& group_of) {
    const auto circle = way(source, reader, group_of);
    if (circle.empty())
      return "move it above this one";
    std::string out = "they wait for each other: " + shown_name(reader);
    constexpr std::size_t most_shown = 8;
    for (std::size_t i = 0; i < std::min(circle.size(), most_shown); ++i)
      out += " needs " + shown_name(circle[i]) + (i + 1 == circle.size() ? "" : ", which");
    return out + (circle.size() > most_shown ? " ..." : "") + "; take one of these inputs out";
  }

  [[nodiscard]] std::string shown_name(std::size_t g) const {
    return places_.groups[g].from_task ? groups_[g]->tasks[0].name : groups_[g]->name;
  }

  /// The groups from `first` to `last`, each reading from the next; empty if there is no way, or none that is found
  /// soon: a million inputs may be wrong.
  [[nodiscard]] std::vector<std::size_t> way(std::size_t first, std::size_t last,
                                             const std::unordered_map<std::string_view, std::size_t>& group_of) {
    std::unordered_map<std::size_t, std::size_t> reader_of{{first, first}};
    std::vector<std::size_t> next{first};
    for (std::size_t i = 0; i < next.size() && next[i] != last; ++i)
      for (const auto& t : groups_[next[i]]->tasks)
        for (const auto& x : t.inputs) {
          if (steps_of_ways_ == 0)
            return {};
          --steps_of_ways_;
          const auto* const from = std::get_if<task_input>(&x.from);
          const auto found = from == nullptr || !from->workflow.empty() ? group_of.end() : group_of.find(from->task);
          if (found != group_of.end() && reader_of.emplace(found->second, next[i]).second)
            next.push_back(found->second);
        }
    if (reader_of.count(last) == 0)
      return {};
    std::vector<std::size_t> out{last};
    while (out.back() != first)
      out.push_back(reader_of.at(out.back()));
    std::reverse(out.begin(), out.end());
    return out;
  }

  [[nodiscard]] static std::string suggestion(const std::string& name,
                                              const std::unordered_map<std::string_view, std::size_t>& group_of) {
    // The distance to each of a million names, for each of a million bad references, would take for ever.
    if (group_of.size() > 1000)
      return {};
    std::vector<std::string_view> known;
    known.reserve(group_of.size());
    for (const auto& entry : group_of)
      known.push_back(entry.first);
    std::sort(known.begin(), known.end());
    return did_you_mean(name, known);
  }

  void check_resources() {
    std::vector<std::string_view> known;
    for (const auto& entry : x_.resources)
      known.push_back(entry.first);
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (std::size_t t = 0; t < groups_[g]->tasks.size(); ++t) {
        const auto& task = groups_[g]->tasks[t];
        const auto& at = places_.groups[g].tasks[t];
        check_cache_size(task, at, task_field(g, t) + ".cacheSize");
        if (x_.resources.count(task.resource) > 0)
          continue;
        report_.error(at.resource, task_field(g, t) + ".resource",
                      task.resource == "default" ? "the task names no resource and `resources` has no `default`"
                                                 : "there is no resource '" + task.resource + "' in `resources`",
                      did_you_mean(task.resource, known));
      }
  }

  /// A quantity, or a percentage from 0 to 100 of the storage.
  void check_cache_size(const task& x, const task_places& at, const std::string& field) {
    if (x.cache_size.empty())
      return;
    if (x.cache_size.back() != '%') {
      if (const auto size = parse_quantity(x.cache_size); !size)
        report_.error(at.start, field, size.failure().message);
      return;
    }
    const auto percent = python_float(std::string_view{x.cache_size}.substr(0, x.cache_size.size() - 1));
    if (!percent || !std::isfinite(*percent) || std::floor(*percent) < 0 || std::floor(*percent) > 100)
      report_.error(at.start, field, "expected a quantity or 0% to 100%, found '" + x.cache_size + "'");
  }

  void check_topology() {
    check_topology_keys();
    // All tasks with topology need the same keys: the tree of places has one shape for a workflow.
    std::multiset<std::string> first;
    bool any = false;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (std::size_t t = 0; t < groups_[g]->tasks.size(); ++t) {
        const auto found = x_.resources.find(groups_[g]->tasks[t].resource);
        if (found == x_.resources.end() || found->second.topologies.empty())
          continue;
        std::multiset<std::string> keys;
        for (const auto& wish : found->second.topologies)
          keys.insert(wish.key);
        if (any && keys != first) {
          report_.error(places_.groups[g].tasks[t].resource, task_field(g, t) + ".resource",
                        "all tasks with `topology` must use the same keys, resource '" + found->first +
                            "' uses others");
          return;
        }
        first = std::move(keys);
        any = true;
      }
  }

  void check_topology_keys() {
    if (!options_.pool || !options_.pool->topology_keys)
      return;
    const auto& keys = *options_.pool->topology_keys;
    for (const auto& [name, marks] : places_.topologies) {
      const auto& wishes = x_.resources.at(name).topologies;
      for (std::size_t i = 0; i < wishes.size(); ++i) {
        if (std::find(keys.begin(), keys.end(), wishes[i].key) != keys.end())
          continue;
        std::string all;
        for (const auto& key : keys)
          all += (all.empty() ? "" : ", ") + key;
        report_.error(marks[i], "workflow.resources." + name + ".topology[" + std::to_string(i) + "].key",
                      "the pool has no topology key '" + wishes[i].key + "', it has " + all);
      }
    }
  }

  /// Paths once more, with OSMO's values in place of tokens.
  void check_file_paths() {
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (std::size_t t = 0; t < groups_[g]->tasks.size(); ++t) {
        const auto& files = groups_[g]->tasks[t].files;
        const bool tokens = std::any_of(files.begin(), files.end(),
                                        [](const file& x) { return x.path.find("{{") != std::string::npos; });
        if (tokens)
          check_paths_of(groups_[g]->tasks[t], places_.groups[g].tasks[t], task_field(g, t));
      }
  }

  void check_paths_of(const task& x, const task_places& at, const std::string& field) {
    const auto values = osmo_tokens(x, x_.name + "-1");
    std::set<std::string> seen;
    for (std::size_t i = 0; i < x.files.size() && i < at.files.size(); ++i) {
      const auto path = substitute(std::string_view{x.files[i].path}, values);
      const auto where = field + ".files[" + std::to_string(i) + "].path";
      if (path != x.files[i].path && !good_file_path(path))
        report_.error(at.files[i], where, "the path becomes '" + path + "', where no file can be put");
      if (!seen.insert(path).second && path != x.files[i].path)
        report_.error(at.files[i], where, "the path becomes '" + path + "', which another file has");
    }
  }

  const workflow& x_;
  const workflow_places& places_;
  const load_options& options_;
  reporter& report_;
  std::vector<const group*> groups_;
  std::unordered_map<std::string, yaml::mark> names_;
  std::size_t steps_of_ways_ = 1'000'000; ///< That may still be taken.
};

} // namespace

void check_workflow(const workflow& x, const workflow_places& places, const load_options& options, reporter& report) {
  rule_check{x, places, options, report}.run();
}

} // namespace muster::spec
