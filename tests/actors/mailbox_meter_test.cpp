#include "actors/mailbox_meter.hpp"

#include "actors/event_hub.hpp"
#include "actors/runtime.hpp"
#include "actors/system_config.hpp"
#include "executors/null/null_driver.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <caf/all.hpp>

#include <future>
#include <set>
#include <string>
#include <thread>

using namespace muster;
using namespace muster::test;

namespace {

using gauge_clock = mailbox_gauge::clock;

/// Gives way until `met`; false if that takes too long.
template <class Condition>
bool eventually(const Condition& met) {
  const auto until = gauge_clock::now() + std::chrono::seconds{60};
  while (!met()) {
    if (gauge_clock::now() > until)
      return false;
    std::this_thread::yield();
  }
  return true;
}

} // namespace

TEST_CASE("who does not answer waits longer and longer") {
  mailbox_gauge x{"pool local"};
  const auto now = gauge_clock::now();
  CHECK(x.read(now).wait == 0);
  x.asked(now);
  CHECK(x.read(now + std::chrono::seconds{3}).wait == 3);
  CHECK(x.read(now + std::chrono::seconds{5}).wait == 5);
  x.answered(7, now + std::chrono::seconds{6});
  const auto known = x.read(now + std::chrono::seconds{60});
  CHECK(known.actor == "pool local");
  CHECK(known.depth == 7);
  CHECK(known.wait == 6);
}

TEST_CASE("the messages that wait for an actor are counted") {
  system_config configuration{2};
  caf::actor_system system{configuration};
  auto hub = system.spawn(event_hub);
  std::promise<void> busy, release;
  auto released = release.get_future().share();
  bool first = true;
  caf::anon_send(hub, subscr_atom::value,
                 event_subscriber{std::make_shared<const std::function<void(const std::vector<event>&)>>(
                     [&](const std::vector<event>&) {
                       if (std::exchange(first, false)) {
                         busy.set_value();
                         released.wait();
                       }
                     })});
  const auto some = std::make_shared<const std::vector<event>>();
  caf::anon_send(hub, publish_atom::value, event_batch{some});
  busy.get_future().wait();

  caf::scoped_actor self{system};
  self->send(caf::actor_cast<measured_actor>(hub), measure_atom::value);
  for (int i = 0; i < 5; ++i)
    self->send(hub, publish_atom::value, event_batch{some});
  const auto gauge = std::make_shared<mailbox_gauge>("event hub");
  auto meter = system.spawn(mailbox_meter, list_mailboxes{[hub, gauge] {
                              return std::vector<watched_mailbox>{{hub, gauge}};
                            }},
                            std::chrono::hours{1});
  const bool asked = eventually([&] { return gauge->asked_at != 0; });
  const auto waits = gauge->read(gauge_clock::now() + std::chrono::seconds{9});
  release.set_value();
  const bool answered = eventually([&] { return gauge->asked_at == 0; });
  caf::anon_send_exit(meter, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(hub, caf::exit_reason::user_shutdown);

  CHECK(asked);
  CHECK(waits.wait >= 9);
  CHECK(answered);
  std::uint64_t behind = 0;
  self->receive([&](std::uint64_t x) { behind = x; });
  CHECK(behind >= 5); // The METER's question may be the sixth.
  CHECK(behind <= 6);
}

TEST_CASE("a runtime watches the mailboxes of its long-lived actors") {
  const temporary_folder state;
  runtime_config x;
  x.state_directory = state.path();
  x.pools.push_back({"local", make_null_driver({})});
  auto started = runtime::start(std::move(x));
  REQUIRE(started);
  std::set<std::string> seen;
  for (const auto& one : (*started)->measures().mailboxes)
    seen.insert(one.actor);
  CHECK(seen ==
        std::set<std::string>{"cache", "clock", "event hub", "executor local", "journal", "pool local", "registry"});
}
