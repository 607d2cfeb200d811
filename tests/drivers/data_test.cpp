#include "executors/data/folders.hpp"
#include "executors/data/results.hpp"
#include "process_bench.hpp"

#include "support/catch.hpp"

#include <sys/stat.h>
#include <unistd.h>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

ino_t inode(const fs::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

std::string failure(const result<void>& x) {
  return x ? std::string{} : std::string{to_string(x.failure().code)} + ": " + x.failure().message;
}

spec::output to(const fs::path& folder, std::string regex = {}) {
  return {"file://" + folder.string(), std::move(regex)};
}

} // namespace

TEST_CASE("a whole input is one link to what its output link stands for now") {
  scratch dir;
  write_text(dir.path() / "up/0/output/a/b.txt", "zero");
  write_text(dir.path() / "up/1/output/a/b.txt", "one");
  fs::create_symlink("0/output", dir.path() / "up/output");
  const auto place = dir.path() / "in";
  CHECK(failure(data::link_inputs({{"up", dir.path() / "up/output", ""}, {"none", dir.path() / "up/none.output", ""}},
                                  place)) == "");
  fs::remove(dir.path() / "up/output");
  fs::create_symlink("1/output", dir.path() / "up/output");
  CHECK(fs::is_symlink(place / "0"));
  CHECK(read_text(place / "0/a/b.txt") == "zero");
  CHECK(fs::is_directory(place / "1"));
  CHECK(data::is_empty_folder(place / "1"));
}

TEST_CASE("a filtered input is links to the matching files") {
  scratch dir;
  const auto from = dir.path() / "from";
  write_text(from / "a/x.csv", "1");
  write_text(from / "a/y.txt", "2");
  write_text(from / "z.csv", "3");
  const auto place = dir.path() / "in";
  CHECK(failure(data::link_inputs({{"up", from, ".*\\.csv$"}, {"", from / "z.csv", "z"}, {"", from / "z.csv", "no"}},
                                  place)) == "");
  CHECK(inode(place / "0/a/x.csv") == inode(from / "a/x.csv"));
  CHECK(fs::exists(place / "0/z.csv"));
  CHECK_FALSE(fs::exists(place / "0/a/y.txt"));
  CHECK(fs::exists(place / "1/z.csv"));
  CHECK(data::is_empty_folder(place / "2"));
}

TEST_CASE("an input that does not exist is an error, unless it is a task's") {
  scratch dir;
  const auto found = data::link_inputs({{"", dir.path() / "absent", ""}}, dir.path() / "in");
  CHECK_THAT(failure(found), ContainsSubstring("data_error: input 0: cannot find the input"));
  CHECK_THAT(failure(found), ContainsSubstring("absent"));
  const auto pattern = data::link_inputs({{"", dir.path(), "("}}, dir.path() / "in");
  CHECK_THAT(failure(pattern), ContainsSubstring("the regex '('"));
}

TEST_CASE("an input of a workflow that was deleted is an error, not an empty folder") {
  scratch dir;
  for (const std::string regex : {"", ".*"}) {
    const auto gone = data::link_inputs({{"prep", dir.path() / "old-3" / "prep.output", regex}}, dir.path() / "in");
    CHECK_THAT(failure(gone), ContainsSubstring("data_error"));
    CHECK_THAT(failure(gone), ContainsSubstring("input prep of workflow old-3"));
  }
  located_input gathered;
  gathered.task = "each";
  gathered.parts = {{"0", dir.path() / "old-3" / "each.0.output"}};
  CHECK_THAT(failure(data::link_inputs({gathered}, dir.path() / "in")), ContainsSubstring("workflow old-3"));
}

TEST_CASE("a new target becomes visible whole") {
  scratch dir;
  const auto from = dir.path() / "out";
  write_text(from / "a/x.csv", "1");
  write_text(from / "y.txt", "2");
  const auto target = dir.path() / "published/here there";
  CHECK(failure(data::publish(from, {"file://" + (dir.path() / "published/here%20there/").string(), ""}, "m")) == "");
  CHECK(read_text(target / "a/x.csv") == "1");
  CHECK(inode(target / "y.txt") == inode(from / "y.txt"));
  CHECK(std::distance(fs::directory_iterator{dir.path() / "published"}, {}) == 1);
}

TEST_CASE("an existing target is filled file by file") {
  scratch dir;
  const auto from = dir.path() / "out";
  write_text(from / "a/x.csv", "new");
  write_text(from / "y.txt", "2");
  write_text(dir.path() / "target/a/x.csv", "old");
  write_text(dir.path() / "target/kept", "kept");
  for (int again = 0; again < 2; ++again) { // As after a crash.
    CHECK(failure(data::publish(from, to(dir.path() / "target", ".*csv"), "m")) == "");
    CHECK(read_text(dir.path() / "target/a/x.csv") == "new");
    CHECK(read_text(dir.path() / "target/kept") == "kept");
    CHECK_FALSE(fs::exists(dir.path() / "target/y.txt"));
    CHECK(std::distance(fs::directory_iterator{dir.path() / "target/a"}, {}) == 1);
  }
}

TEST_CASE("what cannot be published says why, and nothing becomes visible") {
  scratch dir;
  const auto from = dir.path() / "out";
  const auto target = dir.path() / "target";
  write_text(from / "fine", "1");
  SECTION("a link that leads out") {
    fs::create_symlink("/etc/passwd", from / "link");
    CHECK_THAT(failure(data::publish(from, to(target), "m")), ContainsSubstring("leads out of the output folder"));
  }
  SECTION("a link to a sibling folder by way of ..") {
    write_text(dir.path() / "output-2/secret", "1");
    fs::create_symlink("../output-2/secret", from / "link");
    CHECK_THAT(failure(data::publish(from, to(target), "m")), ContainsSubstring("leads out of the output folder"));
  }
  SECTION("a link that leads nowhere") {
    fs::create_symlink("absent", from / "link");
    CHECK_THAT(failure(data::publish(from, to(target), "m")), ContainsSubstring("leads nowhere"));
  }
  SECTION("a pipe") {
    REQUIRE(::mkfifo((from / "pipe").c_str(), 0600) == 0);
    CHECK_THAT(failure(data::publish(from, to(target), "m")), ContainsSubstring("neither a file nor a folder"));
  }
  SECTION("another scheme") {
    CHECK_THAT(failure(data::publish(from, {"s3://bucket/x", ""}, "m")), ContainsSubstring("s3://bucket/x"));
  }
  SECTION("the root") {
    CHECK_THAT(failure(data::publish(from, {"file:///", ""}, "m")), ContainsSubstring("file:///"));
  }
  SECTION("below a file") {
    CHECK_THAT(failure(data::publish(from, to(from / "fine/x"), "m")), ContainsSubstring("data_error"));
  }
  CHECK_FALSE(fs::exists(target));
}

TEST_CASE("a link within the output is published as the file it leads to") {
  scratch dir;
  const auto from = dir.path() / "out";
  write_text(from / "a/real", "1");
  fs::create_symlink("a/real", from / "link");
  CHECK(failure(data::publish(from, to(dir.path() / "target"), "m")) == "");
  CHECK(fs::is_regular_file(fs::symlink_status(dir.path() / "target/link")));
  CHECK(read_text(dir.path() / "target/link") == "1");
}

TEST_CASE("nothing written is nothing published") {
  scratch dir;
  fs::create_directories(dir.path() / "out/empty");
  CHECK(failure(data::publish(dir.path() / "out", to(dir.path() / "target"), "m")) == "");
  CHECK_FALSE(fs::exists(dir.path() / "target"));
}

TEST_CASE("data goes from task to task and to a URL") {
  process_bench b;
  const auto first = b.shell("mkdir {{output}}/d; echo 42 > {{output}}/d/value; echo no > {{output}}/other", 1);
  b.run(first);
  b->publish(first.id);
  b->remove(first.id);
  auto second = b.shell("cat {{input:0}}/d/value {{input:t1}}/d/value $MUSTER_INPUT/1/d/value > {{output}}/sum; "
                        "ls {{input:1}}; exit 5",
                        2);
  second.task.inputs = {{spec::task_input{"t1", ""}, ""}, {spec::task_input{"t1", ""}, "d/.*"}};
  second.inputs = {{"t1", first.folder.parent_path() / "t1.output", ""},
                   {"t1", first.folder.parent_path() / "t1.output", "d/.*"}};
  second.task.outputs = {{"file://" + (b.state / "published/{{workflow_id}}").string(), ""}};
  // The output is published also when the command failed.
  CHECK(b.run(second).exited->code == 5);
  CHECK(read_text(b.state / "published/w-1/sum") == "42\n42\n42\n");
  CHECK(b.log_of(second) == "d\n");
}

TEST_CASE("an output that cannot be published fails the attempt") {
  process_bench b;
  write_text(b.state / "file", "x");
  auto x = b.shell("echo 1 > {{output}}/a");
  x.task.outputs = {{"file://" + (b.state / "file").string(), ""}};
  const auto seen = b.run(x);
  CHECK(seen.exited->code == exit_code_publish_failed);
  CHECK_THAT(seen.exited->message, ContainsSubstring("is no folder"));
}

TEST_CASE("a stopped attempt publishes nothing") {
  process_bench b;
  auto x = b.shell("echo 1 > {{output}}/a; touch ready; sleep 60");
  x.task.outputs = {{"file://" + (b.state / "target").string(), ""}};
  b.start(x);
  REQUIRE(eventually([&] { return fs::exists(x.folder / "work/ready"); }));
  b->stop(x.id, 1'000ms);
  CHECK(b.heard.wait_end(x.id).exited.has_value());
  CHECK_FALSE(fs::exists(b.state / "target"));
}

TEST_CASE("a result is read from a plain file and from nothing else") {
  scratch dir;
  const auto file = dir.path() / "result.json";
  exit_result got;
  got.result = "old";
  CHECK_FALSE(data::has_result(file));
  data::read_result(file, 100, got);
  CHECK(got.result.empty());
  CHECK(got.result_problem.empty());
  write_text(file, "\n{\"a\": 1}\n");
  CHECK(data::has_result(file));
  data::read_result(file, 100, got);
  CHECK(got.result == "{\"a\": 1}");
  SECTION("a link, which may lead anywhere") {
    fs::remove(file);
    fs::create_symlink("/etc/hostname", file);
  }
  SECTION("a pipe, which would never end") {
    fs::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  }
  SECTION("a folder") {
    fs::remove(file);
    fs::create_directories(file);
  }
  SECTION("one that is too large") {
    write_text(file, '"' + std::string(99, 'x') + '"');
  }
  SECTION("what is no UTF-8") {
    write_text(file, "\"\xff\"");
  }
  SECTION("two values") {
    write_text(file, "1 2");
  }
  CHECK(data::has_result(file));
  data::read_result(file, 100, got);
  CHECK(got.result.empty());
  CHECK_FALSE(got.result_problem.empty());
}

TEST_CASE("results of others are written under their steps' names") {
  scratch dir;
  attempt_spec spec;
  CHECK(failure(data::write_results(spec, dir.path() / "r")) == "");
  CHECK_FALSE(fs::exists(dir.path() / "r"));
  spec.results = {{"a.b", std::make_shared<const std::string>("1")}, {"none", nullptr}};
  CHECK(failure(data::write_results(spec, dir.path() / "r")) == "");
  CHECK(read_text(dir.path() / "r/a.b.json") == "1\n");
  CHECK(read_text(dir.path() / "r/none.json") == "null\n");
  spec.results = {{"../x", std::make_shared<const std::string>("1")}};
  CHECK_THAT(failure(data::write_results(spec, dir.path() / "r")), ContainsSubstring("no file name"));
}

TEST_CASE("parts of an input are links to folders, or links to their files") {
  scratch dir;
  write_text(dir.path() / "one/output/a/b", "b");
  located_input input;
  input.task = "each";
  input.parts = {{"0", dir.path() / "one/output"}, {"1", dir.path() / "absent"}};
  CHECK(failure(data::link_inputs({input}, dir.path() / "in")) == "");
  CHECK(fs::is_symlink(dir.path() / "in/0/0"));
  CHECK(read_text(dir.path() / "in/0/0/a/b") == "b");
  CHECK_FALSE(fs::exists(dir.path() / "in/0/1"));
  CHECK(failure(data::link_inputs({input}, dir.path() / "in", data::parts_as::hard_links)) == "");
  CHECK_FALSE(fs::is_symlink(dir.path() / "in/0/0"));
  CHECK(inode(dir.path() / "in/0/0/a/b") == inode(dir.path() / "one/output/a/b"));
  input.parts = {{"0/a", dir.path() / "one/output"}, {"1/b", dir.path() / "absent"}};
  CHECK(failure(data::link_inputs({input}, dir.path() / "in")) == "");
  CHECK(read_text(dir.path() / "in/0/0/a/a/b") == "b");
  CHECK_FALSE(fs::exists(dir.path() / "in/0/1"));
  input.parts = {{"0", dir.path() / "one/output"}, {"0/a", dir.path() / "one/output"}};
  CHECK_THAT(failure(data::link_inputs({input}, dir.path() / "in")), ContainsSubstring("output of another task"));
  for (const auto* bad : {"/etc", "a/../b", "./a", ""}) {
    input.parts = {{bad, dir.path() / "one/output"}};
    CHECK_THAT(failure(data::link_inputs({input}, dir.path() / "in")), ContainsSubstring("cannot be the name"));
  }
  input.parts = {{"../up", dir.path() / "one/output"}};
  CHECK_THAT(failure(data::link_inputs({input}, dir.path() / "in")), ContainsSubstring("cannot be the name"));
}
