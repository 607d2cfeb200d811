#include "actors/submission.hpp"

#include "actors/journal.hpp"
#include "muster/flow/definition.hpp"
#include "muster/plan/chunk_builder.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/gangs.hpp"

#include <utility>

namespace muster {

namespace {

/// The rows of a plan; they point into it.
void add_rows(const plan& layout, std::vector<store::new_group>& groups, std::vector<store::new_task>& tasks) {
  groups.reserve(layout.group_count());
  for (auto g = layout.first_group(); g != layout.end_group(); ++g.value) {
    const auto row = layout.row(g);
    groups.push_back({row.name,
                      row.barrier,
                      row.ignore_nonlead_status,
                      {row.upstream.begin(), row.upstream.end()},
                      status::waiting});
  }
  tasks.reserve(layout.task_count());
  for (auto t = layout.first_task(); t != layout.end_task(); ++t.value) {
    const auto row = layout.row(t);
    tasks.push_back({row.name, row.group, row.lead, row.resource, row.body, status::waiting});
  }
}

/// Lays out every gang that a flow may run, once.
result<void> take_flow(const spec::workflow& workflow, submission& into) {
  if (!workflow.flow)
    return {};
  into.definition = std::make_shared<const spec::workflow>(workflow);
  std::vector<chunk_row> rows;
  for (const auto* gang : spec::gangs_of(*into.definition)) {
    // Names need only be unique here: tasks of different scopes may share theirs.
    const auto number = std::to_string(rows.size()) + ".";
    chunk_row row{number + gang->name, {}, gang};
    for (const auto& task : gang->tasks)
      row.tasks.push_back(number + task.name);
    rows.push_back(std::move(row));
  }
  auto built = chunk_builder{into.definition}.build(rows, {}, {});
  if (!built)
    return built.failure();
  into.gangs = std::make_shared<const plan>(std::move(*built));
  return {};
}

} // namespace

result<submission_ptr> make_submission(const spec::workflow& workflow, submission_info info, pool_of_submission pool,
                                       const node_amounts& at_least, std::shared_ptr<const void> keeps_pool) {
  auto whole = std::make_shared<submission>();
  whole->keeps_pool = std::move(keeps_pool);
  if (auto taken = take_flow(workflow, *whole); !taken)
    return taken.failure();
  auto built = whole->definition ? chunk_builder{whole->definition}.base() : make_plan(workflow);
  if (!built)
    return built.failure();
  whole->layout = std::make_shared<const plan>(std::move(*built));
  whole->spec_text = std::move(info.spec_text);
  whole->at_least = at_least;
  const auto& layout = *whole->layout;
  auto& rows = whole->rows;
  rows.time = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
  rows.name = layout.name();
  rows.user = std::move(info.user);
  rows.priority = info.priority;
  rows.once = std::move(info.once);
  rows.labels = layout.header().labels;
  rows.pool = std::move(pool.name);
  rows.driver = std::move(pool.driver);
  rows.profile = std::move(info.profile);
  rows.options = std::move(info.options);
  rows.spec_text = whole->spec_text;
  rows.exec_timeout = layout.header().timeout.exec;
  rows.queue_timeout = layout.header().timeout.queue;
  if (whole->definition)
    rows.flow = flow::encode_definition(workflow);
  add_rows(layout, rows.groups, rows.tasks);
  return submission_ptr{std::move(whole)};
}

growth_ptr make_growth(workflow_key workflow, plan_ptr chunk) {
  auto whole = std::make_shared<growth>();
  whole->chunk = std::move(chunk);
  whole->rows.workflow = workflow;
  whole->rows.first_group = whole->chunk->first_group();
  whole->rows.first_task = whole->chunk->first_task();
  add_rows(*whole->chunk, whole->rows.groups, whole->rows.tasks);
  return growth_ptr{std::move(whole)};
}

} // namespace muster
