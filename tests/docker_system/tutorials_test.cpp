#include "docker_muster.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/log_text.hpp"
#include "support/shared_folder.hpp"
#include "support/temporary_folder.hpp"

#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// OSMO's own published example specs that need only a shell, in containers; images that the tests have stand for those
// that are named.

using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct tutorial {
  std::string file;
  std::string workflow;                                          ///< Its id.
  std::map<std::string, std::vector<std::string>> prints;        ///< Per task, in its log.
  std::vector<std::pair<std::string, std::string>> changes = {}; ///< What is replaced in its text, wherever it stands.
  std::vector<std::string> options = {};
};

std::string text_of(const fs::path& path, const std::vector<std::pair<std::string, std::string>>& changes) {
  auto text = content(path);
  for (const auto& [from, to] : changes) {
    REQUIRE(text.find(from) != std::string::npos);
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  return text;
}

/// Where the specs are; nothing, and the test is skipped, if they are not here.
std::optional<fs::path> tutorials_folder() {
  const auto shared = shared_folder();
  return shared ? std::optional{*shared / "corpus/osmo-tutorials"} : std::nullopt;
}

const std::vector<tutorial> of_a_shell{
    {"hello_world", "hello-osmo-1", {{"hello", {"Hello from OSMO!\n"}}}},
    {"template_hello_world",
     "hello-osmo-1",
     {{"hello", {"Hello from OSMO!\n"}}},
     {},
     {"--set-string", "ubuntu_version=24.04"}},
    {"token_example", "my-experiment-1", {{"experiment", {"Workflow ID: my-experiment-1\n"}}}},
    {"resources_basic", "resource-demo-1", {{"my-task", {"Using default resources\n"}}}},
    {"parallel_tasks",
     "parallel-tasks-1",
     {{"task-a", {"Hello from task-a\n"}}, {"task-b", {"Hello from task-b\n"}}, {"task-c", {"Hello from task-c\n"}}}},
    {"serial_workflow",
     "serial-tasks-1",
     {{"task3", {"Reading from task 1\na line: Data from task 1\nReading from task 2\na line: Data from task 2\n"}}},
     {{"22.04", "24.04"}}},
    {"group_tasks", "grouped-workflow-1", {{"processor-1", {"Processor 1: Complete\n"}}}},
    // Members are started together, so that the client may come before the server listens: here it tries again.
    {"group_tasks_communication",
     "grouped-workflow-communication-1",
     {{"client", {"Received from server: hello\n"}}},
     {{"nc -w 30 {{host:server}} 24831 > /tmp/hello.txt",
       "until nc -w 30 {{host:server}} 24831 > /tmp/hello.txt; do sleep 0.1; done"}}},
    {"combination_workflow_simple",
     "data-pipeline-1",
     {{"generate-data", {"Training data generation complete!\n"}},
      {"train-model-a", {"sample_1,value_1\n", "sample_10,value_10\n", "Model A complete!\n"}}}},
    // The others of a group are ended with its lead, which waits for them in the original as long.
    {"combination_workflow_complex",
     "complex-pipeline-1",
     {{"combine", {"=== UPPERCASE VERSION ===\nAPPLE\nBANANA\nCHERRY\n", "1\tapple\n"}}},
     {{"sleep 120", "sleep 5"}}},
};

} // namespace

TEST_CASE("the tutorials that need only a shell run on Docker") {
  const auto docker = shared_docker();
  const auto folder = docker ? tutorials_folder() : std::nullopt;
  if (!folder)
    return;
  std::deque<one_run> all;
  for (const auto& x : of_a_shell)
    all.emplace_back(*docker, text_of(*folder / (x.file + ".yaml"), x.changes), x.options);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& x = all[i];
    INFO(of_a_shell[i].file << '\n' << x.end(240s).out << x.said.err);
    CHECK(x.said.exit_code == 0);
    CHECK(x.muster.containers().empty());
    CHECK(x.muster.left_networks().empty());
    for (const auto& [task, lines] : of_a_shell[i].prints)
      for (const auto& line : lines)
        CHECK_THAT(x.muster.log(of_a_shell[i].workflow, task), ContainsSubstring(line));
  }
}

TEST_CASE("the tutorials about data run on Docker, with folders of this host in place of a bucket") {
  const auto docker = shared_docker();
  const auto folder = docker ? tutorials_folder() : std::nullopt;
  if (!folder)
    return;
  const temporary_folder bucket;
  const auto url = "file://" + bucket.path().string();
  for (const auto* name : {"data", "source-data"}) {
    fs::create_directories(bucket.path() / name);
    std::ofstream{bucket.path() / name / "notes.txt"} << "text";
    std::ofstream{bucket.path() / name / "image.bin"} << "bytes";
  }
  const std::vector<std::pair<std::string, std::string>> moved{{"s3://my-bucket", url}};
  one_run download{*docker, text_of(*folder / "data_download.yaml", moved)};
  one_run filter{*docker, text_of(*folder / "data_filter.yaml", {}), {"--set-string", "storage_url=" + url}};
  one_run upload{*docker, text_of(*folder / "data_upload.yaml", moved)};
  for (auto* x : {&download, &filter, &upload}) {
    INFO(x->end().out << x->said.err);
    CHECK(x->said.exit_code == 0);
  }
  const auto both = download.muster.log("download-from-s3-1", "load-from-cloud");
  CHECK_THAT(both, ContainsSubstring("notes.txt") && ContainsSubstring("image.bin"));
  const auto one = filter.muster.log("filtered-io-1", "selective-download");
  CHECK_THAT(one, ContainsSubstring("notes.txt") && !ContainsSubstring("image.bin"));
  CHECK(fs::exists(bucket.path() / "models/results/model.pth"));
}

TEST_CASE("the tutorials that need GPUs are refused in words where there are none") {
  const auto docker = shared_docker();
  const auto folder = docker ? tutorials_folder() : std::nullopt;
  if (!folder)
    return;
  for (const auto* name : {"resources_multiple", "resources_platforms", "robot_simulation"}) {
    one_run x{*docker, text_of(*folder / (std::string{name} + ".yaml"), {})};
    INFO(name << '\n' << x.end().out << x.said.err);
    CHECK(x.said.exit_code == 1);
    CHECK_THAT(x.said.err, ContainsSubstring("no NVIDIA runtime"));
    CHECK(x.muster.containers().empty());
  }
}
