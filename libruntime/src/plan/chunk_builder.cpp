#include "muster/plan/chunk_builder.hpp"

#include "plan/task_texts.hpp"

#include "muster/plan/plan_builder.hpp"

#include <utility>

namespace muster {

namespace {

plan_header header_of(const spec::workflow& source) {
  return {source.name, source.labels, source.pool, source.timeout};
}

} // namespace

chunk_builder::chunk_builder(std::shared_ptr<const spec::workflow> source)
    : source_(std::move(source)), resources_(resource_texts(*source_)) {}

result<plan> chunk_builder::base() const {
  return plan_builder{header_of(*source_)}.finish();
}

const std::string* chunk_builder::resource_text(const std::string& name) const {
  const auto found = resources_.find(name);
  return found == resources_.end() ? nullptr : &found->second;
}

const std::string& chunk_builder::body_text(const spec::task& x) {
  const auto [at, fresh] = bodies_.try_emplace(&x);
  if (fresh)
    at->second = muster::body_text(x);
  return at->second;
}

result<plan> chunk_builder::build(const std::vector<chunk_row>& rows, group_index first_group, task_index first_task) {
  static const spec::task nothing;
  plan_builder builder{header_of(*source_), first_group, first_task};
  for (const auto& row : rows) {
    const auto g = builder.add_group({row.name,
                                      row.members == nullptr || row.members->barrier,
                                      row.members == nullptr || row.members->ignore_nonlead_status,
                                      {}});
    for (std::size_t i = 0; i < row.tasks.size(); ++i) {
      const auto& task = row.members == nullptr ? nothing : row.members->tasks[i];
      const auto* resource = resource_text(task.resource);
      if (resource == nullptr)
        return {ec::invalid_spec,
                "task " + task.name + " asks for resource " + task.resource + ", which does not exist"};
      builder.add_task({row.tasks[i], g, task.lead || row.tasks.size() == 1, *resource, body_text(task)});
    }
  }
  return std::move(builder).finish();
}

} // namespace muster
