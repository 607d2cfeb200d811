#include "actors/agents/encrypted_door.hpp"

#include "actors/system_config.hpp"
#include "gateway/auth/certificates.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <chrono>
#include <future>
#include <set>
#include <string>

using namespace muster;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;

/// A process of head or node, with a door.
class end_of_link {
public:
  explicit end_of_link(link_certificates certificates) : door_(agent::make_encrypted_door(system_, certificates)) {}
  ~end_of_link() { caf::anon_send_exit(door_, caf::exit_reason::kill); }
  end_of_link(const end_of_link&) = delete;
  end_of_link& operator=(const end_of_link&) = delete;

  caf::actor_system& system() { return system_; }

  std::uint16_t publish(const caf::actor& who) {
    std::uint16_t out = 0;
    const std::uint16_t any = 0;
    caf::scoped_actor self{system_};
    self->request(door_, patience, caf::publish_atom::value, any, caf::actor_cast<caf::strong_actor_ptr>(who),
                  std::set<std::string>{}, std::string{"127.0.0.1"}, false)
        .receive([&](std::uint16_t port) { out = port; }, [](const caf::error& why) { FAIL(caf::to_string(why)); });
    return out;
  }

  caf::actor find(std::uint16_t port) {
    caf::actor out;
    caf::scoped_actor self{system_};
    self->request(door_, patience, caf::connect_atom::value, std::string{"127.0.0.1"}, port)
        .receive([&](const caf::node_id&, caf::strong_actor_ptr& found,
                     const std::set<std::string>&) { out = caf::actor_cast<caf::actor>(found); },
                 [](const caf::error& why) { FAIL(caf::to_string(why)); });
    return out;
  }

private:
  system_config config_{1, true};
  caf::actor_system system_{config_};
  caf::io::middleman_actor door_;
};

link_certificates issue(const std::filesystem::path& by, const std::string& name, gateway::certificate_use use) {
  REQUIRE(gateway::issue_certificate(by / "ca", name, use, std::chrono::hours{24}, by / name));
  const auto files = gateway::certificates_in(by / name);
  return {files.authority, files.certificate, files.key};
}

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

} // namespace

TEST_CASE("what is sent while the peer takes nothing comes when it does, whole and in order") {
  const test::temporary_folder folder;
  REQUIRE(gateway::make_authority(folder.path() / "ca", std::chrono::hours{24}));
  end_of_link head{issue(folder.path(), "head", gateway::certificate_use::head)};
  end_of_link node{issue(folder.path(), "n1", gateway::certificate_use::node)};
  const auto takes = head.system().spawn(taker);
  const auto there = node.find(head.publish(takes));

  // Brokers are of the thread that reads and writes for the system.
  const auto broker_of = [](end_of_link& x, auto what) {
    return x.system().middleman().spawn_broker([what](caf::io::broker*) -> caf::behavior {
      return {[what](int y) mutable {
        what();
        return y;
      }};
    });
  };
  std::promise<void> holds;
  std::promise<void> goes_on;
  const auto holder = broker_of(head, [&, may_go = goes_on.get_future().share()] {
    holds.set_value();
    may_go.wait();
  });
  const auto counter = broker_of(node, [] {});
  caf::anon_send(holder, 0);
  holds.get_future().wait();

  // More than sockets take: 4 MiB at this end and 6 MiB at the other are the most of Linux, unless it is told
  // otherwise.
  constexpr int many = 160;
  constexpr std::size_t size = 256 << 10;
  std::string expected;
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
  goes_on.set_value();
  self->request(there, patience, std::string{"end"})
      .receive([&](const std::string& come) { CHECK(come == expected); },
               [](const caf::error& why) { FAIL(caf::to_string(why)); });
  for (const auto& one : {takes, holder, counter})
    caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
}
