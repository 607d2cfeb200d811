#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"
#include "support/skip_test.hpp"
#include "support/small_disk.hpp"

#include <csignal>
#include <filesystem>
#include <memory>

// `muster run` and its like where a head is at work.

using namespace muster::test;

namespace {

/// A task that runs until there is a file of that name in the folder of the test.
std::string until_there(const muster_program& muster, const std::string& name) {
  return one_task("until [ -e " + (muster.folder() / name).string() + " ]; do sleep 0.05; done");
}

constexpr auto flow_with_a_failure = R"(workflow:
  name: flow
  tasks:
  - name: train
    foreach: [1, 0, 2]
    image: none
    command: ["sh", "-c", "echo it is {{item}}; test {{item}} != 0"]
  - {name: after, after: [train], image: none, command: ["true"]}
)";

/// A head where one was before.
std::unique_ptr<head_program> again_at(const muster_program& muster, const std::string& address) {
  const auto port = address.substr(address.rfind(':') + 1);
  return std::make_unique<head_program>(muster, std::vector<std::string>{"--no-auth", "--listen", "127.0.0.1:" + port});
}

std::size_t threads_of(pid_t pid) {
  std::error_code none;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/task", none);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace

TEST_CASE("run hands a spec to the head at work, shows it, and exits as ever") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto good = muster({"run", muster.file("w.yaml", one_task("echo hello"))});
  INFO(good.out << good.err);
  CHECK(good.exit_code == 0);
  CHECK_THAT(good.out, ContainsSubstring("single-1: 1 group, 1 task\n"));
  CHECK_THAT(good.out, ContainsSubstring("only  COMPLETED"));
  CHECK_THAT(good.out, ContainsSubstring("single-1 COMPLETED in "));
  const auto bad = muster({"run", muster.file("f.yaml", one_task("exit 7")), "-o", "json"});
  CHECK(bad.exit_code == 3);
  CHECK_THAT(bad.out, ContainsSubstring("\"exit_code\":7"));
  CHECK_THAT(bad.err, ContainsSubstring("only FAILED"));
  const auto wrong = muster({"run", muster.file("x.yaml", "workflow: {name: 3x}\n")});
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.err, ContainsSubstring("x.yaml:1"));
  CHECK(head.wait_for_log("route=/v1/workflows"));
}

TEST_CASE("run --detach prints the id, and options of local runs are refused with a head") {
  const muster_program muster;
  const auto spec = muster.file("w.yaml", one_task("true"));
  CHECK(muster({"run", spec, "--detach"}).exit_code == 2); // There is no head.
  head_program head(muster);
  REQUIRE(head.ready());
  const auto detached = muster({"run", spec, "--detach"});
  CHECK(detached.out == "single-1\n");
  CHECK(muster({"wait", "single-1"}).exit_code == 0);
  const auto refused = muster({"run", spec, "--max-parallel", "2"});
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, ContainsSubstring("--max-parallel is of runs on this machine"));
  const muster_program elsewhere;
  const auto local = elsewhere({"run", spec, "--local"});
  INFO(local.err);
  CHECK(local.exit_code == 0);
  CHECK(muster({"run", spec, "--local", "--address", head.address()}).exit_code == 2);
}

TEST_CASE("Ctrl-C of a run with a head asks it to cancel") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  subprocess run(muster.with({"run", muster.file("w.yaml", one_task("sleep 60"))}));
  REQUIRE(run.wait_for("only  RUNNING"));
  run.signal(SIGINT);
  const auto ended = run.finish();
  INFO(ended.out << ended.err);
  CHECK(ended.exit_code == 130);
  CHECK_THAT(ended.out, ContainsSubstring("canceling single-1"));
  CHECK_THAT(muster({"ls"}).out, ContainsSubstring("FAILED_CANCELED"));
}

TEST_CASE("run --timeout is kept with a head as well") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto ended = muster({"run", muster.file("w.yaml", one_task("sleep 60")), "--timeout", "1s"});
  INFO(ended.out << ended.err);
  CHECK(ended.exit_code == 8);
}

TEST_CASE("a run whose head has a full disk is canceled when there is room, and need not be asked again") {
  const muster_program muster;
  const small_disk disk(muster.state());
  if (!disk.mounted())
    return skip_test("this user may not mount a small disk");
  const cleaner at_end(muster.state());
  const auto config =
      muster.file("c.yaml", "admission: {min_free: 0}\nlog: {file: " + (muster.folder() / "head.log").string() + "}\n");
  head_program head(muster, {"--no-auth", "--config", config});
  REQUIRE(head.ready());
  const auto spec = one_task("sleep infinity") + "  resources: {default: {storage: 1Mi}}\n";
  auto what = muster.with({"run", muster.file("w.yaml", spec)});
  // What cannot be done is said on stderr.
  what.argv.insert(what.argv.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
  subprocess run(what);
  REQUIRE(run.wait_for("only  RUNNING"));
  const auto filler = disk.fill();
  run.signal(SIGTERM);
  REQUIRE(run.wait_for("cannot cancel: "));
  CHECK_FALSE(run.ended());
  std::filesystem::remove(filler);
  const auto ended = run.finish();
  INFO(ended.out);
  CHECK_FALSE(ended.timed_out);
  CHECK(ended.exit_code == 130);
  CHECK_THAT(ended.out, ContainsSubstring("FAILED_CANCELED"));
}

TEST_CASE("a run that is watched outlives a restart of its head") {
  const muster_program muster;
  auto head = std::make_unique<head_program>(muster);
  REQUIRE(head->ready());
  const auto address = head->address();
  subprocess run(muster.with({"run", muster.file("w.yaml", until_there(muster, "go"))}));
  REQUIRE(run.wait_for("only  RUNNING"));
  CHECK(head->stop(SIGTERM).exit_code == 0);
  REQUIRE(run.wait_for("trying again"));
  head = again_at(muster, address);
  REQUIRE(head->ready());
  muster.file("go", "");
  const auto ended = run.finish();
  INFO(ended.out << ended.err);
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.out, ContainsSubstring("single-1 COMPLETED"));
}

TEST_CASE("wait goes on where it was when the head comes back") {
  const bool killed = GENERATE(false, true);
  const muster_program muster;
  auto head = std::make_unique<head_program>(muster);
  REQUIRE(head->ready());
  const auto address = head->address();
  REQUIRE(muster({"submit", muster.file("w.yaml", until_there(muster, "go"))}).exit_code == 0);
  const muster_program elsewhere;
  auto far_wait = elsewhere.with({"wait", "last", "--address", address});
  far_wait.terminal = true;
  auto near_wait = muster.with({"wait", "single-1"}); // Reads the state directory.
  near_wait.terminal = true;
  subprocess far(far_wait);
  subprocess near(near_wait);
  REQUIRE(head->wait_for_log("route=/v1/events"));
  REQUIRE(eventually([&] { return threads_of(near.pid()) > 1; })); // Events are read by one of their own.
  head->stop(killed ? SIGKILL : SIGTERM);
  REQUIRE(far.wait_for("trying again"));
  REQUIRE(near.wait_for("waiting for a head to come back"));
  head = again_at(muster, address);
  REQUIRE(head->ready());
  muster.file("go", "");
  for (auto* one : {&far, &near}) {
    const auto ended = one->finish();
    INFO(ended.out);
    CHECK(ended.exit_code == 0);
    CHECK_THAT(ended.out, ContainsSubstring("single-1 COMPLETED"));
  }
}

TEST_CASE("results are printed of a workflow and of its steps, from here and from elsewhere") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto spec = muster.file("r.yaml", R"(workflow:
  name: r
  parameters: {times: 2, names: [a]}
  tasks:
  - name: work
    foreach: [3, 4]
    image: none
    command: ["sh", "-c", "echo $(( {{item}} * {{parameter:times}} )) > $MUSTER_RESULT"]
  - name: greet
    image: none
    command: ["sh", "-c", "echo '{{parameter:names}}' > $MUSTER_RESULT"]
)");
  const auto values = muster.file("values.yaml", "times: 5\nnames:\n- ada # the first\n- bob\n");
  const auto run = muster({"run", spec, "-q", "--parameters", values});
  INFO(run.out << run.err);
  REQUIRE(run.exit_code == 0);
  const muster_program elsewhere;
  const auto ask = [&](std::vector<std::string> words) {
    const auto here = muster(words);
    words.insert(words.end(), {"--address", head.address()});
    const auto there = elsewhere(words);
    CHECK(here.out == there.out);
    CHECK(here.exit_code == there.exit_code);
    return there;
  };
  CHECK(ask({"result", "last", "work"}).out == "[15,20]\n");
  CHECK(ask({"result", "r-1", "work.1"}).out == "20\n");
  CHECK(ask({"result", "r-1", "greet"}).out == "[\"ada\",\"bob\"]\n");
  const auto mistyped = ask({"result", "r-1", "wrok"});
  CHECK(mistyped.exit_code == 4);
  CHECK_THAT(mistyped.err, ContainsSubstring("no step or task wrok"));
  const auto wrong = muster({"run", spec, "--parameters", muster.file("wrong.yaml", "tiems: 5\n")});
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.err, ContainsSubstring("did you mean 'times'?"));
}

TEST_CASE("what a head has cannot be run or resumed beside it, and it is said who is there") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto spec = muster.file("w.yaml", until_there(muster, "go"));
  REQUIRE(muster({"submit", spec}).exit_code == 0);
  const auto resumed = muster({"resume", "last"});
  CHECK(resumed.exit_code == 5);
  CHECK_THAT(resumed.err, ContainsSubstring(head.address()) && ContainsSubstring("muster wait single-1"));
  const auto beside = muster({"run", "--local", spec});
  CHECK(beside.exit_code == 1);
  CHECK_THAT(beside.err, ContainsSubstring(head.address()) && ContainsSubstring("leave --local out"));
  muster.file("go", "");
  CHECK(muster({"wait", "last"}).exit_code == 0);
  const auto over = muster({"resume", "last"});
  CHECK(over.exit_code == 5);
  CHECK_THAT(over.err, ContainsSubstring("nothing to be taken up"));
}

TEST_CASE("retry asks the head at work, and shows what runs again") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto flag = (muster.folder() / "flag").string();
  const auto spec = muster.file("w.yaml", one_task("if [ -e " + flag + " ]; then exit 0; fi; exit 9"));
  CHECK(muster({"run", spec}).exit_code == 3);
  CHECK(muster({"retry", "nothing-1"}).exit_code == 4);
  muster.file("flag", "");
  const auto again = muster({"retry", "last"});
  INFO(again.out << again.err);
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.out, ContainsSubstring("single-1 COMPLETED"));
  CHECK(muster({"retry", "last"}).exit_code == 5);
}

TEST_CASE("top shows what is unfinished, once where there is no terminal") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  CHECK_THAT(muster({"top"}).out, ContainsSubstring("no workflow is unfinished"));
  CHECK(muster({"submit", muster.file("w.yaml", one_task("sleep 60"))}).exit_code == 0);
  const auto shown = muster({"top", "--address", head.address()});
  INFO(shown.out << shown.err);
  CHECK(shown.exit_code == 0);
  CHECK_THAT(shown.out, ContainsSubstring("single-1"));
  CHECK_THAT(shown.out, ContainsSubstring("RUNNING") || ContainsSubstring("PENDING"));
  auto on_terminal = muster.with({"top", "--address", head.address()});
  on_terminal.terminal = true;
  subprocess live(on_terminal);
  REQUIRE(live.wait_for("single-1"));
  CHECK(muster({"cancel", "single-1", "--force"}).exit_code == 0);
  CHECK(live.wait_for("no workflow is unfinished"));
  live.signal(SIGINT);
  CHECK(live.finish().exit_code == 0);
}

TEST_CASE("a backup of a head at work is restored elsewhere") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  CHECK(muster({"run", muster.file("w.yaml", one_task("true"))}).exit_code == 0);
  const auto file = (muster.folder() / "backup.db").string();
  const auto done = muster({"backup", file});
  INFO(done.err);
  CHECK(done.exit_code == 0);
  CHECK_THAT(done.out, ContainsSubstring("everything up to event"));
  CHECK(muster({"backup", file}).exit_code == 5); // Nothing is overwritten.
  const muster_program other;
  CHECK(other({"restore", file}).exit_code == 0);
  CHECK_THAT(other({"ls"}).out, ContainsSubstring("single-1"));
  CHECK(other({"restore", file}).exit_code == 5);
  head_program restored(other);
  REQUIRE(restored.ready());
  CHECK_THAT(other({"run", muster.file("w.yaml", one_task("true"))}).out, ContainsSubstring("single-2"));
}

TEST_CASE("a backup is restored in place while a task of it runs, which is watched on") {
  const muster_program muster;
  auto head = std::make_unique<head_program>(muster);
  REQUIRE(head->ready());
  const auto go = (muster.folder() / "go").string();
  REQUIRE(
      muster({"submit", muster.file("w.yaml", one_task("echo begun; while [ ! -e " + go + " ]; do sleep 0.05; done"))})
          .exit_code == 0);
  subprocess following(muster.with({"logs", "single-1", "-f"}));
  REQUIRE(following.wait_for("begun"));
  const auto file = (muster.folder() / "backup.db").string();
  REQUIRE(muster({"backup", file}).exit_code == 0);
  REQUIRE(muster({"run", muster.file("later.yaml", one_task("true"))}).exit_code == 0);
  CHECK(head->stop(SIGTERM).exit_code == 0);
  // As docs/backup.md says.
  following.signal(SIGINT);
  CHECK(following.finish().exit_code != 0);
  for (const auto* name : {"muster.db", "muster.db-wal", "muster.db-shm"}) {
    std::error_code not_there;
    std::filesystem::rename(muster.state() / name, muster.folder() / name, not_there);
  }
  REQUIRE(muster({"restore", file}).exit_code == 0);
  head = std::make_unique<head_program>(muster);
  REQUIRE(head->ready());
  CHECK(muster({"ls", "-o", "name"}).out == "single-1\n");
  CHECK_THAT(muster({"show", "single-1"}).out, ContainsSubstring("RUNNING"));
  muster.file("go", "");
  CHECK(muster({"wait", "single-1"}).out == "single-1 COMPLETED\n");
}

TEST_CASE("what is read of a head elsewhere is what its own machine shows") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  CHECK(muster({"run", muster.file("w.yaml", one_task("exit 4")), "-q"}).exit_code == 3);
  CHECK(muster({"run", muster.file("f.yaml", flow_with_a_failure), "-q"}).exit_code == 3);
  const muster_program elsewhere;
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--address", head.address()});
    auto said = elsewhere(words);
    INFO(said.err);
    CHECK(said.exit_code == 0);
    return said.out;
  };
  for (const auto* format : {"table", "wide", "json", "jsonl", "name"})
    CHECK(ask({"ls", "-o", format}) == muster({"ls", "-o", format}).out);
  const std::vector<std::vector<std::string>> questions{{"show", "last"},
                                                        {"show", "last", "--failed"},
                                                        {"show", "last", "-t", "train.1"},
                                                        {"events", "last"},
                                                        {"events", "single-1"}};
  for (auto question : questions)
    for (const auto* format : {"table", "json", "jsonl", "name"}) {
      question.insert(question.end(), {"-o", format});
      INFO(question[0] << ' ' << question[1] << " -o " << format);
      CHECK(ask(question) == muster(question).out);
      question.resize(question.size() - 2);
    }
  for (const auto* command : {"timeline", "explain"})
    for (const auto* format : {"text", "json"})
      CHECK(ask({command, "last", "-o", format}) == muster({command, "last", "-o", format}).out);
  CHECK(ask({"explain", "last", "after"}) == muster({"explain", "last", "after"}).out);
  CHECK(ask({"logs", "last"}) == muster({"logs", "last"}).out);
  CHECK(ask({"events", "last", "-f", "-o", "jsonl"}) == muster({"events", "flow-1", "-o", "jsonl"}).out);
  CHECK_THAT(ask({"show", "single-1"}), ContainsSubstring("single-1  FAILED") && ContainsSubstring("only"));
  CHECK_THAT(ask({"show", "last"}),
             ContainsSubstring("elements 2/3 done, 1 failed") && ContainsSubstring("└─ train.1  FAILED"));
  CHECK(ask({"show", "last", "--failed", "-o", "name"}) == "train.1\n");
  CHECK(ask({"show", "single-1", "--failed", "-o", "name"}) == "only\n");
  CHECK_THAT(ask({"show", "single-1", "-t", "only", "-o", "json"}), ContainsSubstring("\"exit_code\": 4"));
  CHECK_THAT(ask({"timeline", "last", "--svg", "-"}), ContainsSubstring("data-task=\"train.2\""));
  CHECK(elsewhere({"show", "nothing-1", "--address", head.address()}).exit_code == 4);
  CHECK(elsewhere({"ls", "--status", "runing", "--address", head.address()}).exit_code == 2);
}

TEST_CASE("who follows the log of one task is done when that task is") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto spec = one_task("echo over") + "  - name: other\n    image: none\n    command: [\"sleep\", \"600\"]\n";
  REQUIRE(muster({"submit", muster.file("w.yaml", spec)}).exit_code == 0);
  CHECK(muster({"logs", "last", "-f", "-t", "only"}).out == "over\n");
  CHECK(muster({"logs", "last", "-f", "-t", "only", "--address", head.address()}).out == "over\n");
  CHECK(muster({"cancel", "last", "--force"}).exit_code == 0);
}

TEST_CASE("what tasks wrote comes from the head, while they run and afterwards") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto go = (muster.folder() / "go").string();
  const auto spec =
      muster.file("w.yaml", one_task("echo first\nuntil [ -e " + go + " ]; do sleep 0.05; done\necho second"));
  subprocess run(muster.with({"run", spec}));
  REQUIRE(run.wait_for("only | first"));
  const muster_program elsewhere;
  subprocess follower(elsewhere.with({"logs", "last", "-f", "--address", head.address()}));
  REQUIRE(follower.wait_for("first"));
  muster.file("go", "");
  CHECK_THAT(run.finish().out, ContainsSubstring("only | second") && ContainsSubstring("single-1 COMPLETED"));
  CHECK(follower.finish().out == "first\nsecond\n");
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--address", head.address()});
    return elsewhere(words);
  };
  CHECK(ask({"logs", "last"}).out == "first\nsecond\n");
  CHECK(ask({"logs", "last", "-t", "only", "-n", "1"}).out == "second\n");
  CHECK(ask({"logs", "last", "-t", "onyl"}).exit_code == 4);
  CHECK(ask({"logs", "last", "-t", "only", "--attempt", "3"}).exit_code == 4);
  const auto failed = muster({"run", muster.file("f.yaml", one_task("echo why; exit 5")), "-q"});
  CHECK(failed.exit_code == 3);
  CHECK_THAT(failed.err, ContainsSubstring("    | why"));
}
