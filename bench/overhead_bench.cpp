// What Muster costs per task, beside what spawns the same processes and records nothing.
//
//   overhead_bench [TASKS] [ROUNDS]
//
// Without arguments: 1,000 tasks in 9 rounds, 10,000 in 3, and the chain. All contestants run `true` TASKS times, two
// at a time, each with its output in a file of its own or, for xargs, make and GNU parallel (if it is installed),
// dropped. Muster is the program as users run it: it reads the file, journals every transition with an fsync per
// commit, and ends. The chain compares hops: a serial spawn plus one durable commit of SQLite, against a workflow in
// which each task waits for the one before.

#include "arguments.hpp"
#include "measure.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace muster::bench;

constexpr int parallel = 2;

pid_t spawn_true(const std::string& log) {
  char name[] = "true";
  char* const argv[] = {name, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  if (posix_spawn(&child, "/bin/true", &actions, nullptr, argv, environ) != 0)
    std::exit(1);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

/// The floor: spawn, wait, nothing else.
void spawn_loop(int tasks, int at_once) {
  const scratch_folder logs;
  int running = 0;
  int status = 0;
  for (int i = 0; i < tasks; ++i) {
    if (running == at_once) {
      wait(&status);
      --running;
    }
    spawn_true(logs.path() + "/" + std::to_string(i));
    ++running;
  }
  while (running-- > 0)
    wait(&status);
}

/// A serial spawn and one durable commit a hop.
void spawn_and_commit(int tasks) {
  const scratch_folder folder;
  sqlite3* db = nullptr;
  sqlite3_open((folder.path() + "/db").c_str(), &db);
  sqlite3_exec(db, "pragma journal_mode=wal; pragma synchronous=full; create table t(a)", nullptr, nullptr, nullptr);
  int status = 0;
  for (int i = 0; i < tasks; ++i) {
    sqlite3_exec(db, "insert into t values(1)", nullptr, nullptr, nullptr);
    spawn_true(folder.path() + "/" + std::to_string(i));
    wait(&status);
  }
  sqlite3_close(db);
}

void xargs(const std::string& numbers) {
  run_program({"xargs", "-a", numbers, "-P", std::to_string(parallel), "-n", "1", "true"});
}

/// GNU parallel, where it is installed. It takes several milliseconds for each task, so it is spared the long runs.
bool has_parallel(int tasks) {
  constexpr int most = 1000;
  return tasks <= most && std::filesystem::exists("/usr/bin/parallel");
}

void gnu_parallel(const std::string& numbers) {
  run_program({"parallel", "--will-cite", "-a", numbers, "-j", std::to_string(parallel), "true"});
}

void make(const std::string& makefile) {
  run_program({"make", "-s", "-j", std::to_string(parallel), "-f", makefile});
}

void muster_run(const std::string& spec) {
  const scratch_folder state;
  run_program({MUSTER_BINARY, "run", "--quiet", "--state-dir", state.path(), "--pool", "process", "--max-parallel",
               std::to_string(parallel), spec});
}

std::string write(const std::string& path, const std::string& text) {
  std::ofstream{path} << text;
  return path;
}

std::string independent_spec(int tasks) {
  std::string text = "workflow:\n  name: bench\n  tasks:\n";
  for (int i = 0; i < tasks; ++i)
    text += "  - {name: t" + std::to_string(i) + ", image: none, command: [/bin/true]}\n";
  return text;
}

std::string chain_spec(int tasks) {
  std::string text = "workflow:\n  name: chain\n  tasks:\n";
  for (int i = 0; i < tasks; ++i) {
    text += "  - {name: t" + std::to_string(i) + ", image: none, command: [/bin/true]";
    if (i > 0)
      text += ", inputs: [{task: t" + std::to_string(i - 1) + "}]";
    text += "}\n";
  }
  return text;
}

std::string makefile_of(int tasks, bool chain) {
  std::string text = "all:";
  for (int i = 0; i < tasks; ++i)
    text += " t" + std::to_string(i);
  text += "\n.PHONY: all";
  for (int i = 0; i < tasks; ++i)
    text += " t" + std::to_string(i);
  text += "\n";
  for (int i = 0; i < tasks; ++i)
    text += "t" + std::to_string(i) + ":" + (chain && i > 0 ? " t" + std::to_string(i - 1) : "") + "\n\t@/bin/true\n";
  return text;
}

void numbers_file(const std::string& path, int tasks) {
  std::ofstream file{path};
  for (int i = 0; i < tasks; ++i)
    file << i << '\n';
}

void compare_independent(int tasks, int rounds) {
  const scratch_folder inputs;
  numbers_file(inputs.path() + "/numbers", tasks);
  const auto spec = write(inputs.path() + "/flat.yaml", independent_spec(tasks));
  const auto makefile = write(inputs.path() + "/flat.mk", makefile_of(tasks, false));
  std::vector<contestant> contestants{
      {"posix_spawn loop, output to a file", [&] { spawn_loop(tasks, parallel); }},
      {"xargs -P2", [&] { xargs(inputs.path() + "/numbers"); }},
      {"make -j2", [&] { make(makefile); }},
      {"muster run", [&] { muster_run(spec); }},
  };
  if (has_parallel(tasks))
    contestants.push_back({"GNU parallel -j2", [&] { gnu_parallel(inputs.path() + "/numbers"); }});
  print(std::to_string(tasks) + " independent tasks", contestants, run_interleaved(contestants, rounds), tasks, 0);
}

void compare_chain(int hops, int rounds) {
  const scratch_folder inputs;
  const auto chain = write(inputs.path() + "/chain.yaml", chain_spec(hops));
  const auto makefile = write(inputs.path() + "/chain.mk", makefile_of(hops, true));
  const std::vector<contestant> contestants{
      {"serial spawn + one commit a hop", [&] { spawn_and_commit(hops); }},
      {"serial spawn", [&] { spawn_loop(hops, 1); }},
      {"make", [&] { make(makefile); }},
      {"muster run", [&] { muster_run(chain); }},
  };
  print("a chain of " + std::to_string(hops), contestants, run_interleaved(contestants, rounds), hops, 0);
}

} // namespace

int main(int argc, char* argv[]) {
  constexpr int hops = 200;
  int tasks = 0;
  int rounds = 9;
  take_arguments(argc, argv, "What a task costs, beside what spawns the same processes and records nothing",
                 {{"TASKS", "of each round; else 1,000, and 10,000 in 3 rounds", &tasks},
                  {"ROUNDS", "of which medians are printed", &rounds}});
  if (tasks > 0) {
    compare_independent(tasks, rounds);
  } else {
    compare_independent(1'000, rounds);
    compare_independent(10'000, 3);
  }
  compare_chain(hops, rounds);
  return 0;
}
