#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/node_program.hpp"

#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

using namespace muster::test;
namespace fs = std::filesystem;
using json = nlohmann::json;

namespace {

json parsed(const outcome& x) {
  return json::parse(x.out, nullptr, false);
}

/// The condition of a node; empty while it is not known.
std::string condition_of(const muster_program& muster, const std::string& node) {
  const auto all = parsed(muster({"node", "ls", "--output", "json"}));
  if (all.is_array())
    for (const auto& x : all)
      if (x.value("name", "") == node)
        return x.value("condition", "");
  return {};
}

bool becomes(const muster_program& muster, const std::string& node, const std::string& condition) {
  return eventually([&] { return condition_of(muster, node) == condition; });
}

std::size_t lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    ++count;
  return count;
}

/// Tasks that each write a line when they start, and wait for a file of the test.
std::string waiting_spec(const fs::path& folder, int tasks) {
  std::string text = "workflow:\n  name: wait\n  tasks:\n";
  for (int i = 0; i < tasks; ++i)
    text += "  - name: t" + std::to_string(i) + "\n    image: none\n    command: [bash, -c]\n    args: [\"echo x >> " +
            (folder / ("mark-" + std::to_string(i))).string() + "; until [ -e " + (folder / "release").string() +
            " ]; do sleep 0.05; done\"]\n";
  return text;
}

/// Two members, each as large as this machine, that say a word to each other.
std::string meeting_spec() {
  const auto cpus = std::to_string(std::thread::hardware_concurrency());
  return "workflow:\n  name: meet\n  resources:\n    whole: {cpu: " + cpus +
         "}\n  groups:\n  - name: pair\n    tasks:\n"
         "    - name: server\n      lead: true\n      resource: whole\n      image: none\n"
         "      command: [perl, -MIO::Socket::INET, -e]\n      args:\n      - |\n"
         "        my $door = IO::Socket::INET->new(LocalAddr => '{{host:server}}', LocalPort => 5617, Listen => 1,\n"
         "          ReuseAddr => 1) or die \"$@\\n\";\n"
         "        my $guest = $door->accept; print scalar <$guest>; print $guest \"welcome\\n\";\n"
         "        $guest->shutdown(1); <$guest>;\n"
         "    - name: client\n      resource: whole\n      image: none\n      command: [bash, -c]\n      args:\n"
         "      - |\n"
         "        until { exec 3<>/dev/tcp/{{host:server}}/5617; } 2>/dev/null; do sleep 0.05; done\n"
         "        echo 'hello from {{host:client}}' >&3; cat <&3\n";
}

/// A head with the pool `farm`, and what submits to it.
struct farm {
  explicit farm(std::vector<std::string> options = {"--no-auth"}) : options_(std::move(options)) { start("0"); }

  void start(const std::string& port) {
    auto all = options_;
    all.insert(all.end(), {"--config", farm_config(muster, port)});
    head = std::make_unique<head_program>(muster, all);
    INFO(head->log());
    REQUIRE(head->ready());
  }

  /// Kills the head and starts it again where agents look for it.
  void restart_head() {
    const auto address = agents_address(muster);
    head->stop(SIGKILL);
    start(address.substr(address.rfind(':') + 1));
  }

  std::string submit(const std::string& spec) {
    const auto done = muster({"submit", muster.file("spec.yaml", spec), "--pool", "farm"});
    INFO(done.err);
    REQUIRE(done.exit_code == 0);
    return done.out.substr(0, done.out.find('\n'));
  }

  muster_program muster;
  std::unique_ptr<head_program> head;

private:
  std::vector<std::string> options_;
};

std::vector<std::string> at(const std::string& address) {
  return {"--address", address};
}

bool has_begun(const farm& x, int tasks) {
  return eventually([&] {
    for (int i = 0; i < tasks; ++i)
      if (lines_of(x.muster.folder() / ("mark-" + std::to_string(i))) == 0)
        return false;
    return true;
  });
}

/// It completes, and each of its tasks was started once.
void check_end(const farm& x, const std::string& id, int tasks) {
  std::ofstream(x.muster.folder() / "release").close();
  const auto waited = x.muster({"wait", id});
  INFO(waited.err << x.head->log());
  CHECK(waited.out == id + " COMPLETED\n");
  for (int i = 0; i < tasks; ++i)
    CHECK(lines_of(x.muster.folder() / ("mark-" + std::to_string(i))) == 1);
}

} // namespace

TEST_CASE("the members of a gang on two nodes find each other") {
  farm x;
  const node_program one{x.muster, "n1", at("127.0.1.1")};
  const node_program two{x.muster, "n2", at("127.0.1.2")};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(meeting_spec());
  const auto waited = x.muster({"wait", id});
  INFO(waited.err << x.muster({"show", id}).out << x.muster({"logs", id}).out << x.head->log());
  REQUIRE(waited.out == id + " COMPLETED\n");
  CHECK(x.muster({"logs", id, "--task", "server"}).out.find("hello from 127.0.1.") != std::string::npos);
  CHECK(x.muster({"logs", id, "--task", "client"}).out.find("welcome") != std::string::npos);
  std::set<std::string> nodes;
  for (const auto* task : {"server", "client"}) {
    const auto shown = parsed(x.muster({"show", id, "--task", task, "--output", "json"}));
    INFO(shown.dump());
    REQUIRE(shown.contains("attempt"));
    nodes.insert(shown["attempt"].value("node", ""));
  }
  CHECK(nodes == std::set<std::string>{"n1", "n2"});
}

TEST_CASE("an agent that is killed finds its tasks again") {
  farm x;
  node_program node{x.muster, "n1", at("127.0.1.1")};
  const auto id = x.submit(waiting_spec(x.muster.folder(), 2));
  REQUIRE(has_begun(x, 2));
  node.stop(SIGKILL);
  REQUIRE(becomes(x.muster, "n1", "suspect"));
  node.start();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  check_end(x, id, 2);
  CHECK(node.stop(SIGTERM).exit_code == 0);
}

TEST_CASE("a head that is killed finds the tasks of its nodes again") {
  farm x;
  node_program one{x.muster, "n1", at("127.0.1.1")};
  node_program two{x.muster, "n2", at("127.0.1.2")};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(waiting_spec(x.muster.folder(), 3));
  REQUIRE(has_begun(x, 3));
  x.restart_head();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  check_end(x, id, 3);
}

TEST_CASE("what ends while head and agent are both dead is known afterwards") {
  farm x;
  node_program node{x.muster, "n1", at("127.0.1.1")};
  const auto id = x.submit(waiting_spec(x.muster.folder(), 1));
  REQUIRE(has_begun(x, 1));
  node.stop(SIGKILL);
  const auto address = agents_address(x.muster);
  x.head->stop(SIGKILL);
  std::ofstream(x.muster.folder() / "release").close();
  x.start(address.substr(address.rfind(':') + 1));
  CHECK(condition_of(x.muster, "n1") == "suspect"); // It is known, and so is who holds places there.
  node.start();
  check_end(x, id, 1);
}

TEST_CASE("who may not join as a node is told why") {
  farm x{{}};
  const auto token = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words{"token", "create"};
    words.insert(words.end(), options.begin(), options.end());
    const auto made = x.muster(words);
    INFO(made.err);
    REQUIRE(made.exit_code == 0);
    return x.muster.file("token-" + std::to_string(std::hash<std::string>{}(made.out)), made.out);
  };
  const auto refused = [&](const std::string& name, std::vector<std::string> options) {
    node_program node{x.muster, name, std::move(options)};
    const auto ended = node.process().finish();
    CHECK(ended.exit_code != 0);
    return ended.err;
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(refused("n1", {}), Contains("a token is needed to join"));
  CHECK_THAT(refused("n2", {"--token-file", x.muster.file("bad", "mst_" + std::string(43, 'A'))}),
             Contains("the token is not valid"));
  CHECK_THAT(refused("n3", {"--token-file", token({"--role", "admin", "ada"})}), Contains("of the role admin"));
  const auto bound = token({"--role", "node", "--node", "n4", "farm"});
  CHECK_THAT(refused("n5", {"--token-file", bound}), Contains("lets node n4 join, and not n5"));
  CHECK_THAT(refused("n6", {"--token-file", token({"--role", "node", "farm"}), "--pool", "gpus"}),
             Contains("there is no pool 'gpus' that agents can join; there are: farm"));
  node_program good{x.muster, "n4", {"--token-file", bound}};
  CHECK(becomes(x.muster, "n4", "ready"));
}

TEST_CASE("of two agents of one name the first is the node") {
  farm x;
  node_program first{x.muster, "n1", at("127.0.1.1")};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  node_program second{x.muster, "n1", {"--state-dir", (x.muster.folder() / "second").string()}};
  const cleaner clean{x.muster.folder() / "second"};
  REQUIRE(x.head->wait_for_log("node n1 is here already, with another agent"));
  CHECK(condition_of(x.muster, "n1") == "ready");
  node_program third{x.muster, "n1", at("127.0.1.1")}; // The directory is taken, too.
  CHECK(third.process().finish().exit_code != 0);
  CHECK(second.stop(SIGTERM).exit_code == 0);
  CHECK(condition_of(x.muster, "n1") == "ready");
}
