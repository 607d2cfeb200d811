#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/sanitizer.hpp"
#include "support/skip_test.hpp"

#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace muster::test;
namespace fs = std::filesystem;
using json = nlohmann::json;

namespace {

/// Debian's package `faketime`; empty if it is not installed.
std::string faking_library() {
  for (const auto* const path : {"/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                                 "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"})
    if (fs::exists(path))
      return path;
  return {};
}

/// The time of day as some programs see it.
class wall_clock {
public:
  explicit wall_clock(const fs::path& file) : file_(file.string()) { set("+0d"); }

  /// By an offset from now: `-2d`.
  void set(const std::string& offset) const {
    const auto fresh = file_ + ".new";
    std::ofstream(fresh) << offset << '\n';
    fs::rename(fresh, file_);
  }
  [[nodiscard]] std::map<std::string, std::string> environment() const {
    return {{"LD_PRELOAD", faking_library()},
            {"FAKETIME_TIMESTAMP_FILE", file_},
            {"FAKETIME_NO_CACHE", "1"},
            {"FAKETIME_DONT_FAKE_MONOTONIC", "1"}}; // As the clock of a machine is set.
  }

private:
  std::string file_;
};

std::string waiting_task(const fs::path& release) {
  return "workflow:\n  name: long\n  timeout: {exec_timeout: 2h, queue_timeout: 2h}\n  tasks:\n"
         "  - {name: only, image: none, command: [bash, -c], args: [\"echo begun; until [ -e " +
         release.string() + " ]; do sleep 0.05; done\"]}\n";
}

/// Of all events, oldest first; checks that none is missing.
std::vector<json> events_of(const muster_program& muster) {
  std::istringstream lines(muster({"events", "--output", "jsonl"}).out);
  std::vector<json> out;
  for (std::string line; std::getline(lines, line);) {
    out.push_back(json::parse(line));
    CHECK(out.back().at("seq") == out.size());
  }
  return out;
}

} // namespace

TEST_CASE("the time of day jumps under a head: what runs goes on, and no limit of time is hit or forgotten") {
  if (has_sanitizer)
    return skip_test("a sanitizer's library has to be loaded before that of faketime");
  if (faking_library().empty())
    return skip_test("the package faketime is not installed");
  const muster_program muster;
  const wall_clock clock(muster.folder() / "clock");
  const auto release = muster.folder() / "release";
  const std::vector<std::string> options{"--no-auth"};
  auto head = std::make_unique<head_program>(muster, options, clock.environment());
  INFO(head->log());
  REQUIRE(head->ready());
  REQUIRE(muster({"submit", muster.file("long.yaml", waiting_task(release))}).exit_code == 0);

  int runs = 0;
  const auto works = [&] {
    const auto short_one = muster({"run", "--quiet", muster.file("short.yaml", one_task("echo hi", "short"))});
    CHECK(short_one.exit_code == 0);
    ++runs;
    // Times count by how long they are, not by what the clock on the wall says.
    const auto late = muster({"run", "--quiet",
                              muster.file("late.yaml", "workflow:\n  name: late\n  timeout: {exec_timeout: 1s}\n"
                                                       "  tasks:\n  - {name: only, image: none, command: "
                                                       "[sleep, '1000']}\n")});
    CHECK(late.exit_code == 8);
    const auto shown = json::parse(muster({"show", "late-" + std::to_string(runs), "--output", "json"}).out);
    CHECK(shown.at("status") == "FAILED_EXEC_TIMEOUT");
    CHECK(json::parse(muster({"show", "long-1", "--output", "json"}).out).at("status") == "RUNNING");
  };
  works();
  for (const auto* const jump : {"+1d", "-2d"}) {
    clock.set(jump);
    works();
  }
  // A head that starts while the clock is behind all that is recorded.
  head->stop(SIGKILL);
  head = std::make_unique<head_program>(muster, options, clock.environment());
  REQUIRE(head->ready());
  works();

  std::ofstream(release).close();
  CHECK(muster({"wait", "long-1"}).out == "long-1 COMPLETED\n");
  int begun = 0;
  for (const auto& x : events_of(muster))
    begun += x.value("workflow", "") == "long-1" && x.value("task", "") == "only" && x.value("status", "") == "RUNNING";
  CHECK(begun == 1);
}
