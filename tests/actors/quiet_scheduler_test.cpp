#include "actors/system_config.hpp"
#include "support/catch.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <thread>

using namespace muster;

namespace {

using namespace std::chrono_literals;

struct silent_state {
  caf::response_promise never;
};

/// Answers nothing, ever.
caf::behavior silent(caf::stateful_actor<silent_state>* self) {
  return {[self](int) {
    self->state.never = self->make_response_promise();
    return self->state.never;
  }};
}

/// Asks somebody who does not answer; `said` gets the error. An exit ends it while it waits.
caf::behavior asking(caf::event_based_actor* self, const caf::actor& whom, std::chrono::milliseconds patience,
                     const std::shared_ptr<std::promise<caf::error>>& said) {
  self->request(whom, patience, 1).then([](int) {}, [said](const caf::error& why) { said->set_value(why); });
  return {[](int) {}};
}

} // namespace

TEST_CASE("requests time out, and delayed messages come, with the scheduler of the runtime") {
  system_config config{1};
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const auto mute = system.spawn(silent);
  const auto said = std::make_shared<std::promise<caf::error>>();
  auto answer = said->get_future();
  const auto asks = system.spawn(asking, mute, std::chrono::milliseconds{5}, said);
  REQUIRE(answer.wait_for(30s) == std::future_status::ready);
  CHECK(answer.get() == caf::sec::request_timeout);
  self->delayed_send(self, 1ms, 7);
  self->receive([](int x) { CHECK(x == 7); }, caf::after(30s) >> [] { FAIL("the delayed message did not come"); });
  self->send_exit(asks, caf::exit_reason::user_shutdown);
  self->send_exit(mute, caf::exit_reason::user_shutdown);
}

TEST_CASE("who ends while a request of his is open is not kept until that would time out") {
  system_config config{1};
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const auto mute = system.spawn(silent);
  const auto said = std::make_shared<std::promise<caf::error>>();
  auto asks = system.spawn(asking, mute, std::chrono::milliseconds{3'600'000}, said);
  const auto weak = asks.address();
  self->send_exit(asks, caf::exit_reason::user_shutdown);
  self->wait_for(asks);
  asks = nullptr;
  self->send_exit(mute, caf::exit_reason::user_shutdown); // It knows whom to answer.
  self->wait_for(mute);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (caf::actor_cast<caf::strong_actor_ptr>(weak) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield(); // The clock lets go of it in a thread of its own.
  CHECK_FALSE(caf::actor_cast<caf::strong_actor_ptr>(weak));
}
