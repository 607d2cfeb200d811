#include "support/catch.hpp"

#include "unit/state/table.hpp"

#include "muster/state/aggregate.hpp"

#include <vector>

using namespace muster;

namespace {

status group(bool ignore, std::vector<status> tasks) {
  return aggregate_group(ignore, 0, tasks);
}

} // namespace

TEST_CASE("a group's status follows those of its tasks") {
  CHECK(group(true, {status::processing}) == status::initializing);
  CHECK(group(true, {status::initializing, status::running}) == status::running);
  CHECK(group(true, {status::rescheduled}) == status::running);
  CHECK(group(true, {status::completed, status::running}) == status::running);
  CHECK(group(true, {status::completed, status::failed}) == status::completed);
  CHECK(group(false, {status::completed, status::failed}) == status::failed);
  CHECK(group(true, {status::failed_image_pull}) == status::failed);
  CHECK(group(true, {status::failed_evicted, status::completed}) == status::failed_evicted);
  CHECK(group(true, {status::completed, status::failed_evicted}) == status::completed);
  CHECK(group(true, {status::completed, status::failed_server_error}) == status::failed_server_error);
  CHECK(group(true, {status::failed_upstream, status::failed_upstream}) == status::failed_upstream);
}

TEST_CASE("a workflow's status follows those of its groups") {
  const auto of = [](std::vector<status> groups) { return aggregate_workflow(array_view<status>{groups}); };
  CHECK(of({}) == status::completed);
  CHECK(of({status::waiting, status::completed}) == status::pending);
  CHECK(of({status::waiting, status::running}) == status::running);
  CHECK(of({status::failed, status::failed_upstream}) == status::failed);
  CHECK(of({status::failed_evicted, status::failed_upstream}) == status::failed_evicted);
  CHECK(of({status::failed_evicted, status::failed}) == status::failed);
  CHECK(of({status::failed_exec_timeout, status::failed_canceled}) == status::failed_canceled);
  CHECK(of({status::completed, status::failed_queue_timeout}) == status::failed_queue_timeout);
}

TEST_CASE("a group of one takes its status from its task's row") {
  CHECK(recorded_group_status(status::scheduling) == status::scheduling);
  CHECK(recorded_group_status(status::rescheduled) == status::running);
  CHECK(recorded_group_status(status::failed_canceled) == status::failed_canceled);
  CHECK(recorded_group_status(status::failed_start_error) == status::failed);
  CHECK(recorded_group_status(status::completed) == status::completed);
}

TEST_CASE("every row of OSMO's table of groups holds") {
  const auto rows = read_table("osmo_group_status.csv");
  if (!rows)
    return;
  CHECK(rows->size() > 500);
  for (const auto& row : *rows) {
    INFO(row[0] << ' ' << row[1] << ' ' << row[2]);
    std::vector<status> tasks{parse_status(row[1]).value()};
    if (!row[2].empty())
      tasks.push_back(parse_status(row[2]).value());
    CHECK(to_string(group(row[0] == "True", tasks)) == row[3]);
  }
}

TEST_CASE("every row of OSMO's table of workflows holds") {
  const auto rows = read_table("osmo_workflow_status.csv");
  if (!rows)
    return;
  CHECK(rows->size() > 100);
  for (const auto& row : *rows) {
    INFO(row[0] << ' ' << row[1]);
    status_counts groups;
    for (const auto i : {0, 1})
      if (!row[i].empty())
        groups.add(parse_status(row[i]).value());
    CHECK(to_string(aggregate_workflow(groups)) == row[2]);
  }
}
