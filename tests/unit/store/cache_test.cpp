#include "fixture.hpp"

#include "store/cache_table.hpp"

using namespace muster;
using namespace muster::store;

namespace {

cache_entry entry(const std::string& key, std::int64_t used, const std::string& step = "train") {
  cache_entry x;
  x.key = key;
  x.step = step;
  x.workflow.value = 7;
  x.task.value = 3;
  x.attempt = 2;
  x.has_output = true;
  x.made_of = "[]";
  x.used = at(used);
  return x;
}

std::vector<std::string> keys(const std::vector<cache_entry>& x) {
  std::vector<std::string> out;
  for (const auto& e : x)
    out.push_back(e.key);
  return out;
}

} // namespace

TEST_CASE("what may serve again is kept, used and removed") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  must(w.change_cache(
      {{entry("a", 1), entry("b", 2), entry("c", 3, "other")}, {}, {}, {{{7}, {3}, "b", "no earlier"}}}));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto a = must(r.cached("a"));
  REQUIRE(a);
  CHECK(a->step == "train");
  CHECK(a->workflow.value == 7);
  CHECK(a->task.value == 3);
  CHECK(a->attempt == 2);
  CHECK(a->has_output);
  CHECK(a->made_of == "[]");
  CHECK(a->used == at(1));
  CHECK_FALSE(must(r.cached("d")));
  CHECK(keys(must(r.cached_of_step("train", 10))) == std::vector<std::string>{"b", "a"});
  CHECK(must(r.note_of_cache({7}, {3}))->text == "no earlier");
  CHECK_FALSE(must(r.note_of_cache({7}, {4})));
  must(w.change_cache({{}, {"a"}, {"b"}, {{{7}, {3}, "a", "same"}}}));
  must(w.commit());
  CHECK(keys(must(r.cached_of_step("train", 10))) == std::vector<std::string>{"a"});
  CHECK(must(r.note_of_cache({7}, {3}))->text == "same");
  must(w.change_cache({{entry("x", 9)}, {}, {}, {}}));
  w.rollback();
  CHECK_FALSE(must(r.cached("x")));
}

TEST_CASE("those that were not used for the longest time go first") {
  const temporary_state state;
  must(writer::open(state.directory()));
  auto db = must(sqlite::connection::open(state.directory().database(), sqlite::mode::write));
  auto table = must(cache_table::prepare(db));
  constexpr std::size_t most = 16;
  for (std::int64_t i = 0; i < 40; ++i) {
    must(table.apply({{entry("k" + std::to_string(i), i + 10)}, {}, {}, {}}, at(1), most));
    if (i == 5)
      must(table.apply({{}, {"k0"}, {}, {}}, at(1000), most));
    CHECK(must(db.number("SELECT count(*) FROM cache", "counting")) <= static_cast<std::int64_t>(most));
  }
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.cached("k0")));
  CHECK(must(r.cached("k39")));
  CHECK_FALSE(must(r.cached("k1")));
  CHECK_FALSE(must(r.cached("k20")));
  CHECK(must(r.cached_of_step("train", 100)).size() >= most - most / 16);
}
