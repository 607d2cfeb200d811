#include "head_under_load.hpp"

#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>

// kill -9 of a head at any moment, while eight clients submit and cancel and two follow the events. MUSTER_CRASH_ROUNDS
// makes it last, MUSTER_CRASH_SEED repeats one.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

unsigned long number_of(const char* variable, unsigned long otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

std::size_t lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    ++count;
  return count;
}

/// What must hold of the store once all is quiet.
void check_store(const fs::path& state, const fs::path& marks, promises& told) {
  auto reader = store::reader::open(store::state_directory{state});
  REQUIRE(reader);
  for (const auto& id : told.workflows()) {
    const auto found = reader->workflow(id);
    if (!found) {
      told.complain(id + " was acknowledged and is not there");
      continue;
    }
    const auto status = std::string{to_string(found->status)};
    if (!is_finished(found->status))
      told.complain(id + " has not ended: " + status);
    if (const auto end = told.end_of(id); end != status)
      told.complain(id + " was told to have ended as '" + end + "' and is " + status);
    if (told.was_canceled(id) && !found->cancel_requested)
      told.complain(id + " was cancelled, and the store does not know");
    const auto tasks = reader->tasks(found->key, {}, 100);
    REQUIRE(tasks);
    for (const auto& t : *tasks) {
      const auto count = lines_of(marks / (id + "." + t.name + ".0"));
      if (count > 1)
        told.complain(id + " " + t.name + " was started " + std::to_string(count) + " times");
      if (t.status == status::completed && count != 1)
        told.complain(id + " " + t.name + " is COMPLETED and was never started");
      if (t.status == status::failed || t.status == status::failed_backend_error)
        told.complain(id + " " + t.name + " is " + std::string{to_string(t.status)} + ": " + t.reason);
    }
  }
}

} // namespace

TEST_CASE("a head that is killed under load keeps all its promises") {
  const auto rounds = number_of("MUSTER_CRASH_ROUNDS", 20);
  const auto seed = number_of("MUSTER_CRASH_SEED", std::random_device{}());
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto marks = muster.folder() / "marks";
  fs::create_directories(marks);
  const std::vector<std::string> options{"--no-auth", "--config",
                                         muster.file("crash.yaml",
                                                     "log: {file: head.log, level: debug}\nadmission: {min_free: 0}\n"
                                                     "defaults: {oversubscribe: 16, max_parallel: 64}\n")};
  promises told;
  auto head = std::make_unique<head_program>(muster, options);
  REQUIRE(head->ready());
  crowd clients{told, marks.string(), 8, 2, seed};
  clients.head_is_at(head->address());
  // On a machine that is slow there are fewer rounds, so that they end in time.
  const auto until = std::chrono::steady_clock::now() + 90s;
  const bool has_time = std::getenv("MUSTER_CRASH_ROUNDS") != nullptr;
  unsigned long round = 0;
  for (; round < rounds && (round == 0 || has_time || std::chrono::steady_clock::now() < until); ++round) {
    INFO("round " << round);
    // Killed when so many more answers were given, and a little later, in the middle of something.
    const auto enough = told.acknowledged() + 1 + random() % 60;
    REQUIRE(told.wait_for_acknowledged(enough, 120s));
    const auto spin = std::chrono::steady_clock::now() + std::chrono::microseconds{random() % 20'000};
    while (std::chrono::steady_clock::now() < spin) {
    }
    clients.head_is_at({});
    head->stop(SIGKILL);
    head = std::make_unique<head_program>(muster, options);
    REQUIRE(head->ready());
    clients.head_is_at(head->address());
  }
  clients.stop_submitting();
  // All that was accepted ends.
  auto reader = store::reader::open(store::state_directory{muster.state()});
  REQUIRE(reader);
  CHECK(told.wait_for_ends(300s));
  store::workflow_query unfinished;
  unfinished.unfinished = true;
  const auto live = reader->workflows(unfinished);
  REQUIRE(live);
  CHECK(live->empty());
  const auto last = reader->latest();
  REQUIRE(last);
  CHECK(clients.finish(last->value, 60s));
  CHECK(head->stop(SIGTERM).exit_code == 0);
  check_store(muster.state(), marks, told);
  CHECK(told.complaints() == "");
  if (const auto left = left_behind(muster.state()); !left.empty())
    FAIL_CHECK("left behind: " << left);
  WARN(round << " rounds, " << told.workflows().size() << " workflows, " << last->value << " events");
}
