#include "actor_fixture.hpp"

#include "actors/retention.hpp"
#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

using namespace muster;
using namespace muster::test;

namespace {

namespace fs = std::filesystem;

struct keeping {
  temporary_folder state;
  store::state_directory directory{state.path()};
  std::unique_ptr<runtime> engine;
  std::mutex mutex;
  std::vector<event> seen;

  keeping() {
    runtime_config x;
    x.state_directory = state.path();
    x.pools.push_back({"local", make_null_driver({})});
    auto started = runtime::start(std::move(x));
    REQUIRE(started);
    engine = std::move(*started);
    engine->subscribe([this](const std::vector<event>& batch) {
      const std::lock_guard lock{mutex};
      seen.insert(seen.end(), batch.begin(), batch.end());
    });
  }

  /// Runs a workflow of that many tasks to its end; a file of so many bytes is in its folder.
  accepted_workflow run(std::size_t tasks = 1, std::size_t bytes = 0) {
    std::vector<spec::task> all;
    for (std::size_t i = 0; i < tasks; ++i)
      all.push_back(make_task("t" + std::to_string(i)));
    auto made = engine->submit(make_workflow(std::move(all)), {"text", "muster", "{}"});
    REQUIRE(made);
    REQUIRE(engine->wait(made->key) == status::completed);
    fs::create_directories(directory.workflow(made->id));
    std::ofstream{directory.workflow(made->id) / "file"} << std::string(bytes, 'x');
    return *made;
  }

  store::reader reader() const {
    auto opened = store::reader::open(directory);
    REQUIRE(opened);
    return std::move(*opened);
  }

  retention_report pass(const store::retention_policy& policy, timestamp now = {}) {
    retention_config x{directory, policy, std::chrono::hours{1}, 7, {}};
    if (now != timestamp{})
      x.now = [now] { return now; };
    retention r{std::move(x), *engine};
    const auto done = r.pass();
    if (!done)
      FAIL(done.failure().message);
    return *done;
  }
};

timestamp in(std::chrono::hours x) {
  return std::chrono::time_point_cast<duration>(timestamp::clock::now()) + x;
}

} // namespace

TEST_CASE("a finished workflow is deleted with its folder, and subscribers are told") {
  keeping k;
  const auto who = k.run(3);
  const auto other = k.run();
  REQUIRE(k.engine->remove(who.id, "by a test"));
  CHECK(k.reader().workflow(who.id).failure().code == ec::not_found);
  CHECK_FALSE(fs::exists(k.directory.workflow(who.id)));
  CHECK(fs::exists(k.directory.trash() / who.id));
  CHECK(fs::exists(k.directory.workflow(other.id)));
  CHECK(k.engine->remove(who.id, "again").failure().code == ec::not_found);
  CHECK(k.engine->retry(who.id, {}).failure().code == ec::not_found);
  CHECK(k.pass({}).folders == 1);
  CHECK(fs::is_empty(k.directory.trash()));
  k.run(); // Publishes behind it.
  const std::lock_guard lock{k.mutex};
  std::size_t told = 0;
  for (std::size_t i = 0; i < k.seen.size(); ++i) {
    if (i > 0)
      REQUIRE(k.seen[i].seq.value == k.seen[i - 1].seq.value + 1);
    if (k.seen[i].type == event_type::workflow_deleted) {
      CHECK(k.seen[i].workflow == who.key);
      CHECK(k.seen[i].text == "by a test");
      ++told;
    }
  }
  CHECK(told == 1);
}

TEST_CASE("what is old, or too much, goes, and what is left is whole") {
  keeping k;
  std::vector<accepted_workflow> all;
  for (int i = 0; i < 6; ++i)
    all.push_back(k.run(2, 1000));
  auto report = k.pass({});
  CHECK(report.measured == 6);
  CHECK(report.workflows == 0);
  CHECK(k.reader().totals()->bytes == 6000);

  store::retention_policy policy;
  policy.workflow_count = 5;
  CHECK(k.pass(policy).workflows == 1);
  policy.workflow_bytes = 3500;
  CHECK(k.pass(policy).workflows == 2);
  CHECK(k.reader().totals()->count == 3);
  CHECK(k.reader().workflow(all[2].id).failure().code == ec::not_found);
  CHECK(k.reader().workflow(all[3].id));
  policy = {};
  policy.workflow_age = std::chrono::hours{24};
  CHECK(k.pass(policy, in(std::chrono::hours{23})).workflows == 0);
  const auto running = k.reader().latest();
  CHECK(k.pass(policy, in(std::chrono::hours{25})).workflows == 3);
  CHECK(k.reader().workflows({})->empty());
  CHECK(k.reader().latest()->value == running->value + 3);

  // Events and what they needed go as well; numbers do not begin anew.
  policy.event_age = std::chrono::hours{24};
  const auto last = k.reader().latest();
  report = k.pass(policy, in(std::chrono::hours{25}));
  CHECK(report.events == last->value);
  CHECK(k.reader().earliest()->value == last->value + 1);
  CHECK(k.reader().latest()->value == last->value);
  CHECK(k.run().id == "wf-7");
}

TEST_CASE("each pass that deletes something has one row of the audit log") {
  keeping k;
  for (int i = 0; i < 3; ++i)
    k.run();
  store::retention_policy policy;
  policy.workflow_count = 1;
  CHECK(k.pass(policy).workflows == 2);
  CHECK(k.pass(policy).workflows == 0);
  REQUIRE(k.engine->record(store::rows_swept{})); // What was only noted before is durable then.
  const auto rows = k.reader().audit({});
  REQUIRE(rows);
  REQUIRE(rows->size() == 1);
  CHECK(rows->front().peer == "head");
  CHECK(rows->front().action == "workflow.delete");
  CHECK(rows->front().target == "retention: 2 workflows");
  CHECK(rows->front().outcome == "ok");
}

TEST_CASE("what runs is never deleted") {
  keeping k;
  const auto who = k.run();
  CHECK(k.engine->remove("nobody-1", "").failure().code == ec::not_found);
  // Deleted and retried at the same time: one of both happens.
  for (int i = 0; i < 10; ++i) {
    const auto one = k.run();
    auto deleting = std::async(std::launch::async, [&] { return k.engine->remove(one.id, ""); });
    retry_request from{"t0"};
    const auto retried = k.engine->retry(one.id, from);
    const auto deleted = deleting.get();
    if (deleted) {
      CHECK(k.reader().workflow(one.id).failure().code == ec::not_found);
    } else {
      REQUIRE(retried);
      CHECK(deleted.failure().code == ec::conflict);
      CHECK(k.engine->wait(one.key) == status::completed);
    }
  }
  CHECK(k.reader().workflow(who.id));
  CHECK_FALSE(k.engine->failure());
}

TEST_CASE("folders of no workflow are found, and those of others are left alone") {
  keeping k;
  const auto who = k.run();
  fs::create_directories(k.directory.workflows() / "lost-7" / "tasks");
  fs::create_directories(k.directory.workflows() / "%zz");
  retention r{{k.directory, {}, std::chrono::hours{1}, 100, {}}, *k.engine};
  const auto found = r.find_orphans();
  REQUIRE(found);
  CHECK(*found == 1);
  CHECK_FALSE(fs::exists(k.directory.workflows() / "lost-7"));
  CHECK(fs::exists(k.directory.workflows() / "%zz"));
  CHECK(fs::exists(k.directory.workflow(who.id)));
}

TEST_CASE("the thread makes its passes, and ends in the middle of one") {
  keeping k;
  const auto who = k.run();
  store::retention_policy policy;
  retention r{{k.directory, policy, std::chrono::hours{1}, 100, {}}, *k.engine};
  std::promise<void> gone;
  k.engine->subscribe([&](const std::vector<event>& batch) {
    for (const auto& x : batch)
      if (x.type == event_type::workflow_deleted)
        gone.set_value();
  });
  r.start();
  policy.workflow_age = duration{1};
  r.set_policy(policy);
  REQUIRE(gone.get_future().wait_for(std::chrono::seconds{60}) == std::future_status::ready);
  CHECK(k.reader().workflow(who.id).failure().code == ec::not_found);
}
