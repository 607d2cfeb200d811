#include "agent_farm.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

using namespace muster::test;

TEST_CASE("the members of a gang on two nodes find each other") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program one{x.muster, "n1", at(1)};
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(meeting_spec());
  const auto waited = x.muster({"wait", id});
  INFO(waited.err << x.muster({"show", id}).out << x.muster({"logs", id}).out << x.head->log());
  REQUIRE(waited.out == id + " COMPLETED\n");
  CHECK(x.muster({"logs", id, "--task", "server"}).out.find("hello from " + own_addresses()) != std::string::npos);
  CHECK(x.muster({"logs", id, "--task", "client"}).out.find("welcome") != std::string::npos);
  std::set<std::string> nodes;
  for (const auto* task : {"server", "client"})
    nodes.insert(node_of(x.muster, id, task));
  CHECK(nodes == std::set<std::string>{"n1", "n2"});
}

TEST_CASE("an agent that is killed finds its tasks again") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", at(1)};
  const auto id = x.submit(waiting_spec(x.muster, 2));
  REQUIRE(has_begun(x.muster, 2));
  node.stop(SIGKILL);
  REQUIRE(becomes(x.muster, "n1", "suspect"));
  node.start();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(x.end_of(id, 2) == "");
  CHECK(node.stop(SIGTERM).exit_code == 0);
}

TEST_CASE("a head that is killed finds the tasks of its nodes again") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 3));
  REQUIRE(has_begun(x.muster, 3));
  x.head->stop(SIGKILL);
  x.start_again();
  REQUIRE(x.head->ready());
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(x.end_of(id, 3) == "");
}

TEST_CASE("what ends while head and agent are both dead is known afterwards") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", at(1)};
  const auto id = x.submit(waiting_spec(x.muster, 1));
  REQUIRE(has_begun(x.muster, 1));
  node.stop(SIGKILL);
  x.head->stop(SIGKILL);
  let_go(x.muster);
  x.start_again();
  REQUIRE(x.head->ready());
  const auto condition = condition_of(x.muster, "n1"); // It is known, and so is who holds places there.
  CHECK((condition == "suspect" || condition == "lost"));
  node.start();
  CHECK(x.end_of(id, 1) == "");
}

TEST_CASE("nodes are listed by name, in whatever order they joined") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program ten{x.muster, "n10", at(1)};
  REQUIRE(becomes(x.muster, "n10", "ready"));
  node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(x.muster({"node", "ls", "-o", "name"}).out == "local\nn2\nn10\n");
}

TEST_CASE("who may not join as a node is told why") {
  farm x{{}};
  x.start();
  REQUIRE(x.head->ready());
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
  CHECK_THAT(refused("n1", {}), ContainsSubstring("a token is needed to join"));
  CHECK_THAT(refused("n2", {"--token-file", x.muster.file("bad", "mst_" + std::string(43, 'A'))}),
             ContainsSubstring("the token is not valid"));
  CHECK_THAT(refused("n3", {"--token-file", token({"--role", "admin", "ada"})}),
             ContainsSubstring("of the role admin"));
  const auto bound = token({"--role", "node", "--node", "n4", "farm"});
  CHECK_THAT(refused("n5", {"--token-file", bound}), ContainsSubstring("lets node n4 join, and not n5"));
  CHECK_THAT(refused("n6", {"--token-file", token({"--role", "node", "farm"}), "--pool", "gpus"}),
             ContainsSubstring("there is no pool 'gpus' that agents can join; there are: farm"));
  CHECK_THAT(refused("local", {"--token-file", token({"--role", "node", "farm"})}),
             ContainsSubstring("the head's own machine"));
  CHECK_THAT(refused("n7", {"--address", "224.0.0.1"}), ContainsSubstring("cannot connect to 224.0.0.1"));
  node_program good{x.muster, "n4", {"--token-file", bound}};
  CHECK(becomes(x.muster, "n4", "ready"));
}

TEST_CASE("a node joins the pool that asks for its labels, unless it names one") {
  farm x;
  x.start("127.0.0.1:0", patient + "}\n  gpus: {driver: agents, " + patient + ", node_labels: {gpu: h100, disk: fast}");
  REQUIRE(x.head->ready());
  const auto labelled = [](int number, std::vector<std::string> labels) {
    auto options = at(number);
    for (auto& label : labels)
      options.insert(options.end(), {"--label", std::move(label)});
    return options;
  };
  node_program with{x.muster, "n1", labelled(1, {"gpu=h100", "disk=fast", "rack=r7"})};
  node_program without{x.muster, "n2", labelled(2, {"gpu=h100", "disk=slow"})};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto pool_of = [&](const std::string& node) {
    const auto all = nlohmann::json::parse(x.muster({"node", "ls", "--output", "json"}).out, nullptr, false);
    for (const auto& one : all)
      if (one.value("name", "") == node)
        return one.value("pool", "");
    return std::string{};
  };
  CHECK(pool_of("n1") == "gpus");
  CHECK(pool_of("n2") == "farm");
  auto options = labelled(3, {"gpu=a100"});
  options.insert(options.end(), {"--pool", "gpus"});
  node_program other{x.muster, "n3", std::move(options)};
  const auto refused = other.process().finish();
  CHECK(refused.exit_code != 0);
  CHECK_THAT(refused.err, ContainsSubstring("node n3 lacks labels that nodes of pool gpus carry (--label): "
                                            "disk=fast, gpu=h100"));
}

TEST_CASE("of two agents of one name the first is the node") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program first{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  node_program second{x.muster, "n1", {"--state-dir", (x.muster.folder() / "second").string()}};
  const cleaner clean{x.muster.folder() / "second"};
  REQUIRE(x.head->wait_for_log("node n1 is here already, with another agent"));
  CHECK(condition_of(x.muster, "n1") == "ready");
  node_program third{x.muster, "n1", at(1)}; // The directory is taken, too.
  CHECK(third.process().finish().exit_code != 0);
  CHECK(second.stop(SIGTERM).exit_code == 0);
  CHECK(condition_of(x.muster, "n1") == "ready");
}

TEST_CASE("a cordoned node is given nothing, also after a restart of the head") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program one{x.muster, "n1", at(1)};
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(x.muster({"node", "cordon", "n1", "--reason", "new disks"}).out == "n1 is cordoned\n");
  REQUIRE(becomes(x.muster, "n1", "cordoned"));
  const auto id = x.submit(waiting_spec(x.muster, 2));
  REQUIRE(has_begun(x.muster, 2));
  for (const auto* task : {"t0", "t1"})
    CHECK(node_of(x.muster, id, task) == "n2");
  x.head->stop(SIGKILL);
  x.start_again();
  REQUIRE(x.head->ready());
  REQUIRE(becomes(x.muster, "n1", "cordoned"));
  CHECK(x.end_of(id, 2) == "");
  CHECK(x.muster({"node", "uncordon", "n1"}).out == "n1 is serving\n");
  CHECK(becomes(x.muster, "n1", "ready"));
  CHECK(x.muster({"node", "cordon", "n9"}).exit_code == 4);
  CHECK(x.muster({"node", "drain", "local"}).exit_code == 4);
}

TEST_CASE("what still runs when a drain has lasted long enough runs elsewhere") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program one{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 1));
  REQUIRE(has_begun(x.muster, 1));
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(x.muster({"node", "drain", "n1", "--deadline", "soon"}).exit_code == 2);
  CHECK(x.muster({"node", "drain", "n1", "--deadline", "1s"}).out == "n1 is draining\n");
  REQUIRE(eventually([&] { return begins_of(x.muster, 0) == 2; }));
  CHECK(node_of(x.muster, id, "t0") == "n2");
  let_go(x.muster);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
}

TEST_CASE("the deadline of a drain passes while the head is away") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program one{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 2));
  REQUIRE(has_begun(x.muster, 2));
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(x.muster({"node", "drain", "n1", "--deadline", "1s"}).out == "n1 is draining\n");
  x.head->stop(SIGKILL);
  x.start_again();
  REQUIRE(x.head->ready());
  REQUIRE(eventually([&] { return begins_of(x.muster, 0) == 2 && begins_of(x.muster, 1) == 2; }));
  for (const auto* task : {"t0", "t1"})
    CHECK(node_of(x.muster, id, task) == "n2");
  let_go(x.muster);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
}

TEST_CASE("a gang leaves a node whose agent is gone, and runs on others") {
  const bool restarts = GENERATE(false, true);
  farm x;
  // After a restart of the head the others must be back before they are lost as well.
  x.start("127.0.0.1:0", restarts ? "lost_after: 10s, on_loss: reschedule" : "lost_after: 3s, on_loss: reschedule");
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(waiting_gang(x.muster, 2));
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 1; }));
  const node_program three{x.muster, "n3", at(3)};
  REQUIRE(becomes(x.muster, "n3", "ready"));
  one.stop(SIGKILL);
  if (restarts) {
    x.head->stop(SIGKILL);
    x.start_again();
    REQUIRE(x.head->ready());
  }
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 2; }));
  const std::set<std::string> nodes{node_of(x.muster, id, "t0"), node_of(x.muster, id, "t1")};
  CHECK(nodes == std::set<std::string>{"n2", "n3"});
  CHECK(condition_of(x.muster, "n1") == "lost");
  one.start(); // What it ran is ended there before it takes anything.
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(gang_running(x.muster, 2) == 2);
  let_gang_go(x.muster, id);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
}

TEST_CASE("members that are held while the gang is not complete do not run, whoever is killed, and then run once") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  two.process().signal(SIGSTOP); // Its member is never prepared.
  const auto id = x.submit(waiting_gang(x.muster, 2));
  const auto is_held = [&] { return gang_running(x.muster, 2) == 1; };
  REQUIRE(eventually(is_held));
  SECTION("nobody") {}
  SECTION("the agent") {
    one.stop(SIGKILL);
    REQUIRE(eventually([&] { return gang_running(x.muster, 2) == 0; }));
    one.start();
    REQUIRE(eventually(is_held));
  }
  SECTION("the warden") {
    const auto warden = warden_of(one.state());
    REQUIRE(warden != 0);
    ::kill(warden, SIGKILL);
    REQUIRE(eventually([&] { return gang_running(x.muster, 2) == 0; }));
  }
  SECTION("the head") {
    x.head->stop(SIGKILL);
    x.start_again();
    REQUIRE(x.head->ready());
    REQUIRE(becomes(x.muster, "n1", "ready"));
  }
  for (const int member : {0, 1})
    CHECK(member_begins(x.muster, id, member) == 0);
  two.process().signal(SIGCONT);
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 1; }));
  let_gang_go(x.muster, id);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
  for (const int member : {0, 1})
    CHECK(member_begins(x.muster, id, member) == 1);
}

TEST_CASE("a node that is gone for good is struck off") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(x.muster({"node", "rm", "n1"}).exit_code == 5); // It is here.
  const auto cpus = [&] {
    return nlohmann::json::parse(x.muster({"pool", "show", "farm", "-o", "json"}).out)["total"]["cpu"];
  };
  CHECK(cpus() > 0);
  CHECK(node.stop(SIGTERM).exit_code == 0);
  REQUIRE(becomes(x.muster, "n1", "suspect"));
  CHECK(eventually([&] { return cpus() == 0; })); // Nobody can have them.
  CHECK(x.muster({"node", "rm", "n1"}).out == "n1 is removed\n");
  CHECK(becomes(x.muster, "n1", ""));
}

TEST_CASE("an agent sends its token to a head on another machine only encrypted") {
  const muster_program muster;
  const auto token = muster.file("node.token", "mst_secret\n");
  for (const auto* head : {"192.0.2.1:7718", "head.example.org:7718", "[2001:db8::1]:7718"}) {
    const auto refused = muster({"agent", "--head", head, "--token-file", token});
    CHECK(refused.exit_code != 0);
    CHECK_THAT(refused.err, ContainsSubstring(std::string{"on loopback only, and "} + head + " is not") &&
                                ContainsSubstring("--certs"));
  }
}

TEST_CASE("a head with certificates hears nobody who does not encrypt, on its own machine either") {
  farm x;
  make_certificates(x.muster, {"n2"});
  x.start("127.0.0.1:0", patient, certificates_of(x.muster, "head"));
  REQUIRE(x.head->ready());
  const auto log = (x.muster.folder() / "plain.log").string();
  const node_program plain{x.muster, "n1", {}, {"sh", "-c", "exec \"$@\" 2>>" + log, "sh"}};
  const node_program good{x.muster, "n2", {"--certs", certificates_of(x.muster, "n2")}};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(eventually([&] {
    std::ifstream file(log);
    const std::string told{std::istreambuf_iterator<char>{file}, {}};
    return told.find("cannot join") != std::string::npos;
  }));
  CHECK(condition_of(x.muster, "n1").empty());
}

TEST_CASE("what a node that is gone for good may still run is given up when it is struck off") {
  const bool forced = GENERATE(false, true);
  farm x;
  x.start("127.0.0.1:0", forced ? patient : "lost_after: 3s, on_loss: wait");
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 1));
  REQUIRE(has_begun(x.muster, 1));
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  one.stop(SIGKILL);
  if (forced) {
    REQUIRE(becomes(x.muster, "n1", "suspect"));
    CHECK(x.muster({"node", "rm", "n1"}).exit_code == 5); // It may be back.
  } else {
    REQUIRE(becomes(x.muster, "n1", "lost"));
  }
  CHECK(begins_of(x.muster, 0) == 1); // The pool waits.
  const auto done = forced ? x.muster({"node", "rm", "n1", "--force"}) : x.muster({"node", "rm", "n1"});
  INFO(done.err);
  CHECK(done.out == "n1 is removed\n1 task that it may still run was given up, and will run elsewhere\n");
  CHECK(condition_of(x.muster, "n1").empty());
  REQUIRE(eventually([&] { return begins_of(x.muster, 0) == 2; }));
  CHECK(node_of(x.muster, id, "t0") == "n2");
  one.start(); // It is back after all, as a new node.
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(programs_with_argument(waiting_script(x.muster, 0)).size() == 1);
  let_go(x.muster);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
}

TEST_CASE("a forced cancel ends a workflow whose node is lost, and what it runs when that is back") {
  const bool is_lost = GENERATE(false, true);
  CAPTURE(is_lost);
  farm x;
  x.start("127.0.0.1:0", is_lost ? "lost_after: 3s, on_loss: wait" : "lost_after: 10s, on_loss: wait");
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(waiting_spec(x.muster, 1));
  REQUIRE(has_begun(x.muster, 1));
  REQUIRE(eventually([&] { return status_of(x.muster, id) == "RUNNING"; })); // Its head has heard of it.
  one.stop(SIGKILL);
  if (is_lost)
    REQUIRE(becomes(x.muster, "n1", "lost"));
  else
    REQUIRE(goes_away(x, "n1"));
  CHECK(x.muster({"cancel", id}).exit_code == 0); // Waits for the node.
  CHECK(eventually([&] { return x.muster({"explain", id}).out.find("n1") != std::string::npos; }));
  if (is_lost)
    CHECK(status_of(x.muster, id) == "RUNNING");
  CHECK(x.muster({"cancel", id, "--force"}).exit_code == 0);
  const auto waited = x.muster({"wait", id});
  INFO(waited.err << x.muster({"show", id}).out << x.head->log());
  CHECK(waited.out == id + " FAILED_CANCELED\n");
  CHECK(condition_of(x.muster, "n1") == "lost");
  CHECK(programs_with_argument(waiting_script(x.muster, 0)).size() == 1); // Nobody could tell it.
  one.start();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(processes_with_argument(waiting_script(x.muster, 0)).empty());
  CHECK(begins_of(x.muster, 0) == 1);
}

TEST_CASE("a gang that needs more nodes than have joined waits for them") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program one{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit(meeting_spec());
  REQUIRE(eventually([&] {
    return x.muster({"explain", id}).out.find("would fit only with more nodes") != std::string::npos;
  }));
  const auto pool = nlohmann::json::parse(x.muster({"pool", "show", "farm", "--output", "json"}).out);
  CHECK(pool.at("waiting_for_nodes") == 1);
  const auto small = x.submit(waiting_spec(x.muster, 1)); // It holds up nobody.
  REQUIRE(has_begun(x.muster, 1));
  const node_program two{x.muster, "n2", at(2)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(x.end_of(small, 1) == "");
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
}
