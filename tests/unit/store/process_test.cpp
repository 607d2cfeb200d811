#include "child.hpp"
#include "fixture.hpp"

#include <map>

using namespace muster;
using namespace muster::store;

namespace {

constexpr std::uint32_t tasks = 50;

/// Works on one workflow for ever: each round a transaction of `batch` events, whose last number it tells when
/// committed.
void write_for_ever(const state_directory& where, std::size_t batch, const child::tell& committed) {
  auto w = writer::open(where);
  if (!w)
    return;
  std::uint64_t round = w->latest().value;
  for (;;) {
    auto flow = w->submit(sample(tasks));
    if (!flow || !w->commit())
      return;
    committed(w->latest().value);
    for (const auto s : {status::processing, status::running, status::completed})
      for (std::uint32_t i = 0; i < tasks; ++i) {
        if (!w->append(task_event(flow->key, i, i, s)))
          return;
        if (++round % batch != 0)
          continue;
        if (!w->commit())
          return;
        committed(w->latest().value);
      }
  }
}

/// The status of each task by the log alone.
std::map<std::pair<std::int64_t, std::uint32_t>, status> by_log(const std::vector<named_event>& log) {
  std::map<std::pair<std::int64_t, std::uint32_t>, status> out;
  for (const auto& x : log)
    if (x.fact.type == event_type::task_status)
      out[{x.fact.workflow.value, x.fact.task.value}] = x.fact.status;
  return out;
}

/// Rows and log must tell the same.
void check_consistency(reader& r) {
  const auto log = whole_log(r);
  auto told = by_log(log);
  std::size_t compared = 0;
  for (const auto& flow : must(r.workflows({})))
    for (const auto& t : must(r.tasks(flow.key, {}, tasks))) {
      const auto found = told.find({flow.key.value, t.index.value});
      if (t.status != (found == told.end() ? status::waiting : found->second))
        FAIL("task " << t.index.value << " of " << flow.id << " is " << to_string(t.status) << " against its events");
      ++compared;
    }
  CHECK(compared >= told.size());
}

} // namespace

TEST_CASE("a writer that is killed leaves whole transactions only") {
  const temporary_state state;
  std::uint64_t acknowledged = 0;
  for (std::size_t round = 0; round < 12; ++round) {
    child writing{[&](const child::tell& tell) { write_for_ever(state.directory(), 1 + round * 3, tell); }};
    for (std::size_t i = 0; i < 3 + round * 5; ++i)
      REQUIRE(writing.next(acknowledged));
    writing.kill();
    for (std::uint64_t more = 0; writing.next(more);)
      acknowledged = more;
    auto r = must(reader::open(state.directory()));
    CHECK(must(r.latest()).value >= acknowledged);
    check_consistency(r);
    auto w = must(writer::open(state.directory()));
    CHECK(w.latest() == must(r.latest()));
  }
}

TEST_CASE("readers see whole transactions while another process writes") {
  const temporary_state state;
  { auto made = must(writer::open(state.directory())); }
  child writing{[&](const child::tell& tell) { write_for_ever(state.directory(), 10, tell); }};
  auto r = must(reader::open(state.directory()));
  event_query query;
  std::optional<std::uint64_t> version; // The writer may be ahead already.
  std::uint64_t acknowledged = 0;
  std::uint64_t seen = 0;
  for (int i = 0; i < 150; ++i) {
    REQUIRE(writing.next(acknowledged));
    if (seen >= acknowledged)
      continue;
    const auto now = must(r.data_version());
    CHECK(now != version);
    version = now;
    for (;;) {
      const auto page = must(r.events(query));
      for (const auto& x : page.events)
        REQUIRE(x.fact.seq.value == ++seen);
      query.after = page.next_after;
      if (page.at_end)
        break;
    }
    CHECK(seen >= acknowledged);
  }
  const auto frozen = must(r.freeze());
  CHECK(code_of(r.freeze()) == ec::conflict);
  CHECK(frozen.at().value >= seen);
  check_consistency(r);
  CHECK(must(r.latest()) == frozen.at());
}

TEST_CASE("a second writer is told who holds the state directory") {
  const temporary_state state;
  child holding{[&](const child::tell& tell) {
    auto w = writer::open(state.directory());
    tell(w ? 1 : 0);
    ::pause();
  }};
  std::uint64_t opened = 0;
  REQUIRE(holding.next(opened));
  REQUIRE(opened == 1);
  const auto second = writer::open(state.directory());
  REQUIRE_FALSE(second);
  CHECK(second.failure().code == ec::store_locked);
  CHECK_THAT(second.failure().message, ContainsSubstring("process " + std::to_string(holding.pid())));
  CHECK_THAT(second.failure().message, ContainsSubstring("MUSTER_STATE_DIR"));
  must(reader::open(state.directory()));
  holding.kill();
  must(writer::open(state.directory()));
}

TEST_CASE("the lock is given back, and is exclusive within a process too") {
  const temporary_state state;
  {
    const auto first = must(writer::open(state.directory()));
    CHECK(code_of(writer::open(state.directory())) == ec::store_locked);
  }
  must(writer::open(state.directory()));
}
