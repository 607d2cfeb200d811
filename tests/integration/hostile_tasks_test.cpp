#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

// Tasks that do what they should not.

using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::string task(const std::string& name, const std::string& rest) {
  return "  - {name: " + name + ", image: debian:12, " + rest + "}\n";
}

std::string workflow(const std::string& tasks) {
  return "workflow:\n  name: hostile\n  tasks:\n" + tasks;
}

/// Runs it to its end; nothing may be left.
outcome run_whole(const muster_program& muster, const std::string& spec, std::vector<std::string> more = {}) {
  const cleaner at_end(muster.state());
  std::vector<std::string> words{"run", muster.file("hostile.yaml", spec), "--oversubscribe", "100"};
  words.insert(words.end(), more.begin(), more.end());
  const auto said = run(muster.with(words), 120s);
  CHECK(left_behind(muster.state()).empty());
  return said;
}

} // namespace

TEST_CASE("commands that cannot be run fail as in a shell, and say why") {
  const muster_program muster;
  const auto plain = muster.file("plain", "no program");
  const auto said =
      run_whole(muster, workflow(task("missing", "command: [/no/such/thing]") +
                                 task("unknown", "command: [no-such-command]") + task("folder", "command: [/tmp]") +
                                 task("plain", "command: [" + plain + "]") + task("nothing", "command: ['']") +
                                 task("long", "command: [echo, " + std::string(1024 * 1024, 'x') + "]") +
                                 task("fine", "command: [printf, '<%s>', '']")));
  INFO(said.out.substr(0, 10000) << said.err);
  CHECK(said.exit_code == 3);
  for (const auto* text :
       {"missing  FAILED  exit code 127", "unknown  FAILED  exit code 127", "folder  FAILED  exit code 126",
        "plain  FAILED  exit code 126", "nothing  FAILED  exit code 127", "long  FAILED  exit code 126",
        "'/no/such/thing' cannot be run: No such file or directory", "is not found in PATH",
        "'/tmp' cannot be run: Permission denied", "Argument list too long", "fine | <>\n", "fine  COMPLETED"})
    CHECK_THAT(said.out, ContainsSubstring(text));
}

TEST_CASE("names of variables that no shell would take reach the task, impossible ones are refused") {
  const muster_program muster;
  auto said = run_whole(
      muster,
      workflow(task("odd", "command: [env], environment: {A B: one, a.b: two, 1X: three, '-': four, \xc3\xa4: five}")));
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  for (const auto* line : {"| A B=one\n", "| a.b=two\n", "| 1X=three\n", "| -=four\n", "| \xc3\xa4=five\n"})
    CHECK_THAT(said.out, ContainsSubstring(line));
  said = run_whole(muster, workflow(task("bad", "command: [env], environment: {'A=B': one}")));
  CHECK(said.exit_code != 0);
  CHECK_THAT(said.out + said.err, ContainsSubstring("A=B"));
}

TEST_CASE("tasks that end by a signal, close their output or delete their own folders end as they are") {
  const muster_program muster;
  const auto said = run_whole(
      muster, workflow(task("segfault", "command: [sh, -c, 'kill -SEGV $$']") +
                       task("silent", "command: [sh, -c, 'exec <&- >&- 2>&-; exit 4']") +
                       task("work", R"(command: [sh, -c, 'rm -rf "$PWD" "$MUSTER_OUTPUT"'])") +
                       task("all", R"(command: [sh, -c, 'rm -rf "$MUSTER_ATTEMPT_FOLDER"*; exit 5'])") +
                       task("stopped", R"(command: [sh, -c, '(sleep 0.1; kill -CONT $$) & kill -STOP $$; exit 6'])")));
  INFO(said.out << said.err);
  CHECK(said.exit_code == 3);
  for (const auto* text : {"segfault  FAILED  exit code 139", "silent  FAILED  exit code 4", "work  COMPLETED",
                           "all  FAILED  exit code 5", "stopped  FAILED  exit code 6", "signal 11"})
    CHECK_THAT(said.out, ContainsSubstring(text));
}

TEST_CASE("what is no text is kept as it is, and does not break what reads it") {
  const muster_program muster;
  const auto spec = workflow(task("binary", R"(command: [bash, -c, 'printf "a\xff\xfe\x00\x1b[2J\n\xc3"; exit 1'])"));
  const auto said = run_whole(muster, spec, {"--output", "json"});
  CHECK(said.exit_code == 3);
  std::istringstream lines(said.out);
  for (std::string line; std::getline(lines, line);)
    CHECK(nlohmann::json::accept(line));
  CHECK(muster({"logs", "last"}).out == std::string("a\xff\xfe\x00\x1b[2J\n\xc3", 10));
  CHECK(nlohmann::json::accept(muster({"show", "last", "-o", "json"}).out));
}

TEST_CASE("what daemons a task leaves behind ends with it, however it hid them") {
  const muster_program muster;
  // A number of seconds that no other process sleeps.
  const auto mark = std::to_string(100'000'000 + ::getpid());
  const auto daemon =
      "setsid sh -c 'trap \"\" TERM HUP; exec <&- >&- 2>&-; env -i setsid sleep " + mark + " & exit 0' &";
  const auto said = run_whole(muster, one_task("for n in 1 2 3; do " + daemon + " done\nwait\necho done"));
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("only | done\n"));
  const auto left = processes_with_argument(mark);
  CHECK(left.empty());
  for (const auto pid : left)
    ::kill(pid, SIGKILL);
}

TEST_CASE("200 MB of output: the log stays bounded, begins and ends as it was written") {
  const muster_program muster;
  const auto said =
      run_whole(muster, one_task("echo first; yes 'some line that is a bit longer' | head -c 200M; echo; echo last"),
                {"--quiet"});
  INFO(said.err);
  CHECK(said.exit_code == 0);
  const auto log = muster.state() / "workflows/single-1/tasks/only.0.log";
  REQUIRE(fs::exists(log));
  CHECK(fs::file_size(log) <= 210U * 1024 * 1024);
  auto what = muster.with({});
  what.argv = {"sh", "-c", "head -1 '" + log.string() + "'; tail -1 '" + log.string() + "'"};
  CHECK(run(what).out == "first\nlast\n");
}

TEST_CASE("an output of 10,000 files reaches the next task whole") {
  const muster_program muster;
  const auto said = run_whole(
      muster, workflow(task("many", "command: [bash, -c, 'cd {{output}}; touch file-{0..9999}']") +
                       task("next", "command: [bash, -c, 'ls {{input:0}} | wc -l'], inputs: [{task: many}]")));
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("next | 10000\n"));
}
