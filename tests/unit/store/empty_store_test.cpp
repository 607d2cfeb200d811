#include "fixture.hpp"

#include "muster/store/empty_store.hpp"

#include <fstream>
#include <iterator>

#include <sys/stat.h>

using namespace muster;
using namespace muster::store;

namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::size_t workflows_in(const state_directory& where) {
  return must(must(reader::open(where)).workflows({})).size();
}

/// A store with a workflow whose database has vanished, but not its log.
void leave_log_alone(const state_directory& where) {
  const auto log = where.database().string() + "-wal";
  {
    auto w = must(writer::open(where));
    must(w.submit(sample(1)));
    must(w.commit());
    fs::copy_file(log, log + ".kept");
  }
  fs::remove(where.database());
  fs::rename(log + ".kept", log);
}

} // namespace

TEST_CASE("a store begins with bytes that were made before, or with the same made then") {
  const temporary_state given;
  const temporary_state made;
  const auto bytes = must(make_empty_store());
  {
    const auto w = must(writer::open(given.directory(), must(writer_lock::take(given.directory())), {}, bytes));
    CHECK(content(given.directory().database()) == bytes);
  }
  must(writer::open(made.directory()));
  for (const auto& x : {given.directory(), made.directory()}) {
    CHECK(workflows_in(x) == 0);
    auto w = must(writer::open(x));
    must(w.submit(sample(2)));
    must(w.commit());
    CHECK(workflows_in(x) == 1);
    for (const auto& file : fs::directory_iterator{x.root()})
      CHECK(file.path().extension() != ".new");
  }
}

TEST_CASE("bytes that were made before do not take the place of a store") {
  const temporary_state dir;
  {
    auto w = must(writer::open(dir.directory()));
    must(w.submit(sample(1)));
    must(w.commit());
  }
  must(writer::open(dir.directory(), must(writer_lock::take(dir.directory())), {}, must(make_empty_store())));
  CHECK(workflows_in(dir.directory()) == 1);
}

TEST_CASE("others may read a new database as far as the umask lets them") {
  const temporary_state dir;
  const auto before = ::umask(0027);
  must(writer::open(dir.directory()));
  ::umask(before);
  CHECK((fs::status(dir.directory().database()).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read));
}

TEST_CASE("an empty file in the place of a database stays whose it was") {
  const temporary_state dir;
  must(dir.directory().create());
  std::ofstream{dir.directory().database()};
  fs::permissions(dir.directory().database(), fs::perms::owner_read | fs::perms::owner_write);
  struct stat before {};
  struct stat after {};
  REQUIRE(::stat(dir.directory().database().c_str(), &before) == 0);
  must(writer::open(dir.directory()));
  REQUIRE(::stat(dir.directory().database().c_str(), &after) == 0);
  CHECK(before.st_mode == after.st_mode);
  CHECK(before.st_ino == after.st_ino);
  CHECK(workflows_in(dir.directory()) == 0);
}

TEST_CASE("the log of a database that is gone is no part of a new one") {
  const temporary_state dir;
  leave_log_alone(dir.directory());
  must(writer::open(dir.directory()));
  CHECK(workflows_in(dir.directory()) == 0);
}

TEST_CASE("a database may lie elsewhere, behind a link, before it is there") {
  const temporary_state dir;
  must(dir.directory().create());
  const auto elsewhere = dir.root() / "elsewhere.db";
  fs::create_symlink(elsewhere, dir.directory().database());
  must(writer::open(dir.directory()));
  CHECK(fs::is_symlink(dir.directory().database()));
  CHECK(fs::is_regular_file(elsewhere));
  CHECK(workflows_in(dir.directory()) == 0);
}

TEST_CASE("what is no file in the place of a database is refused, and left as it is") {
  const temporary_state dir;
  fs::create_directories(dir.directory().database());
  CHECK(code_of(writer::open(dir.directory())) == ec::io_error);
  CHECK(fs::is_directory(dir.directory().database()));
}
