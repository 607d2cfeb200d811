#include "support/catch.hpp"
#include "support/muster_program.hpp"

#include "muster/store/log_streams.hpp"

#include <fstream>

using namespace muster::test;
using muster::store::log_origin;

namespace {

/// Says of the log of `only` which stream wrote what, as the driver of containers would.
void tell_apart(const muster_program& muster, const std::vector<muster::store::log_run>& runs) {
  std::string text;
  for (const auto& run : runs)
    muster::store::append_run(text, run);
  const auto log = muster.state() / "workflows" / "single-1" / "tasks" / "only.0.log";
  REQUIRE(exists(log));
  std::ofstream(muster::store::streams_of(log), std::ios::binary) << text;
}

} // namespace

TEST_CASE("logs prints one stream of a log that is told apart") {
  const muster_program muster;
  REQUIRE(muster({"run", muster.file("a.yaml", one_task("printf 'o1\\ne1\\no2\\no3\\ne2\\n'"))}).exit_code == 0);
  const auto all = muster({"logs", "last"});
  REQUIRE(all.out == "o1\ne1\no2\no3\ne2\n");
  tell_apart(muster,
             {{log_origin::output, 3}, {log_origin::errors, 3}, {log_origin::output, 6}, {log_origin::errors, 3}});
  CHECK(muster({"logs", "last"}).out == all.out);
  CHECK(muster({"logs", "last", "--stream", "stdout"}).out == "o1\no2\no3\n");
  CHECK(muster({"logs", "last", "--stream", "stderr"}).out == "e1\ne2\n");
  CHECK(muster({"logs", "last", "-t", "only", "--stream", "stderr", "-n", "1"}).out == "e2\n");
  CHECK(muster({"logs", "last", "--stream", "stdout", "-n", "2"}).out == "o2\no3\n");
  CHECK(muster({"logs", "last", "--stream", "stdout", "-n", "0"}).out.empty());
  CHECK(muster({"logs", "last", "-t", "only", "--stream", "stderr", "-f"}).out == "e1\ne2\n");
}

TEST_CASE("logs says so when no task has the attempt that is asked for") {
  const muster_program muster;
  REQUIRE(muster({"run", muster.file("a.yaml", one_task("echo up"))}).exit_code == 0);
  CHECK(muster({"logs", "last", "--attempt", "0"}).out == "up\n");
  for (const auto& more : {std::vector<std::string>{}, {"-f"}}) {
    std::vector<std::string> arguments{"logs", "last", "--attempt", "5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto said = muster(arguments);
    CHECK(said.exit_code == 4);
    CHECK_THAT(said.err, ContainsSubstring("no task of single-1 has an attempt 5"));
  }
}

TEST_CASE("logs says so when a log is not told apart, and asks for nothing of an empty one") {
  const muster_program muster;
  REQUIRE(muster({"run", muster.file("a.yaml", one_task("echo up"))}).exit_code == 0);
  for (const auto& more : {std::vector<std::string>{}, {"-f", "-t", "only"}}) {
    std::vector<std::string> arguments{"logs", "single-1", "--stream", "stderr"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto said = muster(arguments);
    CHECK(said.exit_code == 1);
    CHECK(said.out.empty());
    CHECK_THAT(said.err, ContainsSubstring("the log of task only does not tell stdout and stderr apart"));
    CHECK_THAT(said.err, ContainsSubstring("ask for both"));
  }
  REQUIRE(muster({"run", muster.file("b.yaml", one_task("true"))}).exit_code == 0);
  CHECK(muster({"logs", "single-2", "--stream", "stderr"}).exit_code == 0);
  const auto wrong = muster({"logs", "last", "--stream", "stdin"});
  CHECK(wrong.exit_code == 2);
}
