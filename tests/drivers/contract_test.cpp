#include "harness.hpp"

#include "support/catch.hpp"

#include <fstream>

// One case per sentence of executors/driver.hpp, run over every driver.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;

/// A driver at work, and what it said. The driver goes first: its thread must be gone before the listener is.
struct bench {
  explicit bench(const subject& x) : on(x), driver_(x.make(dir.path())) {
    REQUIRE(driver_->probe().ok());
    driver_->listen(heard);
  }
  ~bench() {
    driver_.reset();
    if (on.clean)
      on.clean(dir.path());
  }
  bench(const bench&) = delete;
  bench& operator=(const bench&) = delete;
  driver* operator->() { return driver_.get(); }

  attempt_spec spec(const wish& x, std::uint32_t task = 0, std::uint32_t number = 0) const {
    auto out = make_spec(dir.path(), task, number);
    on.shape(out, x);
    return out;
  }
  attempt_id prepared(const attempt_spec& x) {
    driver_->prepare(x);
    const auto seen = heard.wait_prepared(x.id);
    REQUIRE(seen.prepared.has_value());
    REQUIRE((seen.prepared->ok() ? "" : seen.prepared->failure().message) == std::string{});
    return x.id;
  }
  attempt_id running(const attempt_spec& x) {
    driver_->start(prepared(x));
    const auto seen = heard.wait_started(x.id);
    REQUIRE(seen.started.has_value());
    REQUIRE((seen.started->ok() ? "" : seen.started->failure().message) == std::string{});
    return x.id;
  }
  attempt_id settled(const attempt_spec& x) {
    running(x);
    if (on.settled)
      REQUIRE(eventually([&] { return on.settled(x); }));
    return x.id;
  }

  scratch dir;
  const subject& on;
  recorder heard;
  std::unique_ptr<driver> driver_;
};

template <class F>
void for_each_driver(F&& test) {
  for (const auto& x : subjects()) {
    DYNAMIC_SECTION(x.name) {
      test(x);
    }
  }
}

} // namespace

TEST_CASE("probe names the driver and what it offers") {
  for_each_driver([](const subject& x) {
    scratch dir;
    const auto found = x.make(dir.path())->probe();
    REQUIRE(found.ok());
    CHECK(found->driver == (x.probed_as.empty() ? x.name : x.probed_as));
    CHECK(found->total.cpu > 0);
    CHECK(found->total.memory > 0);
    CHECK(found->total.storage > 0);
  });
}

TEST_CASE("an attempt is prepared, started and exits, in this order") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.running(b.spec({0ms, 0, false}));
    const auto seen = b.heard.wait_end(id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.calls == names{"prepared", "started", "exited"});
    CHECK(seen.exited->code == 0);
    CHECK(seen.exited->signal == 0);
    CHECK(seen.exited->started != timestamp{});
    CHECK(seen.exited->ended >= seen.exited->started);
    CHECK(b.heard.wait_batch_closed());
  });
}

TEST_CASE("a code other than zero is a result") {
  for_each_driver([](const subject& x) {
    bench b{x};
    for (const int code : {1, 42, 127, 255}) {
      const auto id = b.running(b.spec({0ms, code, false}, static_cast<std::uint32_t>(code)));
      const auto seen = b.heard.wait_end(id);
      REQUIRE(seen.exited.has_value());
      CHECK(seen.exited->code == code);
      CHECK(seen.exited->signal == 0);
    }
  });
}

TEST_CASE("prepare runs nothing") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto first = b.prepared(b.spec({0ms, 0, false}, 0));
    b.heard.wait_end(b.running(b.spec({0ms, 0, false}, 1)));
    CHECK(b.heard.of(first).calls == names{"prepared"});
  });
}

TEST_CASE("a failed prepare says why and leaves nothing to start") {
  for_each_driver([](const subject& x) {
    bench b{x};
    auto spec = b.spec({});
    x.spoil_prepare(spec);
    b->prepare(spec);
    const auto seen = b.heard.wait_prepared(spec.id);
    REQUIRE(seen.prepared.has_value());
    REQUIRE_FALSE(seen.prepared->ok());
    CHECK_FALSE(seen.prepared->failure().message.empty());
    b->start(spec.id);
    const auto then = b.heard.wait_started(spec.id);
    REQUIRE(then.started.has_value());
    CHECK(then.started->failure().code == ec::not_found);
  });
}

TEST_CASE("who waits for nobody starts when it is prepared, without another word") {
  for_each_driver([](const subject& x) {
    bench b{x};
    auto spec = b.spec({0ms, 7, false});
    spec.then_start = true;
    b->prepare(spec);
    const auto seen = b.heard.wait_end(spec.id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.calls == names{"started", "exited"});
    CHECK(seen.exited->code == 7);

    auto spoiled = b.spec({}, 1);
    spoiled.then_start = true;
    x.spoil_prepare(spoiled);
    b->prepare(spoiled);
    const auto why = b.heard.wait_prepared(spoiled.id);
    REQUIRE(why.prepared.has_value());
    CHECK_FALSE(why.prepared->ok());
    CHECK(why.calls == names{"prepared"});
  });
}

TEST_CASE("who would start by itself and is stopped before ends once, started or not") {
  for_each_driver([](const subject& x) {
    bench b{x};
    for (std::uint32_t task = 0; task < 20; ++task) {
      auto spec = b.spec({60'000ms, 0, false}, task);
      spec.then_start = true;
      b->prepare(spec);
      b->stop(spec.id, 0ms);
      REQUIRE(eventually([&] { return !b.heard.of(spec.id).calls.empty(); }));
      if (b.heard.of(spec.id).calls.front() == "prepared")
        CHECK(b.heard.of(spec.id).prepared->failure().code == ec::canceled);
      else
        CHECK(b.heard.wait_end(spec.id).calls == names{"started", "exited"});
    }
  });
}

TEST_CASE("a failed start says why and nothing follows") {
  for_each_driver([](const subject& x) {
    if (!x.spoil_start) {
      WARN("skipped for " + x.name + ": a command that cannot be started is a result there (126, 127)");
      return;
    }
    bench b{x};
    auto spec = b.spec({});
    x.spoil_start(spec);
    b->start(b.prepared(spec));
    const auto seen = b.heard.wait_started(spec.id);
    REQUIRE(seen.started.has_value());
    REQUIRE_FALSE(seen.started->ok());
    CHECK_FALSE(seen.started->failure().message.empty());
    b.heard.wait_end(b.running(b.spec({}, 1)));
    CHECK(b.heard.of(spec.id).calls == names{"prepared", "started"});
  });
}

TEST_CASE("a second prepare or start does nothing") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto spec = b.spec({60'000ms, 0, false});
    const auto id = b.running(spec);
    b->prepare(spec);
    b->start(id);
    b.heard.wait_end(b.running(b.spec({}, 1)));
    CHECK(b.heard.of(id).calls == names{"prepared", "started"});
    b->stop(id, 0ms);
    b.heard.wait_end(id);
    b->start(id);
    b.heard.wait_end(b.running(b.spec({}, 2)));
    CHECK(b.heard.of(id).calls == names{"prepared", "started", "exited"});
  });
}

TEST_CASE("what is not prepared cannot be started") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const attempt_id nobody{workflow_key{99}, task_index{1}, 0};
    b->start(nobody);
    const auto seen = b.heard.wait_started(nobody);
    REQUIRE(seen.started.has_value());
    CHECK(seen.started->failure().code == ec::not_found);
  });
}

TEST_CASE("stop ends by the polite signal") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.settled(b.spec({60'000ms, 0, false}));
    b->stop(id, 60'000ms);
    const auto seen = b.heard.wait_end(id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->signal == 15);
    CHECK(seen.exited->code == 143);
    CHECK(seen.calls == names{"prepared", "started", "exited"});
  });
}

TEST_CASE("who ignores the polite signal is killed after the grace") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.settled(b.spec({60'000ms, 0, true}));
    b->stop(id, 50ms);
    const auto seen = b.heard.wait_end(id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->signal == 9);
    CHECK(seen.exited->code == 137);
  });
}

TEST_CASE("a second stop may shorten the grace") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.settled(b.spec({60'000ms, 0, true}));
    b->stop(id, 3'600'000ms);
    b->stop(id, 0ms);
    const auto seen = b.heard.wait_end(id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->signal == 9);
  });
}

TEST_CASE("an attempt that is stopped before its start never starts") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.prepared(b.spec({}));
    b->stop(id, 1'000ms);
    const auto seen = b.heard.wait_end(id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->signal == 15);
    CHECK(seen.exited->started == timestamp{});
    b->start(id);
    b.heard.wait_end(b.running(b.spec({}, 1)));
    CHECK(b.heard.of(id).calls == names{"prepared", "exited"});
  });
}

TEST_CASE("stop of what has ended or is unknown is ignored") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.running(b.spec({}));
    b.heard.wait_end(id);
    b->stop(id, 0ms);
    const attempt_id nobody{workflow_key{99}, task_index{1}, 0};
    b->stop(nobody, 0ms);
    b.heard.wait_end(b.running(b.spec({}, 1)));
    CHECK(b.heard.of(id).calls == names{"prepared", "started", "exited"});
    CHECK(b.heard.of(nobody).calls.empty());
  });
}

TEST_CASE("a removed attempt is forgotten") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto id = b.running(b.spec({}));
    b.heard.wait_end(id);
    b->remove(id);
    b->remove(id);
    b->stop(id, 0ms);
    b.heard.wait_end(b.running(b.spec({}, 1)));
    CHECK(b.heard.of(id).calls == names{"prepared", "started", "exited"});
  });
}

TEST_CASE("many attempts at once each get exactly one outcome") {
  for_each_driver([](const subject& x) {
    bench b{x};
    constexpr std::uint32_t count = 60;
    std::vector<attempt_spec> all;
    for (std::uint32_t i = 0; i < count; ++i)
      all.push_back(b.spec({std::chrono::milliseconds{i % 7}, static_cast<int>(i % 5), false}, i));
    for (const auto& each : all)
      b->prepare(each);
    for (const auto& each : all)
      b.heard.wait_prepared(each.id);
    for (const auto& each : all)
      b->start(each.id);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto seen = b.heard.wait_end(all[i].id);
      REQUIRE(seen.exited.has_value());
      CHECK(seen.exited->code == static_cast<int>(i % 5));
      CHECK(seen.calls == names{"prepared", "started", "exited"});
    }
  });
}

TEST_CASE("what a task gives as its result comes with its exit") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto end_of = [&](const wish& how, std::uint32_t task, std::size_t most = default_max_result_bytes) {
      auto spec = b.spec(how, task);
      spec.max_result_bytes = most;
      spec.tokens = {{"item", "7"}, {"parameter:rate", "0.5"}};
      const auto seen = b.heard.wait_end(b.running(spec));
      REQUIRE(seen.exited.has_value());
      b->remove(spec.id);
      return *seen.exited;
    };
    const auto good = end_of({0ms, 0, false, R"( {"item":{{item}},"rate":{{parameter:rate}}} )"}, 0);
    CHECK(good.code == 0);
    CHECK(good.result == R"({"item":7,"rate":0.5})");
    CHECK(good.result_problem.empty());
    // Folders are used again: nothing of the one before may be left.
    const auto none = end_of({0ms, 0, false}, 1);
    CHECK(none.result.empty());
    CHECK(none.result_problem.empty());
    const auto blank = end_of({0ms, 0, false, "  "}, 2);
    CHECK(blank.result.empty());
    CHECK(blank.result_problem.empty());
    const auto failed = end_of({0ms, 3, false, "[1,2]"}, 3);
    CHECK(failed.code == 3);
    CHECK(failed.result == "[1,2]");
    const auto wrong = end_of({0ms, 0, false, "{not json}"}, 4);
    CHECK(wrong.code == 0);
    CHECK(wrong.result.empty());
    CHECK_THAT(wrong.result_problem, ContainsSubstring("is no JSON"));
    CHECK(end_of({0ms, 0, false, "12345678"}, 5, 8).result == "12345678");
    CHECK_THAT(end_of({0ms, 0, false, "123456789"}, 6, 8).result_problem, ContainsSubstring("has 9 bytes; at most 8"));
  });
}

TEST_CASE("an adopted attempt gives its result") {
  for_each_driver([](const subject& x) {
    if (!x.durable)
      return;
    bench b{x};
    const auto ended = b.spec({0ms, 0, false, "1"}, 0);
    const auto runs = b.spec({1500ms, 0, false, "2"}, 1);
    b.heard.wait_end(b.running(ended));
    b.settled(runs);
    b.driver_.reset();
    b.driver_ = x.make(b.dir.path());
    recorder again;
    REQUIRE(b->probe().ok());
    b->listen(again);
    const auto found = b->adopt({ended, runs});
    REQUIRE(found.ok());
    for (const auto& [spec, expected] : {std::pair{ended, "1"}, std::pair{runs, "2"}}) {
      const auto seen = again.wait_end(spec.id);
      REQUIRE(seen.exited.has_value());
      CHECK(seen.exited->result == expected);
      b->remove(spec.id);
    }
    b.driver_.reset();
  });
}

TEST_CASE("outputs of an adopted attempt go where its flow said") {
  for_each_driver([](const subject& x) {
    if (!x.durable || !x.run_script)
      return;
    bench b{x};
    auto spec = make_spec(b.dir.path());
    x.run_script(spec, "sleep 1; echo 1 > {{output}}/file");
    spec.task.outputs = {{"file://" + (b.dir.path() / "published-{{item}}").string(), ""}};
    spec.tokens = {{"item", "7"}};
    b.running(spec);
    b.driver_.reset();
    b.driver_ = x.make(b.dir.path());
    recorder again;
    REQUIRE(b->probe().ok());
    b->listen(again);
    auto known = spec;
    known.tokens.clear();
    REQUIRE(b->adopt({known}).ok());
    const auto seen = again.wait_end(spec.id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->code == 0);
    CHECK(std::filesystem::exists(b.dir.path() / "published-7" / "file"));
    b->remove(spec.id);
    CHECK(eventually([&] { return !std::filesystem::exists(spec.folder / "outputs.json"); }));
    b.driver_.reset();
  });
}

TEST_CASE("a task sees the results of steps before it, and what its flow adds to its environment") {
  for_each_driver([](const subject& x) {
    if (!x.run_script)
      return;
    bench b{x};
    auto spec = make_spec(b.dir.path());
    x.run_script(spec, "test \"$OWN $ADDED {{item}}\" = 'own value added [1]' || exit 4\n"
                       "test \"$(cat $MUSTER_RESULTS/split.json)\" = '{\"n\":1}' || exit 5\n"
                       "test \"$(cat $MUSTER_RESULTS/outer.train.json)\" = '[2]' || exit 6\n"
                       "cp $MUSTER_RESULTS/split.json $MUSTER_RESULT");
    spec.tokens = {{"item", "[1]"}, {"word", "value"}};
    spec.environment = {{"OWN", "weaker"}, {"ADDED", "added"}};
    spec.task.environment = {{"OWN", "own {{word}}"}};
    spec.results = {{"split", std::make_shared<const std::string>("{\"n\":1}")},
                    {"outer.train", std::make_shared<const std::string>("[2]")}};
    const auto seen = b.heard.wait_end(b.running(spec));
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->code == 0);
    CHECK(seen.exited->result == "{\"n\":1}");
    b->remove(spec.id);
    CHECK(eventually([&] { return !std::filesystem::exists(spec.folder); }));
  });
}

TEST_CASE("an input may gather what several tasks wrote") {
  for_each_driver([](const subject& x) {
    if (!x.run_script)
      return;
    bench b{x};
    std::vector<std::pair<std::string, std::filesystem::path>> parts;
    const auto tasks = b.dir.path() / "workflows" / "w-1" / "tasks";
    for (int i = 0; i < 20; ++i) {
      const auto name = "each." + std::to_string(i);
      parts.emplace_back(std::to_string(i), tasks / (name + ".output"));
      if (i == 1) // It failed, or was skipped.
        continue;
      std::filesystem::create_directories(tasks / (name + ".0") / "output" / "deep");
      std::ofstream{tasks / (name + ".0") / "output" / "deep" / "file"} << i;
      std::ofstream{tasks / (name + ".0") / "output" / "other"} << "other";
      std::filesystem::create_symlink(name + ".0/output", tasks / (name + ".output"));
    }
    const auto gathers = [&](std::size_t count, const std::string& regex, const std::string& script,
                             std::uint32_t task) {
      auto spec = make_spec(b.dir.path(), task);
      x.run_script(spec, "cd {{input:each}} || exit 9\n" + script);
      spec.task.inputs = {{spec::task_input{"each", {}}, regex}};
      located_input input;
      input.task = "each";
      input.regex = regex;
      input.parts.assign(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
      spec.inputs = {input};
      const auto seen = b.heard.wait_end(b.running(spec));
      REQUIRE(seen.exited.has_value());
      return seen.exited->code;
    };
    const std::string read = "test \"$(cat 0/deep/file)\" = 0 || exit 4; test ! -e 1 || exit 5; "
                             "test \"$(cat 2/deep/file)\" = 2 || exit 6; ";
    CHECK(gathers(3, "", read + "test -e 2/other", 0) == 0);
    CHECK(gathers(20, "", read + "test \"$(cat 19/deep/file)\" = 19 && test -e 2/other", 1) == 0);
    CHECK(gathers(3, "deep/.*", read + "test ! -e 2/other", 2) == 0);
    // Of nested workflows.
    parts.assign({{"0/one", parts[0].second}, {"0/two", parts[2].second}, {"1/one", parts[1].second}});
    CHECK(gathers(3, "", "test $(cat 0/one/deep/file) = 0 && test $(cat 0/two/deep/file) = 2 && test ! -e 1/one", 4) ==
          0);
    // None of them is there.
    parts.assign({{"0", tasks / "nobody.output"}});
    CHECK(gathers(1, "", "test -z \"$(ls)\"", 3) == 0);
  });
}

TEST_CASE("adopt says never_started for what it does not know") {
  for_each_driver([](const subject& x) {
    bench b{x};
    const auto found = b->adopt({make_spec(b.dir.path(), 7), make_spec(b.dir.path(), 8)});
    REQUIRE(found.ok());
    CHECK(*found == std::vector<adoption>{adoption::never_started, adoption::never_started});
    // And it may then be prepared and started under the same id.
    const auto seen = b.heard.wait_end(b.running(b.spec({}, 7)));
    CHECK(seen.exited.has_value());
  });
}

TEST_CASE("a driver may be destroyed with attempts in every state") {
  for_each_driver([](const subject& x) {
    bench b{x};
    b.prepared(b.spec({}, 0));
    const auto id = b.settled(b.spec({60'000ms, 0, false}, 1));
    b->prepare(b.spec({}, 2));
    if (x.durable) { // Nothing may be left behind by this test.
      b->stop(id, 0ms);
      b.heard.wait_end(id);
    }
    b.driver_.reset();
    SUCCEED();
  });
}
