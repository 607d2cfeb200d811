#include "support/catch.hpp"
#include "support/fake_engine.hpp"
#include "support/log_text.hpp"
#include "support/processes.hpp"
#include "support/temporary_folder.hpp"
#include "support/unix_http.hpp"

#include "executors/docker/log_copier.hpp"

#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>

using namespace muster;
using namespace muster::docker;
using test::content;
using test::engine_fault;
using test::engine_fault_kind;
using test::eventually;
using test::told;

namespace {

/// A fake Engine with one container that runs, and copiers of its log.
struct world {
  world() {
    engine.add_image("busybox:latest");
    test::http_call(engine.socket(), "POST", "/v1.41/containers/create?name=c", R"({"Image":"busybox:latest"})");
    test::http_call(engine.socket(), "POST", "/v1.41/containers/c/start");
    endpoint where;
    where.socket = engine.socket();
    talk = std::make_unique<client>(on, where);
    what.container = "c";
    what.log = folder.path() / "t.0.log";
    what.first_look = std::chrono::milliseconds(1);
    what.retry = std::chrono::milliseconds(1);
  }
  ~world() { stop(); }

  void begin() {
    here([this] {
      copier = std::make_unique<log_copier>(on, *talk, writer, what,
                                            [this](log_end end) { ended.set_value(std::move(end)); });
      copier->begin();
    });
  }
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    here([&] { copier->finish(patience); });
  }
  void stop() {
    here([this] { copier.reset(); });
  }
  log_end end() { return ended.get_future().get(); }
  log_counts counts() {
    log_counts out;
    here([&] { out = copier->counts(); });
    return out;
  }
  /// Runs `work` on the loop's thread.
  void here(const std::function<void()>& work) {
    static_cast<void>(wait_for<bool>(on, [&](const auto& done) {
      work();
      done(true);
    }));
  }

  test::temporary_folder folder;
  test::fake_engine engine;
  loop on;
  log_writer writer;
  std::unique_ptr<client> talk;
  log_copy what;
  std::promise<log_end> ended;
  std::unique_ptr<log_copier> copier;
};

} // namespace

TEST_CASE("a log is copied as it comes, whole at its end, and told apart") {
  world w;
  w.begin();
  w.engine.write_log("c", "one");
  CHECK(eventually([&] { return content(w.what.log) == "one\n"; }));
  w.engine.write_log("c", "two", true);
  w.engine.write_log("c", "three");
  w.engine.finish("c", 0);
  w.finish();
  const auto end = w.end();
  CHECK(end.whole);
  CHECK(end.problem.empty());
  CHECK(content(w.what.log) == "one\ntwo\nthree\n");
  CHECK(told(w.what.log, store::log_origin::output) == "one\nthree\n");
  CHECK(told(w.what.log, store::log_origin::errors) == "two\n");
}

TEST_CASE("a container that has ended already costs one call, which does not follow") {
  world w;
  w.what.first_look = std::chrono::hours(1);
  w.engine.write_log("c", "one");
  w.engine.finish("c", 0);
  w.begin();
  w.finish();
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == "one\n");
  const auto calls = w.engine.calls("GET /containers/c/logs");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].query.at("follow") == "false");
  CHECK_FALSE(exists(std::filesystem::path(w.what.log.string() + ".position")));
}

TEST_CASE("a container that writes nothing leaves an empty log and nothing beside it") {
  world w;
  w.engine.finish("c", 0);
  w.begin();
  w.finish();
  CHECK(w.end().whole);
  CHECK(std::filesystem::file_size(w.what.log) == 0);
  forget_log(w.what.log);
  CHECK(std::distance(std::filesystem::directory_iterator(w.folder.path()), {}) == 1);
}

TEST_CASE("a copier that is gone is followed by one that goes on, whatever was written meanwhile") {
  world w;
  std::string wanted;
  int number = 0;
  const auto write = [&](int lines) {
    for (int i = 0; i < lines; ++i, ++number) {
      const auto line = "line " + std::to_string(number);
      w.engine.write_log("c", line, number % 3 == 0);
      wanted += line + '\n';
    }
  };
  for (int round = 0; round < 20; ++round) {
    write(5);
    w.begin();
    write(5);
    CHECK(eventually([&] { return content(w.what.log) == wanted; }));
    write(round % 4); // Perhaps copied, perhaps not.
    w.stop();
  }
  w.begin();
  w.engine.finish("c", 0);
  w.finish();
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == wanted);
  // The next one knows that nothing more comes, even where the container is gone.
  w.engine.remove_outside("c");
  const auto calls = w.engine.count("GET /containers/c/logs");
  w.stop();
  w.ended = {};
  w.begin();
  w.finish();
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == wanted);
  CHECK(w.engine.count("GET /containers/c/logs") == calls);
  forget_log(w.what.log);
  CHECK_FALSE(exists(std::filesystem::path(w.what.log.string() + ".position")));
}

TEST_CASE("a daemon that goes away, answers badly or breaks off costs no line") {
  world w;
  w.begin();
  w.engine.write_log("c", "one");
  CHECK(eventually([&] { return content(w.what.log) == "one\n"; }));
  w.engine.go_away();
  w.engine.write_log("c", "two");
  for (const auto what : {engine_fault_kind::refuse, engine_fault_kind::garbage, engine_fault_kind::close,
                          engine_fault_kind::do_and_answer_half, engine_fault_kind::do_and_close}) {
    engine_fault fault;
    fault.route = "GET /containers/c/logs";
    fault.what = what;
    w.engine.inject(fault);
  }
  w.engine.come_back();
  w.here([&] { w.copier->wake(); });
  CHECK(eventually([&] { return content(w.what.log) == "one\ntwo\n"; }));
  w.engine.go_away();
  w.engine.come_back();
  w.engine.write_log("c", "three", true);
  w.engine.finish("c", 0);
  w.finish();
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == "one\ntwo\nthree\n");
  CHECK(told(w.what.log, store::log_origin::errors) == "three\n");
  CHECK(w.counts().gaps == 0);
}

TEST_CASE("patience with a daemon that does not come back has an end, which the log tells") {
  world w;
  w.begin();
  w.engine.write_log("c", "one");
  CHECK(eventually([&] { return content(w.what.log) == "one\n"; }));
  w.engine.go_away();
  w.finish(std::chrono::milliseconds(50));
  const auto end = w.end();
  CHECK_FALSE(end.whole);
  CHECK_FALSE(end.problem.empty());
  CHECK(content(w.what.log) == "one\n[muster: the end of the log is missing: " + end.problem + "]\n");
  CHECK(told(w.what.log, store::log_origin::errors).empty());
}

TEST_CASE("patience is for what stands still, not for what is long") {
  constexpr auto patience = std::chrono::milliseconds(300);
  world w;
  w.begin();
  std::string wanted;
  const auto line_comes = [&] {
    w.engine.write_log("c", "line");
    wanted += "line\n";
    return eventually([&] { return content(w.what.log) == wanted; });
  };
  REQUIRE(line_comes());
  w.finish(patience);
  for (const auto until = std::chrono::steady_clock::now() + patience * 5 / 2;
       std::chrono::steady_clock::now() < until;)
    REQUIRE(line_comes());
  w.engine.finish("c", 0);
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == wanted);
}

TEST_CASE("a container that somebody removed ends its log at once, with a word about it") {
  world w;
  w.what.first_look = std::chrono::hours(1);
  w.begin();
  w.engine.remove_outside("c");
  w.finish();
  const auto end = w.end();
  CHECK_FALSE(end.whole);
  CHECK(end.problem == "the container was removed");
}

TEST_CASE("a log goes where there is no place yet, as soon as there is") {
  world w;
  w.what.log = w.folder.path() / "later" / "t.0.log";
  w.what.longest_retry = std::chrono::milliseconds(20);
  w.begin();
  w.engine.write_log("c", "one");
  w.engine.finish("c", 0);
  w.finish();
  CHECK(eventually([&] { return w.engine.count("GET /containers/c/logs") > 0; }));
  std::filesystem::create_directory(w.what.log.parent_path());
  const auto end = w.end();
  CHECK(end.whole);
  CHECK(content(w.what.log) == "one\n");
}

TEST_CASE("patience with a disk that takes nothing has an end as well") {
  world w;
  w.what.log = w.folder.path() / "never" / "t.0.log";
  w.begin();
  w.engine.write_log("c", "one");
  w.engine.finish("c", 0);
  w.finish(std::chrono::milliseconds(300));
  const auto end = w.end();
  CHECK_FALSE(end.whole);
  CHECK_THAT(end.problem, ContainsSubstring("cannot open"));
}

TEST_CASE("a disk that is stuck holds the daemon back, within bounds, and the loop not at all") {
  world w;
  // A report of another log that does not return: all that the thread of the writer does waits for it.
  std::promise<void> stuck;
  std::promise<void> free;
  const auto other = w.writer.open(w.folder.path() / "other.log", {}, [&](const log_report&) {
    stuck.set_value();
    free.get_future().wait();
  });
  stuck.get_future().wait();
  std::string wanted;
  for (int i = 0; i < 400; ++i) {
    const auto line = std::to_string(i) + std::string(10'000, 'x');
    w.engine.write_log("c", line);
    wanted += line + '\n';
  }
  w.what.buffer = std::size_t{128} << 10U;
  w.begin();
  // Not even its place is known: nothing is read. The loop goes on.
  CHECK(w.counts().calls == 0);
  free.set_value();
  CHECK(eventually([&] { return w.counts().records > 0; }));
  w.engine.finish("c", 0);
  w.finish();
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == wanted);
  CHECK(w.counts().most_held <= (std::size_t{128} << 10U) + (std::size_t{128} << 10U));
  w.writer.abandon(other);
}

TEST_CASE("a writer that falls behind holds the daemon back and loses nothing") {
  world w;
  std::string wanted;
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  // Between two batches of the log, the writer's thread has to go through this.
  std::promise<void> entered;
  const auto gate = w.writer.open(w.folder.path() / "gate.log", {}, [&](const log_report& said) {
    if (said.what != log_report::kind::written)
      return;
    entered.set_value();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open; });
  });
  w.what.buffer = std::size_t{64} << 10U;
  w.begin();
  w.engine.write_log("c", "first");
  CHECK(eventually([&] { return content(w.what.log) == "first\n"; }));
  log_batch one;
  one.bytes = "x";
  one.runs = {{store::log_origin::output, 1}};
  w.writer.submit(gate, std::move(one));
  entered.get_future().wait();
  wanted = "first\n";
  for (int i = 0; i < 500; ++i) {
    const auto line = std::to_string(i) + std::string(10'000, 'y');
    w.engine.write_log("c", line);
    wanted += line + '\n';
  }
  CHECK(eventually([&] { return w.counts().pauses == 1; }));
  CHECK(w.counts().records < 100);
  CHECK(w.counts().most_held <= std::size_t{256} << 10U);
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  w.engine.finish("c", 0);
  w.finish();
  CHECK(w.end().whole);
  CHECK(content(w.what.log) == wanted);
  CHECK(w.counts().most_held <= std::size_t{256} << 10U);
  w.writer.abandon(gate);
}

TEST_CASE("the configuration of a container's log keeps any bytes and has a bound") {
  CHECK(log_config_json() == R"({"Type":"local","Config":{"max-size":"536870912","max-file":"2","compress":"false"}})");
  log_limits little;
  little.most = 1000;
  CHECK(log_config_json(little) ==
        R"({"Type":"local","Config":{"max-size":"16777216","max-file":"2","compress":"false"}})");
}
