// How far apart the members of a gang begin, across nodes.
//
//   barrier_bench [ROUNDS] [MEMBERS] [NODES]
//
// A head in this process and real agents in network namespaces, one machine and one clock. Each member writes
// CLOCK_MONOTONIC first of all, and stays until all have begun; the skew of a round is between the first and the last.
// Beside it, in the same run, what the machine itself needs for as many processes. Needs root and iproute2.

#include "arguments.hpp"
#include "measure.hpp"

#include "actors/runtime.hpp"
#include "support/network_ground.hpp"
#include "support/subprocess.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <spawn.h>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace muster;
using namespace muster::bench;

constexpr auto program = MUSTER_BARRIER_MEMBER;
/// How long each stays: the end of the first must not take time from the last.
constexpr std::chrono::milliseconds stay{1'000};

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "barrier_bench: %s\n", why.c_str());
  std::exit(1);
}

double clock_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double skew_of(const std::vector<double>& times) {
  const auto [first, last] = std::minmax_element(times.begin(), times.end());
  return *last - *first;
}

/// A pipe that lets all who read it go at once, when it is closed.
class gate {
public:
  gate() {
    if (::pipe(ends_.data()) != 0)
      fail("no pipe");
  }
  /// In a process that is to wait.
  void wait() const {
    ::close(ends_[1]);
    char none = 0;
    while (::read(ends_[0], &none, 1) > 0) {
    }
  }
  /// In a process whose children are to wait for it.
  void read_as_input() const {
    ::dup2(ends_[0], 0);
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void open() const {
    ::close(ends_[1]);
    ::close(ends_[0]);
  }

private:
  std::array<int, 2> ends_{};
};

void wait_for_children(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (int status = 0; ::wait(&status) < 0 || status != 0)
      fail("a process of the floor failed");
}

/// Lets forked processes settle at the gate.
void settle() {
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
}

/// Processes that exist already, and are let go at once.
double released_processes(std::size_t members) {
  auto* const shared = static_cast<double*>(
      ::mmap(nullptr, members * sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const gate all;
  for (std::size_t i = 0; i < members; ++i)
    if (::fork() == 0) {
      all.wait();
      shared[i] = clock_ms();
      std::this_thread::sleep_for(stay);
      ::_exit(0);
    }
  settle();
  all.open();
  wait_for_children(members);
  const std::vector<double> times(shared, shared + members);
  ::munmap(shared, members * sizeof(double));
  return skew_of(times);
}

std::vector<double> read_times(const std::function<std::string(std::size_t)>& file_of, std::size_t members,
                               std::map<std::string, std::vector<double>>* by_node = nullptr) {
  std::vector<double> out;
  for (std::size_t i = 0; i < members; ++i) {
    std::ifstream file(file_of(i));
    double nanoseconds = 0;
    std::string node;
    if (!(file >> nanoseconds >> node))
      fail("member " + std::to_string(i) + " wrote no time");
    out.push_back(nanoseconds / 1e6);
    if (by_node != nullptr)
      (*by_node)[node].push_back(out.back());
  }
  return out;
}

/// Starts a program without waiting for it.
void spawn(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, argv.front(), nullptr, nullptr, argv.data(), environ) != 0)
    ::_exit(1);
}

/// Small processes that exist already, and become a program when the gate opens.
double released_programs(std::size_t members) {
  const scratch_folder folder;
  const auto file_of = [&](std::size_t i) { return folder.path() + "/" + std::to_string(i); };
  const gate all;
  if (::fork() == 0) {
    all.read_as_input();
    for (std::size_t i = 0; i < members; ++i)
      spawn({program, "--wait", program, file_of(i), std::to_string(stay.count())});
    wait_for_children(members);
    ::_exit(0);
  }
  settle();
  all.open();
  wait_for_children(1);
  return skew_of(read_times(file_of, members));
}

/// Programs that are started when the gate opens, by one loop per node; each by `prefix` if there is one.
double started_programs(std::size_t members, unsigned nodes, const std::vector<std::string>& prefix) {
  const scratch_folder folder;
  const auto file_of = [&](std::size_t i) { return folder.path() + "/" + std::to_string(i); };
  const gate all;
  for (unsigned node = 0; node < nodes; ++node)
    if (::fork() == 0) {
      all.wait();
      std::size_t count = 0;
      for (std::size_t i = node; i < members; i += nodes, ++count) {
        auto words = prefix;
        words.insert(words.end(), {program, file_of(i), std::to_string(stay.count())});
        spawn(std::move(words));
      }
      bool good = true;
      for (; count > 0; --count)
        if (int status = 0; ::wait(&status) < 0 || status != 0)
          good = false;
      ::_exit(good ? 0 : 1);
    }
  settle();
  all.open();
  wait_for_children(nodes);
  return skew_of(read_times(file_of, members));
}

spec::workflow gang_of(std::size_t members) {
  spec::workflow w;
  w.name = "gang";
  spec::resource small;
  small.cpu = 1;
  small.memory = 1 << 20;
  small.storage = 1 << 20;
  w.resources["default"] = small;
  spec::group g;
  g.name = "all";
  g.barrier = true;
  for (std::size_t i = 0; i < members; ++i) {
    spec::task x;
    x.name = "t" + std::to_string(i);
    x.image = "none";
    x.command = {program};
    x.args = {"{{output}}/clock", std::to_string((i == 0 ? 2 : 1) * stay.count())}; // With the end of the lead all end.
    g.tasks.push_back(std::move(x));
  }
  g.tasks.front().lead = true;
  w.groups.push_back(std::move(g));
  return w;
}

/// A head and its nodes.
class farm {
public:
  farm(std::size_t members, unsigned nodes, const test::network_ground& on) {
    make_certificates(nodes);
    runtime_config config;
    config.state_directory = folder_.path() + "/head";
    config.agent_certificates = link_certificates{certificates("head") + "/ca.pem", certificates("head") + "/cert.pem",
                                                  certificates("head") + "/key.pem"};
    config.with_network = true;
    pool_setup pool;
    pool.name = "farm";
    pool.agents.emplace();
    pool.oversubscribe = static_cast<double>(members); // Members are light.
    pool.policy.strategy = placement_strategy::spread;
    config.pools.push_back(std::move(pool));
    auto started = runtime::start(std::move(config));
    if (!started)
      fail(started.failure().message);
    head_ = std::move(*started);
    const auto port = head_->publish_agents("10.78.0.1", 0, [](const node_applicant&) { return result<void>{}; });
    if (!port)
      fail(port.failure().message);
    for (unsigned i = 1; i <= nodes; ++i)
      agents_.push_back(std::make_unique<test::subprocess>(agent(i, *port, on)));
    wait_for_nodes(nodes);
  }

  ~farm() {
    for (const auto& x : agents_)
      x->signal(SIGTERM);
    for (const auto& x : agents_)
      x->finish();
  }
  farm(const farm&) = delete;
  farm& operator=(const farm&) = delete;

  /// Times of all members, by node.
  std::map<std::string, std::vector<double>> run(const spec::workflow& w) {
    const auto accepted = head_->submit(w, {"", "muster", "{}"});
    if (!accepted)
      fail(accepted.failure().message);
    if (const auto ended = head_->wait(accepted->key); ended != status::completed)
      fail("the gang did not complete");
    const auto tasks = folder_.path() + "/head/workflows/" + accepted->id + "/tasks/t";
    std::map<std::string, std::vector<double>> out;
    read_times([&](std::size_t i) { return tasks + std::to_string(i) + ".output/clock"; },
               w.groups.front().tasks.size(), &out);
    return out;
  }

private:
  [[nodiscard]] std::string certificates(const std::string& of) const { return folder_.path() + "/certs-" + of; }

  void make_certificates(unsigned nodes) const {
    const std::string ca = folder_.path() + "/ca";
    run_program({MUSTER_BINARY, "ca", "init", "--ca", ca});
    run_program({MUSTER_BINARY, "ca", "issue", "--head", "head", "--ca", ca, "--out", certificates("head")});
    for (unsigned i = 1; i <= nodes; ++i) {
      const auto name = "n" + std::to_string(i);
      run_program({MUSTER_BINARY, "ca", "issue", name, "--ca", ca, "--out", certificates(name)});
    }
  }

  test::command agent(unsigned number, std::uint16_t port, const test::network_ground& on) const {
    const auto name = "n" + std::to_string(number);
    test::command out;
    out.argv = on.prefix_of(number);
    out.argv.insert(out.argv.end(),
                    {MUSTER_BINARY, "agent", "--head", "10.78.0.1:" + std::to_string(port), "--node", name, "--address",
                     test::network_ground::address_of(number), "--gpus", "0", "--certs", certificates(name),
                     "--state-dir", folder_.path() + "/" + name, "--log-level", "warn"});
    return out;
  }

  void wait_for_nodes(unsigned nodes) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    for (;;) {
      const auto pools = head_->pools();
      const auto& all = pools ? pools->front().nodes : std::vector<node_view>{};
      if (std::count_if(all.begin(), all.end(), [](const auto& x) { return x.available; }) == nodes)
        return;
      if (std::chrono::steady_clock::now() > deadline)
        fail("the agents do not join");
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }

  scratch_folder folder_;
  std::unique_ptr<runtime> head_;
  std::vector<std::unique_ptr<test::subprocess>> agents_;
};

struct series {
  std::string name;
  std::vector<double> skews;
};

void print(const std::vector<series>& all) {
  std::printf("%-64s %10s %10s\n", "skew in ms between the first and the last to begin", "median", "worst");
  for (const auto& x : all)
    std::printf("%-64s %10.2f %10.2f\n", x.name.c_str(), median(x.skews),
                *std::max_element(x.skews.begin(), x.skews.end()));
}

} // namespace

int main(int argc, char** argv) {
  int rounds = 20;
  int number_of_members = 64;
  int number_of_nodes = 4;
  take_arguments(argc, argv, "How far apart the members of a gang begin, on nodes in network namespaces (root)",
                 {{"ROUNDS", "of which medians are printed", &rounds},
                  {"MEMBERS", "of the gang", &number_of_members},
                  {"NODES", "that they are spread over", &number_of_nodes}});
  const auto members = static_cast<std::size_t>(number_of_members);
  const auto nodes = static_cast<unsigned>(number_of_nodes);
  const test::network_ground ground{nodes};
  if (!ground.missing().empty()) { // Others of `./dev bench` need not be root.
    std::printf("barrier_bench: not run: %s\n", ground.missing().c_str());
    return 0;
  }
  farm gangs{members, nodes, ground};
  const auto gang = gang_of(members);
  const std::vector<std::string> sandbox{"bwrap", "--dev-bind", "/", "/", "--"};
  series muster{"muster, " + std::to_string(members) + " members on " + std::to_string(nodes) + " nodes", {}};
  series between{"  between the first of each node", {}};
  series within{"  within a node, the widest", {}};
  series released{"floor: processes that wait, released by a pipe", {}};
  series executed{"floor: processes that wait, released by a pipe, run a program", {}};
  series started{"floor: programs, started by a loop per node", {}};
  series sandboxed{"floor: programs in a sandbox each, started by a loop per node", {}};
  for (int i = 0; i < rounds; ++i) {
    released.skews.push_back(released_processes(members));
    executed.skews.push_back(released_programs(members));
    started.skews.push_back(started_programs(members, nodes, {}));
    sandboxed.skews.push_back(started_programs(members, nodes, sandbox));
    std::vector<double> all;
    std::vector<double> firsts;
    double widest = 0;
    for (const auto& [node, times] : gangs.run(gang)) {
      all.insert(all.end(), times.begin(), times.end());
      firsts.push_back(*std::min_element(times.begin(), times.end()));
      widest = std::max(widest, skew_of(times));
    }
    if (firsts.size() != nodes)
      fail("the gang is not on all nodes");
    muster.skews.push_back(skew_of(all));
    between.skews.push_back(skew_of(firsts));
    within.skews.push_back(widest);
  }
  print({muster, between, within, released, executed, started, sandboxed});
  return 0;
}
