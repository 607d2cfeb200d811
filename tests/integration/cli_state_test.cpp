#include "muster/store/writer.hpp"
#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace muster::test;
using nlohmann::json;

namespace {

const std::string three_tasks = R"(workflow:
  name: trio
  tasks:
  - name: first
    image: debian:12
    command: [bash, -c, "echo one; echo two; echo three"]
  - name: broken
    image: debian:12
    command: [bash, -c, "echo oops; exit 9"]
    inputs: [{task: first}]
  - name: after
    image: debian:12
    command: ["true"]
    inputs: [{task: broken}]
)";

/// One completed workflow and one failed one.
struct history {
  muster_program muster;
  history() {
    REQUIRE(muster({"run", "--quiet", muster.file("a.yaml", one_task("echo hello"))}).exit_code == 0);
    REQUIRE(muster({"run", "--quiet", muster.file("b.yaml", three_tasks)}).exit_code == 3);
  }
};

} // namespace

TEST_CASE("without any workflow") {
  const muster_program muster;
  CHECK(muster({"ls"}).exit_code == 0);
  CHECK(muster({"ls", "-o", "json"}).out == "[]\n");
  CHECK(muster({"ls", "-o", "name"}).out.empty());
  for (const auto* command : {"show", "logs", "events", "resume"}) {
    const auto said = muster({command, "last"});
    CHECK(said.exit_code == 4);
    CHECK_THAT(said.err, ContainsSubstring(muster.state().string()));
  }
  CHECK_FALSE(std::filesystem::exists(muster.state()));
}

TEST_CASE("explain points at the logs of tasks that ran, and of no others") {
  const muster_program muster;
  const auto spec = muster.file("logs.yaml", R"(workflow:
  name: logs
  tasks:
  - {name: ran, image: none, command: ["false"]}
  - {name: missing, image: none, command: [no-such-program]}
  - {name: never, image: none, command: ["true"], inputs: [{url: "file:///no/such/folder"}]}
)");
  REQUIRE(muster({"run", "--quiet", spec}).exit_code == 3);
  const auto points = [&](const std::string& task) {
    const auto said = muster({"explain", "last", task});
    CHECK(said.exit_code == 0);
    return said.out.find("what it wrote: muster logs logs-1 -t " + task) != std::string::npos;
  };
  CHECK(points("ran"));
  CHECK(points("missing"));
  CHECK_FALSE(points("never"));
  CHECK(muster({"retry", "--quiet", "last"}).exit_code == 3);
  CHECK_FALSE(points("never"));
}

TEST_CASE("a workflow that has not grown yet, and one with tasks that were skipped, are listed and shown") {
  using namespace muster;
  const muster_program program;
  {
    auto writer = store::writer::open(store::state_directory{program.state()});
    REQUIRE(writer);
    store::submission empty;
    empty.name = "grows";
    empty.flow = "{}";
    REQUIRE(writer->submit(empty));
    empty.name = "grew";
    const auto grew = writer->submit(empty);
    REQUIRE(grew);
    store::growth more;
    more.workflow = grew->key;
    more.groups.push_back({"train.0", true, true, {}, status::waiting});
    more.tasks.push_back({"train.0", {0}, true, "{}", "{}", status::waiting});
    REQUIRE(writer->grow(more));
    event skip;
    skip.type = event_type::task_status;
    skip.workflow = grew->key;
    skip.status = status::skipped;
    skip.text = "when: false";
    REQUIRE(writer->append(skip));
    REQUIRE(writer->commit());
  }
  CHECK(program({"ls", "-o", "name"}).out == "grew-1\ngrows-1\n");
  CHECK_THAT(program({"ls"}).out, ContainsSubstring("grows-1"));
  for (const auto* format : {"table", "json", "jsonl", "name"})
    CHECK(program({"show", "grows-1", "-o", format}).exit_code == 0);
  CHECK(json::parse(program({"show", "grows-1", "-o", "json"}).out)["task_list"].empty());
  const auto shown = program({"show", "grew-1"}).out;
  CHECK_THAT(shown, ContainsSubstring("train.0") && ContainsSubstring("SKIPPED") && ContainsSubstring("when: false"));
  CHECK_THAT(program({"events", "grew-1"}).out, ContainsSubstring("SKIPPED"));
}

TEST_CASE_METHOD(history, "ls lists workflows, newest first, filtered, in every format") {
  CHECK(muster({"ls", "-o", "name"}).out == "trio-1\nsingle-1\n");
  CHECK(muster({"ls", "-o", "name", "--status", "completed"}).out == "single-1\n");
  CHECK(muster({"ls", "-o", "name", "--status", "failed,completed", "--limit", "1"}).out == "trio-1\n");
  CHECK(muster({"ls", "-o", "name", "--name", "single"}).out == "single-1\n");
  CHECK(muster({"ls", "-o", "name", "--unfinished"}).out.empty());
  const auto table = muster({"ls"}).out;
  CHECK_THAT(table, ContainsSubstring("ID") && ContainsSubstring("STATUS") && ContainsSubstring("trio-1"));
  const auto list = json::parse(muster({"ls", "-o", "json"}).out);
  REQUIRE(list.size() == 2);
  CHECK(list[0]["id"] == "trio-1");
  CHECK(list[0]["status"] == "FAILED");
  CHECK(list[0]["tasks"] == 3);
  CHECK(list[1]["submitted"].get<std::string>().substr(0, 2) == "20");
  std::istringstream lines(muster({"ls", "-o", "jsonl"}).out);
  std::string line;
  std::getline(lines, line);
  CHECK(json::parse(line)["id"] == "trio-1");
}

TEST_CASE_METHOD(history, "show tells of groups, tasks, attempts and reasons") {
  const auto table = muster({"show", "last"});
  CHECK(table.exit_code == 0);
  CHECK_THAT(table.out, ContainsSubstring("trio-1  FAILED"));
  CHECK_THAT(table.out, ContainsSubstring("broken-group"));
  CHECK_THAT(table.out, ContainsSubstring("FAILED_UPSTREAM"));
  const auto shown = json::parse(muster({"show", "trio-1", "-o", "json"}).out);
  CHECK(shown["task_counts"]["COMPLETED"] == 1);
  REQUIRE(shown["task_list"].size() == 3);
  CHECK(shown["task_list"][1]["name"] == "broken");
  CHECK(shown["task_list"][1]["group"] == "broken-group");
  CHECK(shown["task_list"][1]["attempt"]["exit_code"] == 9);
  CHECK(shown["task_list"][1]["attempt"]["times"]["running"].is_string());
  const auto one = json::parse(muster({"show", "trio-1", "-t", "broken", "-o", "json"}).out);
  CHECK(one["workflow"] == "trio-1");
  REQUIRE(one["attempt_list"].size() == 1);
  CHECK(one["attempt_list"][0] == one["attempt"]);
  CHECK(muster({"show", "last", "-t", "broken", "--failed"}).exit_code == 2);
  CHECK(muster({"show", "last", "-o", "name"}).out == "first\nbroken\nafter\n");
  CHECK(muster({"show", "last", "--failed", "-o", "name"}).out == "broken\n");
  CHECK(muster({"show", "last", "--status", "failed_upstream", "-o", "name"}).out == "after\n");
  CHECK(muster({"show", "last", "-t", "first", "-o", "name"}).out == "first\n");
}

TEST_CASE_METHOD(history, "unknown names are exit code 4, with the nearest") {
  const auto id = muster({"show", "troi-1"});
  CHECK(id.exit_code == 4);
  CHECK_THAT(id.err, ContainsSubstring("trio-1"));
  const auto task = muster({"logs", "last", "-t", "brokne"});
  CHECK(task.exit_code == 4);
  CHECK_THAT(task.err, ContainsSubstring("broken"));
  CHECK(muster({"show", "last", "-t", "brokne"}).exit_code == 4);
  CHECK(muster({"events", "nope-7"}).exit_code == 4);
  const auto attempt = muster({"logs", "last", "-t", "broken", "--attempt", "3"});
  CHECK(attempt.exit_code == 4);
  CHECK_THAT(attempt.err, ContainsSubstring("the latest is 0"));
  const auto waiting = muster({"logs", "last", "-t", "after"});
  CHECK(waiting.exit_code == 4);
  CHECK_THAT(waiting.err, ContainsSubstring("was not started"));
}

TEST_CASE_METHOD(history, "logs prints what tasks wrote") {
  CHECK(muster({"logs", "single-1"}).out == "hello\n");
  CHECK(muster({"logs", "trio-1"}).out == "first | one\nfirst | two\nfirst | three\nbroken | oops\n");
  CHECK(muster({"logs", "trio-1", "-t", "first"}).out == "one\ntwo\nthree\n");
  CHECK(muster({"logs", "trio-1", "-t", "first", "-n", "2"}).out == "two\nthree\n");
  CHECK(muster({"logs", "trio-1", "-t", "first", "-n", "0"}).out.empty());
  CHECK(muster({"logs", "trio-1", "-n", "1"}).out == "first | three\nbroken | oops\n");
  SECTION("following what has ended prints it and ends") {
    CHECK(muster({"logs", "trio-1", "-f"}).out == "first | one\nfirst | two\nfirst | three\nbroken | oops\n");
    CHECK(muster({"logs", "trio-1", "-f", "-t", "first", "-n", "1"}).out == "three\n");
  }
}

TEST_CASE_METHOD(history, "events prints what happened, from any number on") {
  std::istringstream lines(muster({"events", "-o", "jsonl"}).out);
  std::uint64_t count = 0;
  for (std::string line; std::getline(lines, line);)
    CHECK(json::parse(line)["seq"] == ++count);
  CHECK(count > 10);
  const auto tail = json::parse(muster({"events", "--after", std::to_string(count - 1), "-o", "json"}).out);
  REQUIRE(tail.size() == 1);
  CHECK(tail[0]["workflow"] == "trio-1");
  CHECK(tail[0]["status"] == "FAILED");
  const auto first = json::parse(muster({"events", "single-1", "-o", "json"}).out);
  CHECK(first.front()["type"] == "workflow.submitted");
  for (const auto& x : first)
    CHECK(x["workflow"] == "single-1");
  CHECK_THAT(muster({"events", "last"}).out, ContainsSubstring("broken  FAILED  exit code 9"));
  CHECK_THAT(muster({"events", "last", "-f"}).out, ContainsSubstring("trio-1  FAILED"));
}

TEST_CASE("logs -f and events -f follow a workflow to its end") {
  const muster_program muster;
  const auto gate = (muster.folder() / "gate").string();
  subprocess running(muster.with({"run", muster.file("a.yaml", one_task("echo up; until [ -e " + gate +
                                                                        " ]; do sleep 0.05; done; printf last"))}));
  REQUIRE(running.wait_for("only | up"));
  subprocess logs(muster.with({"logs", "last", "-f"}));
  subprocess events(muster.with({"events", "last", "-f"}));
  REQUIRE(logs.wait_for("up\n"));
  REQUIRE(events.wait_for("only  RUNNING"));
  muster.file("gate", "");
  const auto followed = logs.finish();
  CHECK(followed.exit_code == 0);
  CHECK(followed.out == "up\nlast\n");
  CHECK_THAT(events.finish().out, ContainsSubstring("single-1  COMPLETED"));
  CHECK(running.finish().exit_code == 0);
}

TEST_CASE("what nobody runs any more is said to be so, and followed no further") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  subprocess running(muster.with({"run", muster.file("a.yaml", one_task("echo up; while :; do sleep 0.1; done"))}));
  REQUIRE(running.wait_for("only | up"));
  CHECK(json::parse(muster({"show", "last", "-o", "json"}).out)["held"].is_null());
  CHECK_THAT(muster({"ls"}).out, !ContainsSubstring("nobody"));
  running.signal(SIGKILL);
  (void)running.finish();
  const std::string hint = "nobody runs it; to go on: muster resume single-1, or muster serve if a head ran it";
  CHECK_THAT(muster({"show", "last"}).out, ContainsSubstring("RUNNING  not live: " + hint));
  CHECK(json::parse(muster({"show", "last", "-o", "json"}).out)["held"] == hint);
  CHECK_THAT(muster({"explain", "last"}).out, ContainsSubstring(hint));
  CHECK(json::parse(muster({"explain", "last", "-o", "json"}).out)["held"] == hint);
  CHECK_THAT(muster({"ls"}).out, ContainsSubstring(hint));
  for (const auto& arguments : {std::vector<std::string>{"wait", "last"},
                                {"events", "last", "-f"},
                                {"logs", "last", "-f"},
                                {"logs", "last", "-f", "-t", "only"}}) {
    const auto said = muster(arguments);
    INFO(arguments[0]);
    CHECK(said.exit_code == 5);
    CHECK_THAT(said.err, ContainsSubstring("single-1 is RUNNING and " + hint));
    if (arguments[0] == "events")
      CHECK_THAT(said.out, ContainsSubstring("only  RUNNING"));
    if (arguments[0] == "logs")
      CHECK(said.out == "up\n");
  }
}

TEST_CASE("a state directory that cannot be read is not taken for an empty one") {
  const muster_program muster;
  const auto file = muster.file("file", "");
  const auto loop = (muster.folder() / "loop").string();
  std::filesystem::create_symlink("loop", loop); // As good as a folder of somebody else, and it stops root, too.
  for (const auto& [directory, why] :
       {std::pair{file, "Not a directory"}, {file + "/below", "Not a directory"}, {loop, "symbolic links"}})
    for (const auto& arguments : {std::vector<std::string>{"ls"},
                                  {"ls", "-o", "json"},
                                  {"show", "last"},
                                  {"show", "a-1"},
                                  {"events"},
                                  {"events", "-f"},
                                  {"logs", "last", "-f"},
                                  {"wait", "last"},
                                  {"explain", "last"},
                                  {"resume", "last"}}) {
      auto all = arguments;
      all.insert(all.end(), {"--state-dir", directory});
      const auto said = muster(all);
      INFO(directory << ' ' << arguments[0] << '\n' << said.out << said.err);
      CHECK(said.exit_code == 1);
      CHECK(said.out.empty());
      CHECK_THAT(said.err,
                 ContainsSubstring("the store in " + directory + " cannot be read: ") && ContainsSubstring(why));
    }
}

TEST_CASE("show says what a task waits for") {
  const muster_program muster;
  auto spec = one_task("echo up; while :; do sleep 0.1; done", "queue");
  spec += "  - name: later\n    image: debian:12\n    command: [\"true\"]\n    inputs: [{task: only}]\n"
          "  - name: crowded\n    image: debian:12\n    command: [\"true\"]\n";
  subprocess running(muster.with({"run", "--max-parallel", "1", muster.file("a.yaml", spec)}));
  REQUIRE(running.wait_for("only | up"));
  REQUIRE(running.wait_for("crowded  SCHEDULING"));
  const auto table = muster({"show", "last"}).out;
  CHECK_THAT(table, ContainsSubstring("waits for only-group"));
  const auto tasks = json::parse(muster({"show", "last", "-o", "json"}).out)["task_list"];
  CHECK(tasks[1]["waits_for"] == "waits for only-group");
  CHECK(tasks[2]["status"] == "SCHEDULING");
  CHECK_FALSE(tasks[2]["reason"].get<std::string>().empty());
  running.signal(SIGINT);
  CHECK(running.finish().exit_code == 130);
}

TEST_CASE("output that cannot be written is an error") {
  const history past;
  auto what = past.muster.with({});
  what.argv = {"bash", "-c", in_build("muster") + " ls >/dev/full"};
  const auto said = run(what);
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("cannot write to stdout"));
  const auto spec = past.muster.file("a.yaml", one_task("true"));
  SECTION("of a run as well, which goes on to its end") {
    what.argv[2] = in_build("muster") + " run " + spec + " >/dev/full";
    const auto ran = run(what);
    CHECK(ran.exit_code == 1);
    CHECK_THAT(ran.err, ContainsSubstring("cannot write to stdout"));
    CHECK(past.muster({"wait", "single-2"}).exit_code == 0);
  }
  SECTION("but a reader that has read enough of a run may go") {
    what.argv[2] = in_build("muster") + " run " + spec + " | true; exit ${PIPESTATUS[0]}";
    CHECK(run(what).exit_code == 0);
  }
}

TEST_CASE("an empty id is said to be empty") {
  const history past;
  for (const auto* command : {"show", "logs", "explain", "timeline", "wait", "resume", "retry"}) {
    const auto said = past.muster({command, ""});
    INFO(command << said.err);
    CHECK(said.exit_code == 1);
    CHECK_THAT(said.err, ContainsSubstring("the ID is empty"));
  }
}

TEST_CASE("the option --state-dir goes before the environment, on either side of the command") {
  const muster_program muster;
  const auto elsewhere = (muster.folder() / "elsewhere").string();
  REQUIRE(muster({"run", "--state-dir", elsewhere, muster.file("a.yaml", one_task("true"))}).exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(muster.state()));
  CHECK(muster({"ls", "-o", "name", "--state-dir", elsewhere}).out == "single-1\n");
  CHECK(muster({"--state-dir", elsewhere, "ls", "-o", "name"}).out == "single-1\n");
}

TEST_CASE("cancel without a head says how a run is canceled") {
  const muster_program muster;
  const auto said = muster({"cancel", "last"});
  CHECK(said.exit_code == 7);
  CHECK_THAT(said.err, ContainsSubstring("no head is at work here"));
  CHECK_THAT(said.err, ContainsSubstring("a SIGTERM to it") && ContainsSubstring("`muster resume`"));
}
