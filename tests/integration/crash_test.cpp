#include "crash_workflow.hpp"

#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

// kill -9 of the runtime, of the warden, and of both, at any moment of a workflow of 200 tasks; with odd seeds of short
// ones. MUSTER_CRASH_ROUNDS makes it last, MUSTER_CRASH_SEED repeats a round, MUSTER_CRASH_KEEP names a folder that
// gets the state directory of a round that went wrong.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t task_count = 200;

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

/// All that must hold of one workflow, gathered over its interruptions.
class witness {
public:
  witness(fs::path state, const crash_workflow& workflow) : state_(std::move(state)), workflow_(workflow) {}

  /// Looks while no runtime lives.
  void look() {
    auto reader = store::reader::open(store::state_directory{state_});
    if (!reader)
      return; // Killed before there was a store.
    const auto tasks = reader->tasks(workflow_key{1}, group_zero(), task_count);
    if (!tasks)
      return;
    for (const auto& t : *tasks) {
      if (t.attempt && t.attempt->status == status::running)
        ++running_when_killed;
      if (!is_group_finished(t.status))
        continue;
      const auto said = describe(t);
      const auto [at, is_new] = finished_.try_emplace(t.name, said);
      if (!is_new && at->second != said)
        complain(t.name + " had ended as " + at->second + ", and now as " + said);
    }
    if (const auto workflow = reader->workflow(workflow_key{1}))
      finished = is_finished(workflow->status);
  }

  void check_end(bool all_must_succeed) {
    look();
    auto reader = store::reader::open(store::state_directory{state_});
    REQUIRE(reader);
    check_events(*reader);
    check_starts(*reader);
    if (fs::exists(workflow_.too_many()))
      complain("more tasks ran at the same time than may");
    if (all_must_succeed)
      check_outcomes(*reader);
    if (const auto left = left_behind(state_); !left.empty())
      complain("left behind: " + left);
  }

  void complain(const std::string& what) { complaints += what + '\n'; }

  std::size_t running_when_killed = 0;
  bool finished = false;
  std::string complaints;

private:
  static task_index group_zero() { return task_index{0}; }

  static std::string describe(const store::task_record& t) {
    std::string out{to_string(t.status)};
    if (t.attempt)
      out += " attempt " + std::to_string(t.attempt->number) + " code " + std::to_string(t.attempt->exit_code);
    if (t.ended)
      out += " at " + std::to_string(t.ended->time_since_epoch().count());
    return out;
  }

  /// Numbered without gaps; each attempt made once and ended once; nothing after an end.
  void check_events(store::reader& reader) {
    std::uint64_t last = 0;
    std::map<std::pair<std::uint32_t, std::uint32_t>, status> at;
    store::event_query query;
    for (;;) {
      const auto page = reader.events(query);
      REQUIRE(page);
      for (const auto& x : page->events) {
        if (x.fact.seq.value != ++last)
          complain("event " + std::to_string(x.fact.seq.value) + " where " + std::to_string(last) + " was due");
        last = x.fact.seq.value;
        if (x.fact.type == event_type::task_status)
          check_step(at, x);
      }
      query.after = page->next_after;
      if (page->at_end)
        return;
    }
  }

  void check_step(std::map<std::pair<std::uint32_t, std::uint32_t>, status>& at, const store::named_event& x) {
    auto& before = at[{x.fact.task.value, x.fact.attempt}];
    if (is_finished(before))
      complain(x.task + ": " + std::string(to_string(x.fact.status)) + " after " + std::string(to_string(before)));
    if (x.fact.attempt > 0 && before == status::unspecified &&
        at[{x.fact.task.value, x.fact.attempt - 1}] != status::rescheduled)
      complain(x.task + ": attempt " + std::to_string(x.fact.attempt) + " before the one before had ended");
    before = x.fact.status;
  }

  void check_starts(store::reader& reader) {
    for (const auto& entry : fs::directory_iterator(workflow_.starts()))
      // None: it was stopped between making the file and writing to it.
      if (const auto count = lines_of(entry.path());
          count > 1 || (count == 0 && ended_by_itself(reader, entry.path().filename().string())))
        complain("attempt " + entry.path().filename().string() + " was started " + std::to_string(count) + " times");
  }

  void check_outcomes(store::reader& reader) {
    const auto tasks = reader.tasks(workflow_key{1}, group_zero(), task_count + 1);
    REQUIRE(tasks);
    std::map<std::string, store::task_record> by_name;
    for (const auto& t : *tasks)
      by_name.emplace(t.name, t);
    if (by_name.size() != task_count)
      complain("there are " + std::to_string(by_name.size()) + " tasks");
    for (const auto& wanted : workflow_.expected())
      check_outcome(wanted, by_name.at(wanted.name));
    for (const auto& wanted : workflow_.expected())
      check_result(reader, wanted, by_name.at(wanted.name));
    for (const auto& end : workflow_.chain_ends()) {
      std::ifstream file(end);
      std::string text;
      std::getline(file, text);
      if (text != "6")
        complain(end.filename().string() + " ended with '" + text + "'");
    }
  }

  void check_outcome(const expected_task& wanted, const store::task_record& found) {
    const auto attempts = found.attempt ? found.attempt->number + 1 : 0;
    if (found.status != wanted.status || attempts < wanted.least_attempts || attempts > wanted.most_attempts ||
        (wanted.exit_code >= 0 && found.attempt && found.attempt->exit_code != wanted.exit_code))
      complain(wanted.name + " is " + describe(found) + ", reason: " + found.reason);
    for (std::uint32_t n = 0; n < attempts; ++n) {
      const auto id = to_string(attempt_id{workflow_key{1}, found.index, n});
      // A member that its lead's end stopped at once may not have come to write.
      if (wanted.exit_code >= 0 && !fs::exists(workflow_.starts() / id))
        complain(wanted.name + ": attempt " + id + " is recorded, but never ran");
    }
  }

  /// Whether the attempt of that id, `<workflow>.<task>.<number>`, has an exit code of its own.
  static bool ended_by_itself(store::reader& reader, const std::string& id) {
    const auto dot = id.find('.');
    const auto last = id.rfind('.');
    const task_index task{static_cast<std::uint32_t>(std::stoul(id.substr(dot + 1, last - dot - 1)))};
    const auto number = std::stoul(id.substr(last + 1));
    const auto all = reader.attempts(workflow_key{1}, task);
    REQUIRE(all);
    return std::any_of(all->begin(), all->end(),
                       [&](const auto& x) { return x.number == number && x.exit_code != no_exit_code; });
  }

  /// Each attempt gives its own id: what is there with the end is of the attempt that ended.
  void check_result(store::reader& reader, const expected_task& wanted, const store::task_record& found) {
    const auto result = reader.task_result(workflow_key{1}, found.index);
    REQUIRE(result);
    if (wanted.exit_code < 0 || !found.attempt)
      return;
    const auto due = '"' + to_string(attempt_id{workflow_key{1}, found.index, found.attempt->number}) + '"';
    if (*result != due)
      complain(wanted.name + ": its result is " + result->value_or("missing") + " where " + due + " was due");
  }

  fs::path state_;
  const crash_workflow& workflow_;
  std::map<std::string, std::string> finished_;
};

enum class victim { runtime, warden, both };

/// Lets it run for so long, unless it ends before. True if it has ended.
bool let_run(subprocess& running, std::chrono::milliseconds how_long) {
  constexpr std::chrono::milliseconds look_again{2};
  const auto until = std::chrono::steady_clock::now() + how_long;
  while (!running.ended()) {
    if (std::chrono::steady_clock::now() >= until)
      return false;
    running.wait_for("(nothing says this)", look_again);
  }
  return true;
}

std::size_t entries_of(const fs::path& folder) {
  std::error_code ignored;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder, ignored), fs::directory_iterator()));
}

/// Lets it run until that many attempts have been started, and a moment longer. True if it has ended before.
bool let_start(subprocess& running, const fs::path& starts, std::size_t attempts, std::chrono::milliseconds moment) {
  constexpr std::chrono::milliseconds look_again{2};
  while (entries_of(starts) < attempts)
    if (let_run(running, look_again))
      return true;
  return let_run(running, moment);
}

struct round_result {
  std::string complaints;
  std::size_t running_when_killed = 0;
  unsigned kills = 0;
};

round_result play_round(unsigned long seed, victim whom) {
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  const muster_program muster;
  const cleaner at_end(muster.state());
  const temporary_folder marks{"/var/tmp"}; // Not in /tmp: members of a gang have their own.
  const auto kind = seed % 2 == 0 ? crash_workflow::kind::mixed : crash_workflow::kind::short_tasks;
  const crash_workflow workflow(marks.path(), kind);
  witness sees(muster.state(), workflow);
  const auto spec = muster.file("crash.yaml", workflow.spec());
  round_result out;
  std::string said;
  // Counted in starts, not in time: a fast machine would be done before it is hit.
  const auto next_kill = [&] {
    const auto have = entries_of(workflow.starts());
    const auto rest = task_count > have ? task_count - have : 0;
    return have + 1 + std::uniform_int_distribution<std::size_t>(0, rest / 2)(random);
  };
  const auto moment = [&] { return std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 30)(random)); };
  const auto kills = std::uniform_int_distribution<unsigned>(1, 5)(random);
  while (!sees.finished) {
    const bool begun = !muster({"ls", "-o", "name"}).out.empty();
    const std::vector<std::string> common{"--quiet", "--oversubscribe", "1000", "--max-parallel",
                                          std::to_string(workflow.max_parallel())};
    std::vector<std::string> words{begun ? "resume" : "run", begun ? "crash-1" : spec};
    words.insert(words.end(), common.begin(), common.end());
    subprocess running(muster.with(words));
    if (out.kills < kills && !let_start(running, workflow.starts(), next_kill(), moment())) {
      const auto warden = whom == victim::runtime ? 0 : warden_of(muster.state());
      if (warden != 0)
        ::kill(warden, SIGKILL);
      if (warden != 0 || whom != victim::warden)
        ++out.kills;
      if (whom != victim::warden) {
        running.signal(SIGKILL);
        said += running.finish().err;
        sees.look();
        continue;
      }
    }
    const auto end = running.finish(120s);
    said += end.out + end.err;
    sees.look();
    if (!sees.finished) {
      sees.complain("ended with " + std::to_string(end.exit_code) + " but is not finished");
      break;
    }
    if (end.exit_code != 3 && end.exit_code != 1 && (kind == crash_workflow::kind::mixed || end.exit_code != 0))
      sees.complain("ended with exit code " + std::to_string(end.exit_code));
  }
  sees.check_end(whom == victim::runtime);
  out.running_when_killed = sees.running_when_killed;
  out.complaints = sees.complaints;
  if (const char* keep = std::getenv("MUSTER_CRASH_KEEP"); keep != nullptr && !out.complaints.empty()) {
    fs::copy(muster.folder(), fs::path(keep) / std::to_string(seed),
             fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing);
    fs::copy(marks.path(), fs::path(keep) / std::to_string(seed) / "marks",
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    std::ofstream(fs::path(keep) / (std::to_string(seed) + ".said")) << out.complaints << said;
  }
  return out;
}

void play(unsigned long rounds, victim whom) {
  const auto first = number_of("MUSTER_CRASH_SEED", std::random_device{}() % 1'000'000'000);
  std::size_t adopted = 0;
  unsigned kills = 0;
  // On a machine that is slow there are fewer rounds, so that they end in time.
  const auto until = std::chrono::steady_clock::now() + 240s;
  const bool has_time = std::getenv("MUSTER_CRASH_ROUNDS") != nullptr;
  unsigned long n = 0;
  for (; n < rounds && (n == 0 || has_time || std::chrono::steady_clock::now() < until); ++n) {
    const auto seed = first + n;
    INFO("MUSTER_CRASH_SEED=" << seed);
    const auto result = play_round(seed, whom);
    INFO(result.complaints);
    CHECK(result.complaints.empty());
    adopted += result.running_when_killed;
    kills += result.kills;
  }
  if (n < rounds)
    WARN("no time for more than " << n << " of " << rounds << " rounds");
  // Else nothing was tried.
  CHECK(kills > 0);
  if (whom != victim::warden)
    CHECK(adopted > 0);
}

} // namespace

TEST_CASE("kill -9 of the runtime: nothing is started twice, nothing is lost, everything comes to its end") {
  play(number_of("MUSTER_CRASH_ROUNDS", 20), victim::runtime);
}

TEST_CASE("kill -9 of the warden: nothing is started twice, and everything comes to an end") {
  play(std::max(1UL, number_of("MUSTER_CRASH_ROUNDS", 20) / 5), victim::warden);
}

TEST_CASE("kill -9 of runtime and warden: nothing is started twice, and everything comes to an end") {
  play(std::max(1UL, number_of("MUSTER_CRASH_ROUNDS", 20) / 5), victim::both);
}
