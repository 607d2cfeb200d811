#include "harness.hpp"

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

void recorder::on_progress(attempt_id id, std::string text) {
  const std::lock_guard lock{mutex_};
  seen_[to_string(id)].progress.push_back(std::move(text));
  changed_.notify_all();
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

history recorder::wait_progress(attempt_id id) {
  return wait(id, [](const history& x) { return !x.progress.empty(); });
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

} // namespace muster::test
