#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/network_ground.hpp"
#include "support/skip_test.hpp"

#include <csignal>
#include <fstream>
#include <iterator>
#include <set>

using namespace muster::test;

namespace {

/// A head and nodes on machines of their own, which know each other by certificates.
struct network_farm {
  explicit network_farm(unsigned machines, const std::string& pool, const std::string& listen = "10.78.0.1:0")
      : ground(machines) {
    if (!ground.missing().empty())
      return;
    issue_all(machines);
    x.start(listen, pool, (x.muster.folder() / "head-certs").string());
    REQUIRE(x.head->ready());
  }

  [[nodiscard]] std::string certs_of(unsigned machine) const {
    return (x.muster.folder() / ("certs-n" + std::to_string(machine))).string();
  }

  /// The node on that machine, with whose certificate.
  [[nodiscard]] std::unique_ptr<node_program> node(unsigned machine, unsigned certificate) const {
    return std::make_unique<node_program>(
        x.muster, "n" + std::to_string(machine),
        std::vector<std::string>{"--certs", certs_of(certificate), "--address", network_ground::address_of(machine)},
        ground.prefix_of(machine));
  }
  [[nodiscard]] std::unique_ptr<node_program> node(unsigned machine) const { return node(machine, machine); }

  /// The same, with its log in a file.
  [[nodiscard]] std::unique_ptr<node_program> logged_node(unsigned machine) const {
    std::vector<std::string> prefix{"sh", "-c", "exec \"$@\" 2>>" + log_of(machine), "sh"};
    for (auto& word : ground.prefix_of(machine))
      prefix.push_back(std::move(word));
    return std::make_unique<node_program>(
        x.muster, "n" + std::to_string(machine),
        std::vector<std::string>{"--certs", certs_of(machine), "--address", network_ground::address_of(machine)},
        prefix);
  }
  /// Waits until that node has logged `text`.
  [[nodiscard]] bool logs(unsigned machine, const std::string& text) const {
    return eventually([&] {
      std::ifstream file(log_of(machine));
      const std::string all{std::istreambuf_iterator<char>{file}, {}};
      return all.find(text) != std::string::npos;
    });
  }

  /// Replaces all certificates by those of another authority.
  void issue_anew() {
    authority_ = "other-ca";
    for (const auto& folder : folders_)
      std::filesystem::remove_all(folder);
    issue_all(static_cast<unsigned>(folders_.size()) - 1);
  }

  network_ground ground;
  farm x;

private:
  [[nodiscard]] std::string log_of(unsigned machine) const {
    return (x.muster.folder() / ("log-n" + std::to_string(machine))).string();
  }

  void issue_all(unsigned machines) {
    folders_ = {(x.muster.folder() / "head-certs").string()};
    issue({"init"});
    issue({"issue", "--head", "head", "--out", folders_.front()});
    for (unsigned i = 1; i <= machines; ++i) {
      folders_.push_back(certs_of(i));
      issue({"issue", "n" + std::to_string(i), "--out", certs_of(i)});
    }
  }

  void issue(std::vector<std::string> words) const {
    words.insert(words.begin(), "ca");
    words.insert(words.end(), {"--ca", (x.muster.folder() / authority_).string()});
    const auto done = x.muster(words);
    INFO(done.err);
    REQUIRE(done.exit_code == 0);
  }

  std::string authority_ = "ca";
  std::vector<std::string> folders_; ///< Of the head, then of the nodes.
};

/// Says why a test is not run.
bool is_missing(const network_farm& x) {
  if (!x.ground.missing().empty())
    skip_test(x.ground.missing());
  return !x.ground.missing().empty();
}

} // namespace

TEST_CASE("the members of a gang on three machines find each other, and the head by its certificate") {
  network_farm net{3, patient};
  if (is_missing(net))
    return;
  auto& x = net.x;
  const auto one = net.node(1);
  const auto two = net.node(2);
  const auto three = net.node(3);
  for (const auto* node : {"n1", "n2", "n3"})
    REQUIRE(becomes(x.muster, node, "ready"));
  const auto id = x.submit(meeting_spec(2));
  const auto waited = x.muster({"wait", id});
  INFO(waited.err << x.muster({"show", id}).out << x.muster({"logs", id}).out << x.head->log());
  REQUIRE(waited.out == id + " COMPLETED\n");
  const auto heard = x.muster({"logs", id, "--task", "server"}).out;
  std::set<std::string> nodes;
  for (const auto* task : {"server", "client", "client2"}) {
    const auto node = node_of(x.muster, id, task);
    nodes.insert(node);
    if (task != std::string{"server"})
      CHECK(heard.find("hello from " + network_ground::address_of(static_cast<unsigned>(node.back() - '0'))) !=
            std::string::npos);
  }
  CHECK(nodes.size() == 3);
}

TEST_CASE("who has no certificate, or that of another node, does not join") {
  network_farm net{2, patient};
  if (is_missing(net))
    return;
  auto& x = net.x;
  const auto foreign = net.node(1, 2);
  const auto ended = foreign->process().finish();
  CHECK(ended.exit_code != 0);
  CHECK(ended.err.find("is that of node n2, and not of n1") != std::string::npos);
  node_program plain{x.muster, "n1", {}, net.ground.prefix_of(1)};
  const auto refused = plain.process().finish();
  CHECK(refused.exit_code != 0);
  CHECK(refused.err.find("--certs") != std::string::npos);
  const auto good = net.node(2);
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(condition_of(x.muster, "n1").empty());
}

TEST_CASE("a node that reaches its head by IPv6 alone says that it must be told its own address") {
  network_farm net{1, patient, "[::]:0"};
  if (is_missing(net))
    return;
  if (!net.ground.add_ipv6())
    return skip_test("this host has no IPv6");
  auto& x = net.x;
  const auto listens = agents_address(x.muster);
  const auto head = "[fd78::1]" + listens.substr(listens.rfind(':'));
  const auto start = [&](const std::vector<std::string>& address) {
    std::vector<std::string> options{"--certs", net.certs_of(1), "--head", head};
    options.insert(options.end(), address.begin(), address.end());
    return std::make_unique<node_program>(x.muster, "n1", std::move(options), net.ground.prefix_of(1));
  };
  const auto ended = start({})->process().finish();
  CHECK(ended.exit_code == 1);
  CHECK_THAT(ended.err, ContainsSubstring("reaches the head by fd78::11") && ContainsSubstring("by --address"));
  CHECK(condition_of(x.muster, "n1").empty());
  const auto none = start({"--address", "lo0"})->process().finish();
  CHECK(none.exit_code != 0);
  CHECK_THAT(none.err,
             ContainsSubstring("'lo0' is no IPv4 address, and no network interface") && ContainsSubstring("eth0, lo"));
  const auto bare = x.muster({"agent", "--head", head, "--address", "plug1"});
  CHECK(bare.exit_code != 0);
  CHECK_THAT(bare.err, ContainsSubstring("network interface plug1 has no IPv4 address"));
  const auto good = start({"--address", "eth0"});
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK_THAT(x.muster({"node", "show", "n1"}).out, ContainsSubstring(network_ground::address_of(1)));
}

TEST_CASE("a machine that is cut off is suspect, then lost, and goes on where it was when it is back") {
  network_farm net{3, "lost_after: 3s, silence_limit: 2s, on_loss: wait"};
  if (is_missing(net))
    return;
  auto& x = net.x;
  const auto one = net.node(1);
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 1));
  REQUIRE(has_begun(x.muster, 1));
  const auto two = net.node(2);
  const auto three = net.node(3);
  REQUIRE(becomes(x.muster, "n3", "ready"));
  net.ground.cut(1);
  REQUIRE(goes_away(x, "n1"));
  REQUIRE(becomes(x.muster, "n1", "lost"));
  CHECK(becomes(x.muster, "n2", "ready")); // It may have been slow to say that it is there.
  CHECK(status_of(x.muster, id) == "RUNNING");
  net.ground.heal(1);
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(x.end_of(id, 1) == "");
}

TEST_CASE("a gang leaves a lost machine, where it is ended before anything new comes") {
  // Long enough that the others, which are only slow, are not lost as well.
  network_farm net{3, "lost_after: 10s, silence_limit: 2s, on_loss: reschedule"};
  if (is_missing(net))
    return;
  auto& x = net.x;
  const auto one = net.node(1);
  const auto two = net.node(2);
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(waiting_gang(x.muster, 2));
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 1; }));
  const auto three = net.node(3);
  REQUIRE(becomes(x.muster, "n3", "ready"));
  net.ground.cut(1);
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 2; }));
  CHECK(condition_of(x.muster, "n1") == "lost");
  const std::set<std::string> nodes{node_of(x.muster, id, "t0"), node_of(x.muster, id, "t1")};
  CHECK(nodes == std::set<std::string>{"n2", "n3"});
  CHECK(gang_running(x.muster, 2) == 3); // Nobody could tell the one on n1.
  net.ground.heal(1);
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(gang_running(x.muster, 2) == 2);
  let_gang_go(x.muster, id);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
}

TEST_CASE("renewed certificates count for the connections after SIGHUP, and not before") {
  network_farm net{2, patient};
  if (is_missing(net))
    return;
  auto& x = net.x;
  const auto one = net.logged_node(1);
  REQUIRE(becomes(x.muster, "n1", "ready"));

  // All of another authority, so that old and new do not go together.
  net.issue_anew();
  const auto two = net.logged_node(2);
  REQUIRE(net.logs(2, "cannot join"));
  x.head->process().signal(SIGHUP);
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(condition_of(x.muster, "n1") == "ready"); // Connections that are there stay.

  one->process().signal(SIGHUP);
  REQUIRE(net.logs(1, "certificate was read again"));
  x.head->stop(SIGKILL);
  x.start_again();
  REQUIRE(x.head->ready());
  REQUIRE(becomes(x.muster, "n1", "ready"));
}

TEST_CASE("a certificate that cannot be used changes nothing at SIGHUP") {
  network_farm net{1, patient};
  if (is_missing(net))
    return;
  auto& x = net.x;
  const auto one = net.logged_node(1);
  REQUIRE(becomes(x.muster, "n1", "ready"));
  std::ofstream(net.certs_of(1) + "/cert.pem") << "half of it";
  one->process().signal(SIGHUP);
  REQUIRE(net.logs(1, "certificate stays"));
  x.head->stop(SIGKILL);
  x.start_again();
  REQUIRE(x.head->ready());
  REQUIRE(becomes(x.muster, "n1", "ready"));
}
