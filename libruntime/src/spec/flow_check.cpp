#include "spec/flow_notes.hpp"

#include "muster/base/nearest.hpp"
#include "muster/spec/names.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace muster::spec {

namespace {

/// Names that a wrong one is compared with: the distance to each of a million, for each of a million wrong ones, would
/// take for ever.
constexpr std::size_t most_compared = 1000;

/// What a text may name besides steps and parameters.
struct surroundings {
  bool item = false;
  bool index = false;
  const repeat* carry = nullptr; ///< Of the innermost repeated step.
};

surroundings inside(surroundings around, const step& x, sight seen) {
  if (x.foreach && seen >= sight::element)
    around.item = around.index = true;
  if (x.repeat && seen >= sight::round) {
    around.index = true;
    around.carry = &*x.repeat;
  }
  return around;
}

/// A scope that the check is inside of.
struct level {
  const scope_notes* notes = nullptr;
  std::unordered_map<std::string_view, std::uint32_t> steps; ///< By name; members of groups too.
  std::unordered_set<std::string_view> parameters;
  std::vector<std::unordered_set<std::string>> needed; ///< What `needs` of each step has.
  std::vector<std::vector<std::uint32_t>> waits_for;   ///< By position.
  std::uint32_t current = 0;                           ///< The step that the check is inside of.
};

/// Names of the steps in a handler begin with the name of its step and this.
constexpr std::string_view handler_name = "on_failure";

class flow_check {
public:
  explicit flow_check(reporter& report) : report_(report) {}

  void run(scope_notes& x, const surroundings& around, bool is_handler = false) {
    if (!x.self)
      return;
    check_all(x.arguments, around);
    enter(x, is_handler);
    const auto depth = levels_.size() - 1;
    for (std::uint32_t i = 0; i < x.steps.size(); ++i) {
      levels_[depth].current = i;
      check_step(x.steps[i], x.self->steps[i], around);
    }
    levels_[depth].current = static_cast<std::uint32_t>(x.steps.size());
    check_all(x.mentions, around);
    check_circles(x, levels_[depth].waits_for, report_);
    levels_.pop_back();
  }

private:
  // -- names of a scope

  void enter(const scope_notes& x, bool is_handler) {
    auto& at = levels_.emplace_back();
    at.notes = &x;
    const auto& scope = *x.self;
    at.needed.resize(scope.steps.size());
    at.waits_for.resize(scope.steps.size());
    for (const auto& parameter : scope.parameters)
      if (!at.parameters.insert(parameter.name).second)
        report_.error(x.start, x.field + ".parameters", "parameter '" + parameter.name + "' is there twice");
    std::unordered_map<std::string, yaml::mark> claimed;
    // The one step of a handler is the handler, and has its name.
    const bool may_be_handler = is_handler && scope.steps.size() == 1;
    for (std::uint32_t i = 0; i < scope.steps.size(); ++i) {
      at.steps.emplace(scope.steps[i].name, i);
      if (!may_be_handler)
        refuse_handler_name(scope.steps[i].name, x.steps[i].name, x.steps[i].field + ".name");
      claim(claimed, scope.steps[i].name, x.steps[i].name, x.steps[i].field + ".name", "step");
    }
    for (std::uint32_t i = 0; i < scope.steps.size(); ++i)
      claim_members(claimed, scope.steps[i], x.steps[i], i, at);
  }

  void claim_members(std::unordered_map<std::string, yaml::mark>& claimed, const step& x, const step_notes& notes,
                     std::uint32_t position, level& at) {
    const auto* const gang = std::get_if<group>(&x.body);
    if (gang == nullptr || gang->tasks.empty())
      return;
    if (notes.gang.from_task) {
      if (!x.name.empty())
        claim(claimed, gang->name, notes.name, notes.field + ".name", "the group of the task,");
      return;
    }
    for (std::size_t t = 0; t < gang->tasks.size(); ++t) {
      at.steps.emplace(gang->tasks[t].name, position);
      const auto place = t < notes.gang.tasks.size() ? notes.gang.tasks[t].name : notes.name;
      const auto field = notes.field + ".tasks[" + std::to_string(t) + "].name";
      claim(claimed, gang->tasks[t].name, place, field, "task");
      refuse_handler_name(gang->tasks[t].name, place, field);
    }
  }

  void refuse_handler_name(const std::string& name, yaml::mark place, const std::string& field) {
    if (name == handler_name)
      report_.error(
          place, field,
          "the name on_failure is of handlers: what is run when step `s` has failed is known as s.on_failure");
  }

  void claim(std::unordered_map<std::string, yaml::mark>& claimed, const std::string& name, yaml::mark place,
             const std::string& field, const std::string& what) {
    if (name.empty())
      return;
    const auto [found, is_new] = claimed.emplace(normal_name(name), place);
    if (!is_new)
      report_.error(place, field,
                    what + " '" + name + "' has the name of line " + std::to_string(found->second.line + 1) +
                        ": steps and tasks of a workflow share their names, and neither case nor '-' and '_' make a "
                        "difference");
  }

  // -- what a step speaks of

  void check_step(step_notes& notes, step& x, const surroundings& around) {
    for (const auto& m : notes.mentions)
      check(m, inside(around, x, m.seen));
    const auto within = inside(around, x, sight::round);
    for (auto& inner : notes.inner)
      run(inner, within);
    for (auto& handler : notes.handler)
      run(handler, around, true);
  }

  void check_all(const std::vector<mention>& mentions, const surroundings& around) {
    for (const auto& m : mentions)
      check(m, around);
  }

  void check(const mention& m, const surroundings& around) {
    switch (m.kind) {
      case mention_kind::item:
        if (!around.item)
          report_.error(m.place, m.field,
                        "there is no `item` here, it is of a step with `foreach` and of what is in it");
        return;
      case mention_kind::index:
        if (!around.index)
          report_.error(m.place, m.field,
                        "there is no `index` here, it is of a step with `foreach` or `repeat` and of what is in it");
        return;
      case mention_kind::carry: check_carry(m, around); return;
      case mention_kind::parameter: check_parameter(m); return;
      case mention_kind::after: check_after(m); return;
      case mention_kind::each: check_each(m); return;
      case mention_kind::step:
      case mention_kind::result: check_reference(m); return;
    }
  }

  void check_carry(const mention& m, const surroundings& around) {
    if (around.carry == nullptr) {
      report_.error(m.place, m.field, "there is no `carry` here, it is of a step with `repeat` and of what is in it");
      return;
    }
    const auto name = m.path.substr(0, m.path.find('.'));
    std::vector<std::string_view> known;
    for (const auto& entry : around.carry->carry)
      known.push_back(entry.first);
    if (!name.empty() && std::find(known.begin(), known.end(), name) == known.end())
      report_.error(m.place, m.field, "`repeat` carries no '" + name.substr(0, 80) + "'", suggestion(name, known));
  }

  void check_parameter(const mention& m) {
    const auto name = m.path.substr(0, m.path.find('.'));
    if (name.empty())
      return;
    std::vector<std::string_view> known;
    for (const auto& at : levels_) {
      if (at.parameters.count(name) > 0)
        return;
      if (known.size() + at.parameters.size() <= most_compared)
        known.insert(known.end(), at.parameters.begin(), at.parameters.end());
    }
    report_.error(m.place, m.field, "there is no parameter '" + name.substr(0, 80) + "'", suggestion(name, known));
  }

  static std::string suggestion(const std::string& name, std::vector<std::string_view> known) {
    if (known.size() > most_compared)
      return {};
    std::sort(known.begin(), known.end());
    return did_you_mean(name, known);
  }

  // -- other steps

  /// How many scopes up the step is, and where in its scope; nothing if there is none.
  struct found_step {
    std::size_t depth = 0;
    std::uint32_t position = 0;
  };

  [[nodiscard]] std::optional<found_step> find(const std::string& name) const {
    for (auto depth = levels_.size(); depth-- > 0;)
      if (const auto found = levels_[depth].steps.find(name); found != levels_[depth].steps.end())
        return found_step{depth, found->second};
    return std::nullopt;
  }

  void report_unknown_step(const mention& m, const std::string& name, const char* what) {
    std::vector<std::string_view> known;
    for (const auto& at : levels_)
      if (known.size() + at.steps.size() <= most_compared)
        for (const auto& entry : at.steps)
          known.push_back(entry.first);
    report_.error(m.place, m.field, std::string{"there is no "} + what + " '" + name.substr(0, 80) + "' here",
                  suggestion(name, std::move(known)));
  }

  void check_after(const mention& m) {
    auto& at = levels_.back();
    const auto found = at.steps.find(m.path);
    if (found == at.steps.end()) {
      if (const auto outer = find(m.path))
        report_.error(m.place, m.field,
                      "'" + m.path + "' is no step of this workflow but of one around it, `after` names a neighbour",
                      "write `after: " + m.path + "` at '" + step_at(outer->depth).name + "'");
      else
        report_unknown_step(m, m.path, "step");
      return;
    }
    wait_for(m, {levels_.size() - 1, found->second});
  }

  void check_each(const mention& m) {
    const auto& at = levels_.back();
    const auto found = at.steps.find(m.path);
    if (found == at.steps.end()) {
      report_unknown_step(m, m.path, "step");
      return;
    }
    const auto& other = at.notes->self->steps[found->second];
    if (other.name != m.path || !other.foreach)
      report_.error(m.place, m.field, "step '" + m.path + "' has no `foreach` whose elements could be followed");
    wait_for(m, {levels_.size() - 1, found->second});
  }

  void check_reference(const mention& m) {
    const auto name = m.kind == mention_kind::step ? m.path : m.path.substr(0, m.path.find('.'));
    if (name.empty()) {
      report_.error(m.place, m.field, "an expression names the step that it reads: results.<step>");
      return;
    }
    const auto found = find(name);
    if (!found) {
      report_unknown_step(m, name, "step");
      return;
    }
    if (!wait_for(m, *found))
      return;
    const auto& target = levels_[found->depth].notes->self->steps[found->position];
    for (auto depth = found->depth; depth < levels_.size(); ++depth) {
      auto& at = levels_[depth];
      // What a scope's own `result` reads has ended when it is made.
      if (at.current == at.needed.size())
        break;
      if (at.needed[at.current].insert(target.name).second)
        at.notes->self->steps[at.current].needs.push_back(target.name);
    }
  }

  /// Notes that the current step of that scope waits for the other one. False, and reported, if they are one.
  bool wait_for(const mention& m, found_step other) {
    auto& at = levels_[other.depth];
    if (at.current == at.waits_for.size())
      return true;
    if (at.current == other.position) {
      const auto& name = at.notes->self->steps[other.position].name;
      report_.error(m.place, m.field,
                    other.depth + 1 == levels_.size()
                        ? "step '" + name + "' cannot wait for itself"
                        : "step '" + name + "' is around this one, which is a part of it");
      return false;
    }
    auto& list = at.waits_for[at.current];
    if (list.empty() || list.back() != other.position)
      list.push_back(other.position);
    return true;
  }

  [[nodiscard]] const step& step_at(std::size_t depth) const {
    return levels_[depth].notes->self->steps[levels_[depth].current];
  }

  reporter& report_;
  std::vector<level> levels_;
};

/// A circle among the steps that never become free, each waiting for the next.
std::vector<std::uint32_t> find_circle(const std::vector<std::vector<std::uint32_t>>& waits_for,
                                       const std::vector<bool>& stuck, std::uint32_t start) {
  std::vector<std::uint32_t> path;
  std::unordered_map<std::uint32_t, std::size_t> seen;
  for (auto at = start;;) {
    const auto [found, is_new] = seen.emplace(at, path.size());
    if (!is_new) {
      path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(found->second));
      return path;
    }
    path.push_back(at);
    at = *std::find_if(waits_for[at].begin(), waits_for[at].end(), [&](std::uint32_t x) { return stuck[x]; });
  }
}

} // namespace

void check_circles(const scope_notes& x, const std::vector<std::vector<std::uint32_t>>& waits_for, reporter& report) {
  const auto count = waits_for.size();
  std::vector<std::vector<std::uint32_t>> frees(count);
  std::vector<std::size_t> open(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    open[i] = waits_for[i].size();
    for (const auto other : waits_for[i])
      frees[other].push_back(i);
  }
  std::vector<std::uint32_t> ready;
  std::vector<bool> stuck(count, true);
  for (std::uint32_t i = 0; i < count; ++i)
    if (open[i] == 0)
      ready.push_back(i);
  while (!ready.empty()) {
    const auto i = ready.back();
    ready.pop_back();
    stuck[i] = false;
    for (const auto next : frees[i])
      if (--open[next] == 0)
        ready.push_back(next);
  }
  const auto first = std::find(stuck.begin(), stuck.end(), true);
  if (first == stuck.end())
    return;
  auto circle = find_circle(waits_for, stuck, static_cast<std::uint32_t>(first - stuck.begin()));
  std::rotate(circle.begin(), std::min_element(circle.begin(), circle.end()), circle.end());
  std::string text;
  constexpr std::size_t most_shown = 20;
  for (std::size_t i = 0; i < circle.size() && i < most_shown; ++i)
    text += x.self->steps[circle[i]].name + " -> ";
  if (circle.size() > most_shown)
    text += "... -> ";
  text += x.self->steps[circle[0]].name;
  report.error(x.steps[circle[0]].start, x.steps[circle[0]].field,
               "these steps wait for each other in a circle: " + text);
}

void check_flow(scope_notes& root, reporter& report) {
  flow_check{report}.run(root, {});
}

} // namespace muster::spec
