#include "actor_fixture.hpp"

#include "actors/restore.hpp"
#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <condition_variable>
#include <mutex>

using namespace muster;
using namespace muster::test;

namespace {

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{60};
}

runtime_config null_runtime(const std::filesystem::path& state, null_config behaviour = {}) {
  runtime_config x;
  x.state_directory = state;
  x.pools.push_back({"local", make_null_driver(behaviour)});
  return x;
}

std::unique_ptr<runtime> start(runtime_config config) {
  auto started = runtime::start(std::move(config));
  if (!started)
    FAIL(started.failure().message);
  return std::move(*started);
}

accepted_workflow submit(runtime& r, const spec::workflow& w) {
  auto accepted = r.submit(w, {"text", "muster", "{}"});
  if (!accepted)
    FAIL(accepted.failure().message);
  return *accepted;
}

} // namespace

TEST_CASE("the runtime runs a workflow to its end, durably and with a gapless log") {
  const temporary_folder state;
  std::mutex mutex;
  std::vector<event> seen;
  accepted_workflow who;
  {
    auto r = start(null_runtime(state.path()));
    r->subscribe([&](const std::vector<event>& batch) {
      const std::lock_guard lock{mutex};
      seen.insert(seen.end(), batch.begin(), batch.end());
    });
    std::vector<spec::task> tasks{make_task("first")};
    for (int i = 0; i < 100; ++i)
      tasks.push_back(make_task("middle" + std::to_string(i), {"first"}));
    auto last = make_task("last");
    for (int i = 0; i < 100; ++i)
      last.inputs.push_back({spec::task_input{"middle" + std::to_string(i), {}}, {}});
    tasks.push_back(last);
    who = submit(*r, make_workflow(tasks));
    CHECK(who.id == "wf-1");
    CHECK(r->wait(who.key, deadline()) == status::completed);
    CHECK_FALSE(r->failure());
  }
  auto reader = store::reader::open(store::state_directory{state.path()});
  REQUIRE(reader);
  const auto record = reader->workflow("wf-1");
  REQUIRE(record);
  CHECK(record->status == status::completed);
  const auto tasks = reader->tasks(who.key, task_index{0}, 1000);
  REQUIRE(tasks);
  CHECK(tasks->size() == 102);
  for (const auto& t : *tasks)
    CHECK(t.status == status::completed);
  const std::lock_guard lock{mutex};
  for (std::size_t i = 1; i < seen.size(); ++i)
    REQUIRE(seen[i].seq.value == seen[i - 1].seq.value + 1);
  CHECK(reader->latest()->value == seen.back().seq.value);
}

TEST_CASE("what can never be placed is refused with the reason") {
  const temporary_folder state;
  null_config small;
  small.total = {2, std::int64_t{1} << 34, std::int64_t{1} << 34, {}};
  auto r = start(null_runtime(state.path(), small));
  auto w = make_workflow({make_task("big")});
  w.resources["default"].cpu = 3;
  const auto refused = r->submit(w, {"", "muster", "{}"});
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::never_fits);
  CHECK_THAT(refused.failure().message, ContainsSubstring("big-group"));
}

TEST_CASE("a workflow of a stopped runtime is resumed by the next one") {
  const temporary_folder state;
  std::vector<spec::task> tasks;
  for (int i = 0; i < 20; ++i)
    tasks.push_back(make_task("t" + std::to_string(i),
                              i > 0 ? std::vector{"t" + std::to_string(i - 1)} : std::vector<std::string>{}));
  accepted_workflow who;
  {
    null_config slow;
    slow.run = std::chrono::hours{1};
    auto r = start(null_runtime(state.path(), slow));
    who = submit(*r, make_workflow(tasks));
  }
  auto r = start(null_runtime(state.path()));
  const auto resumed = r->resume(who.id);
  if (!resumed)
    FAIL(resumed.failure().message);
  CHECK(resumed->key == who.key);
  CHECK(r->resume(who.id).failure().code == ec::conflict);
  CHECK(r->wait(who.key, deadline()) == status::completed);
  CHECK(r->resume(who.id).failure().code == ec::conflict);
  CHECK(r->resume("wf-99").failure().code == ec::not_found);
}

TEST_CASE("a runtime starts over a log of which every event was compacted") {
  const temporary_folder state;
  {
    auto r = start(null_runtime(state.path()));
    const auto who = submit(*r, make_workflow({make_task("a")}));
    REQUIRE(r->wait(who.key, deadline()) == status::completed);
  }
  const store::state_directory directory{state.path()};
  {
    auto writer = store::writer::open(directory);
    REQUIRE(writer);
    auto from = store::reader::open(directory);
    REQUIRE(from);
    const auto last = from->latest();
    REQUIRE(last);
    const auto removed = writer->compact(*last, 1'000'000);
    REQUIRE(removed);
    CHECK(*removed > 0);
    REQUIRE(writer->commit());
    const auto until = recorded_until(*from);
    REQUIRE(until);
    CHECK(*until == timestamp{});
  }
  auto r = start(null_runtime(state.path()));
  const auto next = submit(*r, make_workflow({make_task("a")}));
  CHECK(r->wait(next.key, deadline()) == status::completed);
}

TEST_CASE("how long a task waits for a place is known to the next runtime") {
  const temporary_folder state;
  accepted_workflow who;
  {
    null_config slow;
    slow.run = std::chrono::hours{1};
    slow.total.cpu = 1;
    std::mutex mutex;
    std::condition_variable told;
    bool waits = false;
    auto r = start(null_runtime(state.path(), slow));
    r->subscribe([&](const std::vector<event>& all) {
      const std::lock_guard guard{mutex};
      for (const auto& x : all)
        waits = waits || (x.type == event_type::task_status && x.status == status::scheduling);
      told.notify_all();
    });
    who = submit(*r, make_workflow({make_task("runs"), make_task("waits")}));
    std::unique_lock lock{mutex};
    REQUIRE(told.wait_until(lock, deadline(), [&] { return waits; }));
  }
  const store::state_directory directory{state.path()};
  auto from = store::reader::open(directory);
  REQUIRE(from);
  const auto now = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
  const auto until = recorded_until(*from);
  REQUIRE(until);
  CHECK(*until <= now);
  CHECK(*until > now - std::chrono::hours{1});
  // As if something had been recorded in an hour, and all had been down for another.
  const auto stored =
      load_workflow(*from, directory, who.id, nullptr, {now + std::chrono::hours{2}, *until + std::chrono::hours{1}});
  REQUIRE(stored);
  const auto& groups = stored->restore->members;
  REQUIRE(groups.size() == 2);
  CHECK(groups.at(0).clocks.waited == duration::zero());
  CHECK(groups.at(1).clocks.waited >= std::chrono::hours{1});
  CHECK(groups.at(1).clocks.waited < std::chrono::hours{2});
  CHECK(groups.at(1).clocks.ran == duration::zero());
}

TEST_CASE("a node of a pool that is not in the configuration any more can be struck off") {
  const temporary_folder state;
  {
    auto writer = store::writer::open(store::state_directory{state.path()});
    REQUIRE(writer);
    store::node_record row;
    row.name = "n1";
    row.pool = "farm";
    row.memory = "m";
    row.offered = "{}";
    REQUIRE(writer->change_service(store::node_joined{row}));
    REQUIRE(writer->commit());
  }
  auto r = start(null_runtime(state.path()));
  CHECK(r->assign_node({"n1", store::node_duty::cordoned, {}, {}}).failure().code == ec::conflict);
  CHECK(r->remove_node("n2", false).failure().code == ec::not_found);
  const auto removed = r->remove_node("n1", false);
  REQUIRE(removed);
  CHECK(*removed == 0);
  CHECK(r->remove_node("n1", false).failure().code == ec::not_found);
}

TEST_CASE("cancel is durable and ends the workflow") {
  const temporary_folder state;
  null_config endless;
  endless.run = std::chrono::hours{1};
  auto r = start(null_runtime(state.path(), endless));
  const auto who = submit(*r, make_workflow({make_task("a"), make_task("b", {"a"})}));
  REQUIRE(r->cancel(who.key, "enough", false));
  CHECK(r->wait(who.key, deadline()) == status::failed_canceled);
  CHECK(r->cancel(workflow_key{77}, "", false).failure().code == ec::not_found);
}

TEST_CASE("a second runtime on the same state directory is refused") {
  const temporary_folder state;
  auto first = start(null_runtime(state.path()));
  const auto second = runtime::start(null_runtime(state.path()));
  REQUIRE_FALSE(second);
  CHECK(second.failure().code == ec::store_locked);
}

TEST_CASE("what this runtime cannot do is refused with all reasons") {
  const temporary_folder state;
  auto r = start(null_runtime(state.path()));
  auto t = make_task("a");
  t.outputs.push_back({"s3://bucket/x", ""});
  t.credentials["key"] = "/keys";
  t.volume_mounts = {"/data:/mnt"};
  t.inputs.push_back({spec::task_input{"b", "gone-1"}, ""});
  const auto refused = r->submit(make_workflow({t}), {"", "muster", "{}"});
  REQUIRE_FALSE(refused);
  for (const auto* part : {"s3://bucket/x", "credentials", "/data:/mnt", "gone-1"})
    CHECK_THAT(refused.failure().message, ContainsSubstring(part));
}

TEST_CASE("an output of an earlier workflow can be read once its task has ended") {
  const temporary_folder state;
  auto r = start(null_runtime(state.path()));
  const auto earlier = submit(*r, make_workflow({make_task("a")}));
  REQUIRE(r->wait(earlier.key, deadline()) == status::completed);
  auto t = make_task("b");
  t.inputs.push_back({spec::task_input{"a", earlier.id}, ""});
  CHECK(r->wait(submit(*r, make_workflow({t})).key, deadline()) == status::completed);
  t.inputs.front().from = spec::task_input{"nobody", earlier.id};
  CHECK(r->submit(make_workflow({t}), {"", "muster", "{}"}).failure().code == ec::not_found);
}
