#include "executors/remote/ledger.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <fstream>

using namespace muster;
using test::temporary_folder;

namespace {

attempt_spec attempt_of(std::int64_t workflow, std::uint32_t number) {
  attempt_spec x;
  x.id = {{workflow}, {0}, number};
  x.lease = {5};
  x.workflow_id = "w-" + std::to_string(workflow);
  x.task.name = "t";
  return x;
}

result<remote::ledger> open(const temporary_folder& at, const char* head = "aaaa") {
  return remote::ledger::open(at.path() / "ledger", head, at.path());
}

} // namespace

TEST_CASE("what a node was told is known again after its end") {
  const temporary_folder folder;
  {
    const auto first = open(folder);
    REQUIRE(first);
    CHECK(first->found().empty());
    REQUIRE(first->note(attempt_of(1, 0)));
    REQUIRE(first->note(attempt_of(2, 3)));
    REQUIRE(first->note(attempt_of(1, 0)));
    REQUIRE(first->note(attempt_of(4, 0)));
    REQUIRE(first->let_go(attempt_of(4, 0).id));
    REQUIRE(first->drop(attempt_of(4, 0).id));
    REQUIRE(first->let_go(attempt_of(9, 0).id));
    REQUIRE(first->drop(attempt_of(9, 0).id));
  }
  const auto second = open(folder);
  REQUIRE(second);
  std::vector<std::string> ids;
  for (const auto& x : second->found())
    ids.push_back(to_string(x.id) + " " + x.workflow_id);
  std::sort(ids.begin(), ids.end());
  CHECK(ids == std::vector<std::string>{"1.0.0 w-1", "2.0.3 w-2"});
}

TEST_CASE("a node with tasks of one head does not serve another") {
  const temporary_folder folder;
  REQUIRE(open(folder, "aaaa")->note(attempt_of(1, 0)));
  const auto other = open(folder, "bbbb");
  REQUIRE_FALSE(other);
  CHECK(other.failure().code == ec::conflict);
  CHECK(other.failure().message.find("aaaa") != std::string::npos);
  REQUIRE(open(folder, "aaaa")->let_go(attempt_of(1, 0).id));
  CHECK_FALSE(open(folder, "bbbb"));
  REQUIRE(open(folder, "aaaa")->drop(attempt_of(1, 0).id));
  CHECK(open(folder, "bbbb"));
}

TEST_CASE("what was being removed when its node was ended is known, and is not to be run again") {
  const temporary_folder folder;
  {
    const auto first = open(folder);
    REQUIRE(first->note(attempt_of(1, 0)));
    REQUIRE(first->note(attempt_of(2, 0)));
    REQUIRE(first->let_go(attempt_of(1, 0).id));
  }
  const auto second = open(folder);
  REQUIRE(second);
  REQUIRE(second->found().size() == 1);
  CHECK(second->found()[0].id == attempt_of(2, 0).id);
  REQUIRE(second->leaving().size() == 1);
  CHECK(second->leaving()[0].id == attempt_of(1, 0).id);
  REQUIRE(second->drop(attempt_of(1, 0).id));
  CHECK(open(folder)->leaving().empty());
}

TEST_CASE("a draft that a crash left is no attempt, and a damaged file is not passed over") {
  const temporary_folder folder;
  REQUIRE(open(folder)->note(attempt_of(1, 0)));
  const auto at = folder.path() / "ledger" / "aaaa";
  std::ofstream{at / "1.0.1.draft"} << "{\"id\":[1,";
  const auto again = open(folder);
  REQUIRE(again);
  CHECK(again->found().size() == 1);
  CHECK_FALSE(std::filesystem::exists(at / "1.0.1.draft"));

  std::ofstream{at / "1.0.2.json"} << "{}";
  const auto damaged = open(folder);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.failure().code == ec::store_corrupt);
  CHECK(damaged.failure().message.find("1.0.2.json") != std::string::npos);
}

TEST_CASE("a file that names another attempt is damaged") {
  const temporary_folder folder;
  REQUIRE(open(folder)->note(attempt_of(1, 0)));
  const auto at = folder.path() / "ledger" / "aaaa";
  std::filesystem::rename(at / "1.0.0.json", at / "1.0.9.json");
  const auto opened = open(folder);
  REQUIRE_FALSE(opened);
  CHECK(opened.failure().code == ec::store_corrupt);
}

TEST_CASE("only its owner can read what a node was told") {
  const temporary_folder folder;
  REQUIRE(open(folder)->note(attempt_of(1, 0)));
  using perms = std::filesystem::perms;
  const auto at = folder.path() / "ledger" / "aaaa";
  const auto others = perms::group_all | perms::others_all;
  CHECK((std::filesystem::status(at).permissions() & others) == perms::none);
  CHECK((std::filesystem::status(at / "1.0.0.json").permissions() & others) == perms::none);
}

TEST_CASE("a ledger is of one node while attempts are in it") {
  const temporary_folder at;
  const auto folder = at.path() / "ledger";
  const auto keep_to = [&](const std::string& node) { return remote::ledger::keep_to_node(folder, node); };
  CHECK(keep_to("n1"));
  CHECK(keep_to("n2")); // Nothing is there yet.
  {
    auto notes = open(at);
    REQUIRE(notes);
    REQUIRE(notes->note(attempt_of(1, 0)));
  }
  CHECK(keep_to("n2"));
  const auto refused = keep_to("n1");
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::conflict);
  CHECK_THAT(refused.failure().message, ContainsSubstring("still has tasks of the node n2"));
  CHECK(open(at)->found().size() == 1);
  REQUIRE(open(at)->let_go(attempt_of(1, 0).id));
  CHECK_FALSE(keep_to("n1"));
  REQUIRE(open(at)->drop(attempt_of(1, 0).id));
  CHECK(keep_to("n1"));
  CHECK_FALSE(std::filesystem::exists(folder / "node.draft"));
}
