#include "muster/placement/defaults.hpp"

#include "muster/base/bounded_sum.hpp"
#include "muster/spec/gangs.hpp"
#include "placement/amount_text.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace muster {

namespace {

constexpr std::size_t max_notes = 5;

/// One resource of one gang: what was asked for, and with the defaults of those who did not ask.
struct demand {
  std::int64_t asked = 0;
  std::int64_t with_defaults = 0;

  void add(const std::optional<std::int64_t>& x, std::int64_t fallback) {
    asked = bounded_sum(asked, x.value_or(0));
    with_defaults = bounded_sum(with_defaults, x.value_or(fallback));
  }
};

/// What the defaults of one gang are too large for.
class shortage {
public:
  /// Raises `at_least` if only the defaults do not fit.
  void raise(resource_kind what, std::int64_t& at_least, const demand& x, std::int64_t has) {
    if (x.asked > has || x.with_defaults <= has)
      return;
    at_least = std::max(at_least, x.with_defaults);
    wanted_.push_back(amount_of(what, x.with_defaults));
    has_.push_back(amount_text(what, has));
  }

  [[nodiscard]] bool any() const noexcept { return !wanted_.empty(); }

  /// For people.
  [[nodiscard]] std::string note(const spec::group& gang) const {
    const auto rest = list_of(wanted_) + ", of which this machine has " + list_of(has_) + ": ";
    if (gang.tasks.size() == 1)
      return "by default task " + gang.tasks.front().name + " stands for " + rest + "it takes what there is";
    return "by default the " + std::to_string(gang.tasks.size()) + " tasks of group " + gang.name +
           ", which run together, stand for " + rest + "they share what there is";
  }

private:
  static std::string list_of(const std::vector<std::string>& x) {
    std::string out;
    for (std::size_t i = 0; i < x.size(); ++i)
      out += (i == 0 ? "" : i + 1 == x.size() ? " and " : ", ") + x[i];
    return out;
  }

  std::vector<std::string> wanted_;
  std::vector<std::string> has_;
};

} // namespace

default_needs needs_of_defaults(const spec::workflow& workflow, const node_amounts& machine) {
  const resource_request defaults;
  const spec::resource nothing;
  default_needs needs;
  for (const auto* each : spec::gangs_of(workflow)) {
    const auto& g = *each;
    demand cpu;
    demand memory;
    demand storage;
    for (const auto& t : g.tasks) {
      const auto found = workflow.resources.find(t.resource);
      const auto& x = found == workflow.resources.end() ? nothing : found->second;
      cpu.add(x.cpu, defaults.cpu);
      memory.add(x.memory, defaults.memory);
      storage.add(x.storage, defaults.storage);
    }
    shortage lacks;
    lacks.raise(resource_kind::cpu, needs.at_least.cpu, cpu, machine.cpu);
    lacks.raise(resource_kind::memory, needs.at_least.memory, memory, machine.memory);
    lacks.raise(resource_kind::storage, needs.at_least.storage, storage, machine.storage);
    if (lacks.any() && needs.notes.size() < max_notes)
      needs.notes.push_back(lacks.note(g));
  }
  return needs;
}

node_amounts largest_gang(const plan& layout) {
  node_amounts largest;
  for (auto g = layout.first_group(); g != layout.end_group(); ++g.value) {
    node_amounts sum;
    const auto range = layout.tasks(g);
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const auto x = request_of(layout.resource(task_index{range.first.value + i}));
      sum = {bounded_sum(sum.cpu, x.cpu), bounded_sum(sum.memory, x.memory), bounded_sum(sum.storage, x.storage)};
    }
    largest = {std::max(largest.cpu, sum.cpu), std::max(largest.memory, sum.memory),
               std::max(largest.storage, sum.storage)};
  }
  return largest;
}

} // namespace muster
