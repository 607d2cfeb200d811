#include "child.hpp"
#include "fixture.hpp"
#include "support/skip_test.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

using namespace muster;
using namespace muster::store;
using test::skip_test;

namespace {

constexpr uid_t nobody = 65534;

/// A small disk of its own at `where`; false where the host does not allow that.
bool mount_small(const std::filesystem::path& where) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0)
    return false;
  (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return ::mount("tmpfs", where.c_str(), "tmpfs", 0, "size=6m") == 0;
}

std::string said(const std::string& what, const error& problem) {
  return what + ": " + std::string{to_string(problem.code)} + ": " + problem.message;
}

event long_event(workflow_key w) {
  auto x = task_event(w, 0, 0, status::running);
  x.text = std::string(1000, 'x');
  return x;
}

/// Appends and commits until the store refuses; what it said.
error fill(writer& w, workflow_key key, std::uint64_t& committed) {
  for (int i = 0; i < 1000; ++i) {
    for (int n = 0; n < 100; ++n)
      if (auto done = w.append(long_event(key)); !done) {
        const auto again = w.append(long_event(key));
        if (again || again.failure().code != done.failure().code)
          return {ec::internal, "a transaction that was rolled back took an event"};
        break;
      }
    if (auto done = w.commit(); !done)
      return done.failure();
    committed = w.latest().value;
  }
  return {ec::internal, "the disk never filled"};
}

std::string use_up_disk(const std::filesystem::path& disk) {
  if (!mount_small(disk))
    return "skip";
  const state_directory where{disk / "state"};
  std::ofstream{disk / "ballast"} << std::string(1'500'000, 'b');
  auto w = writer::open(where);
  if (!w)
    return said("open", w.failure());
  auto flow = w->submit(sample(1));
  if (!flow)
    return said("submit", flow.failure());
  if (!w->append(task_event(flow->key, 0, 0, status::processing)) || !w->commit())
    return "the store does not begin";
  std::uint64_t committed = w->latest().value;
  const auto full = fill(*w, flow->key, committed);
  if (full.code != ec::store_full)
    return said("fill", full);
  if (w->latest().value != committed || w->pending() != 0)
    return "numbers were lost";
  auto r = reader::open(where);
  if (!r)
    return said("read", r.failure());
  event_query query;
  query.limit = 1'000'000;
  auto log = r->events(query);
  if (!log)
    return said("events", log.failure());
  if (log->events.size() != committed || log->events.back().fact.seq.value != committed)
    return "the log has " + std::to_string(log->events.size()) + " of " + std::to_string(committed) + " events";
  std::filesystem::remove(disk / "ballast");
  auto next = w->append(long_event(flow->key));
  if (!next || next->value != committed + 1)
    return next ? "a number was burned" : said("append after space was freed", next.failure());
  if (auto done = w->commit(); !done)
    return said("commit after space was freed", done.failure());
  return {};
}

void open_up(const std::filesystem::path& folder, ::mode_t mode) {
  REQUIRE(::chmod(folder.c_str(), mode) == 0);
}

/// How many events another user can read; a text that says why not otherwise.
std::string read_as_nobody(const state_directory& where) {
  if (::seteuid(nobody) != 0)
    return "skip";
  auto r = reader::open(where);
  if (!r)
    return said("open", r.failure());
  auto last = r->latest();
  return last ? std::to_string(last->value) : said("latest", last.failure());
}

} // namespace

TEST_CASE("a full disk refuses a transaction, and loses nothing else") {
  const temporary_state state;
  const auto outcome = in_child([&] { return use_up_disk(state.root()); });
  if (outcome == "skip")
    return skip_test("no small disk can be mounted here");
  CHECK(outcome.empty());
  INFO(outcome);
  CHECK(outcome == "");
}

TEST_CASE("a reader needs no right to write") {
  if (::geteuid() != 0)
    return skip_test("only root can become another user");
  const temporary_state state;
  open_up(state.root(), 0755);
  {
    auto w = must(writer::open(state.directory()));
    open_up(state.directory().root(), 0755);
    must(w.submit(sample(1)));
    must(w.commit());
    // Beside a writer.
    CHECK(in_child([&] { return read_as_nobody(state.directory()); }) == "1");
  }
  // After it has ended well.
  CHECK(in_child([&] { return read_as_nobody(state.directory()); }) == "1");
  // After it has crashed: its log must be worked in first.
  child crashing{[&](const child::tell& tell) {
    auto w = writer::open(state.directory());
    if (w && w->submit(sample(1)) && w->commit())
      tell(1);
    ::pause();
  }};
  std::uint64_t done = 0;
  REQUIRE(crashing.next(done));
  crashing.kill();
  const auto outcome = in_child([&] { return read_as_nobody(state.directory()); });
  CHECK((outcome == "2" || outcome.find("cannot be read without the right to write") != std::string::npos));
  CHECK(must(must(reader::open(state.directory())).latest()) == sequence{2});
}

TEST_CASE("an unwritable state directory is refused with the reason") {
  if (::geteuid() != 0)
    return skip_test("only root can become another user");
  const temporary_state state;
  open_up(state.root(), 0755);
  const auto outcome = in_child([&]() -> std::string {
    if (::seteuid(nobody) != 0)
      return "cannot change the user";
    const auto made = writer::open(state.directory());
    return made ? "opened" : std::string{to_string(made.failure().code)} + ' ' + made.failure().message;
  });
  CHECK_THAT(outcome, ContainsSubstring("io_error"));
  CHECK_THAT(outcome, ContainsSubstring("Permission denied"));
}
