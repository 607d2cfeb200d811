#include "crash_workflow.hpp"

namespace muster::test {

namespace fs = std::filesystem;

namespace {

constexpr int chains = 8;
constexpr int chain_length = 6;
const std::string retry_once = "    exitActions: {RESCHEDULE: 75}\n";

std::string numbered(const std::string& prefix, int n) {
  return prefix + std::to_string(n);
}

} // namespace

crash_workflow::crash_workflow(fs::path marks, kind what) : marks_(std::move(marks)), of_(what) {
  fs::create_directories(starts());
  text_ = "workflow:\n  name: crash\n  groups:\n";
  if (what == kind::mixed)
    add_all_kinds();
  else
    add_short_tasks();
}

void crash_workflow::add_short_tasks() {
  fs::create_directories(marks_ / "live");
  const auto live = (marks_ / "live/").string();
  const auto count = ": > " + live + "$MUSTER_ATTEMPT_ID; set -- " + live + "*; [ $# -le " +
                     std::to_string(max_parallel()) + " ] || : > " + too_many().string() + "; rm " + live +
                     "$MUSTER_ATTEMPT_ID";
  for (int i = 0; i < 200; ++i) {
    const auto name = numbered("short-", i);
    begin_group(name);
    if (i % 40 == 39)
      add({name}, "sleep 0.1");
    else if (i % 10 == 9)
      add({name, status::completed, 5}, count + "; exit 5", "    exitActions: {COMPLETE: 5}\n");
    else
      add({name}, count);
  }
}

void crash_workflow::add_all_kinds() {
  for (int i = 0; i < 70; ++i) {
    begin_group(numbered("alone-", i));
    add({numbered("alone-", i)}, "sleep 0." + std::to_string(i % 5));
  }
  for (int i = 0; i < 12; ++i)
    add_gang(i, i % 4 == 3);
  for (int i = 0; i < chains; ++i)
    add_chain(i);
  for (int i = 0; i < 20; ++i) {
    begin_group(numbered("retry-", i));
    add({numbered("retry-", i), status::completed, 0, 2, 2}, "[ $MUSTER_ATTEMPT != 0 ] || exit 75", retry_once);
  }
  for (int i = 0; i < 12; ++i) {
    begin_group(numbered("five-", i));
    add({numbered("five-", i), status::completed, 5}, "exit 5", "    exitActions: {COMPLETE: 5}\n");
  }
  begin_group("fails");
  add({"fails", status::failed, 3}, "sleep 0.3; exit 3");
  begin_group("never");
  add({"never", status::failed_upstream, -1, 0, 0}, "true", "    inputs: [{task: fails}]\n");
}

void crash_workflow::begin_group(const std::string& name) {
  text_ += "  - name: in-" + name + "\n    tasks:\n";
}

void crash_workflow::add(const expected_task& what, const std::string& script, const std::string& more, bool lead) {
  text_ += "    - name: " + what.name + "\n      lead: " + (lead ? "true" : "false") +
           "\n      image: debian:12\n      command: [sh, -c]\n      args:\n      - |\n        echo $$ >> " +
           starts().string() +
           "/$MUSTER_ATTEMPT_ID\n        echo \"\\\"$MUSTER_ATTEMPT_ID\\\"\" > $MUSTER_RESULT\n        " + script +
           "\n";
  if (!more.empty())
    text_ += "  " + more;
  expected_.push_back(what);
}

void crash_workflow::add_chain(int number) {
  const auto name = [&](int i) { return "chain-" + std::to_string(number) + '-' + std::to_string(i); };
  for (int i = 0; i < chain_length; ++i) {
    const bool last = i + 1 == chain_length;
    begin_group(name(i));
    const std::string before = i == 0 ? "0" : "$(cat {{input:0}}/n)";
    const auto to = last ? (marks_ / numbered("chain-", number)).string() : std::string("{{output}}/n");
    add({name(i)}, "echo $((" + before + " + 1)) > " + to, i == 0 ? "" : "    inputs: [{task: " + name(i - 1) + "}]\n");
  }
}

void crash_workflow::add_gang(int number, bool retries) {
  const auto name = numbered("gang-", number);
  const std::uint32_t most = retries ? 2 : 1;
  begin_group(name);
  // Long enough to be killed in the middle; the others would never end by themselves.
  add({name + "-lead", status::completed, 0, most, most},
      retries ? "sleep 0.1; [ $MUSTER_ATTEMPT != 0 ] || exit 75" : "sleep 0.3", retries ? retry_once : "");
  for (int i = 0; i < 3; ++i)
    add({name + '-' + std::to_string(i), status::completed, -1, 1, most}, "exec sleep 600", "", false);
}

std::vector<fs::path> crash_workflow::chain_ends() const {
  std::vector<fs::path> out;
  for (int i = 0; of_ == kind::mixed && i < chains; ++i)
    out.push_back(marks_ / numbered("chain-", i));
  return out;
}

} // namespace muster::test
