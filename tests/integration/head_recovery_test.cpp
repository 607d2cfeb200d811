#include "support/catch.hpp"
#include "support/head_program.hpp"

#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

using namespace muster::test;
namespace fs = std::filesystem;

namespace {

constexpr int workflows = 6;
constexpr int tasks = 12;

std::size_t lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    ++count;
  return count;
}

/// Two chains and some tasks on their own; each writes a line to a file of its own when it starts. The last ones wait
/// for a file of the test.
std::string spec_of(const fs::path& marks, int number) {
  std::string text = "workflow:\n  name: w" + std::to_string(number) + "\n  tasks:\n";
  for (int i = 0; i < tasks; ++i) {
    text += "  - name: t" + std::to_string(i) + "\n    image: none\n    command: [bash, -c]\n    args: [\"echo x >> " +
            (marks / (std::to_string(number) + "-t" + std::to_string(i))).string() + "; " +
            (i % 4 == 3 ? "until [ -e " + (marks / "release").string() + " ]; do sleep 0.05; done" : "sleep 0.05") +
            "\"]\n";
    if (i % 4 != 0)
      text += "    inputs: [{task: t" + std::to_string(i - 1) + "}]\n";
  }
  return text;
}

} // namespace

TEST_CASE("why a workflow is not taken up is told, and it goes on when it can be") {
  const muster_program muster;
  const auto go = muster.folder() / "go";
  const auto spec = muster.file("w.yaml", "workflow:\n  name: w\n  tasks:\n  - name: t\n    image: none\n"
                                          "    command: [bash, -c]\n    args: [\"until [ -e " +
                                              go.string() + " ]; do sleep 0.05; done\"]\n");
  const auto with_pool = muster.file("with.yaml", "pools:\n  extra:\n    driver: process\n");
  {
    head_program head(muster, {"--no-auth", "--config", with_pool});
    REQUIRE(head.ready());
    REQUIRE(muster({"submit", spec, "--pool", "extra"}).exit_code == 0);
    CHECK(muster({"show", "w-1"}).out.find("not live") == std::string::npos);
    head.stop(SIGTERM);
  }
  {
    head_program head(muster, {"--no-auth"});
    REQUIRE(head.ready());
    for (const auto* command : {"show", "explain"}) {
      const auto told = muster({command, "w-1"}).out;
      INFO(told);
      CHECK(told.find("not live: it could not be taken up: there is no pool extra") != std::string::npos);
    }
    head.stop(SIGTERM);
  }
  head_program head(muster, {"--no-auth", "--config", with_pool});
  REQUIRE(head.ready());
  CHECK(muster({"show", "w-1"}).out.find("not live") == std::string::npos);
  std::ofstream(go).close();
  CHECK(muster({"wait", "w-1"}).out == "w-1 COMPLETED\n");
}

TEST_CASE("a head that is killed again and again takes up all its workflows, each task in its pool and once") {
  const muster_program muster;
  const auto marks = muster.folder() / "marks";
  fs::create_directories(marks);
  const auto config = muster.file("config.yaml", "pools:\n  extra:\n    driver: process\n");
  const std::vector<std::string> options{"--no-auth", "--config", config};
  std::vector<std::unique_ptr<head_program>> heads;
  const auto start = [&] {
    heads.push_back(std::make_unique<head_program>(muster, options));
    INFO(heads.back()->log());
    REQUIRE(heads.back()->ready());
  };
  start();
  for (int i = 0; i < workflows; ++i) {
    const auto submitted = muster({"submit", muster.file("w" + std::to_string(i) + ".yaml", spec_of(marks, i)),
                                   "--pool", i % 2 == 0 ? "local" : "extra"});
    INFO(submitted.err);
    REQUIRE(submitted.exit_code == 0);
  }
  std::mt19937 random{17};
  for (int round = 0; round < 4; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds{20 + random() % 200}); // When it is killed is the case.
    heads.back()->stop(SIGKILL);
    start();
  }
  std::ofstream(marks / "release").close();
  for (int i = 0; i < workflows; ++i) {
    const auto id = "w" + std::to_string(i) + "-1";
    const auto waited = muster({"wait", id});
    INFO(id << waited.err);
    CHECK(waited.out == id + " COMPLETED\n");
    for (int t = 0; t < tasks; ++t)
      CHECK(lines_of(marks / (std::to_string(i) + "-t" + std::to_string(t))) == 1);
    const auto shown = nlohmann::json::parse(muster({"show", id, "--output", "json"}).out, nullptr, false);
    REQUIRE(shown.is_object());
    CHECK(shown.dump().find(i % 2 == 0 ? "\"pool\":\"local\"" : "\"pool\":\"extra\"") != std::string::npos);
  }
  CHECK(heads.back()->stop(SIGTERM).exit_code == 0);
}
