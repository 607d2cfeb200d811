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
  for (const auto* kernel : {"/proc/a", "/sys/a/b", "/dev/shm/a", "//proc/a", "/./dev/a", "/proc", "/proc/{{workflow_id}}"})
    refuses(with(kernel), "files[0].path", "outside of /proc, /sys and /dev");
  for (const auto* up : {"../a", "/a/../b", "/tmp/..", ".."})
    refuses(with(up), "files[0].path", "without '..'");
  for (const auto* folder : {"/tmp/", "a/"})
    refuses(with(folder), "files[0].path", "the path of a file");
  refuses(with("/tmp/a\\0b"), "files[0].path", "without a NUL byte");
  for (const auto* good : {"/process/a", "/a/proc/b", "proc/a", "/tmp/..a", "{{output}}/a", "~/a", "/home/./a"})
    takes(with(good));
  for (const auto* run : {"/proc/a", "../a", "/tmp/"})
    CHECK(load(with_task(with(run)), as_osmo()).ok());
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
