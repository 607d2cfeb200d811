#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include "muster/store/head_id.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

using namespace muster;
using namespace muster::store;

TEST_CASE("a state directory has one id for ever, and another one has another") {
  const test::temporary_folder one;
  const test::temporary_folder two;
  const auto id = head_id(state_directory{one.path()});
  REQUIRE(id);
  CHECK(id->size() == 12);
  CHECK(id->find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(*head_id(state_directory{one.path()}) == *id);
  CHECK(*head_id(state_directory{two.path()}) != *id);
  struct stat about {};
  REQUIRE(::stat((one.path() / "head-id").c_str(), &about) == 0);
  CHECK((about.st_mode & 0777U) == 0600U);
  // Nothing else is left.
  CHECK(std::distance(std::filesystem::directory_iterator{one.path()}, {}) == 1);
}

TEST_CASE("all who ask first at the same time get the same id") {
  const test::temporary_folder folder;
  std::vector<std::string> seen(8);
  std::vector<std::thread> askers;
  for (auto& into : seen)
    askers.emplace_back([&folder, &into] {
      if (auto id = head_id(state_directory{folder.path()}))
        into = *id;
    });
  for (auto& x : askers)
    x.join();
  for (const auto& x : seen) {
    CHECK(x.size() == 12);
    CHECK(x == seen.front());
  }
}

TEST_CASE("a damaged id is an error that says what to do, not a new id") {
  const test::temporary_folder folder;
  const state_directory directory{folder.path()};
  for (const auto* text : {"", "abc", "0123456789AB", "0123456789abc", "0123456789ab\nx"}) {
    INFO(text);
    std::ofstream(folder.path() / "head-id", std::ios::trunc) << text;
    const auto id = head_id(directory);
    REQUIRE(!id);
    CHECK(id.failure().code == ec::store_corrupt);
    CHECK_THAT(id.failure().message, ContainsSubstring("head-id is damaged"));
  }
  std::filesystem::remove(folder.path() / "head-id");
  std::filesystem::create_directory(folder.path() / "head-id");
  CHECK(head_id(directory).failure().code == ec::io_error);
  CHECK(head_id(state_directory{folder.path() / "absent"}).failure().code == ec::io_error);
}
