// How fast the store takes submissions and events, per size of transaction, and reads them back.
//   store_bench [FOLDER] [TASKS]      FOLDER decides which disk is measured (default: the working directory)
#include "arguments.hpp"

#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace muster;
using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point start) {
  return std::chrono::duration<double>(steady::now() - start).count();
}

[[noreturn]] void give_up(const error& problem) {
  std::fprintf(stderr, "store_bench: %s\n", problem.message.c_str());
  std::exit(1);
}

template <class T>
T must(result<T> x) {
  if (!x)
    give_up(x.failure());
  return std::move(*x);
}
void must(const result<void>& x) {
  if (!x)
    give_up(x.failure());
}

struct names {
  std::vector<std::string> groups, tasks, bodies;
  explicit names(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      tasks.push_back("task-" + std::to_string(i));
      groups.push_back(tasks.back() + "-group");
      bodies.push_back(R"({"image":"ubuntu:24.04","command":["bash","-c"],"args":["train --shard )" +
                       std::to_string(i) + R"( --of 100000"],"environment":[["A","1"],["B","2"]]})");
    }
  }
};

store::submission workflow_of(const names& x) {
  store::submission s;
  s.time = timestamp{duration{1}};
  s.name = "bench";
  s.spec_text = "workflow:\n  name: bench\n";
  for (std::uint32_t i = 0; i < x.tasks.size(); ++i) {
    s.groups.push_back({x.groups[i], false, true, {}, status::waiting});
    s.tasks.push_back({x.tasks[i], {i}, true, R"({"cpu":1,"memory":1073741824})", x.bodies[i], status::waiting});
  }
  return s;
}

/// The life of every task, a window of them at a time, as a busy runtime would record it.
std::vector<event> lives(workflow_key key, std::uint32_t tasks, std::uint32_t window) {
  std::vector<event> out;
  std::int64_t clock = 1'700'000'000'000'000;
  for (std::uint32_t begin = 0; begin < tasks; begin += window) {
    const auto end = std::min(tasks, begin + window);
    for (const auto s : {status::processing, status::initializing, status::running, status::completed})
      for (auto i = begin; i < end; ++i) {
        event x;
        x.time = timestamp{duration{clock += 7}};
        x.type = event_type::task_status;
        x.workflow = key;
        x.group.value = i;
        x.task.value = i;
        x.status = s;
        if (s >= status::initializing) {
          x.lease.value = i + 1;
          x.node = "node-1";
          x.address = "127.1.0.1";
        }
        if (s == status::completed)
          x.exit_code = 0;
        out.push_back(std::move(x));
      }
  }
  return out;
}

void measure(const std::filesystem::path& folder, const names& x, std::size_t batch, std::uint32_t window) {
  const store::state_directory state{folder};
  auto writer = must(store::writer::open(state));
  auto start = steady::now();
  const auto flow = must(writer.submit(workflow_of(x)));
  must(writer.commit());
  const auto submit_time = seconds_since(start);
  // Small transactions take a disk's flush each: fewer events do.
  const auto events = lives(flow.key, static_cast<std::uint32_t>(x.tasks.size()), window);
  const auto count = std::min(events.size(), std::max<std::size_t>(batch * 2000, 2000));
  auto slowest = 0.0;
  start = steady::now();
  for (std::size_t i = 0; i < count;) {
    const auto begun = steady::now();
    for (const auto end = std::min(count, i + batch); i < end; ++i)
      (void)must(writer.append(events[i]));
    must(writer.commit());
    slowest = std::max(slowest, seconds_since(begun));
  }
  const auto append_time = seconds_since(start);
  auto reader = must(store::reader::open(state));
  start = steady::now();
  store::event_query query;
  std::size_t seen = 0;
  for (;;) {
    const auto page = must(reader.events(query));
    seen += page.events.size();
    if (page.at_end)
      break;
    query.after = page.next_after;
  }
  const auto read_time = seconds_since(start);
  std::printf("%8zu %8zu %12.0f %12.0f %14.1f %12.0f %10.1f\n", batch, x.tasks.size(),
              static_cast<double>(x.tasks.size()) / submit_time, static_cast<double>(count) / append_time,
              slowest * 1e3, static_cast<double>(seen) / read_time,
              static_cast<double>(std::filesystem::file_size(state.database())) / 1e6);
  std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
  std::string folder_of_all = ".";
  int number = 100'000;
  bench::take_arguments(argc, argv, "The store alone",
                        {{"FOLDER", "on the disk that is measured", &folder_of_all}, {"TASKS", "in all", &number}});
  const std::filesystem::path base = folder_of_all;
  const auto tasks = static_cast<std::uint32_t>(number);
  const names all{tasks};
  std::printf("%8s %8s %12s %12s %14s %12s %10s\n", "batch", "tasks", "submitted/s", "events/s", "slowest ms", "read/s",
              "MB");
  for (const std::size_t batch : {1U, 10U, 100U, 1'000U, 4'000U, 16'000U}) {
    const auto folder = base / ("store_bench." + std::to_string(::getpid()));
    measure(folder, all, batch, 1024);
    std::filesystem::remove_all(folder);
  }
  return 0;
}
