#include "process_bench.hpp"

#include "executors/process/warden/procfs.hpp"
#include "executors/process/warden/records.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

// kill -9 of the runtime and of the warden: nothing is started twice, nothing is lost that can be known, nothing stays.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// Drives attempts in a process of its own, as a runtime would, and kills that process with SIGKILL. `until` says when;
/// it runs in the doomed process.
void with_doomed_runtime(const fs::path& state, const std::vector<attempt_spec>& attempts,
                         const std::function<bool(recorder&)>& until) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    process_config config;
    config.state_directory = state;
    config.leftover_grace = 150ms;
    const auto driver = make_process_driver(std::move(config));
    recorder heard;
    if (!driver->probe())
      ::_exit(1);
    driver->listen(heard);
    for (const auto& x : attempts) {
      driver->prepare(x);
      heard.wait_prepared(x.id);
      driver->start(x.id);
    }
    const bool came = eventually([&] { return until(heard); });
    if (!came)
      ::_exit(2);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(WTERMSIG(status) == SIGKILL);
}

bool all_started(recorder& heard, const std::vector<attempt_spec>& attempts) {
  for (const auto& x : attempts)
    if (!heard.of(x.id).started)
      return false;
  return true;
}

std::vector<attempt_spec> shells(const fs::path& state, const std::vector<std::string>& scripts) {
  std::vector<attempt_spec> out;
  for (std::uint32_t i = 0; i < scripts.size(); ++i) {
    out.push_back(make_spec(state, i));
    out.back().task.command = {"/bin/sh", "-c", scripts[i]};
  }
  return out;
}

/// Each line of the log was written by one start.
std::size_t starts_of(const attempt_spec& x) {
  const auto text = process_bench::log_of(x);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

} // namespace

TEST_CASE("a new runtime adopts what runs and what ended while nobody looked") {
  scratch dir;
  const auto all = shells(dir.path(), {"echo started; while [ ! -e go ]; do sleep 0.01; done; exit 9",
                                       "echo started; exit 5", "echo started; (setsid sleep 60 &); exit 0", "true"});
  const std::vector<attempt_spec> driven{all[0], all[1], all[2]};
  with_doomed_runtime(dir.path(), driven, [&](recorder& heard) {
    return all_started(heard, driven) && heard.of(all[1].id).exited.has_value();
  });
  process_bench b{dir.path()};
  const auto found = b->adopt(all);
  REQUIRE(found.ok());
  CHECK((*found)[0] == adoption::running);
  CHECK((*found)[1] == adoption::exited);
  CHECK((*found)[3] == adoption::never_started);
  CHECK(b.heard.wait_end(all[1].id).exited->code == 5);
  write_text(all[0].folder / "work/go", "");
  CHECK(b.heard.wait_end(all[0].id).exited->code == 9);
  CHECK(b.heard.wait_end(all[2].id).exited->code == 0);
  CHECK(processes_with("MUSTER_ATTEMPT_FOLDER=" + all[2].folder.string()).empty());
  for (const auto& x : driven) {
    CHECK(starts_of(x) == 1);
    CHECK(b.heard.of(x.id).calls == std::vector<std::string>{"exited"});
    // It was started: neither prepare nor start may do it again.
    b->remove(x.id);
  }
  CHECK(b.run(all[3]).exited->code == 0);
  const auto again = b.prepare(all[0]);
  CHECK(again.prepared->failure().code == ec::conflict);
}

TEST_CASE("an adopted attempt can be stopped, and publishes its outputs") {
  scratch dir;
  auto all = shells(dir.path(),
                    {"touch ready; sleep 60", "echo 1 > $MUSTER_OUTPUT/a; while [ ! -e go ]; do sleep 0.01; done"});
  all[1].task.outputs = {{"file://" + (dir.path() / "target").string(), ""}};
  with_doomed_runtime(dir.path(), all, [&](recorder& heard) {
    return all_started(heard, all) && fs::exists(all[0].folder / "work/ready");
  });
  process_bench b{dir.path()};
  REQUIRE(b->adopt(all).ok());
  b->stop(all[0].id, 10'000ms);
  CHECK(b.heard.wait_end(all[0].id).exited->signal == SIGTERM);
  write_text(all[1].folder / "work/go", "");
  CHECK(b.heard.wait_end(all[1].id).exited->code == 0);
  CHECK(read_text(dir.path() / "target/a") == "1\n");
}

TEST_CASE("a runtime killed at any moment leaves each attempt started at most once, and its end known") {
  scratch dir;
  constexpr std::uint32_t count = 20;
  for (std::uint32_t round = 0; round < 8; ++round) {
    const auto state = dir.path() / std::to_string(round);
    std::vector<std::string> scripts(count, "echo started; exit 3");
    const auto all = shells(state, scripts);
    with_doomed_runtime(state, all, [&](recorder& heard) { return heard.of(all[round * 2].id).started.has_value(); });
    process_bench b{state};
    const auto found = b->adopt(all);
    REQUIRE(found.ok());
    for (std::uint32_t i = 0; i < count; ++i) {
      INFO("round " << round << " attempt " << i);
      CHECK((*found)[i] != adoption::lost);
      if ((*found)[i] == adoption::never_started) {
        b->prepare(all[i]);
        b.heard.wait_prepared(all[i].id);
        b->start(all[i].id);
      }
      const auto seen = b.heard.wait_end(all[i].id);
      REQUIRE(seen.exited.has_value());
      CHECK(seen.exited->code == 3);
      CHECK(starts_of(all[i]) == 1);
    }
  }
}

TEST_CASE("a killed warden: what survives is watched, what ended is lost, nothing starts twice") {
  process_bench b;
  const auto survives = b.shell("echo started; touch ready; while [ ! -e go ]; do sleep 0.01; done", 1);
  const auto ended = b.shell("true", 2);
  const auto stopped =
      b.shell("echo started; trap '' TERM; (setsid sleep 60 &); touch ready; while :; do sleep 0.05; done", 3);
  b.start(survives);
  b.start(stopped);
  b.run(ended);
  for (const auto* x : {&survives, &stopped})
    REQUIRE(eventually([&] { return fs::exists(x->folder / "work/ready"); }));
  const auto first = b.warden();
  REQUIRE(first != 0);
  ::kill(first, SIGKILL);
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != first; }));

  // The new warden serves.
  CHECK(b.run(b.shell("exit 6", 4)).exited->code == 6);
  CHECK_FALSE(b.heard.of(survives.id).lost.has_value());
  b->stop(stopped.id, 100ms);
  // It was no child of this warden, but cannot have ended by anything else.
  const auto gone = b.heard.wait_end(stopped.id);
  REQUIRE(gone.exited.has_value());
  CHECK(gone.exited->signal == SIGKILL);
  CHECK(processes_with("MUSTER_ATTEMPT_FOLDER=" + stopped.folder.string()).empty());
  write_text(survives.folder / "work/go", "");
  const auto seen = b.heard.wait_end(survives.id);
  REQUIRE(seen.lost.has_value());
  CHECK_THAT(*seen.lost, ContainsSubstring("warden was killed"));
  CHECK(starts_of(survives) == 1);
  CHECK(starts_of(stopped) == 1);
}

TEST_CASE("a survivor that may end by itself when it is asked to is lost") {
  process_bench b;
  const auto x = b.shell("trap 'exit 7' TERM; touch ready; while :; do sleep 0.01; done");
  b.start(x);
  REQUIRE(eventually([&] { return fs::exists(x.folder / "work/ready"); }));
  const auto first = b.warden();
  ::kill(first, SIGKILL);
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != first; }));
  b->stop(x.id, 10'000ms);
  CHECK(b.heard.wait_end(x.id).lost.has_value());
}

TEST_CASE("a warden is scheduled as the program was at its start, whichever thread launches it") {
  process_bench b;
  const auto first = b.warden();
  CHECK(::sched_getscheduler(first) == SCHED_OTHER);
  ::kill(first, SIGKILL); // The next is launched by the driver's thread.
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != first; }));
  CHECK(::sched_getscheduler(b.warden()) == SCHED_OTHER);
}

TEST_CASE("runtime and warden killed together: the next runtime learns what can be known") {
  scratch dir;
  const auto all = shells(dir.path(), {"echo started; touch ready; while [ ! -e go ]; do sleep 0.01; done",
                                       "echo started; sleep 0.05; exit 4", "true"});
  const std::vector<attempt_spec> driven{all[0], all[1]};
  with_doomed_runtime(dir.path(), driven, [&](recorder& heard) {
    return all_started(heard, driven) && heard.of(all[1].id).exited && fs::exists(all[0].folder / "work/ready");
  });
  pid_t warden = 0;
  for (const auto pid : process::all_processes()) {
    const auto words = read_small_file(("/proc/" + std::to_string(pid) + "/cmdline").c_str());
    if (words.find("muster-warden") == 0 && words.find(dir.path().string()) != std::string::npos && is_alive(pid))
      warden = pid;
  }
  REQUIRE(warden != 0);
  ::kill(warden, SIGKILL);
  REQUIRE(eventually([&] { return !is_alive(warden); }));
  process_bench b{dir.path()};
  const auto found = b->adopt(all);
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::running, adoption::exited, adoption::never_started});
  CHECK(b.heard.wait_end(all[1].id).exited->code == 4);
  b->stop(all[0].id, 10'000ms);
  REQUIRE(b.heard.wait_end(all[0].id).exited.has_value());
  CHECK(b.heard.of(all[0].id).exited->signal == SIGTERM);
  CHECK(processes_with("MUSTER_ATTEMPT_FOLDER=" + all[0].folder.string()).empty());
}

TEST_CASE("an attempt with a log but no record is lost, and is not started again") {
  process_bench b;
  const auto x = b.shell("true");
  write_text(x.folder.string() + ".log", "");
  const auto found = b->adopt({x});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::lost});
  CHECK(b.prepare(x).prepared->failure().code == ec::conflict);
}

TEST_CASE("records survive, a torn end does not hurt, and the file does not grow for ever") {
  scratch dir;
  const auto path = (dir.path() / "records").string();
  process::attempt_record kept;
  kept.id = {workflow_key{7}, task_index{1}, 2};
  kept.at = process::attempt_record::state::ended;
  kept.code = 42;
  kept.started_us = 1;
  kept.ended_us = wall_clock_us();
  {
    auto file = process::record_file::open(path);
    REQUIRE(file.ok());
    file->put(kept);
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      process::attempt_record x;
      x.id = {workflow_key{1}, task_index{i}, 0};
      file->put(x);
      x.at = process::attempt_record::state::forgotten;
      file->put(x);
      if (i % 100 == 0)
        REQUIRE(file->flush().ok());
    }
    REQUIRE(file->flush().ok());
  }
  const auto size = fs::file_size(path);
  CHECK(size < 2'000'000);
  std::ofstream{path, std::ios::app | std::ios::binary} << "half a reco";
  for (int again = 0; again < 2; ++again) {
    const auto file = process::record_file::open(path);
    REQUIRE(file.ok());
    REQUIRE(file->live().size() == 1);
    CHECK(file->live().at(kept.id).code == 42);
    CHECK(fs::file_size(path) == size);
  }
}
