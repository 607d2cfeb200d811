#include "executors/machine/share.hpp"
#include "support/catch.hpp"

using namespace muster;

namespace {

constexpr std::int64_t gibi = std::int64_t{1} << 30U;

capacity machine_of(std::int64_t cpu, std::int64_t memory, std::int64_t storage) {
  capacity out;
  out.cpu = cpu;
  out.memory = memory;
  out.storage = storage;
  out.gpus = {0, 1};
  return out;
}

} // namespace

TEST_CASE("a share is what is left of a machine, and the rest stays as it is") {
  auto total = machine_of(8, 32 * gibi, 100 * gibi);
  machine::limit_to({}, total);
  CHECK(total.cpu == 8);
  CHECK(total.memory == 32 * gibi);
  CHECK(total.storage == 100 * gibi);
  machine::limit_to({3, 4 * gibi, std::nullopt}, total);
  CHECK(total.cpu == 3);
  CHECK(total.memory == 4 * gibi);
  CHECK(total.storage == 100 * gibi);
  CHECK(total.gpus.size() == 2);
}

TEST_CASE("a share is no larger than its machine, but for storage, which tasks fill") {
  const auto total = machine_of(8, 32 * gibi, 100 * gibi);
  CHECK(machine::check_share({8, 32 * gibi, 100 * gibi}, total));
  const auto cpu = machine::check_share({9, {}, {}}, total);
  REQUIRE_FALSE(cpu);
  CHECK(cpu.failure().code == ec::invalid_argument);
  CHECK(cpu.failure().message == "this node is to offer 9 CPUs, and the machine has 8");
  const auto memory = machine::check_share({{}, 33 * gibi, {}}, total);
  REQUIRE_FALSE(memory);
  CHECK(memory.failure().message == "this node is to offer 33Gi of memory, and the machine has 32Gi");
  const machine::share much{{}, {}, 101 * gibi};
  CHECK(machine::check_share(much, total));
  auto limited = total;
  machine::limit_to(much, limited);
  CHECK(limited.storage == 100 * gibi);
}
