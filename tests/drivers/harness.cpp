#include "harness.hpp"

#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"

#include "support/processes.hpp"

#include <csignal>

#include <stdexcept>
#include <thread>

namespace muster::test {

scratch::scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "muster-drivers-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

scratch::~scratch() {
  // A driver that goes leaves its tasks to the next one, and after a failure none comes. Without tasks the warden ends
  // by itself, and takes its control groups with it.
  const auto owner = "MUSTER_ATTEMPT_FOLDER=" + path_.string() + '/';
  const auto is_over = [&] {
    for (const auto pid : processes_with_environment(owner))
      ::kill(pid, SIGKILL);
    return warden_of(path_) == 0;
  };
  if (!eventually(is_over, std::chrono::seconds{5}))
    if (const auto warden = warden_of(path_); warden != 0)
      ::kill(warden, SIGKILL);
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

template <class F>
void recorder::note(attempt_id id, const char* call, F&& set) {
  const std::lock_guard lock{mutex_};
  auto& entry = seen_[to_string(id)];
  entry.calls.emplace_back(call);
  set(entry);
  ++open_calls_;
  changed_.notify_all();
}

void recorder::on_prepared(attempt_id id, result<void> outcome) {
  note(id, "prepared", [&](history& x) { x.prepared = std::move(outcome); });
}

void recorder::on_started(attempt_id id, result<void> outcome) {
  note(id, "started", [&](history& x) { x.started = std::move(outcome); });
}

void recorder::on_exited(attempt_id id, exit_result outcome) {
  note(id, "exited", [&](history& x) { x.exited = std::move(outcome); });
}

void recorder::on_lost(attempt_id id, std::string why) {
  note(id, "lost", [&](history& x) { x.lost = std::move(why); });
}

void recorder::on_batch_end() {
  const std::lock_guard lock{mutex_};
  open_calls_ = 0;
  changed_.notify_all();
}

history recorder::wait(attempt_id id, const std::function<bool(const history&)>& is_there) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, patience, [&] { return is_there(seen_[to_string(id)]); });
  return seen_[to_string(id)];
}

history recorder::wait_prepared(attempt_id id) {
  return wait(id, [](const history& x) { return x.prepared.has_value(); });
}

history recorder::wait_started(attempt_id id) {
  return wait(id, [](const history& x) { return x.started.has_value(); });
}

history recorder::wait_end(attempt_id id) {
  return wait(id, [](const history& x) { return x.exited.has_value() || x.lost.has_value(); });
}

history recorder::of(attempt_id id) {
  const std::lock_guard lock{mutex_};
  return seen_[to_string(id)];
}

bool recorder::wait_batch_closed() {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience, [&] { return open_calls_ == 0; });
}

bool eventually(const std::function<bool()>& is_so) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > give_up)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1}); // A file or /proc cannot be waited on.
  }
  return true;
}

attempt_spec make_spec(const std::filesystem::path& state, std::uint32_t task, std::uint32_t number) {
  attempt_spec out;
  out.id = {workflow_key{1}, task_index{task}, number};
  out.lease = epoch{1};
  out.workflow_id = "w-1";
  out.task.name = "t" + std::to_string(task);
  out.group = out.task.name + "-group";
  out.folder = state / "workflows" / out.workflow_id / "tasks" / (out.task.name + '.' + std::to_string(number));
  out.address = "127.0.0.1";
  out.peers = {{out.task.name, out.address}};
  return out;
}

namespace {

subject null_subject() {
  subject out;
  out.name = "null";
  out.make = [](const std::filesystem::path&) { return make_null_driver(); };
  out.shape = [](attempt_spec& spec, const wish& x) {
    spec.task.environment = {{"MUSTER_NULL_EXIT", std::to_string(x.exit)},
                             {"MUSTER_NULL_DURATION", std::to_string(x.run.count()) + "ms"},
                             {"MUSTER_NULL_STUBBORN", x.ignores_polite_signal ? "1" : ""}};
  };
  out.spoil_prepare = [](attempt_spec& spec) {
    spec.task.environment = {{"MUSTER_NULL_FAIL_PREPARE", "no such input"}};
  };
  out.spoil_start = [](attempt_spec& spec) { spec.task.environment = {{"MUSTER_NULL_FAIL_START", "no such command"}}; };
  return out;
}

process_config quick_config(const std::filesystem::path& state) {
  process_config config;
  config.state_directory = state;
  config.leftover_grace = std::chrono::milliseconds{200};
  return config;
}

subject process_subject() {
  subject out;
  out.name = "process";
  out.durable = true;
  out.make = [](const std::filesystem::path& state) { return make_process_driver(quick_config(state)); };
  out.shape = [](attempt_spec& spec, const wish& x) {
    // The trap is set before anything can be stopped: the caller waits for the file `ready` in the work folder.
    const std::string trap = x.ignores_polite_signal ? "trap '' TERM; " : "";
    const auto seconds =
        std::to_string(x.run.count() / 1000) + '.' + std::to_string(x.run.count() % 1000 + 1000).substr(1);
    const std::string sleep = x.run.count() > 0 ? "sleep " + seconds + "; " : "";
    spec.task.command = {"/bin/sh", "-c", trap + "touch ready; " + sleep + "exit " + std::to_string(x.exit)};
  };
  out.settled = [](const attempt_spec& spec) { return std::filesystem::exists(spec.folder / "work" / "ready"); };
  out.spoil_prepare = [](attempt_spec& spec) { spec.task.command.clear(); };
  return out;
}

subject limited_subject() {
  auto out = process_subject();
  out.name = "process, limits enforced";
  out.probed_as = "process";
  out.make = [](const std::filesystem::path& state) {
    auto config = quick_config(state);
    config.enforce_limits = true;
    return make_process_driver(std::move(config));
  };
  return out;
}

std::vector<subject> make_subjects() {
  std::vector<subject> out{null_subject(), process_subject()};
  if (why_no_limits().empty())
    out.push_back(limited_subject());
  return out;
}

} // namespace

const std::string& why_no_limits() {
  static const auto why = [] {
    const scratch dir;
    auto config = quick_config(dir.path());
    config.enforce_limits = true;
    const auto found = make_process_driver(std::move(config))->probe();
    return found ? std::string{} : found.failure().message;
  }();
  return why;
}

const std::vector<subject>& subjects() {
  static const auto all = make_subjects();
  return all;
}

} // namespace muster::test
