#include "actors/presence.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

using namespace muster;
using namespace std::chrono_literals;

TEST_CASE("a presence is empty when the last copy of the last token is gone") {
  const presence who;
  CHECK(who.wait_until_empty(0ms));
  auto first = std::optional{who.give()};
  auto second = std::optional{who.give()};
  const auto copy = std::make_unique<presence>(who);
  auto again = first;
  first.reset();
  second.reset();
  CHECK_FALSE(who.wait_until_empty(0ms));
  again.reset();
  CHECK(who.wait_until_empty(0ms));
  CHECK(copy->wait_until_empty(0ms));
}

TEST_CASE("who waits for an empty presence is told, and tokens may outlive it") {
  presence::token late;
  {
    const presence who;
    auto token = who.give();
    std::thread leaves{[x = std::move(token)]() mutable { x.reset(); }};
    CHECK(who.wait_until_empty(60s));
    leaves.join();
    late = who.give();
  }
  late.reset();
}
