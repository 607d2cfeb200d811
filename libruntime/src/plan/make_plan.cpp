#include "plan/task_texts.hpp"

#include "muster/plan/plan.hpp"
#include "muster/plan/plan_builder.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace muster {

namespace {

/// Turns one spec into rows.
class planner {
public:
  explicit planner(const spec::workflow& source)
      : source_(source), builder_({source.name, source.labels, source.pool, source.timeout}),
        resources_(resource_texts(source)) {
    std::uint32_t number = 0;
    for (const auto& group : source.groups) {
      for (const auto& task : group.tasks)
        groups_by_task_.emplace(task.name, group_index{number});
      ++number;
    }
  }

  result<plan> run() && {
    for (const auto& group : source_.groups) {
      auto upstream = upstream_of(group);
      if (!upstream)
        return upstream.failure();
      const auto g = builder_.add_group({group.name, group.barrier, group.ignore_nonlead_status, *upstream});
      for (const auto& task : group.tasks)
        if (auto added = add_task(g, group, task); !added)
          return added.failure();
    }
    return std::move(builder_).finish();
  }

private:
  result<std::vector<group_index>> upstream_of(const spec::group& group) const {
    std::vector<group_index> found;
    for (const auto& task : group.tasks)
      for (const auto& input : task.inputs) {
        const auto* from = std::get_if<spec::task_input>(&input.from);
        if (from == nullptr || !from->workflow.empty())
          continue;
        const auto at = groups_by_task_.find(from->task);
        if (at == groups_by_task_.end())
          return {ec::invalid_spec, "task " + task.name + " reads task " + from->task + ", which does not exist"};
        found.push_back(at->second);
      }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  result<void> add_task(group_index g, const spec::group& group, const spec::task& task) {
    const auto resource = resources_.find(task.resource);
    if (resource == resources_.end())
      return {ec::invalid_spec, "task " + task.name + " asks for resource " + task.resource + ", which does not exist"};
    const auto text = body_text(task);
    const auto t = builder_.add_task({task.name, g, task.lead || group.tasks.size() == 1, resource->second, text});
    for (const auto& input : task.inputs)
      if (const auto* from = std::get_if<spec::task_input>(&input.from); from != nullptr && !from->workflow.empty())
        builder_.add_external_input({t, from->workflow, from->task});
    return {};
  }

  const spec::workflow& source_;
  plan_builder builder_;
  std::unordered_map<std::string, std::string> resources_; ///< Name -> text.
  std::unordered_map<std::string, group_index> groups_by_task_;
};

} // namespace

result<plan> make_plan(const spec::workflow& source) {
  return planner{source}.run();
}

} // namespace muster
