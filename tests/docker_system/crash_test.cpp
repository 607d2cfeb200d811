#include "docker_muster.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/processes.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

// kill -9 of Muster, and of dockerd, while containers run. MUSTER_CRASH_SEED repeats a run.

using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr int container_count = 40;

/// Waits until the test lets it go on.
const std::string gate = "until [ -e {{output}}/go ]; do usleep 20000; done";

/// Opens the gate of the first attempt of a task that runs.
void let_go(const docker_muster& muster, const std::string& workflow, const std::string& task) {
  const auto output = muster.program().state() / "workflows" / workflow / "tasks" / (task + ".0") / "output";
  REQUIRE(eventually([&] { return fs::exists(output); }, 120s));
  std::ofstream(output / "go").close();
}

/// Each container writes a line into its own output when it is started. The last one ends when it may.
std::string forty_containers() {
  std::vector<shell_task> tasks;
  for (int i = 0; i < container_count; ++i)
    tasks.push_back(
        {"t" + std::to_string(i), "echo started >> {{output}}/starts\n" +
                                      (i + 1 < container_count ? "sleep 0." + std::to_string(i % 10) : gate)});
  return spec_of("crash", tasks);
}

std::size_t lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    ++count;
  return count;
}

/// How often each attempt of the workflow was started, by its folder.
std::vector<std::pair<std::string, std::size_t>> starts_of(const docker_muster& muster) {
  std::vector<std::pair<std::string, std::size_t>> out;
  std::error_code failed;
  for (const auto& x : fs::directory_iterator(muster.program().state() / "workflows/crash-1/tasks", failed))
    if (!x.is_symlink() && x.is_directory())
      if (const auto count = lines_of(x.path() / "output/starts"); count > 0)
        out.emplace_back(x.path().filename().string(), count);
  return out;
}

/// Lets it run until so many attempts have been started, and a moment longer. True if it has ended before.
bool let_start(subprocess& running, const docker_muster& muster, std::size_t attempts,
               std::chrono::milliseconds moment) {
  while (starts_of(muster).size() < attempts) {
    if (running.ended())
      return true;
    running.wait_for("(nothing says this)", 20ms);
  }
  running.wait_for("(nothing says this)", moment);
  return running.ended();
}

void check_nothing_left(const docker_muster& muster) {
  for (const auto& [attempt, count] : starts_of(muster)) {
    INFO(attempt);
    CHECK(count == 1);
    CHECK(attempt.substr(attempt.rfind('.')) == ".0");
  }
  CHECK(muster.containers().empty());
  CHECK(muster.left_networks().empty());
}

std::string row_of(const std::string& table, const std::string& group) {
  const auto at = table.find('\n' + group + ' ');
  return at == std::string::npos ? std::string{} : table.substr(at + 1, table.find('\n', at + 1) - at - 1);
}

std::size_t times_in(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

} // namespace

TEST_CASE("kill -9 of Muster, twenty times in a run of forty containers: none twice, none left") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const char* wanted = std::getenv("MUSTER_CRASH_SEED");
  const auto seed = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : std::random_device{}() % 1'000'000;
  INFO("MUSTER_CRASH_SEED=" << seed);
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  const docker_muster muster{*docker};
  const auto spec = muster.run(forty_containers(), {"--quiet", "--max-parallel", "4"});
  std::string said;
  constexpr int most_kills = 20;
  int kills = 0;
  for (bool finished = false; !finished;) {
    const bool begun = !muster({"ls", "-o", "name"}).out.empty();
    subprocess running{begun ? muster.with({"resume", "crash-1", "--quiet"}) : spec};
    const auto started = starts_of(muster).size();
    const auto moment = std::chrono::milliseconds{std::uniform_int_distribution<int>(0, 300)(random)};
    const auto more = std::uniform_int_distribution<std::size_t>(started < container_count - 2 ? 1 : 0, 2)(random);
    if (kills < most_kills &&
        !let_start(running, muster, std::min<std::size_t>(container_count, started + more), moment)) {
      running.signal(SIGKILL);
      said += running.finish().err;
      ++kills;
      continue;
    }
    let_go(muster, "crash-1", "t" + std::to_string(container_count - 1));
    const auto end = running.finish(180s);
    said += end.out + end.err;
    INFO(said);
    REQUIRE_FALSE(end.timed_out);
    finished = true;
  }
  INFO(said);
  CHECK(kills == most_kills);
  const auto shown = muster({"show", "crash-1"});
  INFO(shown.out);
  CHECK_THAT(shown.out, ContainsSubstring("COMPLETED 40"));
  CHECK(starts_of(muster).size() == container_count);
  check_nothing_left(muster);
}

TEST_CASE("a run that was killed is left alone by other runs until it is resumed, and what no store knows is removed") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  docker_muster muster{*docker};
  const auto kill = [&](const std::string& name) {
    subprocess running{muster.run(gang_of(name, {{"one", "echo ready; " + gate + "; exit 7"}, {"two", gate}}))};
    REQUIRE(running.wait_for("ready", 60s));
    running.signal(SIGKILL);
    running.finish(10s);
  };
  const auto run_another = [&] {
    subprocess other{muster.run(spec_of("other", {{"it", "true"}}))};
    const auto said = other.finish(60s);
    INFO(said.out << said.err);
    CHECK(said.exit_code == 0);
  };
  kill("kept");
  run_another();
  CHECK(muster.containers().size() == 2);
  CHECK(muster.networks().size() == 1);
  for (const auto* member : {"one", "two"})
    let_go(muster, "kept-1", member);
  const auto resumed = muster({"resume", "kept-1"});
  INFO(resumed.out << resumed.err);
  CHECK(resumed.exit_code == 3);
  CHECK_THAT(muster({"show", "kept-1"}).out, ContainsSubstring("exit code 7"));
  CHECK(muster.containers().empty());
  CHECK(muster.left_networks().empty());
  kill("lost");
  CHECK(muster.containers().size() == 2);
  for (const auto* file : {"muster.db", "muster.db-wal", "muster.db-shm"})
    fs::remove(muster.program().state() / file);
  run_another();
  CHECK(muster.containers().empty());
  CHECK(muster.left_networks().empty());
}

TEST_CASE("dockerd is killed and comes back while containers go on: all are seen to their ends") {
  docker_options how;
  how.arguments = {"--live-restore"};
  how.images = {"busybox:latest"};
  const auto daemon = docker_daemon::start(how);
  if (!daemon)
    return;
  const docker_muster muster{daemon->socket()};
  // Those outlive the daemon; of the others a few are just starting or ending when it goes away.
  std::vector<shell_task> tasks;
  for (int i = 0; i < 4; ++i)
    tasks.push_back({"long" + std::to_string(i), "echo started >> {{output}}/starts\n" + gate});
  for (int i = 0; i < 30; ++i)
    tasks.push_back({"t" + std::to_string(i), "echo started >> {{output}}/starts\nsleep 0." + std::to_string(i % 10)});
  subprocess running{muster.run(spec_of("crash", tasks), {"--max-parallel", "8"})};
  // Each time it goes when it has started containers and does not know that they run.
  const auto hold_one = [&] {
    const auto before = daemon->starts_held();
    daemon->hold_starts();
    REQUIRE(eventually([&] { return daemon->starts_held() > before; }, 60s));
  };
  REQUIRE_FALSE(let_start(running, muster, 10, 100ms));
  hold_one();
  daemon->kill();
  daemon->let_go_starts();
  daemon->start_again();
  REQUIRE_FALSE(let_start(running, muster, 20, 50ms));
  hold_one();
  daemon->stop();
  daemon->let_go_starts();
  daemon->start_again();
  for (int i = 0; i < 4; ++i)
    let_go(muster, "crash-1", "long" + std::to_string(i));
  const auto end = running.finish(240s);
  REQUIRE_FALSE(end.timed_out);
  const auto shown = muster({"show", "crash-1"}).out;
  INFO(end.out << end.err << shown << daemon->log());
  for (int i = 0; i < 4; ++i)
    CHECK_THAT(row_of(shown, "long" + std::to_string(i) + "-group"), ContainsSubstring(" COMPLETED "));
  // Nobody can tell how those ended; no other verdict is wrong.
  const auto unknown = times_in(shown, " FAILED_BACKEND_ERROR  -");
  CHECK(unknown > 0);
  CHECK(unknown <= 12);
  CHECK(times_in(shown, " COMPLETED  ") == tasks.size() - unknown);
  check_nothing_left(muster);
}

TEST_CASE("dockerd is restarted and takes its containers with it: what ran has failed, and says why") {
  docker_options how;
  how.images = {"busybox:latest"};
  const auto daemon = docker_daemon::start(how);
  if (!daemon)
    return;
  const docker_muster muster{daemon->socket()};
  subprocess running{muster.run(spec_of("gone", {{"long", "echo ready; exec sleep 600"}}))};
  REQUIRE(running.wait_for("long | ready"));
  daemon->stop();
  const auto end = running.finish(120s);
  daemon->start_again();
  INFO(end.out << end.err << daemon->log());
  CHECK(end.exit_code == 3);
  // What could not be removed while the daemon was away goes with the next run.
  CHECK(run(muster.run(spec_of("next", {{"short", "true"}}))).exit_code == 0);
  CHECK(muster.containers().empty());
  CHECK(muster.left_networks().empty());
}
