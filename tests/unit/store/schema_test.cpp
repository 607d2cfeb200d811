#include "fixture.hpp"

#include "store/schema.hpp"

#include <fstream>
#include <iterator>

using namespace muster;
using namespace muster::store;

namespace {

std::string contents(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Makes a database with this SQL where the store would be.
void make_database(const state_directory& where, const std::string& sql) {
  must(where.create());
  auto db = must(sqlite::connection::open(where.database(), sqlite::mode::write));
  must(db.run(sql.c_str(), "preparing a test"));
}

void make_file(const state_directory& where, const std::string& bytes) {
  must(where.create());
  std::ofstream{where.database(), std::ios::binary} << bytes;
}

/// Both kinds of openers refuse the store with the same code; what the writer says.
std::string refused(const state_directory& where, ec code) {
  const auto r = reader::open(where);
  CHECK(code_of(r) == code);
  const auto w = writer::open(where);
  CHECK(code_of(w) == code);
  return w ? "" : w.failure().message;
}

} // namespace

TEST_CASE("an empty file becomes a store") {
  const temporary_state state;
  make_file(state.directory(), "");
  CHECK(code_of(reader::open(state.directory())) == ec::not_found);
  must(must(writer::open(state.directory())).submit(sample(1)));
  must(reader::open(state.directory()));
}

TEST_CASE("without a store a reader says so") {
  const temporary_state state;
  const auto r = reader::open(state.directory());
  REQUIRE_FALSE(r);
  CHECK(r.failure().code == ec::not_found);
  CHECK_THAT(r.failure().message, ContainsSubstring(state.directory().root().string()));
  CHECK_FALSE(std::filesystem::exists(state.directory().root()));
}

TEST_CASE("a file that is no database is refused, and left as it is") {
  const temporary_state state;
  const auto text = std::string(5000, 'x');
  make_file(state.directory(), text);
  CHECK_THAT(refused(state.directory(), ec::store_corrupt), ContainsSubstring("move it away"));
  CHECK(contents(state.directory().database()) == text);
}

TEST_CASE("a database of somebody else is refused, and left as it is") {
  const temporary_state state;
  SECTION("with its own number") {
    make_database(state.directory(), "PRAGMA application_id=7; CREATE TABLE t(a)");
  }
  SECTION("without one") {
    make_database(state.directory(), "CREATE TABLE t(a)");
  }
  SECTION("with a version alone") {
    make_database(state.directory(), "PRAGMA user_version=1");
  }
  CHECK_THAT(refused(state.directory(), ec::store_corrupt), ContainsSubstring("not one of Muster's"));
  auto db = must(sqlite::connection::open(state.directory().database(), sqlite::mode::read));
  CHECK(must(db.number("SELECT count(*) FROM sqlite_schema WHERE name='event'", "looking")) == 0);
}

TEST_CASE("a newer store is refused") {
  const temporary_state state;
  { auto made = must(writer::open(state.directory())); }
  make_database(state.directory(), "PRAGMA user_version=9999");
  CHECK_THAT(refused(state.directory(), ec::store_version), ContainsSubstring("schema 9999"));
}

TEST_CASE("a damaged store is refused") {
  const temporary_state state;
  {
    auto w = must(writer::open(state.directory()));
    must(w.submit(sample(500)));
    must(w.commit());
  }
  const auto file = state.directory().database();
  SECTION("cut off") {
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    CHECK_THAT(refused(state.directory(), ec::store_corrupt), ContainsSubstring("restore the file"));
  }
  SECTION("overwritten") {
    std::fstream out{file, std::ios::in | std::ios::out | std::ios::binary};
    const auto size = std::filesystem::file_size(file);
    out.seekp(4096);
    out << std::string(size - 4096, '\xa5');
    out.close();
    refused(state.directory(), ec::store_corrupt);
  }
}

TEST_CASE("a store of version 1 is brought up to date with all that it holds") {
  const temporary_state state;
  make_database(state.directory(), contents(std::filesystem::path{MUSTER_STORE_FIXTURES} / "version_1.sql"));
  auto w = must(writer::open(state.directory()));
  CHECK(w.latest() == sequence{6});
  CHECK(must(w.submit(sample(1))).id == "flow-2");
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto flow = must(r.workflow("flow-1"));
  CHECK(flow.tasks == 3);
  CHECK(must(r.task(flow.key, "one")).status == status::completed);
  CHECK(must(r.attempts(flow.key, {0})).size() == 2);
  CHECK(must(r.bodies(flow.key, {0}, 9)).at(2).request == "{\"cpu\":2}");
  CHECK(whole_log(r).size() == 7);
  CHECK(code_of(w.append(task_event(flow.key, 0, 0, status::running, 1))) == ec::conflict);
}

TEST_CASE("a store of version 2 is brought up to date with all that it holds") {
  const temporary_state state;
  make_database(state.directory(), contents(std::filesystem::path{MUSTER_STORE_FIXTURES} / "version_2.sql"));
  auto w = must(writer::open(state.directory()));
  CHECK(w.latest() == sequence{16});
  auto r = must(reader::open(state.directory()));
  const auto flow = must(r.workflow("flow-1"));
  const auto over = must(r.workflow("over-1"));
  CHECK(must(r.flow(flow.key)).empty());
  CHECK_FALSE(must(r.task_result(flow.key, {0})));
  CHECK(must(r.attempts(flow.key, {0})).at(1).gpus == "1");
  const auto groups = must(r.groups(flow.key, {}, 9));
  CHECK(groups.at(0).times.running == at(5));
  CHECK(groups.at(1).status == status::processing);

  // What is new works on what is old.
  growth more;
  more.workflow = flow.key;
  more.first_group = {2};
  more.first_task = {3};
  more.groups.push_back({"late", true, true, {{0}}, status::waiting});
  more.tasks.push_back({"late", {2}, true, "{}", "{}", status::waiting});
  must(w.grow(more));
  must(w.append(workflow_event(over.key, event_type::workflow_retried)));
  auto again = task_event(over.key, 1, 1, status::unspecified);
  again.type = event_type::task_reopened;
  must(w.append(again));
  must(w.commit());
  CHECK(must(r.workflow("flow-1")).tasks == 4);
  CHECK(must(r.workflow("over-1")).status == status::pending);
  CHECK_FALSE(must(r.workflow("over-1")).ended);
  CHECK(must(r.tasks(over.key, {}, 9)).at(0).status == status::failed_canceled);
  CHECK(must(r.tasks(over.key, {}, 9)).at(1).status == status::waiting);
  CHECK(whole_log(r).size() == 18);
}

TEST_CASE("a store of version 4 is brought up to date with all that it holds") {
  const temporary_state state;
  make_database(state.directory(), contents(std::filesystem::path{MUSTER_STORE_FIXTURES} / "version_4.sql"));
  auto w = must(writer::open(state.directory()));
  CHECK(w.latest() == sequence{22});
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.log_id()).size() == 36);
  CHECK(whole_log(r).size() == 22);
  const auto flow = must(r.workflow("flow-1"));
  CHECK(flow.user.empty());
  CHECK_FALSE(flow.bytes);
  CHECK(must(r.task_result(flow.key, {0})) == "{\"v\":1}");
  CHECK(must(r.cached_of_step("c", 9)).size() == 1);

  // Lists find what was there before.
  const auto ids = [&r](const workflow_query& query) {
    std::vector<std::string> out;
    for (const auto& x : must(r.workflows(query)))
      out.push_back(x.id);
    return out;
  };
  workflow_query query;
  query.labels = {{"team", "a"}, {"tier", {}}};
  CHECK(ids(query) == std::vector<std::string>{"flow-1"});
  query.labels = {{"team", "b"}};
  CHECK(ids(query).empty());
  query.labels.clear();
  query.user = "";
  query.name = "other";
  CHECK(ids(query) == std::vector<std::string>{"other-2", "other-1"});
}

TEST_CASE("a store of version 6 is brought up to date with all that it holds") {
  const temporary_state state;
  make_database(state.directory(), contents(std::filesystem::path{MUSTER_STORE_FIXTURES} / "version_6.sql"));
  auto w = must(writer::open(state.directory()));
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.workflow("flow-1")).status == status::completed);
  const auto tokens = must(r.tokens({}));
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0].user == "root");
  CHECK(tokens[0].role == role::admin);
  CHECK(tokens[0].node.empty());
  CHECK(must(r.nodes()).empty());
  const auto key = must(r.workflow("flow-1")).key;
  CHECK_FALSE(must(r.groups(key, {}, 1)).at(0).stopping);
  must(w.change_service(group_stopping{key, {}, stop_purpose{status::failed_exec_timeout, no_exit_code, "late", {}}}));
  must(w.commit());
  CHECK(must(r.groups(key, {}, 1)).at(0).stopping->text == "late");
}

TEST_CASE("a store of version 8 is brought up to date with all that it holds") {
  const temporary_state state;
  make_database(state.directory(), contents(std::filesystem::path{MUSTER_STORE_FIXTURES} / "version_8.sql"));
  auto w = must(writer::open(state.directory()));
  CHECK(w.latest() == sequence{16});
  auto r = must(reader::open(state.directory()));
  CHECK(whole_log(r).size() == 16);
  const auto nodes = must(r.nodes());
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0].name == "n1");
  CHECK(nodes[0].pool == "farm");
  CHECK(nodes[0].since == epoch{100});
  CHECK(nodes[0].labels.at("rack") == "r7");
  CHECK(nodes[0].duty == node_duty::draining);
  CHECK(nodes[0].reason == "new disks");
  CHECK(nodes[0].deadline);
  const auto tokens = must(r.tokens({}));
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0].role == role::node);
  CHECK(tokens[0].node == "n1");
  const auto hooks = must(r.webhooks(0, 9));
  REQUIRE(hooks.size() == 1);
  CHECK(hooks[0].token == tokens[1].id);

  CHECK(must(r.pools()).empty());
  CHECK(must(w.change_service(pool_created{{0, "lab", "{}", at(9)}, R"({"strategy":"spread"})"})) == 1);

  // What runs there goes on where it was, and what is new works on it.
  const auto flow = must(r.workflow("flow-1"));
  CHECK(flow.priority == gang_priority::low);
  CHECK(flow.user == "ann");
  CHECK(flow.status == status::running);
  const auto attempts = must(r.attempts(flow.key, {1}));
  REQUIRE(attempts.size() == 1);
  CHECK(attempts[0].node == "n1");
  CHECK(attempts[0].gpus == "1");
  for (const auto& x : must(r.groups(flow.key, {}, 9)))
    CHECK_FALSE(x.stopping);
  must(w.change_service(group_stopping{flow.key, {0}, stop_purpose{status::rescheduled, 3006, "make way", {}}}));
  must(w.append(task_event(flow.key, 0, 0, status::rescheduled)));
  must(w.commit());
  const auto groups = must(r.groups(flow.key, {}, 9));
  CHECK(must(r.pools()).at(0).name == "lab");
  CHECK(must(r.pool_policies()).count("lab") == 1);
  CHECK(groups.at(0).stopping->text == "make way");
  CHECK_FALSE(groups.at(1).stopping);
  CHECK(must(r.task_result(must(r.workflow("over-1")).key, {0})) == "{\"v\":8}");
}

TEST_CASE("the identity of a log is made once") {
  const temporary_state state;
  { auto made = must(writer::open(state.directory())); }
  const auto first = must(must(reader::open(state.directory())).log_id());
  { auto again = must(writer::open(state.directory())); }
  CHECK(must(must(reader::open(state.directory())).log_id()) == first);
  const temporary_state other;
  { auto made = must(writer::open(other.directory())); }
  const auto second = must(must(reader::open(other.directory())).log_id());
  CHECK(first != second);
  for (const auto& id : {first, second}) {
    REQUIRE(id.size() == 36);
    CHECK(id[14] == '4');
    CHECK(std::string{"89ab"}.find(id[19]) != std::string::npos);
  }
}

TEST_CASE("each step is applied once, and none if one of them fails") {
  const temporary_state state;
  auto steps = migrations();
  const auto current = steps.back().version;
  must(state.directory().create());
  auto db = must(sqlite::connection::open(state.directory().database(), sqlite::mode::write));
  must(migrate(db, steps));
  steps.push_back({current + 1, "CREATE TABLE later(a);"});
  steps.push_back({current + 2, "CREATE TABLE broken(a); INSERT INTO nothing VALUES(1);"});
  CHECK_FALSE(migrate(db, steps));
  CHECK_FALSE(db.in_transaction());
  CHECK(must(db.number("PRAGMA user_version", "asking")) == current);
  CHECK(must(db.number("SELECT count(*) FROM sqlite_schema WHERE name IN ('later', 'broken')", "asking")) == 0);
  steps.back().sql = "CREATE TABLE broken(a);";
  must(migrate(db, steps));
  must(migrate(db, steps));
  CHECK(must(db.number("SELECT count(*) FROM schema_version", "asking")) == current + 2);
}
