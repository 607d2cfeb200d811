#include "actors/meters.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace muster {

histogram_meter::histogram_meter(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

std::vector<double> histogram_meter::seconds() {
  return {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200};
}

std::vector<double> histogram_meter::sizes() {
  return {1, 10, 100, 1'000, 10'000, 100'000};
}

void histogram_meter::add(double value) noexcept {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(std::llround(value * 1e6), std::memory_order_relaxed);
}

histogram histogram_meter::read() const {
  histogram out;
  out.bounds = bounds_;
  for (const auto& x : counts_) {
    out.counts.push_back(x.load(std::memory_order_relaxed));
    out.count += out.counts.back();
  }
  out.sum = static_cast<double>(sum_.load(std::memory_order_relaxed)) / 1e6;
  return out;
}

// -- statuses

void state_counter::counts::move(status from, status to, bool known) noexcept {
  auto& leaves = by[static_cast<std::uint8_t>(from)];
  if (known && !is_group_finished(from) && leaves > 0)
    --leaves;
  if (!is_group_finished(to))
    ++by[static_cast<std::uint8_t>(to)];
}

status_tally state_counter::counts::read() const {
  status_tally out;
  for (std::size_t i = 0; i < by.size(); ++i)
    if (by[i] > 0)
      out[static_cast<status>(i)] = by[i];
  return out;
}

void state_counter::add(live_workflow& x, const std::vector<store::new_group>& groups,
                        const std::vector<store::new_task>& tasks) {
  for (const auto& g : groups) {
    x.groups.push_back(g.initial);
    x.members.push_back(0);
    groups_.move({}, g.initial, false);
  }
  for (const auto& t : tasks) {
    x.tasks.push_back(t.initial);
    tasks_.move({}, t.initial, false);
    if (t.group.value < x.members.size())
      ++x.members[t.group.value];
  }
}

void state_counter::submitted(workflow_key key, const store::submission& rows) {
  const std::lock_guard lock{mutex_};
  ++submissions_;
  auto& x = live_[key];
  x = {};
  x.now = rows.initial;
  workflows_.move({}, x.now, false);
  add(x, rows.groups, rows.tasks);
}

void state_counter::grown(const store::growth& rows) {
  const std::lock_guard lock{mutex_};
  if (const auto found = live_.find(rows.workflow); found != live_.end())
    add(found->second, rows.groups, rows.tasks);
}

void state_counter::taken_up(workflow_key key, status of_workflow, const std::vector<status>& groups,
                             const std::vector<status>& tasks, const std::vector<group_index>& group_of) {
  const std::lock_guard lock{mutex_};
  if (live_.count(key) > 0)
    return;
  live_workflow x{of_workflow, groups, tasks, std::vector<std::uint32_t>(groups.size())};
  workflows_.move({}, of_workflow, false);
  for (const auto s : groups)
    groups_.move({}, s, false);
  for (const auto s : tasks)
    tasks_.move({}, s, false);
  for (const auto g : group_of)
    if (g.value < x.members.size())
      ++x.members[g.value];
  live_[key] = std::move(x);
}

/// It is not live any more.
void state_counter::forget(const live_workflow& x) {
  const auto leave = [](counts& from, status s) {
    auto& n = from.by[static_cast<std::uint8_t>(s)];
    if (!is_group_finished(s) && n > 0)
      --n;
  };
  leave(workflows_, x.now);
  for (const auto s : x.groups)
    leave(groups_, s);
  for (const auto s : x.tasks)
    leave(tasks_, s);
}

void state_counter::group_is(live_workflow& x, group_index g, status to) {
  if (g.value >= x.groups.size())
    return;
  auto& now = x.groups[g.value];
  if (now == to)
    return;
  groups_.move(now, to, true);
  now = to;
  ++to_group_.by[static_cast<std::uint8_t>(to)];
}

void state_counter::happened(const event& x) {
  const std::lock_guard lock{mutex_};
  ++events_;
  const auto found = live_.find(x.workflow);
  if (found == live_.end())
    return;
  auto& whole = found->second;
  const auto to =
      x.type == event_type::task_reopened || x.type == event_type::group_reopened ? status::waiting : x.status;
  if (is_of_task(x.type)) {
    if (x.task.value >= whole.tasks.size())
      return;
    auto& now = whole.tasks[x.task.value];
    if (now != to) {
      tasks_.move(now, to, true);
      ++to_task_.by[static_cast<std::uint8_t>(to)];
      now = to;
    }
    if (x.group.value < whole.members.size() && whole.members[x.group.value] == 1)
      group_is(whole, x.group, to);
  } else if (is_of_group(x.type)) {
    group_is(whole, x.group, to);
  } else if (x.type == event_type::workflow_status) {
    workflows_.move(whole.now, to, true);
    ++to_workflow_.by[static_cast<std::uint8_t>(to)];
    whole.now = to;
    if (is_finished(to)) {
      forget(whole);
      live_.erase(found);
    }
  }
}

void state_counter::read(measures& into) const {
  const std::lock_guard lock{mutex_};
  into.workflows = workflows_.read();
  into.groups = groups_.read();
  into.tasks = tasks_.read();
  into.workflow_transitions = to_workflow_.read();
  into.group_transitions = to_group_.read();
  into.task_transitions = to_task_.read();
  into.submissions = submissions_;
  into.events = events_;
}

// -- the process

void mailbox_gauge::answered(std::uint64_t behind, clock::time_point now) noexcept {
  depth = behind;
  wait = now.time_since_epoch().count() - asked_at;
  asked_at = 0;
}

mailbox_measures mailbox_gauge::read(clock::time_point now) const {
  clock::rep waited = wait;
  if (const clock::rep since = asked_at; since != 0)
    waited = std::max(waited, now.time_since_epoch().count() - since);
  return {name, depth, std::chrono::duration<double>(clock::duration{waited}).count()};
}

process_measures measure_process() {
  process_measures out;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    out.cpu_seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                      static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  std::ifstream stat("/proc/self/stat");
  std::string text;
  std::getline(stat, text);
  // The second field is the program's name, in parentheses; what follows are numbers, the state being the third field.
  std::vector<std::uint64_t> fields;
  if (const auto close = text.rfind(')'); close != std::string::npos && close + 3 < text.size()) {
    std::size_t at = close + 4;
    while (at < text.size()) {
      const auto end = std::min(text.find(' ', at), text.size());
      fields.push_back(std::strtoull(text.substr(at, end - at).c_str(), nullptr, 10));
      at = end + 1;
    }
  }
  constexpr std::size_t threads = 16; // num_threads is field 20, counted from 1; `fields` begins with the fourth.
  constexpr std::size_t begun = 18;
  constexpr std::size_t virtual_size = 19;
  constexpr std::size_t resident = 20;
  if (fields.size() > resident) {
    out.threads = fields[threads];
    out.virtual_bytes = fields[virtual_size];
    out.resident_bytes = fields[resident] * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::ifstream all("/proc/stat");
    for (std::string word; all >> word;)
      if (double booted = 0; word == "btime" && all >> booted) {
        out.start_time = booted + static_cast<double>(fields[begun]) / static_cast<double>(::sysconf(_SC_CLK_TCK));
        break;
      }
  }
  std::error_code failed;
  for (std::filesystem::directory_iterator x("/proc/self/fd", failed), end; !failed && x != end; x.increment(failed))
    ++out.open_files;
  return out;
}

} // namespace muster
