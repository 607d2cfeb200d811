#include "fixture.hpp"

#include "muster/store/backup.hpp"
#include "muster/store/head_id.hpp"

#include <atomic>
#include <fstream>
#include <thread>

using namespace muster;
using namespace muster::store;

namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

TEST_CASE("a backup is restored with everything, under a new identity of its log") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto head = must(head_id(state.directory()));
  const auto key = must(w.submit(sample(3, 2))).key;
  must(w.append(task_event(key, 0, 0, status::processing)));
  must(w.commit());
  must(w.submit(sample(1, 0, "late"))); // Not durable: not in it.
  const auto file = state.root() / "store.backup";
  const auto made = must(backup(state.directory(), file));
  CHECK(made.at == sequence{2});
  CHECK(made.bytes == fs::file_size(file));
  CHECK((fs::status(file).permissions() & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none);
  must(w.commit());

  const state_directory other{state.root() / "other"};
  const auto restored = must(restore(file, other));
  CHECK(restored.at == sequence{2});
  auto r = must(reader::open(other));
  auto origin = must(reader::open(state.directory()));
  CHECK(must(r.log_id()) != must(origin.log_id()));
  CHECK(must(r.log_id()).size() == 36);
  CHECK(whole_log(r).size() == 2);
  CHECK(must(r.workflow("flow-1")).tasks == 5);
  CHECK(code_of(r.workflow("late-1")) == ec::not_found);
  CHECK(must(head_id(other)) == head);
  auto again = must(writer::open(other));
  const auto next = must(again.submit(sample(1)));
  CHECK(next.id == "flow-2");
  CHECK(next.key.value > key.value + 1000); // What came after the backup may run still, under the keys that follow.
  std::size_t files = 0;
  for (const auto& x : fs::directory_iterator{state.root()})
    files += x.is_regular_file() ? 1 : 0;
  CHECK(files == 1); // Nothing is left of the work.
}

TEST_CASE("a backup is one moment of a store that is being written") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(200))).key;
  must(w.commit());
  std::atomic<bool> stop{false};
  std::thread writing{[&] {
    while (!stop) {
      // Two events of one transaction: never one without the other.
      (void)w.append(workflow_event(key, event_type::workflow_resumed));
      (void)w.append(workflow_event(key, event_type::workflow_resumed));
      (void)w.commit();
    }
  }};
  std::vector<sequence> seen;
  for (int i = 0; i < 5; ++i) {
    const auto made = backup(state.directory(), state.root() / std::to_string(i));
    seen.push_back(made ? made->at : sequence{});
  }
  stop = true;
  writing.join();
  for (int i = 0; i < 5; ++i) {
    const state_directory where{state.root() / ("restored" + std::to_string(i))};
    must(restore(state.root() / std::to_string(i), where));
    auto r = must(reader::open(where));
    CHECK(must(r.latest()) == seen[static_cast<std::size_t>(i)]);
    CHECK(must(r.latest()).value % 2 == 1);
    CHECK(whole_log(r, 5000).size() == must(r.latest()).value);
  }
}

TEST_CASE("a backup overwrites nothing, and neither does a restore") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  must(w.submit(sample(1)));
  must(w.commit());
  const auto file = state.root() / "file";
  std::ofstream{file} << "precious";
  CHECK(code_of(backup(state.directory(), file)) == ec::conflict);
  CHECK(contents(file) == "precious");
  const auto good = state.root() / "good";
  must(backup(state.directory(), good));
  CHECK(code_of(restore(good, state.directory())) == ec::store_locked);
  {
    const state_directory used{state.root() / "used"};
    { auto other = must(writer::open(used)); }
    CHECK(code_of(restore(good, used)) == ec::conflict);
  }
  CHECK(code_of(backup(state_directory{state.root() / "nothing"}, state.root() / "x")) == ec::not_found);
  CHECK(code_of(restore(state.root() / "nothing", state_directory{state.root() / "y"})) == ec::not_found);
  CHECK(code_of(backup(state.directory(), state.root() / "no" / "such" / "folder")) == ec::io_error);
}

TEST_CASE("what a store that was moved away left behind is not taken for a part of the restored one") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  must(w.submit(sample(1)));
  must(w.commit());
  const auto file = state.root() / "backup.db";
  must(backup(state.directory(), file));
  const auto reader_that_stays = must(reader::open(state.directory()));
  must(w.submit(sample(1)));
  must(w.commit());
  const auto other = state_directory{state.root() / "other"};
  must(other.create());
  auto wal = state.directory().database();
  auto left = other.database();
  std::filesystem::copy_file(wal += "-wal", left += "-wal");
  const auto refused = restore(file, other);
  CHECK(code_of(refused) == ec::conflict);
  CHECK_THAT(refused.failure().message, ContainsSubstring("muster.db-wal"));
  std::filesystem::remove(left);
  must(restore(file, other));
  CHECK(must(must(reader::open(other)).workflows({})).size() == 1);
}

TEST_CASE("what is no backup, or a damaged one, is not restored") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  must(w.submit(sample(500)));
  must(w.commit());
  const auto file = state.root() / "file";
  must(backup(state.directory(), file));
  const state_directory other{state.root() / "other"};
  SECTION("cut off") {
    fs::resize_file(file, fs::file_size(file) / 2);
    CHECK(code_of(restore(file, other)) == ec::store_corrupt);
  }
  SECTION("overwritten") {
    std::fstream out{file, std::ios::in | std::ios::out | std::ios::binary};
    out.seekp(8192);
    out << std::string(20'000, '\xa5');
    out.close();
    CHECK(code_of(restore(file, other)) == ec::store_corrupt);
  }
  SECTION("something else") {
    std::ofstream{file} << std::string(9000, 'x');
    CHECK(code_of(restore(file, other)) == ec::store_corrupt);
  }
  CHECK_FALSE(other.has_store());
}
