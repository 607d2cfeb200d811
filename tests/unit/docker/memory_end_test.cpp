#include "driver_bench.hpp"

#include "support/catch.hpp"

#include <cstdint>

/// Which ends are said to be for want of memory, whenever and however the Engine tells.
using namespace muster;
using namespace muster::test;

namespace {

attempt_spec with_memory_limit(attempt_spec x) {
  x.resource.memory = std::int64_t{64} << 20U;
  return x;
}

} // namespace

TEST_CASE("an end for want of memory is one") {
  driver_bench b;
  const auto id = b.running(b.spec());
  b.engine.finish(b.name(), 137, true);
  CHECK(b.heard->wait_end(id).exited->out_of_memory);
}

TEST_CASE("a daemon that says only after the end that it was for want of memory is waited for") {
  driver_bench b;
  const auto id = b.running(with_memory_limit(b.spec()));
  b.engine.repeat_events(0);
  b.engine.finish(b.name(), 137);
  b.engine.remember();
  b.engine.tell_of_memory(b.name(), true);
  engine_fault stale;
  stale.route = "GET /containers/*/json";
  stale.what = engine_fault_kind::stale;
  b.engine.inject(stale);
  b.engine.drop_event_streams();
  CHECK(b.heard->wait_end(id).exited->out_of_memory);
}

TEST_CASE("an event that tells of want of memory counts where inspect does not tell") {
  driver_bench b;
  const auto id = b.running(with_memory_limit(b.spec()));
  b.engine.tell_of_memory(b.name(), false);
  b.engine.finish(b.name(), 137);
  CHECK(b.heard->wait_end(id).exited->out_of_memory);
}

TEST_CASE("a container that somebody killed is not said to have needed too much memory") {
  driver_bench b;
  const auto id = b.running(with_memory_limit(b.spec()));
  b.engine.finish(b.name(), 137);
  const auto seen = b.heard->wait_end(id);
  CHECK(seen.exited->code == 137);
  CHECK_FALSE(seen.exited->out_of_memory);
}
