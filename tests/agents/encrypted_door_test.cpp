#include "actors/agents/encrypted_door.hpp"

#include "actors/system_config.hpp"
#include "gateway/auth/certificates.hpp"
#include "muster/base/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/network_ground.hpp"
#include "support/processes.hpp"
#include "support/skip_test.hpp"
#include "support/temporary_folder.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

using namespace muster;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;

/// Of CAF, as all have that take connections of any kind, only quicker.
struct heartbeats {
  caf::timespan interval;
  caf::timespan timeout;
};

class configuration : public system_config {
public:
  explicit configuration(const std::optional<heartbeats>& own)
      : system_config(1, own ? network_use::any : network_use::encrypted) {
    if (!own)
      return;
    set("middleman.heartbeat-interval", own->interval);
    set("middleman.connection-timeout", own->timeout);
  }
};

/// A process of head or node, with a door.
class end_of_link {
public:
  explicit end_of_link(link_certificates certificates, agent::door_limits limits = {},
                       const std::optional<heartbeats>& own = {}, agent::handshake_listener on_problem = {})
      : config_(own), door_(agent::make_encrypted_door(system_, certificates, limits, std::move(on_problem))) {}
  ~end_of_link() { caf::anon_send_exit(door_, caf::exit_reason::kill); }
  end_of_link(const end_of_link&) = delete;
  end_of_link& operator=(const end_of_link&) = delete;

  caf::actor_system& system() { return system_; }

  std::uint16_t publish(const caf::actor& who, const std::string& address = "127.0.0.1", std::uint16_t port = 0) {
    std::uint16_t out = 0;
    caf::scoped_actor self{system_};
    self->request(door_, patience, caf::publish_atom::value, port, caf::actor_cast<caf::strong_actor_ptr>(who),
                  std::set<std::string>{}, address, port != 0)
        .receive([&](std::uint16_t taken) { out = taken; }, [](const caf::error& why) { FAIL(caf::to_string(why)); });
    return out;
  }

  caf::actor find(std::uint16_t port, const std::string& address = "127.0.0.1") {
    auto found = may_find(port, address);
    REQUIRE(found);
    return *found;
  }

  /// Nothing if there is none. Fails if that is not said in time.
  std::optional<caf::actor> may_find(std::uint16_t port, const std::string& address = "127.0.0.1") {
    std::optional<caf::actor> out;
    caf::scoped_actor self{system_};
    self->request(door_, patience, caf::connect_atom::value, address, port)
        .receive([&](const caf::node_id&, caf::strong_actor_ptr& found,
                     const std::set<std::string>&) { out = caf::actor_cast<caf::actor>(found); },
                 [](const caf::error& why) {
                   INFO(caf::to_string(why));
                   CHECK(why != caf::sec::request_timeout);
                 });
    return out;
  }

private:
  configuration config_;
  caf::actor_system system_{config_};
  caf::io::middleman_actor door_;
};

/// By one authority.
class certificates {
public:
  certificates() { REQUIRE(gateway::make_authority(folder_.path() / "ca", lifetime)); }
  [[nodiscard]] link_certificates head() const { return issue("head", gateway::certificate_use::head); }
  [[nodiscard]] link_certificates node(const std::string& name = "n1") const {
    return issue(name, gateway::certificate_use::node);
  }
  /// That of another authority, which trusts this one.
  [[nodiscard]] link_certificates foreign_node(const certificates& other) const {
    auto out = other.node("foreign");
    out.authority = node().authority;
    return out;
  }

private:
  static constexpr std::chrono::hours lifetime{24};

  [[nodiscard]] link_certificates issue(const std::string& name, gateway::certificate_use use) const {
    REQUIRE(gateway::issue_certificate(folder_.path() / "ca", name, use, lifetime, folder_.path() / name));
    const auto files = gateway::certificates_in(folder_.path() / name);
    return {files.authority, files.certificate, files.key};
  }

  test::temporary_folder folder_;
};

/// Brokers are of the thread that reads and writes for a system.
caf::actor broker_of(end_of_link& x, const std::function<void()>& what) {
  return x.system().middleman().spawn_broker([what](caf::io::broker*) -> caf::behavior {
    return {[what](int y) {
      what();
      return y;
    }};
  });
}

/// That thread of an end stands still, as long as this is there.
class standstill {
public:
  explicit standstill(end_of_link& of) {
    std::promise<void> holds;
    holder_ = broker_of(of, [&holds, may_go = goes_on_.get_future().share()] {
      holds.set_value();
      may_go.wait();
    });
    caf::anon_send(holder_, 0);
    holds.get_future().wait();
  }
  ~standstill() {
    goes_on_.set_value();
    caf::anon_send_exit(holder_, caf::exit_reason::user_shutdown);
  }
  standstill(const standstill&) = delete;
  standstill& operator=(const standstill&) = delete;

private:
  std::promise<void> goes_on_;
  caf::actor holder_;
};

/// Who only connects.
class stranger {
public:
  explicit stranger(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  /// Waits for it.
  [[nodiscard]] bool is_cut_off() const {
    pollfd watched{socket_.get(), POLLIN, 0};
    char byte = 0;
    return ::poll(&watched, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) == 1 &&
           ::recv(socket_.get(), &byte, 1, 0) == 0;
  }
  /// As far as is known now.
  [[nodiscard]] bool stays() const {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

private:
  unique_fd socket_;
};

/// A port that takes connections, and of which nothing comes.
class silent_listener {
public:
  silent_listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* where = reinterpret_cast<sockaddr*>(&at_);
    REQUIRE(::bind(socket_.get(), where, sizeof at_) == 0);
    REQUIRE(::listen(socket_.get(), 4) == 0);
    socklen_t size = sizeof at_;
    REQUIRE(::getsockname(socket_.get(), where, &size) == 0);
  }
  [[nodiscard]] std::uint16_t port() const { return ntohs(at_.sin_port); }

private:
  unique_fd socket_;
  sockaddr_in at_{};
};

/// Takes whatever comes, and says at "end" how much that was and in which order.
caf::behavior taker(caf::stateful_actor<std::string>* self) {
  return {
      [self](const std::string& text) -> std::string {
        if (text == "end")
          return self->state;
        self->state += text.front() + std::to_string(text.size()) + ' ';
        return {};
      },
  };
}

/// Says that it is there, again and again, until it is stopped; and how often it did.
caf::behavior speaker(caf::stateful_actor<int>* self, const caf::actor& to) {
  constexpr auto pause = 100ms;
  self->send(self, to);
  return {
      [self, pause](const caf::actor& listener) {
        self->send(listener, ++self->state);
        self->delayed_send(self, pause, listener);
      },
  };
}

/// What is heard of an actor elsewhere.
struct news {
  std::promise<caf::actor> come;
  std::promise<void> gone;
};

/// Watches whoever names himself.
caf::behavior watcher(caf::event_based_actor* self, const std::shared_ptr<news>& of) {
  self->set_down_handler([of](const caf::down_msg&) { of->gone.set_value(); });
  return {[self, of](const caf::actor& who) {
    self->monitor(who);
    of->come.set_value(who);
  }};
}

/// An actor of a node, as its head sees it.
class seen_from_head {
public:
  seen_from_head(end_of_link& head, end_of_link& node, const std::string& address = "127.0.0.1")
      : head_(head),
        own_(node.system().spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int x) { return x; }}; })),
        watcher_(head.system().spawn(watcher, news_)) {
    caf::anon_send(node.find(head.publish(watcher_, address), address), own_);
    auto come = news_->come.get_future();
    REQUIRE(come.wait_for(patience) == std::future_status::ready);
    seen_ = come.get();
  }
  ~seen_from_head() {
    for (const auto& one : {own_, watcher_})
      caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
  }
  seen_from_head(const seen_from_head&) = delete;
  seen_from_head& operator=(const seen_from_head&) = delete;

  void say_something() const { caf::anon_send(seen_, 0); }
  [[nodiscard]] bool is_gone(std::chrono::milliseconds limit = patience) const {
    return gone_.wait_for(limit) == std::future_status::ready;
  }
  [[nodiscard]] bool answers() const {
    bool out = false;
    caf::scoped_actor self{head_.system()};
    self->request(seen_, patience, 1).receive([&](int) { out = true; }, [](const caf::error&) {});
    return out;
  }

private:
  end_of_link& head_;
  std::shared_ptr<news> news_ = std::make_shared<news>();
  std::future<void> gone_ = news_->gone.get_future();
  caf::actor own_;
  caf::actor watcher_;
  caf::actor seen_;
};

/// What is made there uses the network of that machine: threads have that of who starts them.
std::unique_ptr<end_of_link> make_on(const test::network_ground& ground, unsigned machine,
                                     const link_certificates& certificates) {
  std::unique_ptr<end_of_link> out;
  std::thread{[&] {
    const unique_fd there{::open(ground.namespace_of(machine).c_str(), O_RDONLY | O_CLOEXEC)};
    if (::setns(there.get(), CLONE_NEWNET) == 0)
      out = std::make_unique<end_of_link>(certificates, agent::door_limits{10s, 10, 1h, 1h});
  }}.join();
  REQUIRE(out);
  return out;
}

std::size_t open_sockets() {
  std::size_t out = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code is_closed;
    const auto what = std::filesystem::read_symlink(entry.path(), is_closed).string();
    out += what.rfind("socket:", 0) == 0 ? 1U : 0U;
  }
  return out;
}

} // namespace

TEST_CASE("what is sent while the peer takes nothing comes when it does, whole and in order") {
  const certificates by;
  const agent::door_limits patient{10s, 10, 1h, 1h}; // However slow this machine is.
  end_of_link head{by.head(), patient};
  end_of_link node{by.node(), patient};
  const auto takes = head.system().spawn(taker);
  const auto there = node.find(head.publish(takes));
  const auto counter = broker_of(node, [] {});
  std::string expected;
  {
    const standstill held{head};
    // More than sockets take: 4 MiB at this end and 6 MiB at the other are the most of Linux, unless it is told
    // otherwise.
    constexpr int many = 160;
    constexpr std::size_t size = 256 << 10;
    for (int i = 0; i < many; ++i) {
      const auto letter = static_cast<char>('a' + i % 26);
      caf::anon_send(there, std::string(size, letter));
      expected += letter + std::to_string(size) + ' ';
    }
    // Each answer is a turn of the sender's thread, in which it writes what the socket takes.
    constexpr int turns = 2'000;
    caf::scoped_actor self{node.system()};
    for (int i = 0; i < turns; ++i)
      self->request(counter, patience, i).receive([](int) {}, [](const caf::error& why) { FAIL(caf::to_string(why)); });
  }
  caf::scoped_actor self{node.system()};
  self->request(there, patience, std::string{"end"})
      .receive([&](const std::string& come) { CHECK(come == expected); },
               [](const caf::error& why) { FAIL(caf::to_string(why)); });
  for (const auto& one : {takes, counter})
    caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
}

TEST_CASE("a handshake that takes too long is cut off when the next peer connects") {
  const certificates by;
  const auto limit = GENERATE(0ms, std::chrono::milliseconds{1h});
  end_of_link head{by.head(), {limit, 10, 1h, 1h}};
  end_of_link node{by.node()};
  const auto takes = head.system().spawn(taker);
  const auto port = head.publish(takes);
  const stranger first{port};
  CHECK(first.stays());
  node.find(port); // A handshake that comes to its end.
  if (limit == 0ms)
    CHECK(first.is_cut_off());
  else
    CHECK(first.stays());
  caf::anon_send_exit(takes, caf::exit_reason::user_shutdown);
}

TEST_CASE("who connects to a head that says nothing is told so, and comes to the next one there") {
  const certificates by;
  end_of_link node{by.node(), {10s, 10, 1h, 1s}};
  std::uint16_t port = 0;
  {
    const silent_listener listens;
    port = listens.port();
    CHECK(!node.may_find(port));
  }
  end_of_link head{by.head()};
  const auto takes = head.system().spawn(taker);
  head.publish(takes, "127.0.0.1", port);
  CHECK(test::eventually([&] { return node.may_find(port).has_value(); })); // A slow machine needs another go.
  caf::anon_send_exit(takes, caf::exit_reason::user_shutdown);
}

TEST_CASE("of too many handshakes the oldest make way") {
  const certificates by;
  end_of_link head{by.head(), {1h, 2, 1h, 1h}};
  end_of_link node{by.node()};
  const auto takes = head.system().spawn(taker);
  const auto port = head.publish(takes);
  const stranger first{port};
  const stranger second{port};
  const stranger third{port};
  CHECK(first.is_cut_off());
  node.find(port);
  CHECK(second.is_cut_off());
  CHECK(third.stays());
  caf::anon_send_exit(takes, caf::exit_reason::user_shutdown);
}

TEST_CASE("a peer that stands still is given up by who says something to it") {
  const certificates by;
  end_of_link head{by.head(), {10s, 10, 1h, 1s}};
  end_of_link node{by.node(), {10s, 10, 1h, 1h}};
  const seen_from_head peer{head, node};
  const auto longer = std::chrono::steady_clock::now() + 2s;
  while (std::chrono::steady_clock::now() < longer) // Who answers is there, however long it goes on.
    REQUIRE(peer.answers());
  const standstill held{node};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!peer.is_gone(10ms)) { // Its kernel takes what is said.
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    peer.say_something();
  }
}

TEST_CASE("a head that takes monitors keeps the encrypted agents that speak, which have no heartbeats") {
  const certificates by;
  constexpr heartbeats quick{1s, 5s};
  end_of_link head{by.head(), {10s, 10, 1h, 1h}, quick};
  end_of_link node{by.node(), {10s, 10, 1h, 1h}};
  const seen_from_head speaks{head, node};
  std::promise<void> long_enough;
  const auto listens = head.system().spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&, until = std::chrono::steady_clock::now() + 2 * quick.timeout, is_over = false](int) mutable {
      if (!is_over && std::chrono::steady_clock::now() > until)
        long_enough.set_value();
      is_over = is_over || std::chrono::steady_clock::now() > until;
    }};
  });
  const auto says = node.system().spawn(speaker, node.find(head.publish(listens)));
  REQUIRE(long_enough.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(speaks.answers());
  caf::anon_send_exit(says, caf::exit_reason::user_shutdown);
  // Now it says nothing, and its head has waited for that.
  CHECK(speaks.is_gone());
  caf::anon_send_exit(listens, caf::exit_reason::user_shutdown);
}

TEST_CASE("a machine that is cut off is given up by its head, and nothing is left of the connection") {
  const bool says_something = GENERATE(false, true);
  CAPTURE(says_something);
  const test::network_ground ground{2};
  if (!ground.missing().empty())
    return test::skip_test(ground.missing());
  const certificates by;
  end_of_link head{by.head(), {10s, 10, 2s, 1h}};
  const auto one = make_on(ground, 1, by.node("n1"));
  const auto two = make_on(ground, 2, by.node("n2"));
  const std::string address = "10.78.0.1";
  const seen_from_head cut{head, *one, address};
  const seen_from_head whole{head, *two, address};
  REQUIRE(cut.answers());
  REQUIRE(whole.answers());
  const auto sockets = open_sockets();
  ground.cut(1);
  if (says_something)
    cut.say_something();
  REQUIRE(cut.is_gone());
  CHECK(test::eventually([&] { return open_sockets() == sockets - 1; }));
  CHECK(whole.answers()); // Which was idle as long.
}

TEST_CASE("both ends hear why a connection does not come about") {
  const certificates ours;
  const certificates theirs;
  struct heard {
    std::mutex mutex;
    std::string text;
  };
  const auto listen = [](heard& to) {
    return [&to](const std::string& /*peer*/, const std::string& why) {
      const std::lock_guard lock{to.mutex};
      to.text += why + ';';
    };
  };
  const auto hears = [](heard& x, const std::string& text) {
    return test::eventually([&] {
      const std::lock_guard lock{x.mutex};
      return x.text.find(text) != std::string::npos;
    });
  };
  heard at_head;
  heard at_node;
  heard at_other;
  {
    end_of_link head{ours.head(), {}, {}, listen(at_head)};
    const caf::actor there =
        head.system().spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int x) { return x; }}; });
    const auto port = head.publish(there);
    // It does not take the head for one.
    end_of_link node{theirs.node(), {}, {}, listen(at_node)};
    CHECK_FALSE(node.may_find(port));
    CHECK(hears(at_node, "certificate"));
    CHECK(hears(at_head, "unknown ca"));
    // It is not taken for a node, which it learns once it has said something.
    end_of_link other{ours.foreign_node(theirs), {}, {}, listen(at_other)};
    CHECK_FALSE(other.may_find(port));
    CHECK(hears(at_other, "unknown ca"));
    CHECK(hears(at_head, "certificate"));
    caf::anon_send_exit(there, caf::exit_reason::user_shutdown);
  }
}
