#include "agent_farm.hpp"
#include "support/catch.hpp"
#include "support/skip_test.hpp"
#include "support/small_disk.hpp"

#include <set>
#include <string>

using namespace muster::test;

namespace {

/// It asks for so little of a disk that a full one seems to do.
std::string modest_gang(const muster_program& muster, int members) {
  auto spec = waiting_gang(muster, members);
  const std::string cpu = "{cpu: ";
  const auto at = spec.find(cpu);
  REQUIRE(at != std::string::npos);
  return spec.replace(at, cpu.size(), "{storage: 1Mi, cpu: ");
}

} // namespace

TEST_CASE("a gang that cannot be prepared on a node whose disk is full runs on others") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  // The first in the order of names: it is preferred among equals.
  const small_disk disk{x.muster.folder() / "node-n1"};
  if (!disk.mounted())
    return skip_test("this user may not mount a small disk");
  const node_program full{x.muster, "n1", at(1)};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto filler = disk.fill();
  const node_program two{x.muster, "n2", at(2)};
  const node_program three{x.muster, "n3", at(3)};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  REQUIRE(becomes(x.muster, "n3", "ready"));

  const auto id = x.submit(modest_gang(x.muster, 2));
  REQUIRE(eventually([&] { return gang_begins(x.muster, id, 2) == 1; }));
  CHECK(std::set<std::string>{node_of(x.muster, id, "t0"), node_of(x.muster, id, "t1")} ==
        std::set<std::string>{"n2", "n3"});
  const auto events = x.muster({"events", id, "--output", "jsonl"}).out;
  CHECK(events.find("on node n1: ") != std::string::npos);

  // Beside nodes that are only busy nobody fails, and it says what it waits for.
  const auto waiting = x.submit(modest_gang(x.muster, 1));
  const auto reason = [&] { return x.muster({"explain", waiting}).out; };
  const auto what = "for now not on node n1, where it could not be prepared";
  CHECK(eventually([&] { return reason().find(what) != std::string::npos; }));
  let_gang_go(x.muster, id);
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
  REQUIRE(eventually([&] { return gang_begins(x.muster, waiting, 1) == 1; }));
  let_gang_go(x.muster, waiting);
  CHECK(x.muster({"wait", waiting}).out == waiting + " COMPLETED\n");
  CHECK(node_of(x.muster, waiting, "t0") != "n1");
}
