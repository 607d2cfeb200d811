#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"

#include <muster/muster.hpp>

#include <algorithm>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

using namespace muster;
using namespace std::chrono_literals;
using muster::test::head_program;
using muster::test::muster_program;

namespace {

constexpr auto enough = 60s;

api::head connect(const head_program& to) {
  api::head_options options;
  options.address = to.address();
  return api::head::connect(options).or_throw();
}

} // namespace

TEST_CASE("a head runs what a program builds, and gives back its results, logs and events") {
  const muster_program muster;
  const head_program service(muster);
  REQUIRE(service.ready());
  auto head = connect(service);
  api::workflow w{"squares"};
  const auto times = w.parameter("times", 1);
  const auto work =
      w.map("work", {3, 4, 5}, api::shell("echo $(($1 * $1 * $2)) > $MUSTER_RESULT", {api::item(), times}));
  const auto show = w.task("show", {"echo", "all of them:", work});
  const auto run = head.submit(w, {{"times", 2}}).or_throw();
  std::mutex mutex;
  std::vector<std::uint64_t> numbers;
  std::set<std::string> seen;
  run.on_event([&](const api::event& x) {
    const std::lock_guard lock{mutex};
    numbers.push_back(x.sequence);
    seen.insert(x.task);
  });
  std::string followed;
  run.follow_logs("show",
                  [&](std::string_view text) {
                    followed += text;
                    return true;
                  })
      .or_throw();
  CHECK(followed == "all of them: [18,32,50]\n");
  const auto ended = run.wait(enough).or_throw();
  REQUIRE(ended);
  CHECK(ended->completed());
  CHECK(run.result(work).or_throw() == api::list{18, 32, 50});
  CHECK(run.result(work[1]).or_throw() == 32);
  CHECK(run.logs(show).or_throw() == "all of them: [18,32,50]\n");
  CHECK(run.logs(show, 5).or_throw() == ",50]\n");
  CHECK(run.task("work.2").or_throw().exit_code == 0);
  CHECK(run.status().or_throw() == api::status::completed);
  CHECK(head.find(run.id()).or_throw().id() == run.id());
  REQUIRE(muster::test::eventually([&] {
    const std::lock_guard lock{mutex};
    return seen.count("show") > 0 && seen.count("work.2") > 0;
  }));
  const std::lock_guard lock{mutex};
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_CASE("what a head refuses says why, in the words of the workflow") {
  const muster_program muster;
  const head_program service(muster);
  REQUIRE(service.ready());
  auto head = connect(service);
  api::workflow w{"wrong"};
  w.task("a", {"true"}).set("imaeg", "x");
  const auto refused = head.submit(w);
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == api::ec::invalid_spec);
  CHECK_THAT(refused.failure().message, ContainsSubstring("step 'a'"));
  const auto text = head.submit_yaml("workflow: {name: x, tasks: [{name: a, image: none}]}\n");
  REQUIRE_FALSE(text);
  CHECK(text.failure().code == api::ec::invalid_spec);
  CHECK_THAT(text.failure().message, ContainsSubstring("command"));
  CHECK(head.find("nothing-1").failure().code == api::ec::not_found);
  CHECK(head.retry("nothing-1").failure().code == api::ec::not_found);

  api::workflow bad{"bad"};
  bad.task("fails", {"sh", "-c", "exit 4"});
  const auto run = head.submit(bad).or_throw();
  const auto ended = run.wait(enough).or_throw();
  REQUIRE(ended);
  CHECK(ended->status == api::status::failed);
  CHECK_THAT(ended->reason, ContainsSubstring("fails FAILED, exit code 4"));
  CHECK(run.result().failure().code == api::ec::not_found);
}

TEST_CASE("a run on a head is cancelled") {
  const muster_program muster;
  const head_program service(muster);
  REQUIRE(service.ready());
  auto head = connect(service);
  api::workflow w{"long"};
  w.task("sleeps", {"sleep", "600"});
  const auto run = head.submit(w).or_throw();
  CHECK_FALSE(run.wait(50ms).or_throw());
  run.cancel("no longer needed", true).or_throw();
  const auto ended = run.wait(enough).or_throw();
  REQUIRE(ended);
  CHECK(ended->status == api::status::failed_canceled);
  CHECK(run.cancel("again").failure().code == api::ec::conflict);
}

TEST_CASE("a run is waited for, and its events are told, over a restart of the head") {
  const muster_program muster;
  auto service = std::make_unique<head_program>(muster);
  REQUIRE(service->ready());
  const auto address = service->address();
  auto head = connect(*service);
  api::workflow w{"patient"};
  w.task("waits", {"sh", "-c", "until [ -e " + (muster.folder() / "go").string() + " ]; do sleep 0.05; done"});
  const auto run = head.submit(w).or_throw();
  std::mutex mutex;
  std::vector<std::uint64_t> numbers;
  std::optional<bool> told_to_the_end;
  run.on_event(
      [&](const api::event& x) {
        const std::lock_guard lock{mutex};
        numbers.push_back(x.sequence);
      },
      [&](const api::result<void>& how) {
        const std::lock_guard lock{mutex};
        told_to_the_end = how.ok();
      });
  auto ended = std::async(std::launch::async, [&] { return run.wait(enough); });
  REQUIRE(service->wait_for_log([](const std::string& log) { // Both follow the events.
    const std::string line = "route=/v1/events";
    const auto first = log.find(line);
    return first != std::string::npos && log.find(line, first + 1) != std::string::npos;
  }));
  service->stop(SIGKILL);
  CHECK(ended.wait_for(0s) == std::future_status::timeout);
  service = std::make_unique<head_program>(
      muster, std::vector<std::string>{"--no-auth", "--listen", "127.0.0.1:" + address.substr(address.rfind(':') + 1)});
  REQUIRE(service->ready());
  muster.file("go", "");
  const auto how = ended.get().or_throw();
  REQUIRE(how);
  CHECK(how->completed());
  REQUIRE(muster::test::eventually([&] {
    const std::lock_guard lock{mutex};
    return told_to_the_end.has_value();
  }));
  const std::lock_guard lock{mutex};
  CHECK(told_to_the_end == true);
  CHECK(std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>{}) == numbers.end());
}

TEST_CASE("a head that stays away ends waiting and events by an error") {
  const muster_program muster;
  const muster::test::cleaner at_end(muster.state());
  head_program service(muster);
  REQUIRE(service.ready());
  api::head_options options;
  options.address = service.address();
  options.patience = 200ms;
  auto head = api::head::connect(options).or_throw();
  api::workflow w{"long"};
  w.task("sleeps", {"sleep", "600"});
  const auto run = head.submit(w).or_throw();
  std::promise<api::result<void>> followed;
  run.on_event([](const api::event&) {}, [&](const api::result<void>& how) { followed.set_value(how); });
  REQUIRE(service.wait_for_log("route=/v1/events"));
  service.stop(SIGKILL);
  const auto waited = run.wait();
  REQUIRE_FALSE(waited);
  CHECK(waited.failure().code == api::ec::unavailable);
  auto told = followed.get_future();
  REQUIRE(told.wait_for(enough) == std::future_status::ready);
  const auto how = told.get();
  REQUIRE_FALSE(how);
  CHECK(how.failure().code == api::ec::unavailable);
}

TEST_CASE("a head that is not there, or an address that is none, says so") {
  api::head_options options;
  options.address = "http://127.0.0.1:1";
  options.patience = 0ms;
  CHECK(api::head::connect(options).failure().code == api::ec::unavailable);
  options.address = "ftp://x";
  CHECK(api::head::connect(options).failure().code == api::ec::invalid_argument);
}
