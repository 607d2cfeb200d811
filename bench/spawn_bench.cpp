// What the drivers cost alone, without actors and journal.
//
//   spawn_bench [TASKS] [ROUNDS]
//
// `true`, two at a time: a bare posix_spawn loop with output to a file each, the process driver (prepared two at a
// time, and all prepared ahead), and the null driver, which runs nothing.

#include "arguments.hpp"
#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"
#include "measure.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace muster;
using namespace muster::bench;

constexpr std::uint32_t parallel = 2;

void spawn_loop(std::uint32_t tasks) {
  const scratch_folder logs;
  char name[] = "true";
  char* const argv[] = {name, nullptr};
  int status = 0;
  for (std::uint32_t i = 0; i < tasks + parallel; ++i) {
    if (i >= parallel)
      wait(&status);
    if (i >= tasks)
      continue;
    const auto log = logs.path() + "/" + std::to_string(i);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t child = 0;
    if (posix_spawn(&child, "/bin/true", &actions, nullptr, argv, environ) != 0)
      std::exit(1);
    posix_spawn_file_actions_destroy(&actions);
  }
}

/// Keeps so many attempts going, from within the callbacks.
class feeder final : public driver_listener {
public:
  feeder(driver& to, const std::string& state, std::uint32_t tasks, bool ahead, std::uint32_t window)
      : to_(to), state_(state), tasks_(tasks), window_(window), ahead_(ahead) {}

  void run() {
    const auto first = ahead_ ? tasks_ : std::min(window_, tasks_);
    prepared_ = first;
    for (std::uint32_t i = 0; i < first; ++i)
      to_.prepare(spec(i));
    done_.get_future().wait();
  }

  void on_prepared(attempt_id id, result<void> outcome) override {
    if (!outcome)
      fail(outcome.failure().message);
    if (!ahead_ || started_ < window_) {
      ++started_;
      to_.start(id);
    }
  }
  void on_started(attempt_id /*id*/, result<void> outcome) override {
    if (!outcome)
      fail(outcome.failure().message);
  }
  void on_exited(attempt_id id, exit_result outcome) override {
    if (outcome.code != 0)
      fail("code " + std::to_string(outcome.code));
    to_.publish(id);
    to_.remove(id);
    if (ahead_ && started_ < tasks_)
      to_.start({workflow_key{1}, task_index{started_++}, 0});
    else if (prepared_ < tasks_)
      to_.prepare(spec(prepared_++));
    if (++ended_ == tasks_)
      done_.set_value();
  }
  void on_lost(attempt_id /*id*/, std::string why) override { fail(why); }

private:
  [[nodiscard]] attempt_spec spec(std::uint32_t i) const {
    attempt_spec out;
    out.id = {workflow_key{1}, task_index{i}, 0};
    out.workflow_id = "bench-1";
    out.task.name = "t" + std::to_string(i);
    out.group = out.task.name + "-group";
    out.task.command = {"true"};
    out.folder = state_ + "/workflows/bench-1/tasks/" + out.task.name + ".0";
    out.address = "127.0.0.1";
    return out;
  }
  [[noreturn]] static void fail(const std::string& why) {
    std::fprintf(stderr, "failed: %s\n", why.c_str());
    std::exit(1);
  }

  driver& to_;
  const std::string state_;
  const std::uint32_t tasks_;
  const std::uint32_t window_;
  const bool ahead_;
  std::uint32_t prepared_ = 0;
  std::uint32_t started_ = 0;
  std::uint32_t ended_ = 0;
  std::promise<void> done_;
};

void drive(std::unique_ptr<driver> x, const std::string& state, std::uint32_t tasks, bool ahead, std::uint32_t window) {
  if (const auto found = x->probe(); !found) {
    std::fprintf(stderr, "%s\n", found.failure().message.c_str());
    std::exit(1);
  }
  feeder feed{*x, state, tasks, ahead, window};
  x->listen(feed);
  feed.run();
  x.reset();
}

void processes(std::uint32_t tasks, bool ahead) {
  const scratch_folder state;
  process_config config;
  config.state_directory = state.path();
  drive(make_process_driver(std::move(config)), state.path(), tasks, ahead, parallel);
}

} // namespace

int main(int argc, char** argv) {
  int number = 1000;
  int rounds = 5;
  take_arguments(argc, argv, "The drivers alone, without actors and store",
                 {{"TASKS", "of each round", &number}, {"ROUNDS", "of which medians are printed", &rounds}});
  const auto tasks = static_cast<std::uint32_t>(number);
  const std::vector<contestant> all{
      {"posix_spawn loop, file each", [&] { spawn_loop(tasks); }},
      {"process driver", [&] { processes(tasks, false); }},
      {"process driver, prepared ahead", [&] { processes(tasks, true); }},
  };
  print("processes, 2 at a time", all, run_interleaved(all, rounds), tasks, 0);

  const std::uint32_t many = tasks * 100;
  const std::vector<contestant> nothing{
      {"null driver, 1,000 at a time", [&] { drive(make_null_driver(), "/nowhere", many, false, 1000); }}};
  print("no processes", nothing, run_interleaved(nothing, rounds), many, 0);
  return 0;
}
