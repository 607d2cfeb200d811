#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/muster_program.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

using namespace muster::test;

namespace {

/// What an example says in its head that its tasks print.
struct promise {
  std::vector<std::string> lines;
  bool ordered = false;
  bool made = false;
};

promise read_promise(const std::filesystem::path& example) {
  promise found;
  std::ifstream file(example);
  for (std::string line; std::getline(file, line) && !line.empty() && line[0] == '#';) {
    if (line == "# Prints, in any order:" || line == "# Prints, in this order:") {
      found.made = true;
      found.ordered = line == "# Prints, in this order:";
    } else if (found.made && line.rfind("#   ", 0) == 0) {
      found.lines.push_back(line.substr(4));
    }
  }
  return found;
}

/// The lines that tasks wrote: `task | text`.
std::vector<std::string> lines_of_tasks(const std::string& out) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < out.size();) {
    const auto end = std::min(out.find('\n', at), out.size());
    auto line = out.substr(at, end - at);
    if (line.find(" | ") != std::string::npos)
      lines.push_back(std::move(line));
    at = end + 1;
  }
  return lines;
}

void check(const std::string& name) {
  INFO(name);
  const auto example = std::filesystem::path(in_source("examples")) / name;
  auto promised = read_promise(example);
  REQUIRE(promised.made);
  REQUIRE_FALSE(promised.lines.empty());
  const muster_program muster;
  const auto said = muster({"run", example.string(), "--oversubscribe", "16"});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  auto printed = lines_of_tasks(said.out);
  if (!promised.ordered) {
    std::sort(promised.lines.begin(), promised.lines.end());
    std::sort(printed.begin(), printed.end());
  }
  CHECK(printed == promised.lines);
}

} // namespace

TEST_CASE("example: parallel tasks") {
  check("parallel_tasks.yaml");
}
TEST_CASE("example: a group with a lead") {
  check("group_with_lead.yaml");
}
TEST_CASE("example: group communication") {
  check("group_communication.yaml");
}
TEST_CASE("example: serial with data") {
  check("serial_with_data.yaml");
}
TEST_CASE("example: a template with a loop") {
  check("template_loop.yaml");
}
TEST_CASE("example: exit actions and a retry") {
  check("exit_actions_and_retry.yaml");
}
TEST_CASE("example: a diamond") {
  check("diamond.yaml");
}

TEST_CASE("example: fan-out and fan-in") {
  check("fan_out_fan_in.yaml");
}
TEST_CASE("example: a pipeline of elements") {
  check("pipeline.yaml");
}
TEST_CASE("example: a sweep") {
  check("sweep.yaml");
}
TEST_CASE("example: branches in parallel") {
  check("parallel.yaml");
}
TEST_CASE("example: workflows within workflows") {
  check("nesting.yaml");
}
TEST_CASE("example: map and reduce") {
  check("map_reduce.yaml");
}
TEST_CASE("example: ways that are taken or not") {
  check("conditional.yaml");
}
TEST_CASE("example: a loop") {
  check("loop.yaml");
}

TEST_CASE("every example is valid, and tested above") {
  const muster_program muster;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(in_source("examples")))
    if (entry.path().extension() == ".yaml") {
      INFO(entry.path());
      CHECK(muster({"validate", entry.path().string()}).exit_code == 0);
      ++count;
    }
  CHECK(count == 15);
}
