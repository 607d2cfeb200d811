#include "gateway/api/call.hpp"
#include "gateway/api/log_stream.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <system_error>

namespace muster::gateway {

namespace {

/// What the query asks for, not yet held against what there is.
struct wanted_log {
  std::optional<std::uint64_t> attempt;
  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> tail;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> index; ///< Where the task is expected.
  std::optional<store::log_origin> only;
  bool follow = false;
};

result<std::optional<store::log_origin>> origin_of(const std::optional<std::string>& name) {
  if (!name)
    return std::optional<store::log_origin>{};
  if (*name == "stdout")
    return std::optional{store::log_origin::output};
  if (*name == "stderr")
    return std::optional{store::log_origin::errors};
  return {ec::invalid_argument, "stream is stdout or stderr; leave it out for both"};
}

result<wanted_log> wanted_of(const http::request& x) {
  constexpr auto any = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  constexpr std::uint64_t most_lines = 100'000;
  query_reader query{x};
  const auto attempt = query.number("attempt", 0, std::numeric_limits<std::uint32_t>::max());
  const auto offset = query.number("offset", 0, any);
  const auto tail = query.number("tail", 0, most_lines);
  const auto limit = query.number("limit", 1, any);
  const auto index = query.number("index", 0, std::numeric_limits<std::uint32_t>::max());
  for (const auto* one : {&attempt, &offset, &tail, &limit, &index})
    if (!*one)
      return one->failure();
  const auto name = query.text("stream");
  if (!name)
    return name.failure();
  const auto only = origin_of(*name);
  if (!only)
    return only.failure();
  const auto follow = query.flag("follow");
  if (!follow)
    return follow.failure();
  if (*offset && *tail)
    return {ec::invalid_argument, "offset and tail both say where to begin; leave one out"};
  if (auto known = query.finish(); !known)
    return known.failure();
  return wanted_log{*attempt, *offset, *tail, *limit, *index, *only, *follow};
}

std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  return failed ? 0 : static_cast<std::uint64_t>(size);
}

http::response beyond_end(const call& x, std::uint64_t size) {
  auto out = problem(x.request.id, "range_not_satisfiable",
                     "the log has " + std::to_string(size) + " bytes: the offset is beyond its end", {{"size", size}});
  out.headers.emplace("X-Muster-Size", std::to_string(size));
  return out;
}

/// The attempt that is meant; none if the task has none yet and shall be waited for.
result<std::optional<std::uint32_t>> attempt_of(const store::task_record& task, const wanted_log& wanted) {
  if (!task.attempt) {
    if (wanted.follow && !wanted.attempt && !is_group_finished(task.status))
      return std::optional<std::uint32_t>{};
    return {ec::not_found, "task " + task.name + " was not started: it is " + std::string(to_string(task.status)) +
                               (task.reason.empty() ? "" : ", " + task.reason)};
  }
  if (wanted.attempt && *wanted.attempt > task.attempt->number)
    return {ec::not_found, "task " + task.name + " has no attempt " + std::to_string(*wanted.attempt) +
                               "; the latest is " + std::to_string(task.attempt->number)};
  return std::optional{static_cast<std::uint32_t>(wanted.attempt.value_or(task.attempt->number))};
}

log_sources sources_of(const std::shared_ptr<services>& with, const identity& who) {
  return {with->directory, {with, &with->readers}, with->feed, [with, who] { return with->still_counts(who); }};
}

result<http::response> answer_log(call& x, log_followers& followers, const std::shared_ptr<services>& with) {
  const auto wanted = wanted_of(x.request);
  if (!wanted)
    return wanted.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto task = x.task(*workflow, wanted->index);
  if (!task)
    return task.failure();
  x.release();
  const auto attempt = attempt_of(*task, *wanted);
  if (!attempt)
    return attempt.failure();

  log_request what{workflow->id,  workflow->key, task->name,     *attempt,        wanted->offset.value_or(0),
                   wanted->limit, wanted->only,  wanted->follow, !wanted->attempt};
  std::uint64_t size = 0;
  if (*attempt) {
    const auto file = x.with.directory.log(workflow->id, task->name, **attempt);
    if (wanted->only && !store::tells_streams(file))
      return {ec::unsupported, "the log of task " + task->name +
                                   " does not tell stdout and stderr apart: the driver that ran it writes both into "
                                   "one; ask for both"};
    if (wanted->tail)
      what.offset = store::offset_of_last_lines(file, *wanted->tail, wanted->only);
    size = size_of(file); // Behind that: the task may write meanwhile.
    if (!wanted->offset)  // Or the middle of its log was cut out.
      what.offset = std::min(what.offset, size);
  }
  if (what.offset > size)
    return beyond_end(x, size);

  http::response out;
  out.headers.emplace("Content-Type", "text/plain");
  out.headers.emplace("X-Content-Type-Options", "nosniff");
  out.headers.emplace("X-Muster-Offset", std::to_string(what.offset));
  if (*attempt)
    out.headers.emplace("X-Muster-Attempt", std::to_string(**attempt));
  if (!wanted->follow) {
    // What is added from now on is for the next request, so that its offset is known.
    const auto count = std::min(size - what.offset, wanted->limit.value_or(size));
    what.limit = count;
    out.headers.emplace("X-Muster-End-Offset", std::to_string(what.offset + count));
    if (!wanted->only)
      out.stream_length = count;
    if (count == 0)
      return out;
  }
  std::unique_ptr<log_followers::place> place;
  if (wanted->follow) {
    auto admitted = followers.admit(share_of(x.who));
    if (!admitted)
      return admitted.failure();
    place = std::move(*admitted);
  }
  out.stream = std::make_unique<log_stream>(sources_of(with, x.who), std::move(place), std::move(what));
  return out;
}

} // namespace

void add_log_routes(http::router& to, const std::shared_ptr<services>& with) {
  const auto followers = std::make_shared<log_followers>();
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/logs"},
            [followers, with](call& x) { return answer_log(x, *followers, with); });
}

} // namespace muster::gateway
