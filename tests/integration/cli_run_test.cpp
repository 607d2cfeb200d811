#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/muster_program.hpp"
#include "support/skip_test.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

using namespace muster::test;
using nlohmann::json;

namespace {

std::vector<json> parse_lines(const std::string& text) {
  std::vector<json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    objects.push_back(json::parse(line));
  return objects;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A task that says that it runs, ends politely when asked to, and otherwise never.
const std::string endless = "trap 'echo bye; exit 0' TERM\necho up\nwhile :; do sleep 0.1; done";
/// Likewise, but deaf.
const std::string stubborn = "trap '' TERM\necho up\nwhile :; do sleep 0.1; done";

} // namespace

TEST_CASE("run shows plain lines where there is no terminal") {
  const muster_program muster;
  const auto said =
      muster({"run", "--pool", "process", muster.file("a.yaml", one_task("echo one\necho two >&2\nprintf unended"))});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("only  RUNNING"));
  CHECK_THAT(said.out, ContainsSubstring("only | one\nonly | two\nonly | unended\n"));
  CHECK_THAT(said.out, ContainsSubstring("single-1 COMPLETED in "));
  CHECK_THAT(said.out, !ContainsSubstring("\x1b["));
  CHECK(said.out.find("only | unended") < said.out.find("only  COMPLETED"));
  CHECK(said.err.empty());
}

TEST_CASE("run --quiet shows how it ended, and no more") {
  const muster_program muster;
  const auto said = muster({"run", "--quiet", muster.file("a.yaml", one_task("echo one"))});
  CHECK(said.exit_code == 0);
  CHECK(said.out.rfind("single-1 COMPLETED in ", 0) == 0);
  CHECK(said.out.find('\n') == said.out.size() - 1);
}

TEST_CASE("run reads a spec from stdin") {
  const muster_program muster;
  CHECK_THAT(muster({"run", "-"}, one_task("echo from stdin")).out, ContainsSubstring("only | from stdin"));
}

TEST_CASE("run --output json prints the events, numbered without gaps") {
  const muster_program muster;
  const auto said = muster({"run", "--output", "json", muster.file("a.yaml", one_task("echo one"))});
  REQUIRE(said.exit_code == 0);
  const auto events = parse_lines(said.out);
  REQUIRE(events.size() > 3);
  for (std::size_t n = 0; n < events.size(); ++n)
    CHECK(events[n]["seq"] == n + 1);
  CHECK(events.front()["type"] == "workflow.submitted");
  CHECK(events.back()["type"] == "workflow.status");
  CHECK(events.back()["status"] == "COMPLETED");
}

TEST_CASE("a failed run says what failed, with its exit code, its last lines and where there is more") {
  const muster_program muster;
  const auto said = muster({"run", muster.file("a.yaml", one_task("for n in {1..30}; do echo line $n; done; exit 7"))});
  CHECK(said.exit_code == 3);
  CHECK_THAT(said.err, ContainsSubstring("single-1 FAILED after "));
  CHECK_THAT(said.err, ContainsSubstring("only FAILED, exit code 7"));
  CHECK_THAT(said.err, ContainsSubstring("    | line 21\n") && ContainsSubstring("    | line 30\n"));
  CHECK_THAT(said.err, !ContainsSubstring("line 20\n"));
  CHECK_THAT(said.err, ContainsSubstring("more: muster logs single-1 -t only\n"));
}

TEST_CASE("a failed run shows the end of a log also where lines are very long") {
  const muster_program muster;
  const auto said = muster({"run", "-q",
                            muster.file("a.yaml", one_task("head -c 400000 /dev/zero | tr '\\0' x\n"
                                                           "printf '\\nthe reason\\n'; exit 7"))});
  CHECK(said.exit_code == 3);
  CHECK_THAT(said.err, ContainsSubstring("    | the reason\n"));
  CHECK(said.err.size() < 4000);
  const auto one =
      muster({"run", "-q", muster.file("b.yaml", one_task("head -c 400000 /dev/zero | tr '\\0' y\nexit 7"))});
  CHECK_THAT(one.err, ContainsSubstring("    | " + std::string(500, 'y') + " ...\n"));
}

TEST_CASE("run says what to do about a group that is larger than --max-parallel") {
  const muster_program muster;
  const auto said = muster({"run", "--max-parallel", "1", muster.file("a.yaml", R"(workflow:
  name: pair
  groups:
  - name: g
    tasks:
    - {name: a, lead: true, image: x, command: ["true"]}
    - {name: b, image: x, command: ["true"]}
)")});
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("at most 1 may run in parallel") && ContainsSubstring("--max-parallel says"));
  CHECK_THAT(said.err, !ContainsSubstring("--oversubscribe"));
}

TEST_CASE("of a task that could not begin a failed run names the reason, and no log") {
  const muster_program muster;
  const auto spec = one_task("true") + "    inputs:\n    - url: file:///no/such\n";
  const auto said = muster({"run", muster.file("a.yaml", spec)});
  CHECK(said.exit_code == 3);
  CHECK_THAT(said.err, ContainsSubstring("only FAILED_START_ERROR: input 0: cannot find the input /no/such"));
  CHECK_THAT(said.err, !ContainsSubstring("wrote nothing") && !ContainsSubstring("muster logs"));
  CHECK_THAT(said.err, ContainsSubstring("see muster show single-1"));
}

TEST_CASE("the commands that a failed run names can be given to a shell as they are") {
  const muster_program muster;
  const auto state = (muster.folder() / "it's $HOME").string();
  const auto said = muster({"run", "--state-dir", state, muster.file("a.yaml", one_task("echo heard; exit 7"))});
  CHECK(said.exit_code == 3);
  const std::string lead = "more: muster ";
  const auto at = said.err.find(lead);
  REQUIRE(at != std::string::npos);
  const auto rest = said.err.substr(at + lead.size(), said.err.find('\n', at) - at - lead.size());
  INFO(rest);
  const auto more = run({{"sh", "-c", "exec \"$0\" " + rest, muster.with({}).argv.front()}, {}, {}, false});
  CHECK(more.exit_code == 0);
  CHECK_THAT(more.out, ContainsSubstring("heard"));
}

TEST_CASE("run refuses what can never fit, and says what would help") {
  const muster_program muster;
  auto spec = one_task("true");
  spec += "  resources:\n    default: {cpu: 1000000}\n";
  const auto said = muster({"run", muster.file("a.yaml", spec)});
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("1000000 CPUs") && ContainsSubstring("--oversubscribe"));

  spec = one_task("true") + "  resources:\n    default: {gpu: 1}\n";
  const auto gpu = muster({"run", muster.file("b.yaml", spec)});
  CHECK(gpu.exit_code == 1);
  CHECK_THAT(gpu.err, ContainsSubstring("--gpus"));
  CHECK(muster({"run", "--gpus", "1", muster.file("b.yaml", spec)}).exit_code == 0);
}

TEST_CASE("GPUs that make no sense are refused, and it is said why") {
  const muster_program muster;
  const auto file = muster.file("a.yaml", one_task("true"));
  const auto complaint = [&](const std::string& gpus) {
    const auto said = muster({"run", "--gpus", gpus, file});
    CHECK(said.exit_code == 2);
    return said.err;
  };
  CHECK_THAT(complaint("999999999"), ContainsSubstring("'999999999' is too much: at most 1024 GPUs"));
  CHECK_THAT(complaint("99999999999"), ContainsSubstring("is too much"));
  CHECK_THAT(complaint("0,1024"), ContainsSubstring("names an index that is too large: the last one is 1023"));
  CHECK_THAT(complaint("0,2,0"), ContainsSubstring("GPU 0 is named twice"));
  for (const auto* nonsense : {"two", "1,", ",1", "-1", "1.5", "0x1", ""})
    CHECK_THAT(complaint(nonsense), ContainsSubstring("is neither a number nor a list of indices"));
}

TEST_CASE("run --timeout cancels what takes too long") {
  const muster_program muster;
  const auto said = muster({"run", "--timeout", "1s", muster.file("a.yaml", one_task(endless))});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 8);
  CHECK_THAT(said.err, ContainsSubstring("FAILED_CANCELED"));
}

TEST_CASE("the first signal cancels politely") {
  const muster_program muster;
  const int number = GENERATE(SIGINT, SIGTERM);
  subprocess running(muster.with({"run", muster.file("a.yaml", one_task(endless))}));
  REQUIRE(running.wait_for("only | up"));
  running.signal(number);
  const auto said = running.finish();
  INFO(said.out << said.err);
  CHECK_FALSE(said.timed_out);
  CHECK(said.exit_code == 130);
  CHECK_THAT(said.out, ContainsSubstring("canceling single-1; once more kills its tasks"));
  CHECK_THAT(said.out, ContainsSubstring("only | bye"));
  CHECK_THAT(muster({"ls"}).out, ContainsSubstring("FAILED_CANCELED"));
}

TEST_CASE("run --keep keeps what ended tasks left in their working folders") {
  const muster_program muster;
  const auto spec = muster.file("a.yaml", R"(workflow:
  name: wf
  tasks:
  - {name: good, image: u, command: [sh, -c, "echo good > note"]}
  - {name: bad, image: u, command: [sh, -c, "mkdir a; echo bad > a/note; exit 3"]}
  - {name: tidy, image: u, command: ["true"]}
)");
  const auto folder = muster.state() / "workflows" / "wf-1" / "tasks";
  const auto work = [&](const char* task) { return folder / (std::string{task} + ".0") / "work"; };
  SECTION("with it") {
    CHECK(muster({"run", "--pool", "process", "--keep", spec}).exit_code == 3);
    CHECK(read(work("good") / "note") == "good\n");
    CHECK(read(work("bad") / "a" / "note") == "bad\n");
    CHECK_FALSE(std::filesystem::exists(work("tidy"))); // Nothing was in it.
  }
  SECTION("without it") {
    CHECK(muster({"run", "--pool", "process", spec}).exit_code == 3);
    CHECK(std::filesystem::exists(folder / "good.0.log"));
    for (const auto* task : {"good", "bad", "tidy"})
      CHECK_FALSE(std::filesystem::exists(work(task)));
  }
}

TEST_CASE("the second signal kills") {
  const muster_program muster;
  subprocess running(muster.with({"run", muster.file("a.yaml", one_task(stubborn))}));
  REQUIRE(running.wait_for("only | up"));
  running.signal(SIGINT);
  REQUIRE(running.wait_for("once more kills"));
  running.signal(SIGINT);
  const auto said = running.finish();
  INFO(said.out << said.err);
  CHECK_FALSE(said.timed_out);
  CHECK(said.exit_code == 130);
  CHECK_THAT(said.out, ContainsSubstring("killing the tasks of single-1"));
  std::vector<std::string> asked;
  for (const auto& x : parse_lines(muster({"events", "last", "-o", "jsonl"}).out))
    if (x["type"] == "workflow.cancel_requested")
      asked.push_back(x["reason"]);
  CHECK(asked == std::vector<std::string>{"canceled by a signal", "killed by a signal"});
}

TEST_CASE("on a terminal run shows a live table, a progress line and the output") {
  const muster_program muster;
  const auto gate = muster.folder() / "gate";
  const auto script = "echo shown; until [ -e " + gate.string() + " ]; do sleep 0.05; done; echo more";
  auto what = muster.with({"run", muster.file("a.yaml", one_task(script))});
  what.terminal = true;
  subprocess running(what);
  CHECK(running.wait_for("0/1 tasks  1 running"));
  std::ofstream(gate).close();
  const auto said = running.finish();
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("GROUP") && ContainsSubstring("only-group") && ContainsSubstring("RUNNING"));
  CHECK_THAT(said.out, ContainsSubstring("0/1 tasks  1 running"));
  CHECK_THAT(said.out, ContainsSubstring(" | shown"));
  CHECK_THAT(said.out, ContainsSubstring("\x1b["));
  CHECK_THAT(said.out, ContainsSubstring("single-1 COMPLETED in "));
}

TEST_CASE("on a narrow terminal names, statuses, how many have ended and the time stay") {
  const muster_program muster;
  const auto [columns, shown] = GENERATE(
      table<std::string, std::string>({{"20", "only-one-…  RUNNING"}, {"40", "only-one-of-a-rather-lo…  RUNNING"}}));
  INFO(columns);
  const auto gate = muster.folder() / "gate";
  auto spec = one_task("until [ -e " + gate.string() + " ]; do sleep 0.05; done");
  const std::string name = "only";
  spec.replace(spec.find(name), name.size(), "only-one-of-a-rather-long-name");
  auto what = muster.with({"run", muster.file("a.yaml", spec)});
  what.terminal = true;
  const auto narrow = "stty cols " + columns + " <&1; exec \"$0\" \"$@\"";
  what.argv.insert(what.argv.begin(), {"sh", "-c", narrow});
  subprocess running(what);
  CHECK(running.wait_for("RUNNING"));
  std::ofstream(gate).close();
  const auto said = running.finish();
  INFO(said.out);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("NAME ") && !ContainsSubstring("GROUP"));
  CHECK_THAT(said.out, ContainsSubstring(shown));
  CHECK(std::regex_search(said.out, std::regex("0/1 tasks(  1 running)?  [0-9.]+s")));
}

TEST_CASE("what a task writes does not steer the terminal, but for its colours") {
  const muster_program muster;
  const std::string codes = R"(a\033[2Jb\033[10A\033[?25lc\033]0;title\007\033(Bd\033[31mred\n10%%\r20%%\n)";
  auto what = muster.with({"run", muster.file("a.yaml", one_task("printf '" + codes + "'"))});
  what.terminal = true;
  const auto said = run(what);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring(" | abcd\x1b[31mred\x1b[0m\r\n") && ContainsSubstring(" | 20%\r\n"));
  CHECK_THAT(said.out, !ContainsSubstring("\x1b[2J") && !ContainsSubstring("title") && !ContainsSubstring("10%"));
  // As it is, for who asks for it.
  CHECK_THAT(muster({"logs", "last"}).out, ContainsSubstring("a\x1b[2Jb"));
}

TEST_CASE("NO_COLOR and a dumb terminal are respected") {
  const muster_program muster;
  auto what = muster.with({"run", muster.file("a.yaml", one_task("echo shown; sleep 0.5"))});
  what.terminal = true;
  SECTION("NO_COLOR takes the colours") {
    what.env["NO_COLOR"] = "1";
    const auto said = run(what);
    CHECK_THAT(said.out, !ContainsSubstring("\x1b[0m"));
    CHECK_THAT(said.out, ContainsSubstring("only | shown"));
  }
  SECTION("a dumb terminal gets plain lines") {
    what.env["TERM"] = "dumb";
    CHECK_THAT(run(what).out, !ContainsSubstring("\x1b["));
  }
}

TEST_CASE("a reader that goes away does not end the run") {
  const muster_program muster;
  auto what = muster.with({});
  what.argv = {"bash", "-c",
               in_build("muster") + " run " +
                   muster.file("a.yaml", one_task("for n in {1..20000}; do echo line $n; done")) + " | head -1"};
  CHECK(run(what).exit_code == 0);
  // The pipe's last command has ended; the run may still be at it.
  CHECK_THAT(muster({"events", "last", "-f"}).out, ContainsSubstring("single-1  COMPLETED"));
}

TEST_CASE("much output is shown whole") {
  const muster_program muster;
  const auto said = muster({"run", muster.file("a.yaml", one_task("seq 1 300000"))});
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("only | 1\n"));
  CHECK_THAT(said.out, ContainsSubstring("only | 300000\n"));
  CHECK(std::count(said.out.begin(), said.out.end(), '|') == 300000);
}

TEST_CASE("two runs on one state directory: the second one gets a clear error") {
  const muster_program muster;
  subprocess first(muster.with({"run", muster.file("a.yaml", one_task(endless))}));
  REQUIRE(first.wait_for("only | up"));
  const auto second = muster({"run", muster.file("b.yaml", one_task("true"))});
  CHECK(second.exit_code == 1);
  CHECK_FALSE(second.err.empty());
  // Readers are welcome all the same.
  CHECK_THAT(muster({"ls"}).out, ContainsSubstring("RUNNING"));
  CHECK_THAT(muster({"logs", "last"}).out, ContainsSubstring("up\n"));
  first.signal(SIGTERM);
  CHECK(first.finish().exit_code == 130);
}

TEST_CASE("resume finishes what kill -9 interrupted, and refuses what is finished") {
  const muster_program muster;
  const auto gate = (muster.folder() / "gate").string();
  const auto spec = muster.file("a.yaml", one_task("echo up; until [ -e " + gate + " ]; do sleep 0.05; done; echo on"));
  {
    subprocess first(muster.with({"run", spec}));
    REQUIRE(first.wait_for("only | up"));
    first.signal(SIGKILL);
    CHECK(first.finish().exit_code == 137);
  }
  CHECK(muster({"ls", "--unfinished", "-o", "name"}).out == "single-1\n");
  subprocess second(muster.with({"resume", "last"}));
  REQUIRE(second.wait_for("resumed"));
  muster.file("gate", "");
  const auto said = second.finish();
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring("only | on\n"));
  CHECK(muster({"logs", "last"}).out == "up\non\n");

  const auto again = muster({"resume", "single-1"});
  CHECK(again.exit_code == 5);
  CHECK_THAT(again.err, ContainsSubstring("single-1"));
  const auto unknown = muster({"resume", "singel-1"});
  CHECK(unknown.exit_code == 4);
  CHECK_THAT(unknown.err, ContainsSubstring("single-1"));
}

TEST_CASE("resume keeps the --timeout of the run, counted anew") {
  const muster_program muster;
  subprocess first(muster.with({"run", "--timeout", "3s", muster.file("a.yaml", one_task("echo up; sleep 1000"))}));
  REQUIRE(first.wait_for("only | up"));
  first.signal(SIGKILL);
  first.finish();
  const auto said = muster({"resume", "last"});
  CHECK(said.exit_code == 8);
  CHECK_THAT(said.out + said.err, ContainsSubstring("it ran longer than --timeout 3s"));
}

TEST_CASE("a state directory that cannot be used is a clear error") {
  const muster_program muster;
  const auto file = muster.file("no-folder", "x");
  const auto said = muster({"run", "--state-dir", file, muster.file("a.yaml", one_task("true"))});
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("no-folder"));
}

TEST_CASE("a host that runs nothing from memory has its warden run from a file") {
  const muster_program muster;
  // In a world of processes of its own, where the kernel refuses it for good.
  auto inside = [&](const command& what) {
    auto out = what;
    const std::vector<std::string> before{
        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo 2 > /proc/sys/vm/memfd_noexec && exec \"$@\"",
        "sh"};
    out.argv.insert(out.argv.begin(), before.begin(), before.end());
    return run(out);
  };
  if (const auto can = inside({{"true"}, {}, {}}); can.exit_code != 0)
    return skip_test("this user or kernel cannot forbid programs in memory: " + can.err);
  const auto spec = muster.file("a.yaml", one_task("echo fine"));
  for (int i = 0; i < 2; ++i) {
    const auto said = inside(muster.with({"run", spec}));
    INFO(said.out << said.err);
    CHECK(said.exit_code == 0);
    CHECK_THAT(said.out, ContainsSubstring("only | fine\n"));
  }
  CHECK(std::filesystem::exists(muster.state() / "warden/program"));
  CHECK(muster({"run", spec}).exit_code == 0);
}
