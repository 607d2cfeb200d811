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

TEST_CASE("no more folders are kept than a few dozen") {
  const scratch_folder state;
  leave(state, 50);
  leave(state, 50);
  CHECK(count_in(state.at("spare")) == 64);
  for (int i = 0; i < 50; ++i)
    CHECK_FALSE(fs::exists(state.at("left-" + std::to_string(i))));
}

TEST_CASE("what was kept is not used when it is not as it was left, or not as it would be made now") {
  const scratch_folder state;
  leave(state, 1);
  const auto kept = fs::directory_iterator {
    state.at("spare")
    } -> path().string();
  const auto own = ::umask(0);
  ::umask(own);
  SECTION("somebody wrote there") {
    std::ofstream{kept + "/work/x"} << "mine";
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
  {
    folder_pool pool;
    pool.keep_in(state.at("spare"));
    CHECK_FALSE(pool.take(state.at("a")).moved);
  }
  ::umask(own);
  CHECK_FALSE(fs::exists(state.at("a")));
}
