#include "driver_bench.hpp"

#include "support/catch.hpp"
#include "support/log_text.hpp"

#include <string>

/// The Docker driver over Engines that are newer than the one it was made with.
using namespace muster;
using namespace muster::test;

TEST_CASE("a gang lives and is adopted whatever version the daemon speaks, up to ours") {
  for (const std::string version : {"1.41", "1.44", "1.45", "1.47", "1.52"}) {
    INFO(version);
    driver_bench b;
    b.engine.set_api_version(version);
    b.restart();
    engine_script writes;
    writes.out = {"hello"};
    b.engine.script("*", writes);
    for (std::uint32_t task = 0; task < 2; ++task)
      b.running(b.spec(task, 2));
    b.restart();
    const auto found = b->adopt({b.spec(0, 2), b.spec(1, 2)});
    REQUIRE(found.ok());
    CHECK(*found == std::vector<adoption>{adoption::running, adoption::running});
    b->clean(workflow_key{1});
    for (std::uint32_t task = 0; task < 2; ++task) {
      const auto id = b.spec(task, 2).id;
      b.engine.finish(b.name(task), 7);
      const auto seen = b.heard->wait_end(id);
      REQUIRE(seen.exited.has_value());
      CHECK(seen.exited->code == 7);
      CHECK(content(b.spec(task, 2).folder.string() + ".log") == "hello\n");
      b->remove(id);
    }
    CHECK(eventually([&] { return b.engine.containers().empty() && b.engine.networks().empty(); }));
    CHECK(b.engine.times_created(b.name(0)) == 1);
  }
}

TEST_CASE("addresses that another network of a newer daemon has are waited for as ever") {
  driver_bench b;
  b.engine.set_api_version("1.47");
  b.restart();
  b.running(b.spec(0, 2));
  auto other = b.spec(1, 2); // Another group, with the same addresses: its network was not removed yet.
  other.group = "next";
  b->prepare(other);
  CHECK(b.engine.wait_for_calls("POST /networks/create", 3));
  b.engine.finish(b.name(0), 0);
  b.heard->wait_end(b.spec(0, 2).id);
  b->remove(b.spec(0, 2).id);
  CHECK(fault_of(b.heard->wait_prepared(other.id).prepared).empty());
}

TEST_CASE("a daemon that is too new to speak our versions is refused in its words") {
  fake_engine engine;
  engine.set_api_version("1.60");
  engine_fault refuses;
  refuses.route = "GET /info";
  refuses.times = -1;
  refuses.status = 400;
  refuses.body = R"({"message":"client version 1.47 is too old. Minimum supported API version is 1.50"})";
  engine.inject(refuses);
  docker_pool_config config;
  temporary_folder state;
  config.host = engine.host();
  config.state_directory = state.path();
  config.head = "00112233aabb";
  const auto found = make_docker_driver(config)->probe();
  REQUIRE_FALSE(found.ok());
  CHECK_THAT(found.failure().message, ContainsSubstring("too old") && ContainsSubstring("1.50"));
}
