// Placement alone: no actors, no store; one thread, by its processor time.
//
//   placement_bench [NODES]
//
// Prints gangs per second (8 members of 1 GPU each), how long a gang of 1,024 takes, how long a pass over 10,000
// waiting gangs takes that all ask for something else, how long it takes to find out whom to preempt, and what 100,000
// equal gangs that wait cost. The target stands beside each.

#include "arguments.hpp"
#include "measure.hpp"

#include "muster/placement/gang_queue.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace muster;

constexpr std::int64_t gib = std::int64_t{1} << 30U;

/// Seconds of processor time of this thread: what runs beside it does not count.
double processor_time() {
  timespec x{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &x);
  return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_nsec) * 1e-9;
}

double seconds_of(double begun) {
  return processor_time() - begun;
}

/// `count` nodes of 64 CPUs and eight GPUs in two groups of neighbours, 32 to a rack.
std::vector<node_state> make_nodes(std::size_t count) {
  std::vector<node_state> nodes;
  for (std::size_t n = 0; n < count; ++n) {
    auto node = make_node("node" + std::to_string(n), {64, 1024 * gib, 4096 * gib}, {0, 1, 2, 3, 4, 5, 6, 7});
    node.labels["rack"] = std::to_string(n / 32);
    node.gpu_links = {{0, 1, 2, 3}, {4, 5, 6, 7}};
    nodes.push_back(std::move(node));
  }
  return nodes;
}

gang equal_members(std::size_t count, std::int64_t gpu, std::int64_t cpu = 1) {
  resource_request x;
  x.cpu = cpu;
  x.gpu = gpu;
  return gang(count, x);
}

queue_policy with_racks() {
  queue_policy x;
  x.topology_keys = {{"rack", "rack"}};
  return x;
}

/// Times of something that was done often.
struct samples {
  std::vector<double> ms;

  [[nodiscard]] double at(double part) {
    std::sort(ms.begin(), ms.end());
    return ms[std::min(ms.size() - 1, static_cast<std::size_t>(part * static_cast<double>(ms.size())))];
  }
  void print(const char* what, const char* target) {
    std::printf("%-64s %9.3f %9.3f %9.3f   %s\n", what, at(0.5), at(0.99), ms.empty() ? 0 : at(1), target);
  }
};

/// Gangs come, and the oldest goes when there is no room.
void measure_rate(std::size_t node_count, const char* what, const std::vector<gang>& kinds) {
  gang_queue q{make_nodes(node_count), with_racks()};
  std::deque<gang_key> held;
  constexpr std::size_t count = 200'000;
  const auto begun = processor_time();
  std::size_t placed = 0;
  for (gang_key key = 1; placed < count; ++key) {
    const auto& who = kinds[key % kinds.size()];
    const bool has_place = std::holds_alternative<assignment>(q.submit(key, who));
    placed += std::size_t{has_place};
    held.push_back(key);
    while (q.waiting() != 0) {
      q.withdraw(held.front());
      held.pop_front();
      placed += q.poll().size();
    }
  }
  std::printf("%-64s %12.0f gangs/s\n", what, static_cast<double>(placed) / seconds_of(begun));
}

void measure_large(std::size_t node_count, const char* what, const gang& who, bool broken) {
  gang_queue q{make_nodes(node_count), with_racks()};
  gang_key key = 0;
  if (broken)
    for (std::size_t n = 0; n < node_count; n += 2)
      static_cast<void>(q.submit(++key, equal_members(1, 7)));
  samples times;
  for (int i = 0; i < 50; ++i) {
    const auto begun = processor_time();
    const bool has_place = std::holds_alternative<assignment>(q.submit(++key, who));
    times.ms.push_back(seconds_of(begun) * 1e3);
    if (!has_place)
      std::printf("%s: no place\n", what);
    q.withdraw(key);
    static_cast<void>(q.poll());
  }
  times.print(what, "5 ms");
}

gang different_members(std::size_t count) {
  auto who = equal_members(count, 1);
  for (std::size_t i = 0; i < count; ++i)
    who[i].memory = static_cast<std::int64_t>(i + 1) << 20U;
  return who;
}

gang random_gang(std::mt19937_64& random) {
  auto who = equal_members(1 + random() % 16, static_cast<std::int64_t>(random() % 9),
                           static_cast<std::int64_t>(1 + random() % 32));
  for (auto& x : who)
    x.memory = static_cast<std::int64_t>(1 + random() % 65536) << 20U;
  return who;
}

/// A pass for each end of a gang, while 10,000 different ones wait.
void measure_pass(std::size_t node_count, const char* what, bool users) {
  gang_queue q{make_nodes(node_count), with_racks()};
  std::mt19937_64 random{1};
  std::vector<gang_key> held;
  gang_key key = 0;
  const auto add = [&] {
    gang_terms terms;
    if (users) {
      terms.user = "user" + std::to_string(random() % 50);
      terms.priority = static_cast<gang_priority>(1 + random() % 3);
    }
    if (random() % 2 == 0)
      terms.at_most = std::chrono::seconds{60 + random() % 3600};
    const auto answer = q.submit(++key, random_gang(random), terms);
    if (std::holds_alternative<assignment>(answer))
      held.push_back(key);
  };
  while (q.waiting() < 10'000)
    add();
  samples times;
  std::size_t granted = 0;
  for (int i = 0; i < 2000; ++i) {
    q.advance(queue_time{std::chrono::seconds{i}});
    const auto at = random() % held.size();
    q.withdraw(std::exchange(held[at], held.back()));
    held.pop_back();
    const auto begun = processor_time();
    const auto grants = q.poll();
    times.ms.push_back(seconds_of(begun) * 1e3);
    granted += grants.size();
    for (const auto& g : grants)
      held.push_back(g.key);
    while (q.waiting() < 10'000)
      add();
  }
  times.print(what, "10 ms");
  std::printf("    %zu were granted in 2,000 passes, %zu hold places\n", granted, q.holding());
}

/// The cluster is full of LOW gangs of one GPU; one comes that wants whole nodes.
void measure_preemption(std::size_t node_count) {
  gang_queue q{make_nodes(node_count), with_racks()};
  gang_terms low;
  low.priority = gang_priority::low;
  gang_key key = 0;
  for (std::size_t n = 0; n < node_count * 8; ++n) {
    q.advance(queue_time{std::chrono::seconds{n}});
    static_cast<void>(q.submit(++key, equal_members(1, 1), low));
  }
  samples times;
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(q.submit(++key, equal_members(8, 8)));
    static_cast<void>(q.poll());
    const auto begun = processor_time();
    const auto named = q.preempt();
    times.ms.push_back(seconds_of(begun) * 1e3);
    if (named.size() != 1 || named[0].victims.size() != 64)
      std::printf("preemption: not the 64 gangs that were expected\n");
    for (const auto& x : named)
      for (const auto victim : x.victims)
        q.withdraw(victim);
    static_cast<void>(q.poll());
  }
  times.print("whom to preempt for 8 x 8 GPUs, cluster full of 1 GPU gangs", "");
}

void measure_equal() {
  gang_queue q{make_nodes(1), {}};
  constexpr gang_key count = 100'000;
  for (gang_key k = 0; k < 64; ++k)
    static_cast<void>(q.submit(k, equal_members(1, 0)));
  const auto before = bench::allocated_bytes();
  auto begun = processor_time();
  for (gang_key k = 64; k < count + 64; ++k)
    static_cast<void>(q.submit(k, equal_members(1, 0)));
  const auto took = seconds_of(begun);
  const auto bytes = static_cast<double>(bench::allocated_bytes() - before) / count;
  std::printf("%-64s %12.0f bytes each, %.0f/s\n", "100,000 equal gangs begin to wait", bytes, count / took);
  begun = processor_time();
  for (gang_key k = 0; k < count; ++k) {
    q.withdraw(k);
    static_cast<void>(q.poll());
  }
  std::printf("%-64s %12.0f ns\n", "a freed place is given to the next of them", seconds_of(begun) / count * 1e9);
}

} // namespace

int main(int argc, char** argv) {
  int number = 1000;
  bench::take_arguments(argc, argv, "Placement alone, without actors and store", {{"NODES", "of 8 GPUs", &number}});
  const auto nodes = static_cast<std::size_t>(number);
  std::printf("%lu nodes of 8 GPUs\n\n", nodes);
  measure_rate(nodes, "8 x 1 GPU (target 20,000/s)", {equal_members(8, 1)});
  measure_rate(nodes, "2 x 8 GPUs", {equal_members(2, 8)});
  measure_rate(nodes, "1 to 8 members of 1 to 4 GPUs", [] {
    std::vector<gang> kinds;
    for (std::size_t members = 1; members <= 8; ++members)
      for (std::int64_t gpus = 1; gpus <= 4; ++gpus)
        kinds.push_back(equal_members(members, gpus));
    return kinds;
  }());
  auto near = equal_members(16, 8);
  for (auto& x : near)
    x.topologies.push_back({"rack", "default", true});
  measure_rate(nodes, "16 x 8 GPUs in one rack", {near});

  std::printf("\n%-64s %9s %9s %9s   target\n", "ms", "median", "p99", "most");
  measure_large(nodes, "1,024 equal members of 1 GPU", equal_members(1024, 1), false);
  measure_large(nodes, "the same, every other node has one GPU left", equal_members(1024, 1), true);
  measure_large(nodes, "1,024 members that all ask for something else", different_members(1024), true);
  measure_large(nodes * 2, "1,024 members of 8 GPUs, twice the nodes", equal_members(1024, 8), false);
  measure_pass(nodes, "a pass over 10,000 different gangs, cluster full", false);
  measure_pass(nodes, "the same of 50 users, three priorities", true);
  measure_preemption(nodes);
  std::printf("\n");
  measure_equal();
  return 0;
}
