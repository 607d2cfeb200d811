#include "muster/placement/defaults.hpp"

#include "muster/base/bounded_sum.hpp"
#include "muster/spec/gangs.hpp"

#include <algorithm>
#include <optional>

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

/// Raises `at_least` if only the defaults do not fit; says whether it did.
bool raise(std::int64_t& at_least, const demand& x, std::int64_t has) {
  if (x.asked > has || x.with_defaults <= has)
    return false;
  at_least = std::max(at_least, x.with_defaults);
  return true;
}

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
    const bool more_cpu = raise(needs.at_least.cpu, cpu, machine.cpu);
    const bool more_memory = raise(needs.at_least.memory, memory, machine.memory);
    const bool more_storage = raise(needs.at_least.storage, storage, machine.storage);
    if ((more_cpu || more_memory || more_storage) && needs.notes.size() < max_notes)
      needs.notes.push_back(
          "the " + std::to_string(g.tasks.size()) + " tasks of group " + g.name +
          " run together and name no resources; by default they stand for more than this machine has, "
          "so they share it");
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
