#include "executors/process/folder_pool.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <sys/stat.h>

namespace fs = std::filesystem;
using muster::process::folder_pool;
using namespace muster::test;

namespace {

class scratch_folder {
public:
  [[nodiscard]] std::string at(const std::string& name) const { return folder_.path() / name; }

private:
  temporary_folder folder_;
};

/// A folder as an attempt has it.
std::string attempt_in(const scratch_folder& state, const std::string& name) {
  for (const auto* part : {"/work", "/output"})
    fs::create_directories(state.at(name) + part);
  return state.at(name);
}

std::size_t count_in(const std::string& folder) {
  return fs::exists(folder) ? static_cast<std::size_t>(std::distance(fs::directory_iterator{folder}, {})) : 0;
}

std::string first_in(const std::string& folder) {
  return fs::directory_iterator {
    folder
    } -> path();
}

bool is_fresh(const std::string& folder) {
  return fs::is_empty(folder + "/work") && fs::is_empty(folder + "/output");
}

/// What a pool leaves when it was given `count` folders.
void leave(const scratch_folder& state, int count) {
  folder_pool pool;
  pool.keep_in(state.at("spare"));
  for (int i = 0; i < count; ++i)
    static_cast<void>(pool.give(attempt_in(state, "left-" + std::to_string(i)), std::nullopt));
}

} // namespace

TEST_CASE("a folder that nothing was left in is the next attempt's") {
  const scratch_folder state;
  folder_pool pool;
  CHECK(pool.give(attempt_in(state, "a"), std::nullopt));
  const auto dirty = attempt_in(state, "b");
  std::ofstream{dirty + "/output/x"} << "kept";
  CHECK_FALSE(pool.give(dirty, std::nullopt));
  CHECK(pool.take(state.at("some/where/c")).moved);
  CHECK(is_fresh(state.at("some/where/c")));
  CHECK_FALSE(fs::exists(state.at("a")));
  CHECK_FALSE(pool.take(state.at("d")).moved);
  CHECK(fs::exists(dirty + "/output/x"));
}

TEST_CASE("a pool that ends removes what it has, or keeps it for the next one") {
  const scratch_folder state;
  SECTION("nowhere") {
    auto pool = std::make_unique<folder_pool>();
    CHECK(pool->give(attempt_in(state, "a"), std::nullopt));
    pool.reset();
    CHECK_FALSE(fs::exists(state.at("a")));
  }
  SECTION("for the next one") {
    leave(state, 3);
    CHECK_FALSE(fs::exists(state.at("left-0")));
    CHECK(count_in(state.at("spare")) == 3);
    folder_pool next;
    next.keep_in(state.at("spare"));
    for (const auto* name : {"a", "b", "c"}) {
      CHECK(next.take(state.at(name)).moved);
      CHECK(is_fresh(state.at(name)));
    }
    CHECK_FALSE(next.take(state.at("d")).moved);
    CHECK(count_in(state.at("spare")) == 0);
  }
  SECTION("where none can be kept") {
    auto pool = std::make_unique<folder_pool>();
    pool->keep_in("/proc/muster");
    CHECK(pool->give(attempt_in(state, "a"), std::nullopt));
    pool.reset();
    CHECK_FALSE(fs::exists(state.at("a")));
  }
}

TEST_CASE("a folder in which there is more than the attempt's own folders is left alone") {
  const scratch_folder state;
  folder_pool pool;
  const auto folder = attempt_in(state, "a");
  // As a task does that writes its result under another name first, and is killed.
  std::ofstream{folder + "/result.json.tmp"} << "{}";
  CHECK_FALSE(pool.give(folder, std::nullopt));
  fs::remove(folder + "/result.json.tmp");
  REQUIRE(pool.give(folder, std::nullopt));
  // Once a tick of the kernel's clock is over, what was known of it can be relied on.
  folder_pool::taken taken;
  const auto at = state.at("b");
  do {
    taken = pool.take(at);
    REQUIRE(taken.moved);
    if (!taken.before)
      REQUIRE(pool.give(at, std::nullopt));
  } while (!taken.before);
  SECTION("known by the time it was changed") {
    std::ofstream{at + "/result.json"} << "{}";
    CHECK_FALSE(pool.give(at, taken.before));
  }
  SECTION("moving it changed nothing in it") {
    CHECK(pool.give(at, taken.before));
  }
}

TEST_CASE("no more folders are kept than a few dozen, whatever becomes of them") {
  const scratch_folder state;
  leave(state, 50);
  leave(state, 50);
  CHECK(count_in(state.at("spare")) == 64);
  for (int i = 0; i < 50; ++i)
    CHECK_FALSE(fs::exists(state.at("left-" + std::to_string(i))));
  for (int round = 0; round < 3; ++round) {
    folder_pool pool;
    pool.keep_in(state.at("spare"));
    const auto taken = attempt_in(state, "taken");
    for (int i = 0; i < 20; ++i)
      CHECK_FALSE(pool.take(taken).moved); // Something is there.
    for (int i = 0; i < 30; ++i)
      static_cast<void>(pool.give(attempt_in(state, "left-" + std::to_string(i)), std::nullopt));
  }
  CHECK(count_in(state.at("spare")) <= 64);
}

TEST_CASE("what was kept is not used when it is not as it was left, or not as it would be made now") {
  const scratch_folder state;
  leave(state, 1);
  const auto kept = first_in(state.at("spare"));
  const auto own = ::umask(0);
  ::umask(own);
  SECTION("somebody wrote there") {
    std::ofstream{fs::path{kept} / "work" / "x"} << "mine";
  }
  SECTION("somebody wrote beside") {
    std::ofstream{kept + "/x"} << "mine";
  }
  SECTION("another mode") {
    fs::permissions(kept, fs::perms::all);
  }
  SECTION("another umask") {
    ::umask(own ^ 020U);
  }
  SECTION("a link, which leads elsewhere") {
    fs::rename(kept, state.at("elsewhere"));
    fs::create_directory_symlink(state.at("elsewhere"), kept);
  }
  SECTION("others may write there") {
    fs::permissions(state.at("spare"), fs::perms::all);
  }
  {
    folder_pool pool;
    pool.keep_in(state.at("spare"));
    CHECK_FALSE(pool.take(state.at("a")).moved);
    // Nor is what would not be used kept.
    const auto open = attempt_in(state, "open");
    for (const auto* part : {"", "/work", "/output"})
      fs::permissions(open + part, fs::perms::all);
    CHECK(pool.give(open, std::nullopt));
  }
  ::umask(own);
  CHECK_FALSE(fs::exists(state.at("a")));
  CHECK_FALSE(fs::exists(state.at("open")));
  CHECK(count_in(state.at("spare")) == 1);
}

TEST_CASE("nothing is kept behind a link") {
  const scratch_folder state;
  fs::create_directory(state.at("elsewhere"));
  fs::create_directories(state.at("elsewhere") + "/project/work");
  fs::create_directory_symlink(state.at("elsewhere"), state.at("spare"));
  leave(state, 1);
  folder_pool pool;
  pool.keep_in(state.at("spare"));
  CHECK_FALSE(pool.take(state.at("a")).moved);
  CHECK(count_in(state.at("elsewhere")) == 1);
  CHECK(fs::exists(state.at("elsewhere") + "/project/work"));
}
