#include "support/catch.hpp"

#include "muster/spec/load.hpp"

using namespace muster::spec;

namespace {

std::string with_task(const std::string& lines) {
  return "workflow:\n  name: wf\n  tasks:\n  - name: t1\n    image: ubuntu\n    command: [echo]\n" + lines;
}

std::string errors_of(const load_outcome& x) {
  std::string out;
  for (const auto& problem : x.errors)
    out += problem.field + ": " + problem.message + '\n';
  return out;
}

/// The default profile refuses a task with `lines` for one reason, at `field`; OSMO does not look.
void refuses(const std::string& lines, const std::string& field, const std::string& words) {
  const auto text = with_task(lines);
  INFO(text);
  const auto loaded = load(text);
  REQUIRE(loaded.errors.size() == 1);
  CHECK(loaded.errors[0].field == "workflow.tasks[0]." + field);
  CHECK_THAT(loaded.errors[0].message, ContainsSubstring(words));
  CHECK(loaded.errors[0].line > 6);
}

void takes(const std::string& lines) {
  const auto loaded = load(with_task(lines));
  INFO(lines);
  CHECK(errors_of(loaded) == "");
}

load_options as_osmo() {
  load_options out;
  out.profile = profile::osmo;
  return out;
}

} // namespace

TEST_CASE("what no program can be given is refused") {
  refuses("    environment: {\"B=C\": x}\n", "environment.B=C", "'='");
  refuses("    environment: {\"\": x}\n", "environment", "a variable needs a name");
  refuses("    environment: {B: \"x\\0y\"}\n", "environment.B", "a zero byte");
  refuses("    args: [fine, \"x\\0y\"]\n", "args[1]", "a zero byte");
  CHECK(load(with_task("    environment: {\"B=C\": x}\n    args: [\"x\\0y\"]\n"), as_osmo()).ok());
  takes("    environment: {B: \"x=y\", \"a-b\": x}\n");
}

TEST_CASE("contents that are no base64 are refused") {
  const auto with = [](const std::string& contents) {
    return "    files: [{path: /tmp/a, base64: true, contents: \"" + contents + "\"}]\n";
  };
  for (const auto* bad : {"hello, world", "Z", "Zg==Zg==", "Zm-_", "{{output}}"})
    refuses(with(bad), "files[0].contents", "invalid base64");
  for (const auto* good : {"", "Zg==", "Zg", "Zm9v\\nYmFy\\n"})
    takes(with(good));
  CHECK(load(with_task(with("hello, world")), as_osmo()).ok());
  // In either order of the keys; and as it is without `base64`.
  refuses("    files: [{path: /tmp/a, contents: \"hello, world\", base64: true}]\n", "files[0].contents",
          "invalid base64");
  takes("    files: [{path: /tmp/a, contents: \"hello, world\", base64: false}]\n");
  // What a token becomes is known when the task is prepared.
  takes("    foreach: [Zg==]\n" + with("{{item}}"));
}

TEST_CASE("a file is refused where none can be put") {
  const auto with = [](const std::string& path) { return "    files: [{path: \"" + path + "\", contents: x}]\n"; };
  for (const auto* kernel :
       {"/proc/a", "/sys/a/b", "/dev/shm/a", "//proc/a", "/./dev/a", "/proc", "/proc/{{workflow_id}}"})
    refuses(with(kernel), "files[0].path", "outside of /proc, /sys and /dev");
  for (const auto* up : {"../a", "/a/../b", "/tmp/..", ".."})
    refuses(with(up), "files[0].path", "without '..'");
  for (const auto* folder : {"/tmp/", "a/", ".", "./.", "a/.", "/a/."})
    refuses(with(folder), "files[0].path", "the path of a file");
  refuses(with("/tmp/a\\0b"), "files[0].path", "without a NUL byte");
  for (const auto* good : {"/process/a", "/a/proc/b", "proc/a", "/tmp/..a", "{{output}}/a", "~/a", "/home/./a"})
    takes(with(good));
  for (const auto* run : {"/proc/a", "../a", "/tmp/"})
    CHECK(load(with_task(with(run)), as_osmo()).ok());
}

TEST_CASE("a file is refused below another") {
  const auto with = [](const std::string& one, const std::string& other) {
    return "    files: [{path: " + one + ", contents: x}, {path: " + other + ", contents: y}]\n";
  };
  refuses(with("d", "d/e"), "files[1].path", "path 'd/e' is below 'd', where files[0] puts a file");
  refuses(with("d/e/f", "d"), "files[0].path", "path 'd/e/f' is below 'd', where files[1] puts a file");
  refuses(with("/tmp//a", "/./tmp/a/b"), "files[1].path", "is below '/tmp//a'");
  refuses(with("\"{{output}}/a\"", "\"{{output}}/a/b\""), "files[1].path", "is below '{{output}}/a'");
  takes(with("d", "de"));
  takes(with("d", "/d/e"));
  takes(with("d/e", "d/f"));
  takes(with("a-b", "a/b"));
  takes(with("/tmp/a", "//tmp/a")); // As OSMO does.
  CHECK(load(with_task(with("d", "d/e")), as_osmo()).ok());
}

TEST_CASE("an output is refused where nothing can be published") {
  const auto with = [](const std::string& url) { return "    outputs: [{url: \"" + url + "\"}]\n"; };
  for (const auto* root : {"file:///", "file:////", "file:///./", "file://localhost/", "file:///%2f"})
    refuses(with(root), "outputs[0].url", "root folder");
  refuses(with("file:///proc/self/out"), "outputs[0].url", "in /proc, which belongs to the kernel");
  refuses(with("file:///sys/"), "outputs[0].url", "in /sys, which belongs to the kernel");
  for (const auto* good : {"file:///out", "file:///dev/shm/out", "file:///{{workflow_id}}", "s3://bucket"})
    takes(with(good));
  takes("    inputs: [{url: \"file:///proc/self\"}, {url: \"file:///\"}]\n");
}

TEST_CASE("a number that is too large is refused, with the greatest that is taken") {
  const auto workflow = [](const std::string& lines, const std::string& of_task = "") {
    return "workflow:\n  name: wf\n" + lines + "  tasks: [{name: t1, image: ubuntu, command: [echo]" + of_task + "}]\n";
  };
  const auto check = [](const std::string& text, const std::string& field, const std::string& message) {
    INFO(text);
    CHECK(errors_of(load(text)) == "workflow." + field + ": " + message + '\n');
  };
  const std::string huge = "99999999999999999999";
  const auto resource = [&](const std::string& key, const std::string& value) {
    return workflow("  resources: {default: {" + key + ": " + value + "}}\n");
  };
  for (const std::string key : {"cpu", "gpu"}) {
    const auto field = "resources.default." + key;
    const std::string most = "9223372036854775807";
    const auto expected = "expected a whole number of at most " + most + ", found ";
    check(resource(key, huge), field, expected + "the integer " + huge);
    check(resource(key, '"' + huge + '"'), field, expected + "the string '" + huge + "'");
    check(resource(key, "9223372036854775808"), field, expected + "the integer 9223372036854775808");
    check(resource(key, "1.0e+20"), field, expected + "the number 1.0e+20");
    CHECK(load(resource(key, most)).ok());
    CHECK(load(resource(key, huge), as_osmo()).ok());
  }
  for (const std::string key : {"memory", "storage"}) {
    const auto field = "resources.default." + key;
    for (const std::string amount : {"8388608Ti", "99999999T"})
      check(resource(key, amount), field, "expected at most 8388607Ti, found the string '" + amount + "'");
    check(resource(key, huge), field, "expected at most 8388607Ti, found the integer " + huge);
    CHECK(load(resource(key, "8388607Ti")).ok());
    CHECK(load(resource(key, "99999999T"), as_osmo()).ok());
  }
  for (const std::string key : {"exec_timeout", "queue_timeout"}) {
    const auto time = [&](const std::string& value) { return workflow("  timeout: {" + key + ": " + value + "}\n"); };
    const std::string expected = "expected a duration of at most 106751991d, found the ";
    for (const std::string value : {"106751992d", "99999999999999999999s", "P999999999D"})
      check(time(value), "timeout." + key, expected + "string '" + value + "'");
    check(time(huge), "timeout." + key, expected + "integer " + huge);
    CHECK(load(time("106751991d")).ok());
    CHECK(load(time("999999999d"), as_osmo()).ok());
    CHECK_FALSE(load(time("1000000000d"), as_osmo()).ok());
  }
  const auto step = [&](const std::string& keys) { return workflow("", ", " + keys); };
  const auto between = [&](const std::string& range) {
    return "expected a whole number between " + range + ", found the integer " + huge;
  };
  check(step("retry: " + huge), "tasks[0].retry", between("0 and 1000"));
  check(step("retry: {max: " + huge + "}"), "tasks[0].retry.max", between("0 and 1000"));
  check(step("foreach: [a], max_parallel: " + huge), "tasks[0].max_parallel", between("0 and 1000000"));
  check(step("foreach: [a], max_failures: " + huge), "tasks[0].max_failures", between("0 and 1000000"));
  check(step("repeat: {max: " + huge + "}"), "tasks[0].repeat.max", between("1 and 1000000"));
  check(step("foreach: {from: 1, to: " + huge + "}"), "tasks[0].foreach.to",
        "expected a whole number of at most 9223372036854775807, found the integer " + huge);
  check(step("foreach: {from: -" + huge + ", to: 1}"), "tasks[0].foreach.from",
        "expected a whole number of at least -9223372036854775808, found the integer -" + huge);
  check(step("timeout: 106751992d"), "tasks[0].timeout",
        "expected a duration of at most 106751991d, found the string '106751992d'");
  check(step("retry: {max: 1, backoff: 106751992d}"), "tasks[0].retry.backoff",
        "expected a duration of at most 106751991d, found the string '106751992d'");
}
