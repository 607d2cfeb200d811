#include "actors/submission.hpp"

#include "actors/journal.hpp"
#include "muster/plan/plan.hpp"

namespace muster {

result<submission_ptr> make_submission(const spec::workflow& workflow, submission_info info,
                                       const node_amounts& at_least) {
  auto built = make_plan(workflow);
  if (!built)
    return built.failure();
  auto whole = std::make_shared<submission>();
  whole->layout = std::make_shared<const plan>(std::move(*built));
  whole->spec_text = std::move(info.spec_text);
  whole->at_least = at_least;
  const auto& layout = *whole->layout;
  auto& rows = whole->rows;
  rows.time = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
  rows.name = layout.name();
  rows.labels = layout.header().labels;
  rows.pool = layout.header().pool;
  rows.profile = std::move(info.profile);
  rows.options = std::move(info.options);
  rows.spec_text = whole->spec_text;
  rows.exec_timeout = layout.header().timeout.exec;
  rows.queue_timeout = layout.header().timeout.queue;
  rows.groups.reserve(layout.group_count());
  for (group_index g{0}; g.value < layout.group_count(); ++g.value) {
    const auto row = layout.row(g);
    rows.groups.push_back({row.name,
                           row.barrier,
                           row.ignore_nonlead_status,
                           {row.upstream.begin(), row.upstream.end()},
                           status::waiting});
  }
  rows.tasks.reserve(layout.task_count());
  for (task_index t{0}; t.value < layout.task_count(); ++t.value) {
    const auto row = layout.row(t);
    rows.tasks.push_back({row.name, row.group, row.lead, row.resource, row.body, status::waiting});
  }
  return submission_ptr{std::move(whole)};
}

} // namespace muster
