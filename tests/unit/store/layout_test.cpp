#include "fixture.hpp"

#include <sys/stat.h>

#include <fstream>
#include <map>

using namespace muster;
using namespace muster::store;

namespace {

environment env(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

std::string root_for(std::map<std::string, std::string> values) {
  return must(state_directory::resolve(env(std::move(values)))).root().string();
}

} // namespace

TEST_CASE("the state directory is where the environment says") {
  CHECK(root_for({{"MUSTER_STATE_DIR", "/a"}, {"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}) == "/a");
  CHECK(root_for({{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}) == "/x/muster");
  CHECK(root_for({{"HOME", "/h"}}) == "/h/.local/state/muster");
  CHECK(root_for({{"MUSTER_STATE_DIR", ""}, {"XDG_STATE_HOME", ""}, {"HOME", "/h"}}) == "/h/.local/state/muster");
  CHECK(root_for({{"XDG_STATE_HOME", "relative"}, {"HOME", "/h"}}) == "/h/.local/state/muster");
  CHECK(root_for({{"MUSTER_STATE_DIR", "here"}}) == (std::filesystem::current_path() / "here").string());
  const auto lost = state_directory::resolve(env({}));
  REQUIRE_FALSE(lost);
  CHECK(lost.failure().code == ec::invalid_argument);
  CHECK_THAT(lost.failure().message, ContainsSubstring("MUSTER_STATE_DIR"));
}

TEST_CASE("the state directory is made for its user alone") {
  const temporary_state state;
  const state_directory where{state.root() / "a" / "b"};
  must(where.create());
  must(where.create());
  struct stat found {};
  REQUIRE(::stat(where.root().c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0700);
  CHECK_FALSE(where.has_store());
}

TEST_CASE("a state directory whose path is too long is refused before anything is made") {
  const temporary_state state;
  // Of exactly so many bytes.
  const auto deep = [&](std::size_t length) {
    auto path = state.root().string();
    while (path.size() + 101 < length)
      path += '/' + std::string(99, 'x');
    return path + '/' + std::string(length - path.size() - 1, 'y');
  };
  constexpr std::size_t longest = 489;
  const auto store = writer::open(state_directory{deep(longest)});
  INFO((store ? std::string{} : store.failure().message));
  CHECK(store);
  for (const auto length : {longest + 1, longest + 20}) {
    const temporary_state empty;
    const state_directory where{(empty.root() / deep(length).substr(state.root().string().size() + 1)).string()};
    const auto refused = writer::open(where);
    REQUIRE_FALSE(refused);
    CHECK(refused.failure().code == ec::invalid_argument);
    CHECK_THAT(
        refused.failure().message,
        ContainsSubstring("too long: " + std::to_string(where.root().native().size()) + " bytes, and at most 489"));
    CHECK_THAT(refused.failure().message, ContainsSubstring("--state-dir"));
    CHECK(std::filesystem::is_empty(empty.root()));
  }
}

TEST_CASE("a state directory that cannot be is refused with the path") {
  const temporary_state state;
  std::ofstream{state.root() / "file"} << "x";
  for (const auto& path : {state.root() / "file", state.root() / "file" / "below"}) {
    const auto made = state_directory{path}.create();
    REQUIRE_FALSE(made);
    CHECK(made.failure().code == ec::io_error);
    CHECK_THAT(made.failure().message, ContainsSubstring((state.root() / "file").string()));
    CHECK(code_of(writer::open(state_directory{path})) == ec::io_error);
  }
  const auto unmade = state_directory{"/proc/muster"}.create();
  CHECK(code_of(unmade) == ec::io_error);
}

TEST_CASE("paths are those of the architecture") {
  const state_directory x{"/s"};
  CHECK(x.database() == "/s/muster.db");
  CHECK(x.lock() == "/s/writer.lock");
  CHECK(x.warden() == "/s/warden");
  CHECK(x.attempt("f-1", "t", 2) == "/s/workflows/f-1/tasks/t.2");
  CHECK(x.log("f-1", "t", 0) == "/s/workflows/f-1/tasks/t.0.log");
  CHECK(x.output("f-1", "t", 0) == "/s/workflows/f-1/tasks/t.0/output");
  CHECK(x.output_link("f-1", "t") == "/s/workflows/f-1/tasks/t.output");
}

TEST_CASE("no name leaves the state directory") {
  const state_directory x{"/s"};
  CHECK(x.workflow("..") == "/s/workflows/%2E.");
  CHECK(x.task("f-1", "../../etc") == "/s/workflows/f-1/tasks/%2E.%2F..%2Fetc");
  CHECK(x.task("f-1", "/abs") == "/s/workflows/f-1/tasks/%2Fabs");
  CHECK(x.task("f-1", "") == "/s/workflows/f-1/tasks/%");
  CHECK(x.task("f-1", std::string_view{"a\0b", 3}) == "/s/workflows/f-1/tasks/a%00b");
}

TEST_CASE("the name of a task that is too long for a file is cut, and told apart from others") {
  const state_directory where{"/state"};
  const std::string long_name(400, 'n');
  const auto file = where.log("wf-1", long_name, 4'000'000'000).filename().string();
  CHECK(file.size() <= 255);
  CHECK(file != where.log("wf-1", long_name + ".x", 4'000'000'000).filename().string());
  CHECK(file == where.log("wf-1", long_name, 4'000'000'000).filename().string());
  const std::string fits(200, 'n');
  CHECK(where.output_link("wf-1", fits).filename() == fits + ".output");
}
