#include "executors/docker/driver_core.hpp"

#include "executors/data/folders.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace muster::docker {

namespace {

/// Even two CPUs start containers fastest so: most of a start waits for disks, mounts and locks.
constexpr std::size_t least_starts = 8;
constexpr std::size_t most_removals = 8;
constexpr std::size_t most_looks = 16;
/// How long the end waits for the next of what is still to be removed.
constexpr std::chrono::seconds closing_patience{20};
/// How long the end waits for all of it; the rest is removed by the next runtime.
constexpr std::chrono::seconds longest_closing{60};

std::size_t starts_of(const docker_pool_config& config, const probed_daemon& daemon) {
  if (config.starts_in_flight > 0)
    return config.starts_in_flight;
  return std::max(least_starts, static_cast<std::size_t>(std::max<std::int64_t>(0, daemon.facts.cpus)));
}

} // namespace

driver_core::driver_core(docker_pool_config config, probed_daemon daemon, surroundings around)
    : config_(std::move(config)), daemon_(std::move(daemon)), loop_(around.on), engine_(around.engine),
      listener_(around.to), files_(std::move(around.files)), slow_(std::move(around.slow)),
      images_(loop_, engine_, config_.pull, config_.max_pulls, std::move(around.credentials), config_.first_pull_note),
      programs_(engine_), networks_(loop_, engine_, config_.head, config_.labels),
      removals_(loop_, engine_, config_.head, most_removals),
      watch_(loop_, engine_, config_.head,
             {[this](const engine_event& event) { on_hint(event); }, [this] { look_at_all(); }}),
      starts_(starts_of(config_, daemon_)), creations_(2 * starts_of(config_, daemon_)), looks_(most_looks),
      unpublished_(std::make_shared<std::unordered_map<std::string, std::string>>()) {
  watch_.begin();
  sweep();
}

// -- saying

void driver_core::end_row() {
  if (std::exchange(row_open_, true))
    return;
  loop_.post([this] {
    row_open_ = false;
    listener_.on_batch_end();
  });
}

void driver_core::say_prepared(attempt_id id, result<void> outcome) {
  end_row();
  listener_.on_prepared(id, std::move(outcome));
}

void driver_core::say_progress(attempt_id id, const std::string& text) {
  end_row();
  listener_.on_progress(id, text);
}

void driver_core::say_started(attempt_id id, result<void> outcome) {
  end_row();
  listener_.on_started(id, std::move(outcome));
}

void driver_core::say_exited(const attempt_ref& x, exit_result outcome) {
  x->at = phase::ended;
  drop_timers(*x);
  end_row();
  listener_.on_exited(x->id, std::move(outcome));
}

void driver_core::say_lost(const attempt_ref& x, const std::string& why) {
  x->at = phase::ended;
  drop_timers(*x);
  end_row();
  listener_.on_lost(x->id, why);
}

attempt_ref driver_core::find(attempt_id id) const {
  const auto at = attempts_.find(id);
  return at == attempts_.end() ? nullptr : at->second;
}

void driver_core::drop_timers(attempt& x) {
  for (auto* timer : {&x.deadline, &x.timer, &x.kill_timer})
    loop_.cancel(std::exchange(*timer, timer_id::none));
}

/// Its container goes, then its place in the network.
void driver_core::drop_container(const attempt& x) {
  const auto leave = [this, id = x.id] { networks_.release(id); };
  if (x.container.empty() && !x.may_appear)
    return leave();
  by_container_.erase(x.container);
  removals_.add(x.name, x.container, x.may_appear, leave);
}

void driver_core::discard(const attempt_ref& x) {
  drop_timers(*x);
  images_.cancel(x->image_ticket);
  drop_container(*x);
  files_([folder = x->folder] { tidy_attempt_folder(folder); });
  attempts_.erase(x->id);
}

// -- requests

attempt_ref driver_core::make_attempt(const attempt_spec& spec) {
  auto x = std::make_shared<attempt>();
  x->id = spec.id;
  x->name = container_name(config_.head, spec.id);
  x->group = std::to_string(spec.id.workflow.value) + '.' + spec.group;
  x->folder = spec.folder;
  x->outputs = spec.task.outputs.empty() ? std::vector<spec::output>{} : located_outputs(spec);
  x->memory = spec.resource.memory.value_or(0);
  x->max_result = spec.max_result_bytes;
  x->program = spec.task.command.empty() ? std::string{} : spec.task.command.front();
  x->image = image_of(spec);
  x->then_start = spec.then_start;
  return x;
}

void driver_core::prepare(attempt_spec spec) {
  if (find(spec.id))
    return;
  const auto x = make_attempt(spec);
  x->spec = std::make_shared<const attempt_spec>(std::move(spec));
  attempts_.emplace(x->id, x);
  begin(x);
}

void driver_core::start(attempt_id id) {
  const auto x = find(id);
  if (!x || x->at == phase::preparing)
    return say_started(id, error{ec::not_found, "attempt " + to_string(id) + " is not prepared"});
  if (x->at == phase::prepared)
    enter_gate(x);
}

void driver_core::stop(attempt_id id, std::chrono::milliseconds grace) {
  const auto x = find(id);
  if (!x)
    return;
  switch (x->at) {
    case phase::preparing: return fail_prepare(x, {ec::canceled, "stopped while it was being prepared"});
    case phase::queued:
      if (!starts_.withdraw(x->group, x->turn))
        return; // Not to be: whoever is let in is `starting`.
      if (!x->check_again)
        return end_unstarted(x);
      look_instead_of_start(x);
      break;
    case phase::prepared: return end_unstarted(x);
    case phase::starting:
    case phase::running: break;
    case phase::finishing:
    case phase::ended: return;
  }
  const auto kill_at = std::chrono::steady_clock::now() + grace;
  const bool is_sooner = !x->stop_asked || kill_at < x->kill_at;
  const bool is_first = !std::exchange(x->stop_asked, true);
  if (!is_sooner)
    return;
  x->kill_at = kill_at;
  x->grace = grace;
  if (x->at == phase::running && is_first)
    send_stop(x);
  else if (x->at == phase::running)
    send_kill(x);
}

/// It was ready, and is not to run any more.
void driver_core::end_unstarted(const attempt_ref& x) {
  if (x->then_start)
    return fail_prepare(x, {ec::canceled, "stopped before its start"});
  exit_result out;
  out.signal = SIGTERM;
  out.code = 128 + SIGTERM;
  out.message = "stopped before its start";
  out.ended = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  say_exited(x, std::move(out));
}

void driver_core::learn_gpus(const std::map<std::uint32_t, std::string>& uuids) {
  for (const auto& [index, uuid] : uuids)
    daemon_.facts.gpu_uuids[index] = uuid;
}

/// On the thread for files: whatever reads the output comes after it there.
void driver_core::publish(attempt_id id) {
  const auto x = find(id);
  if (!x || x->at != phase::ended || !x->was_started)
    return;
  files_([folder = x->folder, failures = unpublished_] {
    const auto shown = data::show_output(folder);
    if (shown)
      return;
    // Nobody can be told now, but whoever reads it must not take it for empty.
    auto link = folder;
    (*failures)[link.replace_extension(".output").string()] = shown.failure().message;
  });
}

void driver_core::remove(attempt_id id) {
  const auto x = find(id);
  if (!x || (x->at != phase::prepared && x->at != phase::ended))
    return;
  files_([log = log_path(x->folder)] { forget_log(log); });
  discard(x);
}

void driver_core::end() {
  attempts_.clear();
}

void driver_core::close(std::function<void()> done) {
  networks_.close();
  const auto now = clock::now();
  close_when_removed({removals_.remaining() + networks_.remaining(), now, now}, std::move(done));
}

/// A busy daemon may need long for many containers: what counts is whether any has gone of late.
void driver_core::close_when_removed(closing_progress x, std::function<void()> done) {
  const auto remaining = removals_.remaining() + networks_.remaining();
  if (remaining != x.remaining)
    x = {remaining, clock::now(), x.began};
  const auto now = clock::now();
  if (remaining == 0 || now - x.since >= closing_patience || now - x.began >= longest_closing)
    return done();
  loop_.after(std::chrono::milliseconds(5), [this, x, done = std::move(done)] { close_when_removed(x, done); });
}

} // namespace muster::docker
