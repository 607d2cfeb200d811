#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/head_program.hpp"
#include "support/muster_program.hpp"
#include "support/skip_test.hpp"
#include "support/subprocess.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>

using namespace muster::test;

TEST_CASE("every command explains itself with an example") {
  const muster_program muster;
  const auto* name =
      GENERATE("run", "resume", "validate", "plan", "ls", "show", "result", "logs", "events", "completion", "serve",
               "agent", "ca", "submit", "wait", "cancel", "restart", "delete", "top", "backup", "restore");
  INFO(name);
  const auto said = muster({name, "--help"});
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, ContainsSubstring(std::string("Usage: muster ") + name));
  CHECK_THAT(said.out, ContainsSubstring("Example:\n"));
  CHECK_THAT(said.out,
             ContainsSubstring(std::string("muster ") + name + " ") || ContainsSubstring("muster completion"));
}

TEST_CASE("the program explains itself") {
  const muster_program muster;
  CHECK_THAT(muster({"--version"}).out, ContainsSubstring("muster 0."));
  const auto help = muster({"--help"});
  CHECK(help.exit_code == 0);
  for (const auto* text : {"run", "resume", "validate", "130 interrupted", "NO_COLOR", "MUSTER_STATE_DIR", "Example:"})
    CHECK_THAT(help.out, ContainsSubstring(text));
}

/// Some thirty libraries come with it: every command, and every warden, would start in thrice the time.
TEST_CASE("libcurl is not loaded before it is needed") {
  command what;
  what.argv = {"ldd", in_build("muster")};
  const auto listed = run(what);
  REQUIRE(listed.exit_code == 0);
  CHECK_THAT(listed.out, ContainsSubstring("libcaf_core.so"));
  CHECK_THAT(listed.out, !ContainsSubstring("libcurl.so"));
}

TEST_CASE("misuse is exit code 2, with the nearest word") {
  struct misuse {
    std::vector<std::string> arguments;
    std::string said;
  };
  const auto x = GENERATE(values<misuse>({
      {{}, "subcommand is required"},
      {{"vaildate", "x.yaml"}, "unknown command 'vaildate'; did you mean 'validate'?"},
      {{"frobnicate"}, "unknown command 'frobnicate'\n"},
      {{"ls", "--statsu", "running"}, "unknown option '--statsu'; did you mean '--status'?"},
      {{"run", "x.yaml", "--max-paralel=3"}, "unknown option '--max-paralel'; did you mean '--max-parallel'?"},
      {{"help"}, "unknown command 'help'; did you mean '--help'?"},
      {{"ls", "--status", "foo"}, "unknown status 'foo'; known are PENDING, SUBMITTING, "},
      {{"show", "last", "-o", "csv"}, "unknown format 'csv'; known are table, json, jsonl, name"},
      {{"validate", "x.yaml", "--profile", "OSMO"}, "unknown profile 'OSMO'; did you mean 'osmo'?"},
      {{"run", "x.yaml", "--oversubscribe", "nan"}, "'nan' is no factor from 0.01 to 10000"},
      {{"run", "x.yaml", "--oversubscribe", "inf"}, "'inf' is no factor from 0.01 to 10000"},
      {{"ls", "--status", "runing"}, "unknown status 'runing'; did you mean 'RUNNING'?"},
      {{"run", "x.yaml", "--pull", "alway"}, "expected always|missing|never, found 'alway'; did you mean 'always'?"},
      {{"ls", "-o", "jsn"}, "unknown format 'jsn'; did you mean 'json'?"},
      {{"ls", "-o"}, "--output"},
      {{"ls", "--limit", "-3"}, "--limit"},
      {{"plan", "x.yaml", "--format", "mermad"}, "did you mean 'mermaid'?"},
      {{"validate"}, "file is required"},
      {{"validate", "x.yaml", "y.yaml"}, "unexpected argument 'y.yaml'"},
      {{"validate", "x.yaml", "--profile", "osmos"}, "did you mean 'osmo'?"},
      {{"validate", "x.yaml", "--set", "novalue"}, "'novalue' is not NAME=VALUE"},
      {{"run", "x.yaml", "--timeout", "soon"}, "'soon' is no duration"},
      {{"run", "x.yaml", "--gpus", "two"}, "'two' is neither"},
      {{"run", "x.yaml", "--max-parallel", "0"}, "--max-parallel"},
      {{"events", "-f", "-o", "json"}, "-o jsonl"},
      {{"events", "--after", "x"}, "'x' is no number from 0 on"},
      {{"logs", "last", "-n", "-1"}, "'-1' is no number from 0 on"},
      {{"completion", "bsh"}, "did you mean 'bash'?"},
      {{"show"}, "id is required"},
      {{"token", "create"}, "muster token create: user is required\nSee 'muster token create --help'"},
  }));
  const muster_program muster;
  const auto said = muster(x.arguments);
  INFO(x.said << "\n" << said.out << said.err);
  CHECK(said.exit_code == 2);
  CHECK_THAT(said.err, ContainsSubstring(x.said));
  CHECK(said.out.empty());
}

TEST_CASE("completion scripts know the commands, and the shells accept them") {
  const muster_program muster;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    INFO(shell);
    const auto script = muster({"completion", shell});
    CHECK(script.exit_code == 0);
    for (const auto* word : {"validate", "resume", "max-parallel", "__complete ids"})
      CHECK_THAT(script.out, ContainsSubstring(word));
    CHECK_THAT(script.out, !ContainsSubstring("I,J")); // What stands for a value is none.
    if (run({{"bash", "-c", "command -v " + shell}, {}, {}, false}).exit_code != 0)
      continue; // A shell that is not here cannot be asked.
    const auto checked = run({{shell, "-n", muster.file("completion." + shell, script.out)}, {}, {}, false});
    CHECK(checked.exit_code == 0);
    CHECK(checked.err.empty());
  }
}

TEST_CASE("names of pools are completed where a pool is named, those of nodes where a node is") {
  const muster_program muster;
  const auto script = muster({"completion", "bash"}).out;
  CHECK_THAT(script, ContainsSubstring("pool:show) COMPREPLY=($(compgen -W \"$(muster __complete pools "));
  CHECK_THAT(script, ContainsSubstring("node:show) COMPREPLY=($(compgen -W \"$(muster __complete nodes "));
  CHECK_THAT(muster({"pool", "show", "--help"}).out, ContainsSubstring("name POOL"));
  CHECK_THAT(muster({"node", "show", "--help"}).out, ContainsSubstring("name NODE"));
}

TEST_CASE("fish completes commands, options, values and ids") {
  if (run({{"bash", "-c", "command -v fish"}, {}, {}, false}).exit_code != 0)
    return skip_test("fish is not installed");
  const muster_program muster;
  REQUIRE(muster({"run", "--pool", "null", muster.file("a.yaml", one_task("true", "known"))}).exit_code == 0);
  const auto complete = [&](const std::string& line) {
    auto what = muster.with({});
    what.argv = {"fish", "--no-config", "-c",
                 "set PATH " + in_build() + " $PATH; muster completion fish | source; complete -C '" + line + "'"};
    what.env["HOME"] = muster.folder().string();
    return run(what).out;
  };
  CHECK_THAT(complete("muster va"), ContainsSubstring("validate\t"));
  CHECK_THAT(complete("muster run --max-p"), ContainsSubstring("--max-parallel\t"));
  CHECK(complete("muster run --gpus ").empty());
  CHECK_THAT(complete("muster ls -o js"), ContainsSubstring("jsonl\t"));
  CHECK_THAT(complete("muster show kn"), ContainsSubstring("known-1"));
}

TEST_CASE("the man pages have every command, and every option of the services") {
  const muster_program muster;
  const auto page = [](const char* name) {
    std::ifstream file(in_source("docs/man/") + name);
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    text.erase(std::remove(text.begin(), text.end(), '\\'), text.end());
    return text;
  };
  const auto expect_all = [](const std::string& in, const std::regex& what, const std::string& there) {
    std::size_t count = 0;
    for (std::sregex_iterator x{in.begin(), in.end(), what}, end; x != end; ++x, ++count) {
      INFO((*x)[1]);
      CHECK(std::regex_search(there, std::regex{"(^|[^a-z-])" + (*x)[1].str() + "($|[^a-z-])"}));
    }
    CHECK(count > 5);
  };
  const auto script = muster({"completion", "fish"}).out;
  expect_all(script, std::regex{"__fish_use_subcommand -a ([a-z]+)"}, page("muster.1"));
  expect_all(muster({"serve", "--help"}).out, std::regex{"(--[a-z-]+)"}, page("muster-serve.8"));
  expect_all(muster({"agent", "--help"}).out, std::regex{"(--[a-z-]+)"}, page("muster-agent.8"));
}

TEST_CASE("commands below others are suggested or listed") {
  const muster_program muster;
  const auto near = muster({"token", "creat", "x"});
  CHECK(near.exit_code == 2);
  CHECK_THAT(near.err, ContainsSubstring("did you mean 'create'?"));
  CHECK_THAT(muster({"context", "frobnicate"}).err, ContainsSubstring("known are ls, use, rm, set"));
}

namespace {

/// What bash offers for a word of a line.
std::string completed_by_bash(const muster_program& muster, const std::string& words, int at) {
  auto what = muster.with({});
  what.argv = {"bash", "-c",
               "PATH=" + in_build() + ":$PATH; source <(muster completion bash); COMP_WORDS=(" + words +
                   "); COMP_CWORD=" + std::to_string(at) + "; _muster; echo \"${COMPREPLY[*]}\""};
  return run(what).out;
}

} // namespace

TEST_CASE("bash completes what a head has") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto complete = [&](const std::string& words, int at) { return completed_by_bash(muster, words, at); };
  CHECK(complete("muster pool show l", 3) == "local\n");
  CHECK(complete("muster node drain l", 3) == "local\n");
  CHECK(complete("muster submit --pool l", 3) == "local\n");
  REQUIRE(muster({"token", "create", "ann"}).exit_code == 0);
  CHECK_THAT(complete("muster token revoke t", 3), ContainsSubstring("t_"));
  REQUIRE(muster({"webhook", "create", "https://example.org/"}).exit_code == 0);
  CHECK_THAT(complete("muster webhook delete wh", 3), ContainsSubstring("wh_"));
}

TEST_CASE("bash completes commands, options, values and ids") {
  const muster_program muster;
  REQUIRE(muster({"run", "--pool", "null", muster.file("a.yaml", one_task("true", "known"))}).exit_code == 0);
  const auto complete = [&](const std::string& words, int at) { return completed_by_bash(muster, words, at); };
  CHECK(complete("muster va", 1) == "validate\n");
  CHECK(complete("muster run --max-p", 2) == "--max-parallel\n");
  CHECK(complete("muster ls -o js", 3) == "json jsonl\n");
  CHECK(complete("muster show kn", 2) == "known-1\n");
  CHECK(complete("muster logs known-1 -t o", 4) == "only\n");
  CHECK(complete("muster pool ", 2) == "ls show create delete set reset maintenance\n");
  CHECK_THAT(complete("muster ls --status FAILED_U", 3), ContainsSubstring("FAILED_UPSTREAM"));
  REQUIRE(muster({"context", "set", "lab", "--address", "http://127.0.0.1:1"}).exit_code == 0);
  CHECK(complete("muster show --context l", 3) == "lab\n");
  CHECK(complete("muster context use l", 3) == "lab\n");
  CHECK(complete("muster show --state-dir " + muster.state().string() + " kn", 4) == "known-1\n");
  CHECK(complete("muster __c", 1) == "\n");
}
