#include "muster/muster.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
using muster::dict;
using muster::list;
using muster::value;
using namespace std::chrono_literals;

namespace {

muster::local_runtime start(const muster::test::temporary_folder& folder, const std::string& pool = "process") {
  muster::local_options options;
  options.state_directory = folder.path() / "state";
  options.pool = pool;
  options.oversubscribe = 16;
  return muster::local_runtime::start(options).or_throw();
}

muster::command result_of(const std::string& json) {
  return muster::shell("printf '%s' \"$1\" > \"$MUSTER_RESULT\"", {json});
}

const auto echo_json = R"(printf '"%s"' "$*" > "$MUSTER_RESULT")";

} // namespace

TEST_CASE("results come back: of tasks, of maps, of elements, of nested workflows, of the whole") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  muster::workflow w{"results"};
  const auto split = w.task("split", result_of(R"({"chunks": [10, 20, 30]})"));
  const auto work =
      w.map("work", split.result("chunks"), muster::shell("echo $(($1 * 2)) > $MUSTER_RESULT", {muster::item()}));
  const auto sum =
      w.map("sum", work, muster::shell("echo $1 > $MUSTER_RESULT", {muster::item()})).reduce(muster::reduction::sum);
  const auto last = w.task("last", result_of("7"));
  // Jobs in lists, a whole array, one element.
  const auto merge = w.task("merge", muster::shell(echo_json, {std::vector<muster::step>{sum, last}, work[1]}));
  const auto jobs = w.map("jobs", {work[0], dict{{"all", work}}, "plain"},
                          muster::shell(R"(case $1 in p*) exit 3 ;; esac; printf '{"got": %s}' "$1" > $MUSTER_RESULT)",
                                        {muster::item()}))
                        .allow_partial();
  const auto outer = w.map("outer", {1, 2}, [&](muster::scope& inner) {
    const auto leaf =
        inner.map("leaf", muster::range{0, 2}, muster::shell("echo $(($1 * 10)) > $MUSTER_RESULT", {muster::index()}));
    inner.result(leaf.result());
  });
  const auto run = runtime.submit(w).or_throw();
  CHECK(run.id() == "results-1");
  const auto end = run.wait(60s).or_throw();
  REQUIRE(end);
  INFO(end->reason);
  CHECK(end->completed());
  CHECK(run.status().or_throw() == end->status);
  CHECK(run.result(split).or_throw() == value(dict{{"chunks", list{10, 20, 30}}}));
  CHECK(run.result(work).or_throw() == value(list{20, 40, 60}));
  CHECK(run.result(work[2]).or_throw() == value(60));
  CHECK(run.result(sum).or_throw() == value(120));
  CHECK(run.result(merge).or_throw() == value("120 7 40"));
  CHECK(run.result(jobs[0]).or_throw() == value(dict{{"got", 20}}));
  CHECK(run.result(jobs[1]).or_throw() == value(dict{{"got", dict{{"all", list{20, 40, 60}}}}}));
  CHECK(run.result(outer).or_throw() == value(list{list{0, 10, 20}, list{0, 10, 20}}));
  CHECK(run.result("outer.1.leaf.2").or_throw() == value(20));
  CHECK(run.result("outer.0.leaf").or_throw() == value(list{0, 10, 20}));
  CHECK(run.result().or_throw()["work"] == value(list{20, 40, 60}));
  CHECK(run.result("nobody").failure().code == muster::ec::not_found);
}

TEST_CASE("jobs within items: each element waits for what its own item names") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  muster::workflow w{"dynamic"};
  const auto preprocess =
      w.map("preprocess", {"a.csv", "b.csv", "c.csv"},
            muster::shell(R"(printf '"preprocessed_data_%s"' "$1" > "$MUSTER_RESULT")", {muster::item()}));
  std::vector<dict> jobs;
  for (std::size_t i = 0; i < 3; ++i)
    jobs.push_back({{"data", preprocess[i]}, {"how", "transform_" + std::to_string(i)}});
  const auto transform = w.map("transform", jobs,
                               muster::shell(R"sh(printf '"%s(%s)"' "$1" "$2" > "$MUSTER_RESULT")sh",
                                             {muster::item("how"), muster::item("data")}));
  const auto nothing = w.map("nothing", std::vector<int>{}, {"true"});
  const auto run = runtime.submit(w).or_throw();
  const auto end = run.wait().or_throw();
  INFO(end.reason);
  CHECK(end.completed());
  CHECK(run.result(transform).or_throw() ==
        value(list{"transform_0(preprocessed_data_a.csv)", "transform_1(preprocessed_data_b.csv)",
                   "transform_2(preprocessed_data_c.csv)"}));
  CHECK(run.result(nothing).or_throw() == value(list{}));
}

TEST_CASE("outputs are read where their handle says") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  muster::workflow w{"data"};
  const auto split = w.map("split", {"x", "y"}, muster::shell("echo $1 > {{output}}/part", {muster::item()}));
  const auto join = w.task("join", {"cat", split[1].output() + "/part", split.output() + "/0/part"});
  const auto run = runtime.submit(w).or_throw();
  const auto end = run.wait().or_throw();
  INFO(end.reason);
  CHECK(end.completed());
  CHECK(run.logs(join).or_throw() == "y\nx\n");
}

TEST_CASE("a failed element leaves the results of the others, and its dependants end at once") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  muster::workflow w{"partial"};
  const auto work = w.map("work", {0, 10, 20, 30},
                          muster::shell("[ $1 != 10 ] || exit 3; echo $1 > $MUSTER_RESULT", {muster::item()}));
  const auto after = w.task("after", {"true"}).after(work);
  const auto total = w.map("total", {1, 2}, muster::shell("echo $1 > $MUSTER_RESULT", {muster::item()}))
                         .reduce(muster::reduction::sum);
  const auto run = runtime.submit(w).or_throw();
  const auto end = run.wait().or_throw();
  CHECK(end.status == muster::status::failed);
  CHECK_THAT(end.reason, ContainsSubstring("work.1 FAILED, exit code 3"));
  CHECK(run.task("work.1").or_throw().exit_code == 3);
  CHECK(run.task("after").or_throw().status == muster::status::failed_upstream);
  CHECK(run.result(work).or_throw() == value(list{0, nullptr, 20, 30}));
  CHECK(run.result(total).or_throw() == value(3));
  CHECK(run.result().failure().code == muster::ec::not_found);
  CHECK(run.result(work[1]).failure().code == muster::ec::not_found);
  CHECK_THAT(run.result(after).failure().message, ContainsSubstring("FAILED_UPSTREAM"));
}

TEST_CASE("parameters can be given at submission, and only those that there are") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  muster::workflow w{"given"};
  const auto name = w.parameter("name", "nobody");
  const auto say = w.task("say", muster::shell(echo_json, {name}));
  const auto run = runtime.submit(w, {{"name", "you"}}).or_throw();
  CHECK(run.wait().or_throw().completed());
  CHECK(run.result(say).or_throw() == value("you"));
  const auto wrong = runtime.submit(w, {{"nmae", "you"}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.failure().code == muster::ec::invalid_spec);
  CHECK_THAT(wrong.failure().message, ContainsSubstring("there is no parameter 'nmae'"));
}

TEST_CASE("logs are read and followed, events come in order with names") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  muster::workflow w{"talk"};
  const auto say = w.map("say", {"a", "b"}, {"echo", "said", muster::item()});
  const auto gate = folder.path() / "gate";
  const auto slow = w.task(
      "slow", muster::shell("echo one; while [ ! -e \"$1\" ]; do sleep 0.01; done; echo two >&2", {gate.string()}));
  const auto run = runtime.submit(w).or_throw();

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<muster::event> seen;
  run.on_event([&](const muster::event& x) {
    const std::lock_guard lock{mutex};
    seen.push_back(x);
    changed.notify_all();
  });
  std::string text;
  REQUIRE(run.follow_logs("slow", [&](std::string_view piece) {
    text += piece;
    return text.find("one\n") == std::string::npos;
  }));
  CHECK(text == "one\n");
  CHECK_FALSE(run.wait(1ms).or_throw());
  CHECK(run.result(slow).failure().code == muster::ec::conflict);
  std::ofstream{gate}.flush();
  text.clear();
  REQUIRE(run.follow_logs("slow", [&](std::string_view piece) {
    text += piece;
    return true;
  }));
  CHECK(text == "one\ntwo\n");
  CHECK(run.wait().or_throw().completed());
  CHECK(run.logs(say[1]).or_throw() == "said b\n");
  CHECK(run.logs(slow, 4).or_throw() == "two\n");
  std::unique_lock lock{mutex};
  REQUIRE(changed.wait_for(lock, 30s, [&] {
    return !seen.empty() && seen.back().type == "workflow.status" && muster::is_finished(seen.back().status);
  }));
  CHECK(seen.front().type == "workflow.submitted");
  std::uint64_t before = 0;
  bool named = false;
  for (const auto& x : seen) {
    CHECK(x.sequence > before);
    before = x.sequence;
    named = named || (x.task == "say.1" && x.status == muster::status::completed && x.exit_code == 0);
  }
  CHECK(named);
}

TEST_CASE("what failed can be run once more, and its events are those of both runs") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder);
  const auto gate = (folder.path() / "gate").string();
  muster::workflow w{"again"};
  const auto first = w.task("first", result_of("1"));
  const auto second =
      w.task("second", muster::shell("[ -e \"$1\" ] && echo $(($2 + 1)) > $MUSTER_RESULT", {gate, first}));
  const auto failed = runtime.submit(w).or_throw();
  CHECK(failed.wait().or_throw().status == muster::status::failed);
  CHECK(runtime.retry("nobody-1").failure().code == muster::ec::not_found);
  std::ofstream{gate}.flush();
  const auto run = runtime.retry(failed.id()).or_throw();
  CHECK(run.wait().or_throw().completed());
  CHECK(run.result(second).or_throw() == value(2));
  CHECK(run.task("first").or_throw().attempts == 1);
  CHECK(run.task("second").or_throw().attempts == 2);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<muster::event> ends;
  run.on_event([&](const muster::event& x) {
    const std::lock_guard lock{mutex};
    if (x.type == "workflow.status" && muster::is_finished(x.status))
      ends.push_back(x);
    changed.notify_all();
  });
  std::unique_lock lock{mutex};
  CHECK(changed.wait_for(lock, 30s, [&] { return ends.size() == 2; }));
  CHECK(runtime.retry(failed.id()).failure().code == muster::ec::conflict);
}

TEST_CASE("a run can be cancelled, found again, and outlives its runtime's handle") {
  const muster::test::temporary_folder folder;
  auto runtime = std::make_unique<muster::local_runtime>(start(folder));
  muster::workflow w{"long"};
  w.task("sleeps", {"sleep", "600"});
  const auto run = runtime->submit(w).or_throw();
  auto again = runtime->find(run.id()).or_throw();
  runtime.reset();
  REQUIRE(run.cancel("enough", true));
  const auto end = again.wait().or_throw();
  CHECK(end.status == muster::status::failed_canceled);
  CHECK_THAT(end.reason, ContainsSubstring("enough"));
}

TEST_CASE("a runtime whose last handle is within its own callback ends in order") {
  const muster::test::temporary_folder folder;
  std::mutex mutex;
  std::condition_variable changed;
  bool gone = false;
  {
    auto runtime = start(folder);
    muster::workflow w{"left-alone"};
    w.task("quick", {"true"});
    const auto run = runtime.submit(w).or_throw();
    const std::shared_ptr<void> witness(nullptr, [&](void*) {
      const std::lock_guard lock{mutex};
      gone = true;
      changed.notify_all();
    });
    run.on_event([run, witness](const muster::event&) {});
  }
  {
    std::unique_lock lock{mutex};
    CHECK(changed.wait_for(lock, 30s, [&] { return gone; }));
  }
  // Its store is free once its threads have let go of it.
  muster::local_options options;
  options.state_directory = folder.path() / "state";
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  auto again = muster::local_runtime::start(options);
  while (!again && std::chrono::steady_clock::now() < deadline)
    again = muster::local_runtime::start(options);
  REQUIRE(again);
  CHECK(again->find("left-alone-1").or_throw().status().or_throw() == muster::status::completed);
}

TEST_CASE("a state directory may be relative") {
  const muster::test::temporary_folder folder;
  muster::local_options options;
  options.state_directory = std::filesystem::relative(folder.path()) / "state";
  auto runtime = muster::local_runtime::start(options).or_throw();
  muster::workflow w{"relative"};
  const auto say = w.task("say", {"echo", "here"});
  const auto run = runtime.submit(w).or_throw();
  CHECK(run.wait().or_throw().completed());
  CHECK(run.logs(say).or_throw() == "here\n");
}

TEST_CASE("what cannot be started says why") {
  const muster::test::temporary_folder folder;
  muster::local_options options;
  options.state_directory = folder.path() / "state";
  options.pool = "cloud";
  CHECK(muster::local_runtime::start(options).failure().code == muster::ec::invalid_argument);
  auto runtime = start(folder, "null");
  CHECK(runtime.find("nobody-1").failure().code == muster::ec::not_found);
  options.pool = "null";
  CHECK(muster::local_runtime::start(options).failure().code == muster::ec::store_locked);
  muster::workflow w{"big"};
  w.task("big", {"true"}).gpu(9);
  CHECK(runtime.submit(w).failure().code == muster::ec::never_fits);
}

TEST_CASE("a trial on the null pool runs nothing") {
  const muster::test::temporary_folder folder;
  auto runtime = start(folder, "null");
  muster::workflow w{"trial"};
  const auto each =
      w.map("each", muster::range{1, 1000}, {"no-such-program"}).env("MUSTER_NULL_RESULT", muster::item());
  const auto run = runtime.submit(w).or_throw();
  CHECK(run.wait().or_throw().completed());
  const auto all = run.result(each).or_throw();
  REQUIRE(all.size() == 1000);
  CHECK(all[999] == value(1000));
}
