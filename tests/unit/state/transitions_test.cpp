#include "support/catch.hpp"

#include "muster/state/backoff.hpp"
#include "muster/state/transitions.hpp"

using namespace muster;

TEST_CASE("statuses only move forward, and a finished one never changes") {
  CHECK(may_follow(status::unspecified, status::processing));
  CHECK(may_follow(status::processing, status::running));
  CHECK(may_follow(status::scheduling, status::scheduling));
  CHECK(may_follow(status::waiting, status::failed_upstream));
  CHECK(may_follow(status::running, status::rescheduled));
  CHECK_FALSE(may_follow(status::running, status::scheduling));
  CHECK_FALSE(may_follow(status::completed, status::failed));
  CHECK_FALSE(may_follow(status::rescheduled, status::processing));
  CHECK_FALSE(may_follow(status::completed, status::completed));
  CHECK_FALSE(may_follow(status::processing, status::unspecified));
  CHECK_FALSE(group_may_follow(status::running, status::rescheduled));
}

TEST_CASE("back-off doubles, is bounded, and is decided by its seed") {
  const backoff_policy policy{std::chrono::seconds{1}, std::chrono::seconds{10}};
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (std::uint32_t tries = 0; tries < 80; ++tries) {
      const duration full = std::chrono::seconds{tries >= 4 ? 10 : 1U << tries};
      const auto delay = policy.delay(tries, seed);
      CHECK(delay <= full);
      CHECK(delay >= full / 2);
      CHECK(delay == policy.delay(tries, seed));
    }
  CHECK(policy.delay(3, 1) != policy.delay(3, 2));
  CHECK(backoff_policy{duration::zero(), std::chrono::seconds{1}}.delay(5, 1) == duration::zero());
}
