#include "fleet_fixture.hpp"
#include "harness.hpp"

#include "actors/protocol/type_ids.hpp"
#include "executors/changing_offer.hpp"
#include "executors/null/null_driver.hpp"
#include "executors/remote/attempt_text.hpp"
#include "muster/base/log.hpp"
#include "support/catch.hpp"
#include "support/kept_log.hpp"

#include <atomic>
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

using namespace muster;
using namespace muster::test;
using change = agent::fleet_change::kind;

namespace {

/// An agent that does nothing, and notes whether it ever learns who sends.
agent::agent_link::behavior_type curious(agent::agent_link::pointer self, std::shared_ptr<std::atomic<bool>> knows) {
  const auto look = [self, knows] { *knows = *knows || self->current_sender() != nullptr; };
  return {
      [look](agent::command_atom, const agent::commands&) { look(); },
      [look](agent::ack_atom, std::uint64_t, std::uint64_t) { look(); },
      [look](agent::alive_atom, std::uint64_t) { look(); },
  };
}

/// Somebody who has the right to join, and says what he likes.
class stranger {
public:
  explicit stranger(const fleet_head& head) : configuration_(2, network_use::any), system_(configuration_) {
    const auto gate = system_.middleman().remote_actor<agent::gate_actor>("127.0.0.1", head.port());
    REQUIRE(gate);
    gate_ = *gate;
  }
  ~stranger() {
    for (const auto& x : agents_)
      caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
  }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

  std::pair<std::uint64_t, agent::fleet_link> join(const std::string& node) {
    agents_.push_back(system_.spawn(curious, knows_));
    agent::hello who;
    who.node = node;
    who.pool = "pool";
    who.memory = "memory of " + node;
    who.offered = remote::encode(*make_null_driver()->probe());
    std::pair<std::uint64_t, agent::fleet_link> out;
    caf::scoped_actor self{system_};
    self->request(gate_, caf::duration{patience}, agent::hello_atom::value, who, agents_.back())
        .receive(
            [&](const agent::welcome& x, const agent::fleet_link& to) {
              out = {x.session, to};
              *knows_ = *knows_ || self->current_sender() != caf::actor_cast<caf::strong_actor_ptr>(gate_);
            },
            [&](const caf::error& why) { FAIL(caf::to_string(why)); });
    return out;
  }
  [[nodiscard]] bool knows_more() const { return *knows_; }
  [[nodiscard]] const agent::gate_actor& gate() const { return gate_; }

private:
  system_config configuration_;
  caf::actor_system system_;
  agent::gate_actor gate_;
  std::vector<agent::agent_link> agents_;
  std::shared_ptr<std::atomic<bool>> knows_ = std::make_shared<std::atomic<bool>>(false);
};

std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + patience;
}

/// What runs attempts, and does not answer when it is asked for the first time which ones it still has.
class slow_to_answer final : public driver {
public:
  ~slow_to_answer() override {
    if (speaks_.joinable())
      speaks_.join();
  }
  result<capabilities> probe() override { return make_null_driver()->probe(); }
  void listen(driver_listener& to) override { to_ = &to; }
  void prepare(attempt_spec) override {}
  void start(attempt_id) override {}
  void publish(attempt_id) override {}
  void remove(attempt_id) override {}
  void stop(attempt_id id, std::chrono::milliseconds) override {
    if (!speaks_.joinable())
      speaks_ = std::thread{[this, id] {
        to_->on_exited(id, {});
        to_->on_batch_end();
      }};
  }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& all) override {
    if (!std::exchange(was_asked_, true))
      return {ec::unavailable, "the engine does not answer"};
    return std::vector<adoption>(all.size(), adoption::running);
  }

private:
  driver_listener* to_ = nullptr;
  std::thread speaks_;
  bool was_asked_ = false;
};

/// What cannot run anything, by a bug of its own.
class broken final : public driver {
public:
  result<capabilities> probe() override { return make_null_driver()->probe(); }
  void listen(driver_listener&) override {}
  void prepare(attempt_spec) override { throw std::runtime_error("no room on the stack"); }
  void start(attempt_id) override {}
  void stop(attempt_id, std::chrono::milliseconds) override {}
  void publish(attempt_id) override {}
  void remove(attempt_id) override {}
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& all) override {
    return std::vector<adoption>(all.size(), adoption::never_started);
  }
};

/// What is done to what a gate and who comes there say to each other.
struct meddling {
  std::function<void(agent::hello&, const agent::agent_link&)> with_hello = [](agent::hello&,
                                                                               const agent::agent_link&) {};
  std::function<void(agent::welcome&)> with_welcome = [](agent::welcome&) {};
};

agent::gate_actor::behavior_type pass_between(agent::gate_actor::pointer self, agent::gate_actor real, meddling how) {
  return {
      [self, real, how](agent::hello_atom hi, agent::hello& who,
                        const agent::agent_link& link) -> caf::result<agent::welcome, agent::fleet_link> {
        how.with_hello(who, link);
        auto answer = self->make_response_promise<agent::welcome, agent::fleet_link>();
        self->request(real, caf::infinite, hi, std::move(who), link)
            .then(
                [answer, how](agent::welcome& x, const agent::fleet_link& to) mutable {
                  how.with_welcome(x);
                  answer.deliver(x, to);
                },
                [answer](caf::error& why) mutable { answer.deliver(std::move(why)); });
        return answer;
      },
  };
}

/// A gate in front of that of a head.
class gate_between {
public:
  gate_between(const fleet_head& head, meddling how) {
    auto& system = head.fleet()->home_system();
    gate_ = system.spawn(pass_between, head.gate(), std::move(how));
    const auto port = system.middleman().publish(gate_, 0, "127.0.0.1");
    REQUIRE(port);
    port_ = *port;
  }
  ~gate_between() { caf::anon_send_exit(gate_, caf::exit_reason::user_shutdown); }
  gate_between(const gate_between&) = delete;
  gate_between& operator=(const gate_between&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

private:
  agent::gate_actor gate_;
  std::uint16_t port_ = 0;
};

/// What runs attempts, on a machine whose GPUs come and go.
class with_changing_gpus final : public driver, public changing_offer {
public:
  result<capabilities> probe() override {
    auto out = runs_->probe();
    if (out)
      offered_ = *out;
    return out;
  }
  std::optional<capabilities> look_again() override {
    const std::lock_guard lock{mutex_};
    if (offered_.total.gpus == now_)
      return std::nullopt;
    offered_.total.gpus = now_;
    offered_.machine.labels["muster/gpu-model"] = now_.empty() ? "none" : "some";
    return offered_;
  }
  void listen(driver_listener& to) override { runs_->listen(to); }
  void prepare(attempt_spec x) override { runs_->prepare(std::move(x)); }
  void start(attempt_id x) override { runs_->start(x); }
  void stop(attempt_id x, std::chrono::milliseconds grace) override { runs_->stop(x, grace); }
  void publish(attempt_id x) override { runs_->publish(x); }
  void remove(attempt_id x) override { runs_->remove(x); }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& all) override { return runs_->adopt(all); }

  void has(std::vector<std::uint32_t> gpus) {
    const std::lock_guard lock{mutex_};
    now_ = std::move(gpus);
  }

private:
  std::unique_ptr<driver> runs_ = make_null_driver();
  capabilities offered_;
  std::mutex mutex_;
  std::vector<std::uint32_t> now_;
};

attempt_spec spec_on(const std::filesystem::path& root, std::uint32_t task, const char* runs_for) {
  auto x = make_spec(root, task);
  x.node = "n1";
  x.lease = {5};
  x.then_start = true;
  x.task.environment = {{"MUSTER_NULL_DURATION", runs_for}};
  return x;
}

} // namespace

TEST_CASE("an agent joins with what its node has") {
  const scratch dir;
  fleet_head head{dir.path()};
  null_config has;
  has.total.gpus = {0, 1};
  auto config = agent_of(head, dir.path(), "n1", make_null_driver(has));
  config.labels = {{"rack", "r7"}};
  config.platform = "h200";
  const auto started = agent_runtime::start(std::move(config));
  REQUIRE(started);
  REQUIRE(head.wait("n1", change::ready));
  const auto seen = head.last("n1");
  CHECK(seen.offered.total.gpus == std::vector<std::uint32_t>{0, 1});
  CHECK(seen.labels.at("rack") == "r7");
  CHECK(seen.platform == "h200");
  CHECK(seen.address == "127.0.0.1");
}

TEST_CASE("an agent tells its head of GPUs that go and come, and what runs goes on") {
  const scratch dir;
  fleet_head head{dir.path()};
  auto machine = std::make_shared<with_changing_gpus>();
  auto* gpus = machine.get();
  auto config = agent_of(head, dir.path(), "n1", std::move(machine));
  const bool by_itself = GENERATE(true, false);
  config.look_every = by_itself ? std::chrono::milliseconds{10} : std::chrono::hours{1};
  config.labels = {{"rack", "r7"}};
  const auto started = agent_runtime::start(std::move(config));
  REQUIRE(started);
  REQUIRE(head.wait("n1", change::ready));
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto long_one = spec_on(dir.path(), 0, "1h");
  runs->prepare(long_one);
  REQUIRE(heard.wait_started(long_one.id).started);
  using indices = std::vector<std::uint32_t>;
  for (const auto& now : std::vector<indices>{{0, 1}, {1}, {0, 1}, {}}) {
    gpus->has(now);
    if (!by_itself)
      (*started)->look_now();
    REQUIRE(head.wait_for(
        "n1", [&](const agent::fleet_change& x) { return x.what == change::ready && x.offered.total.gpus == now; }));
    CHECK(head.last("n1").labels.at("muster/gpu-model") == (now.empty() ? "none" : "some"));
    CHECK(head.last("n1").labels.at("rack") == "r7");
  }
  runs->stop(long_one.id, std::chrono::milliseconds{0});
  CHECK(heard.wait_end(long_one.id).calls == std::vector<std::string>{"started", "exited"});
}

TEST_CASE("an agent that may not join is told why, and stays away") {
  const scratch dir;
  fleet_head head{dir.path(), 0, {}, [](const agent::hello& x) -> result<void> {
                    if (x.token == "right")
                      return {};
                    return {ec::invalid_argument, "this token does not let a node join"};
                  }};
  const auto refused = [&](const std::function<void(agent_config&)>& spoil) {
    auto config = agent_of(head, dir.path(), "n1", make_null_driver());
    config.token = "right";
    spoil(config);
    const auto started = agent_runtime::start(std::move(config));
    REQUIRE(started);
    const auto why = (*started)->wait_refused(soon());
    REQUIRE(why);
    return why->message;
  };
  CHECK(refused([](agent_config& x) { x.token = "wrong"; }).find("token") != std::string::npos);
  const auto of_stranger = refused([](agent_config& x) {
    x.token = "wrong";
    x.pool = "gpu";
  });
  CHECK(of_stranger.find("token") != std::string::npos);
  CHECK(of_stranger.find("pool") == std::string::npos); // What pools there are is not for everybody.
  CHECK(refused([](agent_config& x) {
          x.pool = "gpu";
        }).find("there is no pool 'gpu' that agents can join; there are: pool") != std::string::npos);
  CHECK(refused([](agent_config& x) { x.node = "../n"; }).find("is no name for a node") != std::string::npos);
}

TEST_CASE("an agent of another version is refused, and both sides say why") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto ours = std::to_string(agent::protocol_version);
  const auto theirs = GENERATE(agent::protocol_version - 1, agent::protocol_version + 1);
  const auto other = std::to_string(theirs);
  meddling speaks;
  std::string expected;
  SECTION("what the agent says") {
    speaks.with_hello = [theirs](agent::hello& x, const agent::agent_link&) { x.version = theirs; };
    expected = "this head speaks version " + ours + " of the protocol for agents, and the agent of node n1 version " +
               other + ": install the same Muster on both";
  }
  SECTION("what the head answers") {
    speaks.with_welcome = [theirs](agent::welcome& x) { x.version = theirs; };
    expected = "the head speaks version " + other + " of the protocol for agents, and this agent version " + ours +
               ": install the same Muster on both";
  }
  const bool head_refuses = expected.rfind("this head", 0) == 0;
  const gate_between gate{head, std::move(speaks)};
  const kept_log logged;
  auto config = agent_of(head, dir.path(), "n1", make_null_driver());
  config.head_port = gate.port();
  std::promise<void> told;
  config.on_refused = [&] { told.set_value(); };
  auto started = agent_runtime::start(std::move(config));
  REQUIRE(started);
  const auto why = (*started)->wait_refused(soon());
  REQUIRE(why);
  CHECK(why->code == ec::unsupported);
  CHECK(why->message == expected);
  CHECK(told.get_future().wait_for(patience) == std::future_status::ready);
  CHECK_FALSE((*started)->wait_connected(std::chrono::steady_clock::now()));
  CHECK_THAT(logged.text(), ContainsSubstring("agent: cannot join") && ContainsSubstring(expected));
  started->reset();
  if (head_refuses) {
    CHECK_THAT(logged.text(), ContainsSubstring("fleet: agent refused node=n1 why=\"" + expected));
    CHECK(head.last("n1").node.empty()); // Nothing is left of it.
  } else {
    CHECK(head.wait("n1", change::away)); // It was never of use.
  }
}

TEST_CASE("what listens and has another interface than a head is refused for good") {
  const scratch dir;
  fleet_head head{dir.path()};
  auto& system = head.fleet()->home_system();
  const auto no_gate = system.spawn(curious, std::make_shared<std::atomic<bool>>(false));
  const auto port = system.middleman().publish(no_gate, 0, "127.0.0.1");
  REQUIRE(port);
  auto config = agent_of(head, dir.path(), "n1", make_null_driver());
  config.head_port = *port;
  const auto started = agent_runtime::start(std::move(config));
  REQUIRE(started);
  const auto why = (*started)->wait_refused(soon());
  REQUIRE(why);
  CHECK(why->code == ec::unsupported);
  CHECK(why->message ==
        "what listens at 127.0.0.1:" + std::to_string(*port) + " is not a head that agents of this version can join");
  caf::anon_send_exit(no_gate, caf::exit_reason::user_shutdown);
}

TEST_CASE("what listens and is no head is not joined") {
  const scratch dir;
  fleet_head head{dir.path()};
  auto config = agent_of(head, dir.path(), "n1", make_null_driver());
  config.head_port = 1;
  const auto started = agent_runtime::start(std::move(config));
  REQUIRE(started);
  CHECK_FALSE((*started)->wait_connected(std::chrono::steady_clock::now() + std::chrono::milliseconds{200}));
}

TEST_CASE("an agent comes back to a head that was restarted, and what it runs is found") {
  const scratch dir;
  std::unique_ptr<agent_runtime> node;
  std::uint16_t port = 0;
  const auto long_one = spec_on(dir.path(), 0, "1h");
  {
    fleet_head head{dir.path()};
    port = head.port();
    auto started = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
    REQUIRE(started);
    node = std::move(*started);
    REQUIRE(head.wait("n1", change::ready));
    recorder heard;
    const auto runs = agent::make_fleet_driver(head.fleet(), {});
    runs->listen(heard);
    runs->prepare(long_one);
    REQUIRE(heard.wait_started(long_one.id).started);
  }
  fleet_head head{dir.path(), port};
  REQUIRE(head.wait("n1", change::away)); // Nobody has booked what it holds.
  CHECK_THAT(head.last("n1").why, ContainsSubstring("still holds 1 attempts"));
  caf::scoped_actor self{head.fleet()->home_system()};
  self->request(head.fleet(), std::chrono::seconds{30}, agent::report_atom::value)
      .receive([](const std::vector<std::string>& met) { CHECK(met == std::vector<std::string>{"n1"}); },
               [](const caf::error& why) { FAIL(caf::to_string(why)); });
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto found = runs->adopt({long_one, spec_on(dir.path(), 1, "1h")});
  REQUIRE(found);
  CHECK(head.wait("n1", change::ready));
  CHECK((*found)[0] == adoption::running);
  CHECK((*found)[1] == adoption::never_started);
  runs->stop(long_one.id, std::chrono::milliseconds{0});
  CHECK(heard.wait_end(long_one.id).exited);
}

TEST_CASE("a second agent of the same name is refused while the first is there") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto first = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(first);
  REQUIRE(head.wait("n1", change::ready));
  auto config = agent_of(head, dir.path(), "n1", make_null_driver());
  config.own_directory = dir.path() / "another";
  const kept_log logged;
  const auto second = agent_runtime::start(std::move(config));
  REQUIRE(second);
  REQUIRE(eventually(
      [&] { return logged.text().find("node n1 is here already, with another agent") != std::string::npos; }));
  CHECK_FALSE((*second)->wait_connected(std::chrono::steady_clock::now()));
  CHECK(head.last("n1").what == change::ready);
}

TEST_CASE("an agent with a copy of another's directory loses nothing of what that one runs") {
  const scratch dir;
  fleet_head head{dir.path()};
  auto first = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(first);
  REQUIRE(head.wait("n1", change::ready));
  auto config = agent_of(head, dir.path(), "n1", make_null_driver());
  const auto original = std::exchange(config.own_directory, dir.path() / "copy");
  std::filesystem::copy(original, config.own_directory, std::filesystem::copy_options::recursive);
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto long_one = spec_on(dir.path(), 0, "1h");
  runs->prepare(long_one);
  REQUIRE(heard.wait_started(long_one.id).started);
  const kept_log logged;
  const auto second = agent_runtime::start(std::move(config));
  REQUIRE(second);
  REQUIRE(eventually([&] { return logged.text().find("agent: cannot join") != std::string::npos; }));
  CHECK_THAT(logged.text(), ContainsSubstring("another agent speaks for node n1, whose address is 127.0.0.1"));
  CHECK_FALSE((*second)->wait_connected(std::chrono::steady_clock::now()));
  CHECK(head.last("n1").what == change::ready);
  runs->stop(long_one.id, std::chrono::milliseconds{0});
  CHECK(heard.wait_end(long_one.id).calls == std::vector<std::string>{"started", "exited"});
  first->reset();
  CHECK((*second)->wait_connected(soon())); // It may as well be the same one, started again.
}

TEST_CASE("what a lost node ran is given up when that is the pool's policy") {
  const scratch dir;
  agent::fleet_setup setup;
  setup.on_loss = agent::loss_policy::reschedule;
  setup.lost_after = std::chrono::milliseconds{100};
  fleet_head head{dir.path(), 0, std::move(setup)};
  auto node = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(node);
  REQUIRE(head.wait("n1", change::ready));
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto spec = spec_on(dir.path(), 0, "1h");
  runs->prepare(spec);
  REQUIRE(heard.wait_started(spec.id).started);
  node->reset();
  const auto seen = heard.wait_end(spec.id);
  REQUIRE(seen.lost);
  CHECK(seen.lost->find("node n1 is lost") != std::string::npos);
  CHECK(head.wait("n1", change::lost));
}

TEST_CASE("what is sent while a node is away is done when it is back") {
  const scratch dir;
  fleet_head head{dir.path()};
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto spec = spec_on(dir.path(), 0, "1ms");
  runs->prepare(spec);
  const auto node = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(node);
  CHECK(heard.wait_end(spec.id).exited);
}

TEST_CASE("a node is written down before it is made welcome, and is known again") {
  const scratch dir;
  const auto book = std::make_shared<notebook>();
  std::uint16_t port = 0;
  std::unique_ptr<agent_runtime> node;
  {
    agent::fleet_setup setup;
    setup.first_lease = {100};
    fleet_head head{dir.path(), 0, std::move(setup), {}, book};
    port = head.port();
    {
      const std::lock_guard lock{book->mutex};
      book->is_full = true;
    }
    auto started = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
    REQUIRE(started);
    node = std::move(*started);
    CHECK_FALSE(node->wait_connected(std::chrono::steady_clock::now() + std::chrono::milliseconds{300}));
    {
      const std::lock_guard lock{book->mutex};
      book->is_full = false;
    }
    REQUIRE(head.wait("n1", change::ready));
    REQUIRE(book->nodes.size() == 1);
    CHECK(book->nodes[0].since == epoch{100});
    CHECK(book->nodes[0].address == "127.0.0.1");
  }
  agent::fleet_setup later;
  later.first_lease = {200};
  later.known = book->nodes;
  later.known[0].duty = store::node_duty::cordoned;
  fleet_head head{dir.path(), port, std::move(later), {}, book};
  REQUIRE(head.wait("n1", change::ready));
  CHECK(head.last("n1").duty == store::node_duty::cordoned);
  CHECK(book->nodes.size() == 1); // Nothing is new.
  // What it was told before the head was restarted it would remember; what its memory did not live to see, nobody.
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  auto old = spec_on(dir.path(), 0, "1h");
  auto older = spec_on(dir.path(), 1, "1h");
  old.lease = {150};
  older.lease = {50};
  const auto found = runs->adopt({old, older});
  REQUIRE(found);
  CHECK((*found)[0] == adoption::never_started);
  CHECK((*found)[1] == adoption::lost);
}

TEST_CASE("a node that cannot see the head's state directory says so") {
  const scratch dir;
  agent::fleet_setup setup;
  setup.root = dir.path() / "elsewhere";
  fleet_head head{dir.path(), 0, std::move(setup)};
  const auto started = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(started);
  const auto why = (*started)->wait_refused(soon());
  REQUIRE(why);
  CHECK(why->message.find("share it at the same path") != std::string::npos);
}

TEST_CASE("one agent works on a directory") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto first = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(first);
  const auto second = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE_FALSE(second);
  CHECK(second.failure().code == ec::store_locked);
}

TEST_CASE("an agent whose engine does not answer does not say that it holds nothing") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto long_one = spec_on(dir.path(), 0, "1h");
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  {
    const auto first = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
    REQUIRE(first);
    REQUIRE(head.wait("n1", change::ready));
    runs->prepare(long_one);
    REQUIRE(heard.wait_started(long_one.id).started);
  }
  REQUIRE(head.wait("n1", change::away));
  const auto again = agent_runtime::start(agent_of(head, dir.path(), "n1", std::make_shared<slow_to_answer>()));
  REQUIRE(again);
  REQUIRE(head.wait("n1", change::ready));
  runs->stop(long_one.id, std::chrono::milliseconds{0});
  const auto end = heard.wait_end(long_one.id);
  CHECK(end.exited); // And not lost.
  CHECK(end.calls.back() == "exited");
}

TEST_CASE("what comes to a node that is lost already is given up as well") {
  const scratch dir;
  agent::fleet_setup setup;
  setup.lost_after = std::chrono::milliseconds{50};
  setup.on_loss = agent::loss_policy::reschedule;
  fleet_head head{dir.path(), 0, setup};
  {
    const auto node = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
    REQUIRE(node);
    REQUIRE(head.wait("n1", change::ready));
  }
  REQUIRE(head.wait("n1", change::lost));
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto late = spec_on(dir.path(), 0, "1h");
  const auto found = runs->adopt({late}); // By a head that takes up its workflows slowly.
  REQUIRE(found);
  CHECK((*found)[0] == adoption::away);
  CHECK(heard.wait_end(late.id).calls.back() == "lost");
}

TEST_CASE("an agent has nothing of the head but its own session") {
  const scratch dir;
  const auto book = std::make_shared<notebook>();
  fleet_head head{dir.path(), 0, {}, {}, book};
  const auto honest = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(honest);
  REQUIRE(head.wait("n1", change::ready));
  stranger other{head};
  const auto [session, link] = other.join("n2");
  const auto [third, unused] = other.join("n3");
  const auto door = caf::actor_cast<caf::actor>(link);
  const attempt_id some{workflow_key{1}, task_index{0}, 0};
  caf::anon_send(door, agent::remove_atom::value, some);
  caf::anon_send(door, agent::remove_atom::value, std::string{"n1"}, true);
  caf::anon_send(door, agent::stop_atom::value, some, std::uint32_t{0});
  caf::anon_send(door, agent::hello_atom::value, agent::hello{}, agent::agent_link{});
  caf::anon_send(door, agent::tick_atom::value);
  for (const auto reason : {caf::exit_reason::user_shutdown, caf::exit_reason::kill}) {
    caf::anon_send_exit(door, reason);
    caf::anon_send_exit(other.gate(), reason);
  }
  agent::reports last;
  last.number = 1;
  last.kind = agent::reports_kind::held_last;
  last.session = third; // Not its own.
  caf::anon_send(link, agent::report_atom::value, last);
  last.session = session;
  caf::anon_send(link, agent::report_atom::value, last);
  REQUIRE(head.wait("n2", change::ready));
  CHECK(head.last("n3").node.empty());
  CHECK(head.last("n1").what == change::ready);
  CHECK_FALSE(other.knows_more());
  CHECK(other.join("n4").first != 0); // The GATE is there.
}

TEST_CASE("a bug in an actor of the nodes is told, and does not go by as silence") {
  const scratch dir;
  std::promise<error> told;
  auto failure = told.get_future();
  agent::fleet_setup setup;
  std::atomic<bool> is_broken{false};
  setup.on_failure = [&](const error& why) { told.set_value(why); };
  setup.now = [&] {
    if (is_broken.exchange(false))
      throw std::runtime_error("no time");
    return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  };
  std::function<result<void>(const agent::hello&)> admit;
  const bool by_gate = GENERATE(false, true);
  if (by_gate)
    admit = [](const agent::hello&) -> result<void> { throw std::runtime_error("no time"); };
  fleet_head head{dir.path(), 0, setup, admit};
  is_broken = !by_gate;
  const auto node = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(node);
  REQUIRE(failure.wait_for(patience) == std::future_status::ready);
  CHECK(failure.get().message == std::string{"bug in actor "} + (by_gate ? "agent_gate" : "fleet") + ": no time");
}

TEST_CASE("a bug in the agent ends it with its reason, and its head takes the node for away") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto node = agent_runtime::start(agent_of(head, dir.path(), "n1", std::make_shared<broken>()));
  REQUIRE(node);
  REQUIRE(head.wait("n1", change::ready));
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  runs->prepare(spec_on(dir.path(), 0, "1h"));
  const auto why = (*node)->wait_refused(soon());
  REQUIRE(why);
  CHECK(why->message == "bug in actor agent: no room on the stack");
  CHECK(head.wait("n1", change::away));
}

TEST_CASE("no head, nor who is connected as one, can end an agent") {
  const scratch dir;
  fleet_head head{dir.path()};
  const auto kept = std::make_shared<std::promise<agent::agent_link>>();
  auto link = kept->get_future();
  meddling keeping;
  keeping.with_hello = [kept](agent::hello&, const agent::agent_link& x) { kept->set_value(x); };
  const gate_between gate{head, std::move(keeping)};
  auto config = agent_of(head, dir.path(), "n1", make_null_driver());
  config.head_port = gate.port();
  const auto node = agent_runtime::start(std::move(config));
  REQUIRE(node);
  REQUIRE(head.wait("n1", change::ready));
  {
    const auto agent = link.get();
    for (const auto reason : {caf::exit_reason::user_shutdown, caf::exit_reason::kill})
      caf::anon_send_exit(agent, reason);
  }
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto spec = spec_on(dir.path(), 0, "1ms"); // Comes behind them by the same connection.
  runs->prepare(spec);
  CHECK(heard.wait_end(spec.id).exited);
  CHECK(head.last("n1").what == change::ready);
  CHECK_FALSE((*node)->wait_refused(std::chrono::steady_clock::now()));
}

TEST_CASE("a node of another pool leaves nothing behind where it is refused") {
  const scratch dir;
  const auto book = std::make_shared<notebook>();
  book->of_another_pool = "n1";
  agent::fleet_setup setup;
  setup.lost_after = std::chrono::milliseconds{50};
  fleet_head head{dir.path(), 0, std::move(setup), {}, book};
  const auto refused = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(refused);
  const auto other = agent_runtime::start(agent_of(head, dir.path(), "n2", make_null_driver()));
  REQUIRE(other);
  REQUIRE(head.wait("n2", change::ready));
  REQUIRE_FALSE((*refused)->wait_connected(std::chrono::steady_clock::now() + std::chrono::milliseconds{1'500}));
  CHECK(head.last("n1").node.empty()); // Nor is it said to be lost.
}

TEST_CASE("a node whose agent only ever begins to join is lost all the same") {
  const scratch dir;
  agent::fleet_setup setup;
  setup.lost_after = std::chrono::milliseconds{300};
  fleet_head head{dir.path(), 0, std::move(setup)};
  stranger other{head};
  const auto until = soon();
  while (head.last("n2").what != change::lost && std::chrono::steady_clock::now() < until)
    static_cast<void>(other.join("n2"));
  CHECK(head.last("n2").what == change::lost);
}

TEST_CASE("what is forced to end on a node that is lost is given up, also where lost nodes are waited for") {
  const scratch dir;
  agent::fleet_setup setup;
  setup.lost_after = std::chrono::milliseconds{100};
  fleet_head head{dir.path(), 0, std::move(setup)};
  auto node = agent_runtime::start(agent_of(head, dir.path(), "n1", make_null_driver()));
  REQUIRE(node);
  REQUIRE(head.wait("n1", change::ready));
  recorder heard;
  const auto runs = agent::make_fleet_driver(head.fleet(), {});
  runs->listen(heard);
  const auto before = spec_on(dir.path(), 0, "1h");
  const auto after = spec_on(dir.path(), 1, "1h");
  const auto patient = spec_on(dir.path(), 2, "1h");
  for (const auto& x : {before, after, patient}) {
    runs->prepare(x);
    REQUIRE(heard.wait_started(x.id).started);
  }
  node->reset();
  REQUIRE(head.wait("n1", change::away));
  runs->stop(before.id, std::chrono::milliseconds{0});
  runs->stop(patient.id, std::chrono::milliseconds{1});
  REQUIRE(head.wait("n1", change::lost));
  CHECK(heard.wait_end(before.id).lost);
  runs->stop(after.id, std::chrono::milliseconds{0});
  CHECK(heard.wait_end(after.id).lost);
  CHECK(heard.wait_started(patient.id).calls.back() == "started");
}
