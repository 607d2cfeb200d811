#include "muster/picture/state.hpp"

#include "muster/spec/expression.hpp"

#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace muster::picture {

namespace {

constexpr std::string_view group_suffix = "-group";

// -- which results decide

/// Collects names over all scopes.
class name_collector {
public:
  void visit(const spec::scope& x) {
    add_read(x.result);
    for (const auto& step : x.steps)
      visit(step);
  }

  [[nodiscard]] std::optional<std::set<std::string>> take() {
    if (all_)
      return std::nullopt;
    // A member's result lies in the row of its group.
    for (const auto& [member, step] : groups_)
      if (names_.count(member) > 0)
        names_.insert(step);
    return std::move(names_);
  }

private:
  void visit(const spec::step& x) {
    bool decides = !x.when.empty() || x.repeat.has_value() || std::holds_alternative<spec::switch_body>(x.body);
    decides = decides || (x.foreach && !std::holds_alternative<spec::each_of_range>(x.foreach->items) &&
                          !std::holds_alternative<spec::each_of_step>(x.foreach->items));
    add_read(x.when);
    if (x.repeat && !x.repeat->until.empty())
      names_.insert(x.name);
    bool has_scopes = false;
    const auto inner = [&](const spec::scope_ptr& scope) {
      if (!scope)
        return;
      has_scopes = true;
      decides = decides || !scope->parameters.empty();
      visit(*scope);
    };
    if (const auto* nested = std::get_if<spec::scope_ptr>(&x.body))
      inner(*nested);
    if (const auto* branches = std::get_if<spec::branches_body>(&x.body))
      for (const auto& [name, branch] : branches->branches)
        inner(branch);
    if (const auto* choice = std::get_if<spec::switch_body>(&x.body)) {
      add_read(choice->value);
      for (const auto& [name, branch] : choice->cases)
        inner(branch);
      inner(choice->otherwise);
    }
    inner(x.on_failure);
    if (const auto* gang = std::get_if<spec::group>(&x.body))
      for (const auto& task : gang->tasks)
        groups_.emplace_back(task.name, x.name);
    if (x.foreach)
      if (const auto* each = std::get_if<spec::each_of_step>(&x.foreach->items);
          each != nullptr && (decides || has_scopes))
        names_.insert(each->step);
    if (decides)
      names_.insert(x.needs.begin(), x.needs.end());
  }

  void add_read(const std::string& expression) {
    if (expression.empty())
      return;
    for (const auto& path : spec::paths_below(expression, "results")) {
      all_ = all_ || path.empty();
      names_.insert(path.substr(0, path.find('.')));
    }
  }

  std::set<std::string> names_;
  std::vector<std::pair<std::string, std::string>> groups_; ///< Members, and the steps that they are of.
  bool all_ = false;
};

// -- how a run stands

bool failed_by_itself(status s) {
  return is_failed(s) && s != status::failed_upstream && s != status::failed_canceled;
}

bool begun(const step_state& x) {
  return is_group_finished(x.status) ? x.status != status::skipped && x.status != status::failed_upstream
                                     : x.status == status::running;
}

/// Makes what people see of what the machine sees, with the help of the rows.
class converter {
public:
  explicit converter(const std::vector<gang_row>& rows) {
    for (const auto& row : rows)
      by_name_.emplace(row.name, &row);
  }

  [[nodiscard]] const gang_row* row(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  /// Of the task, group or unrun step at `path`.
  [[nodiscard]] const gang_row* find(const std::string& path) const {
    const auto* plain = row(path + std::string(group_suffix));
    return plain == nullptr ? row(path) : plain;
  }

  /// `known` is whether anything of it was recorded, or is over.
  step_state convert(flow::step_view&& x, bool& known) const {
    step_state out;
    out.path = std::move(x.path);
    out.kind = std::move(x.kind);
    out.status = x.status;
    out.reason = std::move(x.reason);
    out.is_foreach = x.is_foreach;
    out.elements = x.elements;
    out.completed = x.completed;
    out.failed = x.failed;
    out.skipped = x.skipped;
    known = is_group_finished(out.status);
    bool any_begun = x.completed > 0 || x.failed > 0;
    for (auto& inner : x.inner) {
      bool inner_known = false;
      auto made = convert(std::move(inner), inner_known);
      known = known || inner_known;
      any_begun = any_begun || begun(made);
      add_inner(out, std::move(made), inner_known);
    }
    known = known || any_begun || x.skipped > 0;
    take_row(out, known);
    if (!is_group_finished(out.status) && (!out.inner.empty() || out.is_foreach || out.rounds > 0)) {
      if (any_begun)
        out.status = status::running;
      else if (!known)
        out.status = status::waiting;
    }
    return out;
  }

private:
  static void add_inner(step_state& out, step_state&& made, bool known) {
    if (made.kind == "round") {
      const auto dot = made.path.rfind('.');
      out.rounds = static_cast<std::uint32_t>(std::strtoul(made.path.c_str() + dot + 1, nullptr, 10)) + 1;
      if (is_group_finished(out.status))
        return;
    }
    if (made.kind == "element") {
      if (!known)
        return; // The machine would begin it next; nobody has.
      ++(made.status == status::running ? out.running : out.queued);
    }
    out.inner.push_back(std::move(made));
  }

  /// What was recorded of a gang says more than the machine knows.
  void take_row(step_state& out, bool& known) const {
    if (out.is_foreach)
      return;
    const auto* row = find(out.path);
    if (row == nullptr) {
      if (!known && out.inner.empty() && out.status == status::processing)
        out.status = status::waiting;
      return;
    }
    known = true;
    out.began = row->running;
    out.ended = row->ended;
    if (!is_group_finished(out.status) && !is_group_finished(row->status))
      out.status = row->status;
    if (out.status == row->status && !row->reason.empty())
      out.reason = row->reason;
  }

  std::unordered_map<std::string_view, const gang_row*> by_name_;
};

/// Puts the rows that failed by themselves to the steps that show them.
class failure_sorter {
public:
  failure_sorter(std::vector<step_state>& steps, const std::vector<std::string>& borne, std::size_t most)
      : most_(most), borne_(borne.begin(), borne.end()) {
    for (auto& x : steps)
      index(x);
  }

  void add(const gang_row& row) {
    if (!failed_by_itself(row.status) || nodes_.count(row.name) > 0)
      return;
    std::string_view path = row.name;
    if (path.size() > group_suffix.size() && path.substr(path.size() - group_suffix.size()) == group_suffix)
      path.remove_suffix(group_suffix.size());
    const auto whole = path;
    for (auto dot = path.size(); dot != std::string_view::npos; dot = path.rfind('.')) {
      path = path.substr(0, dot);
      const auto found = nodes_.find(path);
      if (found == nodes_.end())
        continue;
      if (path.size() == whole.size())
        return; // It is shown itself.
      auto& step = *found->second;
      if (step.failures.size() < most_)
        step.failures.push_back({std::string(whole), row.status, row.reason, is_borne(whole)});
      else
        ++step.more_failures;
      return;
    }
  }

private:
  void index(step_state& x) {
    nodes_.emplace(x.path, &x);
    for (auto& inner : x.inner)
      index(inner);
  }

  /// Whether it, or a step around it, is among those that bore failures.
  [[nodiscard]] bool is_borne(std::string_view path) const {
    for (auto end = path.size(); !borne_.empty() && end != std::string_view::npos; end = path.rfind('.')) {
      path = path.substr(0, end);
      if (borne_.count(path) > 0)
        return true;
    }
    return false;
  }

  std::size_t most_;
  std::unordered_set<std::string_view> borne_;
  std::unordered_map<std::string_view, step_state*> nodes_;
};

/// Tells the machine what was recorded, and lets it go to where the run stands.
void replay(flow::machine& machine, const std::vector<gang_row>& rows, const converter& names,
            const std::optional<std::string>& canceled) {
  constexpr std::size_t most_fresh = 100'000; // Only rows that can never be met again lead so far.
  std::vector<std::pair<std::string, flow::recorded_gang>> recorded;
  recorded.reserve(rows.size());
  for (const auto& row : rows)
    recorded.emplace_back(row.name, flow::recorded_gang{row.index, row.status, row.results, row.is_step});
  machine.recall(std::move(recorded));
  std::vector<std::uint32_t> fresh;
  do {
    const auto gang = machine.next();
    if (!gang)
      break;
    if (!gang->index) {
      fresh.push_back(gang->id);
      continue;
    }
    const auto* row = names.row(gang->name);
    if (row != nullptr && row->status == status::running)
      machine.started(gang->id);
  } while (machine.to_meet() > 0 && fresh.size() < most_fresh);
  if (!canceled || machine.done())
    return;
  machine.cancel(*canceled);
  for (const auto id : fresh)
    machine.finished(id, {status::failed_canceled, {}});
}

} // namespace

std::optional<std::set<std::string>> deciding_steps(const spec::scope& definition) {
  name_collector names;
  names.visit(definition);
  return names.take();
}

std::vector<step_state> state_of(const spec::scope_ptr& definition, const std::vector<gang_row>& rows,
                                 const std::optional<std::string>& canceled, std::size_t most_failures) {
  flow::machine machine(definition);
  machine.track_borne();
  const converter names(rows);
  replay(machine, rows, names, canceled);
  std::vector<step_state> out;
  for (auto& x : machine.view()) {
    bool known = false;
    out.push_back(names.convert(std::move(x), known));
  }
  failure_sorter failures(out, machine.borne(), most_failures);
  for (const auto& row : rows)
    failures.add(row);
  return out;
}

std::string counts_text(const step_state& x) {
  if (!x.is_foreach || (x.elements == 0 && x.status != status::completed))
    return {};
  auto text = "elements " + std::to_string(x.completed) + "/" + std::to_string(x.elements) + " done";
  const auto add = [&](std::uint32_t n, const char* word) {
    if (n > 0)
      text += ", " + std::to_string(n) + " " + word;
  };
  add(x.running, "running");
  add(x.queued, "queued");
  add(x.failed, "failed");
  add(x.skipped, "skipped");
  return text;
}

} // namespace muster::picture
