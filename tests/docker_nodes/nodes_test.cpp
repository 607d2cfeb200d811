#include "actors/agents/agent.hpp"
#include "actors/pool_setup.hpp"
#include "actors/runtime.hpp"
#include "executors/docker/docker_driver.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/network_ground.hpp"
#include "support/processes.hpp"
#include "support/skip_test.hpp"
#include "support/temporary_folder.hpp"
#include "support/unix_http.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>
#include <set>
#include <thread>

using namespace muster;
using namespace muster::test;
using json = nlohmann::json;

namespace {

constexpr std::chrono::seconds patience{60};

/// A task that runs `script`, where descriptor 3 never comes to an end: who listens would hang up before it is spoken
/// to.
spec::task task_of(const std::string& name, const std::string& script) {
  spec::task x;
  x.name = name;
  x.image = "busybox";
  x.command = {"sh", "-c"};
  x.args = {"mkfifo /tmp/open && exec 3<>/tmp/open\n" + script};
  return x;
}

spec::workflow workflow_of(std::vector<spec::task> tasks) {
  spec::workflow w;
  w.name = "wf";
  w.resources["default"] = {};
  spec::group all;
  all.name = "all";
  all.tasks = std::move(tasks);
  all.tasks.front().lead = true;
  all.barrier = all.tasks.size() > 1;
  w.groups.push_back(std::move(all));
  return w;
}

/// Each task is as large as a machine.
spec::workflow apart(std::vector<spec::task> tasks) {
  auto w = workflow_of(std::move(tasks));
  w.resources["default"].cpu = std::thread::hardware_concurrency();
  return w;
}

json ask(const docker_daemon& daemon, const std::string& target) {
  auto answer = json::parse(http_call(daemon.socket(), "GET", target).body, nullptr, false);
  return answer.is_array() ? answer : json::array();
}

/// A head, and machines with a daemon each. Agents and head are of this process, the containers are not.
class docker_farm {
public:
  explicit docker_farm(unsigned machines) : ground_(machines) {
    if (!ground_.missing().empty()) {
      skip_test(ground_.missing());
      return;
    }
    for (unsigned i = 1; i <= machines; ++i) {
      docker_options how;
      how.network = ground_.namespace_of(i);
      how.images = {"busybox:latest"};
      auto daemon = docker_daemon::start(how);
      if (!daemon)
        return;
      daemons_.push_back(std::move(daemon));
    }
    start();
    is_there = true;
  }

  /// The head, where agents look for it.
  void start() {
    runtime_config x;
    x.state_directory = state();
    x.with_network = true;
    pool_setup pool;
    pool.name = "farm";
    pool.agents = agents_setup{};
    x.pools = {std::move(pool)};
    auto started = runtime::start(std::move(x));
    INFO((started ? std::string{} : started.failure().message));
    REQUIRE(started);
    head = std::move(*started);
    const auto port = head->publish_agents("127.0.0.1", port_, [](const node_applicant&) { return result<void>{}; });
    REQUIRE(port);
    port_ = *port;
  }

  /// The node `n<machine>`, ready.
  [[nodiscard]] std::unique_ptr<agent_runtime> node(unsigned machine, bool has_address = true) {
    docker_pool_config docker;
    docker.host = daemons_[machine - 1]->host();
    docker.state_directory = folder_.path() / ("node-" + std::to_string(machine));
    docker.head = "00000000000" + std::to_string(machine);
    docker.node_address = has_address ? network_ground::address_of(machine) : std::string{};
    agent_config x;
    x.head_host = "127.0.0.1";
    x.head_port = port_;
    x.node = "n" + std::to_string(machine);
    x.pool = "farm";
    x.address = *docker.node_address;
    x.own_directory = docker.state_directory;
    x.executor = make_docker_driver(std::move(docker));
    auto started = agent_runtime::start(std::move(x));
    INFO((started ? std::string{} : started.failure().message));
    REQUIRE(started);
    REQUIRE(is_ready("n" + std::to_string(machine)));
    return std::move(*started);
  }

  [[nodiscard]] bool is_ready(const std::string& node) const {
    return eventually([&] {
      const auto pools = head->pools();
      REQUIRE(pools);
      for (const auto& x : pools->front().nodes)
        if (x.name == node)
          return x.available;
      return false;
    });
  }

  accepted_workflow submit(const spec::workflow& what) {
    const auto accepted = head->submit(what, {"text", "muster", "{}"});
    INFO((accepted ? std::string{} : accepted.failure().message));
    REQUIRE(accepted);
    return *accepted;
  }

  /// Empty when it has completed, and no daemon has anything of it.
  [[nodiscard]] std::string end_of(const accepted_workflow& x, std::uint32_t tasks) {
    const auto ended = head->wait(x.key, std::chrono::steady_clock::now() + patience);
    if (ended == status::completed)
      return eventually([&] { return left().empty(); }) ? std::string{} : "something is left at a daemon";
    std::string wrong = ended ? std::string{to_string(*ended)} : "it does not end";
    for (std::uint32_t t = 0; t < tasks; ++t)
      for (const auto& one : attempts(x, t))
        wrong += '\n' + std::to_string(t) + '.' + std::to_string(one.number) + ' ' +
                 std::string{to_string(one.status)} + ' ' + one.node + ' ' + one.address + ' ' + one.reason;
    return wrong;
  }

  [[nodiscard]] std::vector<store::attempt_record> attempts(const accepted_workflow& x, std::uint32_t task) const {
    auto reader = store::reader::open(store::state_directory{state()});
    REQUIRE(reader);
    auto all = reader->attempts(x.key, task_index{task});
    REQUIRE(all);
    return *std::move(all);
  }
  [[nodiscard]] store::attempt_record last(const accepted_workflow& x, std::uint32_t task) const {
    auto all = attempts(x, task);
    return all.empty() ? store::attempt_record{} : all.back();
  }

  [[nodiscard]] std::string log(const accepted_workflow& x, const std::string& task) const {
    std::ifstream file(store::state_directory{state()}.attempt(x.id, task, 0).string() + ".log");
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  /// Says a word to who listens at `port` of a node, from the head's machine.
  [[nodiscard]] static bool call(const std::string& address, int port) {
    command what;
    what.argv = {"sh", "-c", "echo go | busybox nc -w 5 " + address + ' ' + std::to_string(port)};
    return eventually([&] { return run(what).exit_code == 0; });
  }

  bool is_there = false;
  std::unique_ptr<runtime> head;

private:
  [[nodiscard]] std::filesystem::path state() const { return folder_.path() / "state"; }

  /// What the daemons have beside what they make by themselves.
  [[nodiscard]] std::set<std::string> left() const {
    std::set<std::string> out;
    for (const auto& daemon : daemons_) {
      for (const auto& x : ask(*daemon, "/containers/json?all=1"))
        out.insert(x.at("Names").at(0).get<std::string>());
      for (const auto& x : ask(*daemon, "/networks"))
        if (const auto name = x.at("Name").get<std::string>(); name.rfind("muster-", 0) == 0)
          out.insert(name);
    }
    return out;
  }

  temporary_folder folder_;
  network_ground ground_;
  std::vector<std::unique_ptr<docker_daemon>> daemons_;
  std::uint16_t port_ = 0;
};

/// Of the machine that the node is on.
std::string address_of(const store::attempt_record& x) {
  return network_ground::address_of(x.node == "n1" ? 1 : 2);
}

} // namespace

TEST_CASE("members of a gang on two Docker nodes find each other by address and by name") {
  docker_farm x{2};
  if (!x.is_there)
    return;
  const auto one = x.node(1);
  const auto two = x.node(2);
  const auto id =
      x.submit(apart({task_of("server", "nc -l -p 5617 <&3\nnc -l -p 5618 <&3\n"
                                        "echo $MUSTER_ADDRESS is {{host:server}}, and the other {{host:client}}"),
                      task_of("client", "until echo hello from $MUSTER_ADDRESS | nc {{host:server}} 5617; do\n"
                                        "sleep 0.1\ndone\nuntil echo hello by name | nc server 5618; do\n"
                                        "sleep 0.1\ndone\necho $MUSTER_ADDRESS is {{host:client}}")}));
  REQUIRE(x.end_of(id, 2) == "");
  const auto server = x.last(id, 0);
  const auto client = x.last(id, 1);
  CHECK(std::set<std::string>{server.node, client.node} == std::set<std::string>{"n1", "n2"});
  CHECK(server.address == address_of(server));
  CHECK(client.address == address_of(client));
  CHECK_THAT(x.log(id, "server"),
             ContainsSubstring("hello from " + client.address + "\nhello by name\n" + server.address + " is " +
                               server.address + ", and the other " + client.address + '\n'));
  CHECK_THAT(x.log(id, "client"), ContainsSubstring(client.address + " is " + client.address + '\n'));
}

TEST_CASE("a gang that one Docker node has room for is in a network there, and a task alone in the daemon's") {
  docker_farm x{1};
  if (!x.is_there)
    return;
  const auto one = x.node(1);
  const auto id = x.submit(workflow_of({task_of("server", "nc -l -p 5617 <&3"),
                                        task_of("client", "until echo hello from $MUSTER_ADDRESS | nc server 5617; do\n"
                                                          "sleep 0.1\ndone")}));
  REQUIRE(x.end_of(id, 2) == "");
  const auto address = x.last(id, 1).address;
  CHECK(address.substr(0, 7) == "10.213.");
  CHECK_THAT(x.log(id, "server"), ContainsSubstring("hello from " + address + '\n'));
  const auto alone = x.submit(workflow_of({task_of("only", "env | grep MUSTER_ADD; hostname -i")}));
  REQUIRE(x.end_of(alone, 1) == "");
  CHECK(x.last(alone, 0).address.empty());
  CHECK(x.log(alone, "only").substr(0, 4) == "172.");
}

TEST_CASE("no gang is over Docker nodes that have no address, and it says why it waits") {
  docker_farm x{2};
  if (!x.is_there)
    return;
  auto one = x.node(1, false);
  auto two = x.node(2, false);
  const auto pair = [] { return std::vector<spec::task>{task_of("a", "true"), task_of("b", "true")}; };
  const auto id = x.submit(apart(pair()));
  std::string why;
  CHECK(eventually([&] {
    const auto waits = x.head->why_waiting(id.key, {group_index{0}});
    why = waits && !waits->empty() ? waits->front().text : std::string{};
    return why.find("can share no group with others") != std::string::npos;
  }));
  INFO(why);
  const auto near = x.submit(workflow_of(pair()));
  CHECK(x.end_of(near, 2) == "");
  // It is said where their tasks are reached: now it can.
  one.reset();
  two.reset();
  one = x.node(1);
  two = x.node(2);
  CHECK(x.end_of(id, 2) == "");
  CHECK(x.last(id, 0).node != x.last(id, 1).node);
}

TEST_CASE("members on Docker nodes keep their addresses over restarts of agents and head") {
  docker_farm x{2};
  if (!x.is_there)
    return;
  auto one = x.node(1);
  auto two = x.node(2);
  // The client is run once more after the restarts, and finds the server where it was all along.
  auto client = task_of("client", "if [ $MUSTER_ATTEMPT = 0 ]; then\n"
                                  "until echo first | nc {{host:server}} 5617; do\nsleep 0.1\ndone\n"
                                  "nc -l -p 5619 <&3\nexit 9\nfi\n"
                                  "until echo again | nc {{host:server}} 5618; do\nsleep 0.1\ndone");
  client.exit_actions = {{spec::exit_action::reschedule, {{9, 9}}, "9"}};
  const auto id =
      x.submit(apart({task_of("server", "echo begins\nnc -l -p 5617 <&3\nnc -l -p 5618 <&3"), std::move(client)}));
  REQUIRE(eventually([&] { return x.log(id, "server") == "begins\nfirst\n"; }));
  const auto before = x.last(id, 1).address;
  one.reset();
  two.reset();
  x.head.reset();
  x.start();
  REQUIRE(x.head->recover());
  one = x.node(1);
  two = x.node(2);
  REQUIRE(docker_farm::call(before, 5619));
  REQUIRE(x.end_of(id, 2) == "");
  CHECK(x.log(id, "server") == "begins\nfirst\nagain\n");
  CHECK(x.last(id, 1).number == 1);
  CHECK(x.last(id, 1).address == before);
  CHECK(x.last(id, 0).number == 0);
}
