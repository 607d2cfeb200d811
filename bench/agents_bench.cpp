// What many nodes cost a head.
//
//   agents_bench [AGENTS] [SECONDS] [plain]
//
// A real `muster serve`, and as many agents over encrypted connections of their own, each with its certificate, or
// plain ones: processes of this program, each with the agent's own actor system and the null driver. Prints how long
// all take to join, what the head uses of a core while all is idle, and its memory per agent.

#include "arguments.hpp"
#include "measure.hpp"

#include "actors/agents/agent.hpp"
#include "executors/null/null_driver.hpp"
#include "gateway/auth/agent_link.hpp"
#include "gateway/auth/certificates.hpp"
#include "support/head_program.hpp"
#include "support/muster_program.hpp"
#include "support/node_program.hpp"
#include "support/processes.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace muster;
using namespace muster::bench;
using steady = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "agents_bench: %s\n", why.c_str());
  std::exit(1);
}

/// One descriptor per connection, and what a head has besides.
void check_limits(std::size_t agents) {
  constexpr std::size_t others = 256;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < agents + others)
    fail("the head may open " + std::to_string(files.rlim_max) + " files, and needs " +
         std::to_string(agents + others) + ": ulimit -Hn");
  rlimit processes{};
  ::getrlimit(RLIMIT_NPROC, &processes);
  constexpr std::size_t threads_each = 10;
  if (processes.rlim_max < agents * threads_each)
    fail("this user may have " + std::to_string(processes.rlim_max) + " threads, and the agents need " +
         std::to_string(agents * threads_each) + ": ulimit -Hu");
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

double resident_kib(pid_t of) {
  std::ifstream file("/proc/" + std::to_string(of) + "/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGE_SIZE)) / 1024;
}

/// Percent of a core.
double cpu_share(pid_t of, std::chrono::seconds over) {
  const auto begin = steady::now();
  const auto before = test::cpu_seconds(of);
  std::this_thread::sleep_for(over);
  const std::chrono::duration<double> took = steady::now() - begin;
  return 100 * (test::cpu_seconds(of) - before) / took.count();
}

/// Certificates of the head and of all agents, in folders by their names.
class link_folders {
public:
  explicit link_folders(std::size_t agents) {
    good(gateway::make_authority(root() / "ca", lifetime));
    issue("head", gateway::certificate_use::head);
    for (std::size_t i = 0; i < agents; ++i)
      issue("n" + std::to_string(i), gateway::certificate_use::node);
  }

  [[nodiscard]] std::filesystem::path of(const std::string& name) const { return root() / name; }

private:
  static constexpr std::chrono::hours lifetime{24};

  static void good(const result<void>& x) {
    if (!x)
      fail(x.failure().message);
  }
  [[nodiscard]] std::filesystem::path root() const { return folder_.path(); }
  void issue(const std::string& name, gateway::certificate_use use) const {
    good(gateway::issue_certificate(root() / "ca", name, use, lifetime, of(name)));
  }

  scratch_folder folder_;
};

/// The process of one agent: says when it is connected, and stays until `leave` is closed.
[[noreturn]] void be_agent(std::size_t number, const std::string& head, const std::string& folder,
                           const link_folders* links, int connected, int leave) {
  agent_config config;
  const auto colon = head.rfind(':');
  config.head_host = head.substr(0, colon);
  config.head_port = static_cast<std::uint16_t>(std::stoul(head.substr(colon + 1)));
  config.node = "n" + std::to_string(number);
  config.own_directory = folder + "/" + config.node;
  config.address = "127.0.0.1";
  if (links != nullptr)
    gateway::encrypt_by(links->of(config.node), config);
  null_config has;
  has.total = {64, std::int64_t{1} << 40, std::int64_t{1} << 40, {0, 1, 2, 3, 4, 5, 6, 7}};
  config.executor = make_null_driver(has);
  config.connect_limit = std::chrono::seconds{60};
  auto agent = agent_runtime::start(std::move(config));
  if (!agent)
    fail(agent.failure().message);
  const char joined = (*agent)->wait_connected(steady::now() + std::chrono::minutes{5}) ? '+' : '-';
  if (::write(connected, &joined, 1) != 1)
    ::_exit(1);
  char none = 0;
  while (::read(leave, &none, 1) > 0) {
  }
  ::_exit(0);
}

/// Agents at work.
class crowd {
public:
  crowd(std::size_t agents, const std::string& head, const link_folders* links) {
    std::array<int, 2> connected{};
    std::array<int, 2> leave{};
    if (::pipe(connected.data()) != 0 || ::pipe(leave.data()) != 0)
      fail("no pipe");
    for (std::size_t i = 0; i < agents; ++i) {
      const auto child = ::fork();
      if (child < 0)
        fail("cannot fork agent " + std::to_string(i));
      if (child == 0) {
        ::setpriority(PRIO_PROCESS, 0, lowest_priority); // They are other machines, and take no CPU time of the head's.
        ::close(leave[1]);
        be_agent(i, head, folder_.path(), links, connected[1], leave[0]);
      }
      children_.push_back(child);
    }
    ::close(connected[1]);
    ::close(leave[0]);
    connected_ = connected[0];
    leave_ = leave[1];
  }

  ~crowd() {
    ::close(leave_);
    for (const auto child : children_)
      ::waitpid(child, nullptr, 0);
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  void wait_joined() const {
    for (std::size_t i = 0; i < children_.size(); ++i)
      if (char word = 0; ::read(connected_, &word, 1) != 1 || word != '+')
        fail("an agent does not join");
  }

private:
  static constexpr int lowest_priority = 19;

  scratch_folder folder_;
  std::vector<pid_t> children_;
  int connected_ = -1;
  int leave_ = -1;
};

} // namespace

int main(int argc, char** argv) {
  int number = 1000;
  int seconds = 60;
  std::string kind = "encrypted";
  bench::take_arguments(argc, argv, "What agents that have nothing to do cost their head",
                        {{"AGENTS", "each a process of its own", &number},
                         {"SECONDS", "that the idle head is watched for", &seconds},
                         {"LINKS", "encrypted, or plain", &kind}});
  if (kind != "encrypted" && kind != "plain") {
    std::fprintf(stderr, "agents_bench: links are encrypted or plain, not '%s'\n", kind.c_str());
    return 2;
  }
  const auto agents = static_cast<std::size_t>(number);
  const std::chrono::seconds idle{seconds};
  const bool is_plain = kind == "plain";
  check_limits(agents);
  const auto links = is_plain ? nullptr : std::make_unique<const link_folders>(agents);
  const test::muster_program muster;
  const auto certs = is_plain ? std::string{} : ", certs: \"" + links->of("head").string() + '"';
  const auto config =
      muster.file("farm.yaml", "agents: {listen: \"127.0.0.1:0\"" + certs + "}\npools:\n  farm: {driver: agents}\n");
  test::head_program head{muster, {"--no-auth", "--config", config}};
  if (!head.ready())
    fail("the head does not start: " + head.log());
  const auto pid = head.process().pid();
  constexpr std::chrono::seconds settled{10};
  const auto alone = cpu_share(pid, settled);
  const auto memory = resident_kib(pid);
  const auto begin = steady::now();
  const auto cpu_before = test::cpu_seconds(pid);
  const crowd all{agents, test::agents_address(muster), links.get()};
  all.wait_joined();
  const std::chrono::duration<double> took = steady::now() - begin;
  const auto cpu_joining = test::cpu_seconds(pid) - cpu_before;
  std::this_thread::sleep_for(settled);
  const auto share = cpu_share(pid, idle);
  const auto more = resident_kib(pid) - memory;
  std::printf("%zu agents on one head, %s\n", agents, is_plain ? "nothing encrypted" : "encrypted");
  std::printf("  all have joined after          %10.1f s (%.2f ms of the head's CPU time each)\n", took.count(),
              1000 * cpu_joining / static_cast<double>(agents));
  std::printf("  head, idle, no agent           %10.2f %% of a core\n", alone);
  std::printf("  head, idle, all agents         %10.2f %% of a core, over %lld s\n", share,
              static_cast<long long>(idle.count()));
  std::printf("  memory of the head per agent   %10.1f KiB (%.1f MiB without agents)\n",
              more / static_cast<double>(agents), memory / 1024);
  return 0;
}
