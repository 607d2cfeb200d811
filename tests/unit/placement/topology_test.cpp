#include "support/catch.hpp"

#include "muster/placement/cluster.hpp"

#include <set>
#include <string>

using namespace muster;

namespace {

constexpr std::int64_t gib = std::int64_t{1} << 30U;

/// Two zones of two racks of two nodes of eight GPUs; racks have the same names in both zones.
cluster two_zones() {
  cluster c{{{"zone", "topology/zone"}, {"rack", "topology/rack"}}};
  for (const std::string zone : {"east", "west"})
    for (const std::string rack : {"r1", "r2"})
      for (int i = 0; i < 2; ++i) {
        auto x = make_node(zone + rack + std::to_string(i), {64, 512 * gib, 512 * gib}, {0, 1, 2, 3, 4, 5, 6, 7});
        x.labels = {{"topology/zone", zone}, {"topology/rack", rack}};
        c.join(std::move(x));
      }
  return c;
}

resource_request ask(std::int64_t gpu, std::vector<spec::topology> topologies = {}) {
  resource_request x;
  x.gpu = gpu;
  x.topologies = std::move(topologies);
  return x;
}

spec::topology wish(std::string key, bool required = true, std::string group = "default") {
  spec::topology x;
  x.key = std::move(key);
  x.group = std::move(group);
  x.required = required;
  return x;
}

std::optional<std::set<std::uint32_t>> racks_of(cluster& c, const gang& who) {
  auto x = c.prepare(who);
  const auto where = c.place(x);
  if (!where)
    return std::nullopt;
  std::set<std::uint32_t> racks;
  for (const auto& place : *where)
    racks.insert(place.node / 2);
  return racks;
}

using racks = std::set<std::uint32_t>;

} // namespace

TEST_CASE("members that must be in one domain are, in the one that is left with the least") {
  auto c = two_zones();
  CHECK(racks_of(c, {ask(8)}) == racks{0});
  CHECK(racks_of(c, gang(2, ask(8, {wish("rack")}))) == racks{1});
  CHECK(racks_of(c, gang(8, ask(1, {wish("rack")}))) == racks{0});
  // Both racks of the other zone are empty: two nodes each, so three do not fit in one.
  auto three = c.prepare(gang(3, ask(8, {wish("rack")})));
  CHECK_FALSE(c.place(three));
  CHECK(text_of(c.why_not(three).value()) == "waiting for room for its tasks within one rack");
  CHECK(c.never_fits(three) == "needs room for its tasks within one rack");
  CHECK(racks_of(c, gang(3, ask(8, {wish("zone")}))) == racks{2, 3});
}

TEST_CASE("where no node says of which domain it is, that is the reason") {
  cluster c{{{"zone", "topology/zone"}, {"rack", "topology/rack"}}};
  for (const auto* name : {"a", "b"}) {
    auto x = make_node(name, {64, 512 * gib, 512 * gib}, {0, 1});
    x.labels = {{"topology/zone", "east"}};
    c.join(std::move(x));
  }
  auto pair = c.prepare(gang(2, ask(1, {wish("rack")})));
  CHECK(c.never_fits(pair) ==
        "needs its tasks within one rack, and no node that it may use carries the label topology/rack, which says of "
        "which rack a node is");
  auto five = c.prepare(gang(5, ask(1, {wish("zone")})));
  CHECK(c.never_fits(five) == "needs room for its tasks within one zone");
  CHECK(racks_of(c, gang(2, ask(1, {wish("zone")}))));
}

TEST_CASE("a node of a domain is named that is short, and not one that has room or is of none") {
  auto c = two_zones();
  c.join(make_node("loose", {64, 512 * gib, 512 * gib}, {0, 1, 2, 3, 4, 5, 6, 7}));
  const auto busy = [&](std::uint32_t node, std::int64_t cpu, std::vector<std::uint32_t> gpus) {
    auto x = ask(static_cast<std::int64_t>(gpus.size()));
    x.cpu = cpu;
    c.take({x}, {{node, std::move(gpus)}});
  };
  SECTION("where no domain has room for all together") {
    for (const std::uint32_t second : {1, 3, 5, 7})
      busy(second, 64, {0, 1, 2, 3, 4, 5, 6, 7});
    busy(8, 1, {0, 1, 2, 3, 4, 5, 6, 7}); // It lacks less.
    auto pair = c.prepare(gang(2, ask(8, {wish("rack")})));
    const auto why = c.why_not(pair).value();
    CHECK(why.cause == wait_cause::topology);
    CHECK(why.node == "eastr11");
    REQUIRE(why.lacks.size() == 2);
    CHECK(why.lacks[0].what == resource_kind::gpu);
    CHECK(why.lacks[0].free == 0);
    CHECK(text_of(why) == "waiting for room for its tasks within one rack");
  }
  SECTION("where one has it, but not on its nodes") {
    busy(1, 64, {0, 1, 2, 3});
    for (const std::uint32_t other : {2, 3, 4, 5, 6, 7})
      busy(other, 1, {0, 1, 2, 3, 4, 5, 6, 7}); // They lack less.
    auto pair = c.prepare(gang(2, ask(6, {wish("rack")})));
    CHECK(text_of(c.why_not(pair).value()) ==
          "waiting for 6 GPUs: 4 of 8 free; 1 CPU: 0 of 64 free on node eastr11, after 1 of 2 tasks have a place");
  }
}

TEST_CASE("what is preferred gives way") {
  auto c = two_zones();
  CHECK(racks_of(c, gang(2, ask(8, {wish("rack", false)}))) == racks{0});
  CHECK(racks_of(c, gang(3, ask(8, {wish("rack", false)}))).value().size() == 2);
  CHECK(racks_of(c, gang(3, ask(8, {wish("zone", false), wish("rack", false)}))).value().size() == 2);
}

TEST_CASE("groups of members are kept together apart from each other") {
  auto c = two_zones();
  gang who;
  for (int i = 0; i < 2; ++i)
    who.push_back(ask(8, {wish("zone"), wish("rack", true, "a")}));
  for (int i = 0; i < 2; ++i)
    who.push_back(ask(8, {wish("zone"), wish("rack", true, "b")}));
  auto x = c.prepare(who);
  const auto where = c.place(x);
  REQUIRE(where);
  CHECK((*where)[0].node / 2 == (*where)[1].node / 2);
  CHECK((*where)[2].node / 2 == (*where)[3].node / 2);
  CHECK((*where)[0].node / 4 == (*where)[3].node / 4);
  // Groups of one name under different groups of a coarser key are two.
  gang apart{ask(8, {wish("zone", true, "x"), wish("rack")}), ask(8, {wish("zone", true, "x"), wish("rack")}),
             ask(8, {wish("zone", true, "y"), wish("rack")})};
  CHECK(racks_of(c, apart).value().size() == 2);
}

TEST_CASE("equal values of a finer key in two domains of a coarser one are two domains") {
  auto c = two_zones();
  CHECK(racks_of(c, gang(2, ask(8, {wish("rack")}))) == racks{0});
  CHECK(racks_of(c, gang(2, ask(8, {wish("rack")}))) == racks{1});
  auto four = c.prepare(gang(4, ask(8, {wish("rack")})));
  CHECK(c.never_fits(four));
}

TEST_CASE("a topology key that the pool does not have is refused if it is required") {
  auto c = two_zones();
  auto x = c.prepare({ask(1, {wish("row")})});
  CHECK(c.never_fits(x) == "the pool has no topology key 'row'");
  auto y = c.prepare({ask(1, {wish("row", false)})});
  CHECK_FALSE(c.never_fits(y));
  cluster plain;
  plain.join(make_node("local", {4, 64 * gib, 64 * gib}, {0, 1}));
  auto z = plain.prepare(gang(2, ask(1, {wish("rack")})));
  CHECK(plain.place(z));
}

TEST_CASE("spread members stay within their domain") {
  auto c = two_zones();
  auto x = c.prepare(gang(4, ask(1, {wish("rack")})), placement_strategy::spread);
  const auto where = c.place(x);
  REQUIRE(where);
  CHECK((*where)[0].node == 0);
  CHECK((*where)[1].node == 1);
  CHECK((*where)[2].node == 0);
}
