// What Muster costs per container, beside a bare loop over the Engine API.
//
//   docker_bench [rates [CONTAINERS [ROUNDS]]]      rates, and what a container in a row costs
//   docker_bench live [CONTAINERS]                  memory of Muster while so many containers run
//
// The daemon is that of DOCKER_HOST (`eval "$(./dev docker up)"` starts one); its image `busybox` is used. The floor
// creates, starts, waits for and removes containers over kept connections, as many at a time as turned out fastest, and
// records nothing. Muster copies the log of each and journals every transition.

#include "arguments.hpp"
#include "measure.hpp"

#include "support/unix_http.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace muster::bench;
using muster::test::unix_http;
using clock_type = std::chrono::steady_clock;

std::string socket_path() {
  constexpr std::string_view scheme = "unix://";
  const char* host = std::getenv("DOCKER_HOST");
  if (host == nullptr || std::string_view{host}.substr(0, scheme.size()) != scheme)
    return {};
  return std::string{host}.substr(scheme.size());
}

void call(unix_http& daemon, const std::string& method, const std::string& path, const std::string& body = {}) {
  const auto answer = daemon.call(method, path, body);
  if (answer.status >= 300 || answer.status == 0) {
    std::fprintf(stderr, "benchmark: %s %s: %d %s\n", method.c_str(), path.c_str(), answer.status, answer.body.c_str());
    std::exit(1);
  }
}

void run_one(unix_http& daemon, const std::string& name) {
  const auto* const config = R"({"Image":"busybox","Entrypoint":["true"],"Cmd":[],"HostConfig":{"Init":true}})";
  call(daemon, "POST", "/v1.41/containers/create?name=" + name, config);
  call(daemon, "POST", "/v1.41/containers/" + name + "/start");
  call(daemon, "POST", "/v1.41/containers/" + name + "/wait");
  call(daemon, "DELETE", "/v1.41/containers/" + name + "?v=1");
}

void engine_loop(int containers, int at_once) {
  static std::atomic<int> runs{0};
  const auto prefix = "muster-bench-" + std::to_string(::getpid()) + "-" + std::to_string(++runs) + "-";
  std::atomic<int> next{0};
  std::vector<std::thread> workers;
  workers.reserve(static_cast<std::size_t>(at_once));
  for (int i = 0; i < at_once; ++i)
    workers.emplace_back([&] {
      unix_http daemon{socket_path()};
      for (int n = next++; n < containers; n = next++)
        run_one(daemon, prefix + std::to_string(n));
    });
  for (auto& x : workers)
    x.join();
}

int fastest_parallelism(int containers) {
  int best = 1;
  double best_time = 0;
  std::printf("the floor's parallelism:");
  for (const int at_once : {1, 2, 4, 8, 16}) {
    const auto begin = clock_type::now();
    engine_loop(containers, at_once);
    const auto seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
    std::printf("  %d: %.1f/s", at_once, containers / seconds);
    if (best_time == 0 || seconds < best_time) {
      best_time = seconds;
      best = at_once;
    }
  }
  std::printf("\n");
  return best;
}

std::string spec_of(int containers, const std::string& command) {
  std::string text = "workflow:\n  name: bench\n  tasks:\n";
  for (int i = 0; i < containers; ++i)
    text += "  - {name: t" + std::to_string(i) + ", image: busybox, command: " + command + "}\n";
  return text;
}

std::string write(const std::string& path, const std::string& text) {
  std::ofstream{path} << text;
  return path;
}

std::vector<std::string> muster_command(const std::string& state, int parallel, const std::string& spec) {
  return {MUSTER_BINARY,
          "run",
          "--quiet",
          "--state-dir",
          state,
          "--pool",
          "docker",
          "--oversubscribe",
          "1000",
          "--max-parallel",
          std::to_string(parallel),
          spec};
}

void muster_run(const std::string& spec, int parallel) {
  const scratch_folder state;
  run_program(muster_command(state.path(), parallel, spec));
}

void compare(int containers, int rounds) {
  const scratch_folder inputs;
  const auto spec = write(inputs.path() + "/flat.yaml", spec_of(containers, "['true']"));
  const int best = fastest_parallelism(containers);
  const auto times_at_once = ", " + std::to_string(best) + " at a time";
  const std::vector<contestant> parallel{
      {"Engine API" + times_at_once, [&] { engine_loop(containers, best); }},
      {"muster run" + times_at_once, [&] { muster_run(spec, best); }},
  };
  print(std::to_string(containers) + " containers of true", parallel, run_interleaved(parallel, rounds), containers, 0);
  const std::vector<contestant> serial{
      {"Engine API", [&] { engine_loop(containers, 1); }},
      {"muster run", [&] { muster_run(spec, 1); }},
  };
  const auto times = run_interleaved(serial, rounds);
  print(std::to_string(containers) + " containers in a row", serial, times, containers, 0);
  std::printf("added to each: %.1f ms\n", (median(times[1]) - median(times[0])) * 1e3 / containers);
}

/// Kilobytes that a process holds in memory.
long resident_kib(pid_t pid) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmRSS:", 0) == 0)
      return std::atol(line.c_str() + 6);
  return 0;
}

std::size_t running_containers() {
  unix_http daemon{socket_path()};
  const auto answer = daemon.call("GET", R"(/v1.41/containers/json?filters={"label":["muster.head"]})");
  return nlohmann::json::parse(answer.body).size();
}

pid_t spawn_quietly(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0)
    std::exit(1);
  return pid;
}

void measure_live(int containers) {
  const scratch_folder state;
  const auto spec = write(state.path() + "/live.yaml", spec_of(containers, "[sleep, '3600']"));
  const pid_t muster = spawn_quietly(muster_command(state.path() + "/state", containers, spec));
  long first = 0;
  for (std::size_t live = 0; live < static_cast<std::size_t>(containers);) {
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
    if (::waitpid(muster, nullptr, WNOHANG) == muster)
      std::exit(1);
    live = running_containers();
    if (first == 0 && live > 0)
      first = resident_kib(muster);
  }
  const auto all = resident_kib(muster);
  std::printf("%d live containers: %ld KiB resident, %.1f KiB for each after the first\n", containers, all,
              static_cast<double>(all - first) / std::max(1, containers - 1));
  // Twice: at once, without the grace of each.
  ::kill(muster, SIGTERM);
  std::this_thread::sleep_for(std::chrono::seconds{1});
  ::kill(muster, SIGTERM);
  ::waitpid(muster, nullptr, 0);
}

} // namespace

int main(int argc, char* argv[]) {
  std::string what = "rates";
  int containers = 0;
  int rounds = 3;
  take_arguments(argc, argv, "Containers per second, or memory while many live, beside the daemon alone",
                 {{"WHAT", "rates, or live: memory while so many run", &what},
                  {"CONTAINERS", "in all; else 40, or 500 that live", &containers},
                  {"ROUNDS", "of which medians of rates are printed", &rounds}});
  if (socket_path().empty()) {
    std::puts("skipped: DOCKER_HOST names no Unix socket of a Docker daemon; try: eval \"$(./dev docker up)\"");
    return 0;
  }
  if (what == "live") {
    measure_live(containers > 0 ? containers : 500);
  } else if (what == "rates") {
    compare(containers > 0 ? containers : 40, rounds);
  } else {
    std::fprintf(stderr, "docker_bench: '%s' is nothing that it measures: rates or live\n", what.c_str());
    return 2;
  }
  return 0;
}
