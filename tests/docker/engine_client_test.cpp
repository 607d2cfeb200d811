#include "executors/docker/engine/client.hpp"
#include "executors/docker/engine/tar.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/fake_engine.hpp"

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

/// The Engine API client against a real daemon, and against the fake one, which must not differ.
using namespace muster;
using namespace muster::docker;
using namespace std::chrono_literals;

namespace {

/// A client with a thread of its own, whose calls wait.
class caller {
public:
  explicit caller(const std::filesystem::path& socket) : client_(loop_, *parse_endpoint(socket.string())) {}

  template <class T>
  outcome<T> ask(const std::function<void(client&, then<T>)>& call) {
    return wait_for<outcome<T>>(loop_, [&](auto done) { call(client_, std::move(done)); });
  }
  loop& on() { return loop_; }
  client& to() { return client_; }

private:
  loop loop_;
  client client_;
};

/// Containers and networks of a test, removed at its end whatever happened.
class leftovers {
public:
  leftovers(caller& with, std::string name) : with_(with), name_(std::move(name)) { clear(); }
  ~leftovers() { clear(); }
  leftovers(const leftovers&) = delete;
  leftovers& operator=(const leftovers&) = delete;

private:
  void clear() {
    static_cast<void>(
        with_.ask<void>([&](client& to, then<void> done) { to.remove_container(name_, true, std::move(done)); }));
    static_cast<void>(with_.ask<void>([&](client& to, then<void> done) { to.remove_network(name_, std::move(done)); }));
  }

  caller& with_;
  std::string name_;
};

const std::string name = "muster-engine-client-test";

created_container create(caller& with, const std::string& config) {
  auto made = with.ask<created_container>(
      [&](client& to, then<created_container> done) { to.create_container(name, config, std::move(done)); });
  INFO((made ? std::string{} : made.failure().message));
  REQUIRE(made.ok());
  return *made;
}

/// Registers a wait, starts, and gives how it ended.
exit_status run_to_end(caller& with) {
  auto ended = std::make_shared<std::promise<outcome<exit_status>>>();
  const auto registered = wait_for<bool>(with.on(), [&](const auto& done) {
    with.to().wait_container(
        name, wait_condition::next_exit, [done] { done(true); },
        [ended](outcome<exit_status> how) { ended->set_value(std::move(how)); });
  });
  REQUIRE(registered);
  const auto started = with.ask<bool>([](client& to, then<bool> done) { to.start_container(name, std::move(done)); });
  INFO((started ? std::string{} : started.failure().message));
  REQUIRE(started.ok());
  CHECK(*started);
  auto future = ended->get_future();
  REQUIRE(future.wait_for(120s) == std::future_status::ready);
  const auto how = future.get();
  REQUIRE(how.ok());
  return *how;
}

std::vector<std::string> log_of(caller& with, log_stream which) {
  std::vector<std::string> lines;
  const auto read = with.ask<void>([&](client& to, then<void> done) {
    log_options options;
    options.follow = false;
    to.follow_log(name, options,
                  {{},
                   [&](log_stream from, std::string_view record) {
                     const auto line = split_timestamp(record);
                     REQUIRE(line.has_value());
                     if (from == which)
                       lines.emplace_back(line->text);
                   },
                   std::move(done)});
  });
  CHECK(read.ok());
  return lines;
}

bool remembers_making(caller& with, const std::string& id) {
  const auto info = with.ask<engine_info>([](client& to, then<engine_info> done) { to.info(std::move(done)); });
  REQUIRE(info.ok());
  REQUIRE(info->now.has_value());
  const auto found =
      with.ask<bool>([&](client& to, then<bool> done) { to.remembers_making(id, *info->now, std::move(done)); });
  REQUIRE(found.ok());
  return *found;
}

/// What holds for every daemon that has `busybox` and lets it say `out` and end with 7.
void check_life_of_a_container(const std::filesystem::path& socket) {
  caller with(socket);
  const auto version = with.ask<api_version>([](client& to, then<api_version> done) { to.negotiate(std::move(done)); });
  REQUIRE(version.ok());
  const leftovers cleaning(with, name);
  CHECK(with.ask<engine_info>([](client& to, then<engine_info> done) { to.info(std::move(done)); }).ok());
  CHECK(with.ask<image_info>([](client& to, then<image_info> done) { to.inspect_image("busybox", std::move(done)); })
            .ok());
  CHECK(with.ask<image_info>(
                [](client& to, then<image_info> done) { to.inspect_image("absent.example/x:1", std::move(done)); })
            .kind() == failure::not_found);
  const auto made = create(with, R"({"Image":"busybox","Cmd":["sh","-c","cat /in/f; echo wrong >&2; exit 7"],
    "Labels":{"muster.test":"engine-client"}})");
  const auto again = with.ask<created_container>([](client& to, then<created_container> done) {
    to.create_container(name, R"({"Image":"busybox"})", std::move(done));
  });
  REQUIRE(again.kind() == failure::conflict);
  CHECK(again.failure().holder == made.id);
  CHECK(remembers_making(with, made.id));
  CHECK_FALSE(remembers_making(with, std::string(64, 'a')));
  tar_writer tar;
  REQUIRE(tar.add_folder("in", {0755, 0, 0, 0}).ok());
  REQUIRE(tar.add_file("in/f", "out\n", {}).ok());
  const auto archive = std::move(tar).finish();
  CHECK(with.ask<void>([&](client& to, then<void> done) { to.upload_archive(name, "/", archive, std::move(done)); })
            .ok());
  CHECK(run_to_end(with).code == 7);
  CHECK(log_of(with, log_stream::output) == std::vector<std::string>{"out\n"});
  const auto seen = with.ask<container_info>(
      [](client& to, then<container_info> done) { to.inspect_container(name, std::move(done)); });
  REQUIRE(seen.ok());
  CHECK(seen->id == made.id);
  CHECK(seen->name == name);
  CHECK(seen->status == container_status::exited);
  CHECK(seen->exit_code == 7);
  CHECK(seen->labels.at("muster.test") == "engine-client");
  const auto listed =
      with.ask<std::vector<container_summary>>([](client& to, then<std::vector<container_summary>> done) {
        to.list_containers({{"label", {"muster.test=engine-client"}}}, std::move(done));
      });
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().name == name);
  CHECK(
      with.ask<void>([](client& to, then<void> done) { to.kill_container(name, "SIGTERM", std::move(done)); }).kind() ==
      failure::conflict);
  CHECK(with.ask<void>([](client& to, then<void> done) { to.remove_container(name, false, std::move(done)); }).ok());
  CHECK(with.ask<container_info>(
                [](client& to, then<container_info> done) { to.inspect_container(name, std::move(done)); })
            .kind() == failure::not_found);
}

/// Networks: made with a range, found by label, not made twice.
void check_life_of_a_network(const std::filesystem::path& socket) {
  caller with(socket);
  const leftovers cleaning(with, name);
  const std::string config = R"({"Name":")" + name + R"(","CheckDuplicate":true,"Driver":"bridge",
    "Labels":{"muster.test":"engine-client"},"IPAM":{"Config":[{"Subnet":"10.213.77.0/28"}]}})";
  const auto make = [&](client& to, then<std::string> done) { to.create_network(config, std::move(done)); };
  const auto made = with.ask<std::string>(make);
  INFO((made ? std::string{} : made.failure().message));
  REQUIRE(made.ok());
  CHECK(with.ask<std::string>(make).kind() == failure::conflict);
  const auto listed = with.ask<std::vector<network_info>>([](client& to, then<std::vector<network_info>> done) {
    to.list_networks({{"label", {"muster.test=engine-client"}}}, std::move(done));
  });
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().id == *made);
  REQUIRE(listed->front().ranges.size() == 1);
  CHECK(listed->front().ranges.front().subnet == "10.213.77.0/28");
  CHECK(with.ask<void>([](client& to, then<void> done) { to.remove_network(name, std::move(done)); }).ok());
  CHECK(with.ask<void>([](client& to, then<void> done) { to.remove_network(name, std::move(done)); }).kind() ==
        failure::not_found);
}

std::unique_ptr<test::fake_engine> made_up_daemon() {
  auto fake = std::make_unique<test::fake_engine>();
  fake->add_image("busybox:latest");
  test::engine_script script;
  script.exit_code = 7;
  script.out = {"out"};
  fake->script("*", script);
  return fake;
}

} // namespace

TEST_CASE("the client leads a container from its making to its removal by a real daemon") {
  if (const auto docker = test::shared_docker())
    check_life_of_a_container(*docker);
}

TEST_CASE("the client leads a network from its making to its removal by a real daemon") {
  if (const auto docker = test::shared_docker())
    check_life_of_a_network(*docker);
}

TEST_CASE("the client sees no difference between a real daemon and the fake one") {
  const auto fake = made_up_daemon();
  check_life_of_a_container(fake->socket());
  check_life_of_a_network(fake->socket());
}

TEST_CASE("every fault of a daemon is an error of its kind, and the next call is served") {
  using fault = test::engine_fault_kind;
  struct fault_case {
    fault what;
    failure kind;
  };
  for (const auto& one :
       {fault_case{fault::refuse, failure::server_error}, fault_case{fault::do_and_refuse, failure::server_error},
        fault_case{fault::close_unread, failure::daemon_away}, fault_case{fault::close, failure::daemon_away},
        fault_case{fault::do_and_close, failure::daemon_away},
        fault_case{fault::do_and_answer_half, failure::daemon_away}, fault_case{fault::garbage, failure::bad_answer},
        fault_case{fault::garbage_body, failure::bad_answer}, fault_case{fault::too_long, failure::daemon_away}}) {
    INFO(static_cast<int>(one.what));
    const auto fake = made_up_daemon();
    caller with(fake->socket());
    // A new connection: one that had served a call before would be replaced, and the call sent again.
    test::engine_fault wrong;
    wrong.route = "GET /info";
    wrong.what = one.what;
    fake->inject(wrong);
    const auto info = [](client& to, then<engine_info> done) { to.info(std::move(done)); };
    const auto failed = with.ask<engine_info>(info);
    REQUIRE_FALSE(failed.ok());
    CHECK(to_string(failed.kind()) == to_string(one.kind));
    CHECK(with.ask<engine_info>(info).ok());
  }
}

TEST_CASE("streams end with an error when the daemon goes, and calls are served when it is back") {
  const auto fake = made_up_daemon();
  caller with(fake->socket());
  auto ended = std::make_shared<std::promise<outcome<void>>>();
  const auto open = wait_for<bool>(with.on(), [&](const auto& done) {
    with.to().listen({}, {}, {},
                     {[done] { done(true); }, [](const engine_event&) {},
                      [ended](outcome<void> how) { ended->set_value(std::move(how)); }});
  });
  REQUIRE(open);
  fake->go_away();
  auto future = ended->get_future();
  REQUIRE(future.wait_for(60s) == std::future_status::ready);
  CHECK(future.get().kind() == failure::daemon_away);
  const auto ping = [](client& to, then<void> done) { to.ping(std::move(done)); };
  CHECK(with.ask<void>(ping).kind() == failure::daemon_away);
  fake->come_back();
  CHECK(with.ask<void>(ping).ok());
}
