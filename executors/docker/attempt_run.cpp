#include "executors/docker/driver_core.hpp"

#include "executors/data/results.hpp"
#include "executors/docker/exit_reading.hpp"
#include "executors/docker/names.hpp"
#include "executors/process/publication.hpp"
#include "muster/spec/duration.hpp"

#include <algorithm>
#include <csignal>
#include <unordered_set>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

// From a container that could be started to how it ended. The start's answer, events and the end of calls are hints:
// what `inspect` says is what counts.
namespace muster::docker {

namespace {

using namespace std::chrono_literals;

/// How often a start is sent while the daemon fails at it.
constexpr int most_starts = 4;
/// The same while it goes away: several kills of it are not the container's fault, but that may be what ends it.
constexpr int most_starts_cut = 10;
/// The daemon says that the container is not there: how often it is asked, and when.
constexpr int absences_that_count = 3;
constexpr auto pause_after_absence = 300ms;
/// It should have ended and still runs: when it is looked at again.
constexpr auto pause_while_running = 200ms;
constexpr int most_looks_while_running = 10;
/// One that was killed, and why was not said: how long the daemon's word that it was for memory is waited for. The
/// kernel tells containerd of that and of the end on two ways, and either may be first.
constexpr auto patience_with_memory = 2s;
/// How often all that run are counted.
constexpr auto pause_of_sweeps = 30s;
/// A start that was not answered in time may still be under way, and is not sent again: the part of the time that
/// counts as all of it.
constexpr double most_of_start = 0.95;
/// A daemon that tells nothing of a start is asked for so many times as long.
constexpr int patience_with_starts = 2;

const std::string lost_with_daemon = "the Docker daemon went away while it started it; it may have run";
const std::string removed_outside = "its container was removed by somebody else while it ran";

/// The daemon was killed while it started it; what it refuses since may be for what that left behind.
bool is_unsure(const attempt& x, const std::string& daemon_says) {
  return x.in_doubt && !may_have_run(daemon_says) && !is_fault_of_container(daemon_says);
}

/// It waits for its turn, and not for the first time.
bool is_to_start_again(const attempt& x) {
  return x.at == attempt::phase::queued && x.starts + x.starts_cut > 0;
}

/// A link may have come to be since the attempt was prepared.
bool may_publish_all(const std::vector<spec::output>& outputs, const docker_pool_config& config, exit_result& out) {
  for (const auto& output : outputs)
    if (const auto may = may_publish(output, config); !may) {
      out.code = exit_code_publish_failed;
      out.message = may.failure().message;
      return false;
    }
  return true;
}

/// Its log is the record of the start: a container that is gone was started, if there is one.
void touch_log(const std::filesystem::path& folder) {
  if (const int file = ::open(log_path(folder).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644); file >= 0)
    ::close(file);
}

/// Nobody has it. The log is empty as yet.
void forget_start(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove(log_path(folder), ignored);
}

} // namespace

// -- starting

void driver_core::enter_gate(const attempt_ref& x) {
  if (x->was_started) { // By an earlier runtime; it may have ended long ago.
    x->check_again = true;
    return started(x);
  }
  x->at = phase::queued;
  x->turn = starts_.enter(x->group, [this, w = std::weak_ptr(x)] {
    const auto it = w.lock();
    if (!it || it->at != phase::queued)
      return loop_.post([this] { starts_.leave(); });
    if (it->stop_asked || it->check_again)
      loop_.post([this] { starts_.leave(); });
    if (it->check_again)
      return look_instead_of_start(it);
    if (it->stop_asked)
      return end_unstarted(it);
    it->at = phase::starting;
    touch_log(it->folder);
    send_start(it);
  });
}

/// It waits to be sent once more, and something happened to it meanwhile: a start that was cut off may arrive late.
void driver_core::look_instead_of_start(const attempt_ref& x) {
  x->at = phase::starting;
  check(x);
}

/// Holds a place in the gate.
void driver_core::send_start(const attempt_ref& x) {
  ++x->starts;
  x->start_sent = true;
  x->sent_at = std::chrono::steady_clock::now();
  engine_.start_container(x->container, [this, w = std::weak_ptr(x)](const outcome<bool>& how) {
    starts_.leave();
    if (const auto it = w.lock())
      start_answered(it, how);
  });
}

void driver_core::start_answered(const attempt_ref& x, const outcome<bool>& how) {
  x->start_sent = false;
  if (x->at != phase::starting)
    return;
  if (how)
    return started(x);
  const auto& why = how.failure();
  x->start_problem = why.message;
  x->in_doubt = x->in_doubt || why.may_be_done();
  if (why.unsent && !x->in_doubt)
    forget_start(x->folder);
  if (why.kind == failure::daemon_away && x->starts_cut < most_starts_cut) {
    ++x->starts_cut;
    --x->starts;
  }
  x->address_was_taken = why.kind == failure::address_taken; // By one that is being removed.
  if (why.transient() || (why.kind == failure::not_found && why.about == object::container))
    return check(x);
  if (why.kind == failure::not_found)
    return fail_start(x, {ec::unavailable, "the container cannot be started: " + why.message});
  if (is_unsure(*x, why.message))
    return check(x);
  refused_start(x, why.message);
}

/// It does not run, and will not be sent again.
void driver_core::refused_start(const attempt_ref& x, const std::string& daemon_says) {
  if (may_have_run(daemon_says) || is_unsure(*x, daemon_says))
    return lose(x, lost_with_daemon);
  fail_start(x, {ec::start_failed, start_error_text(daemon_says, x->program, x->image)});
}

void driver_core::started(const attempt_ref& x) {
  x->at = phase::running;
  x->was_started = true;
  x->pause.reset();
  x->absences = 0;
  begin_log(x);
  say_started(x->id, {});
  if (x->stop_asked)
    send_stop(x);
  if (x->check_again || !watch_.is_open())
    check(x);
}

/// Nothing of it runs.
void driver_core::fail_start(const attempt_ref& x, error why) {
  const auto id = x->id;
  discard(x);
  say_started(id, std::move(why));
}

/// What the daemon may still make of it is removed as soon as it answers.
void driver_core::fail_late_start(const attempt_ref& x) {
  fail_start(x, {ec::start_timeout, "the Docker daemon did not start it within " +
                                        spec::to_string(duration{config_.start_timeout}) + ": " + x->start_problem});
}

/// A start was sent and was not confirmed, and the container has not run as far as the daemon knows.
void driver_core::start_again_or_give_up(const attempt_ref& x, const container_info& found) {
  if (x->start_sent)
    return check_later(x, pause_while_running);
  if (x->check_again) // Something happened to it since it was asked for.
    return check(x);
  if (x->stop_asked && !x->in_doubt)
    return end_unstarted(x);
  // Once more could be twice where it cannot be told what the first start has done.
  if (!found.error.empty() && !x->address_was_taken)
    return refused_start(x, found.error);
  if (x->in_doubt)
    return look_for_witness(x);
  start_again(x);
}

/// A daemon that is killed when it has started a container, and before it has written that down, knows nothing of it
/// when it is back: if the container has ended by then, it calls it created. Only one that was there before the start,
/// and ever since, can say that nothing came of it.
void driver_core::look_for_witness(const attempt_ref& x) {
  x->checking = true;
  ask_whether_it_made(x->container, [this, w = std::weak_ptr(x)](const outcome<bool>& how) {
    const auto it = w.lock();
    if (!it)
      return;
    it->checking = false;
    if (it->at != phase::starting)
      return;
    if (it->check_again)
      return check(it);
    if (!how && how.failure().transient() && !is_late(*it))
      return check_later(it, it->pause.next());
    if (!how || !*how)
      return lose(it, lost_with_daemon);
    it->in_doubt = false;
    start_again(it);
  });
}

/// Asked after its container was looked at: who answers now, and was there when it was made, has answered then too.
void driver_core::ask_whether_it_made(const std::string& container, then<bool> done) {
  engine_.info([this, container, done = std::move(done)](const outcome<engine_info>& how) {
    if (!how)
      return done(how.failure());
    if (!how->now)
      return done(false);
    engine_.remembers_making(container, *how->now, done);
  });
}

/// It has not run for certain.
void driver_core::start_again(const attempt_ref& x) {
  if (x->stop_asked)
    return end_unstarted(x);
  if (is_late(*x))
    return fail_late_start(x);
  if (x->starts >= most_starts)
    return refused_start(x, x->start_problem);
  x->timer = loop_.after(x->pause.next(), [this, w = std::weak_ptr(x)] {
    if (const auto it = w.lock(); it && it->at == phase::starting) {
      it->at = phase::queued;
      enter_gate(it);
    }
  });
}

bool driver_core::is_late(const attempt& x) const {
  return std::chrono::steady_clock::now() - x.sent_at >= config_.start_timeout * most_of_start;
}

// -- stopping

void driver_core::send_stop(const attempt_ref& x) {
  x->stop_sent = true;
  const auto left = std::max(
      0ms, std::chrono::duration_cast<std::chrono::milliseconds>(x->kill_at - std::chrono::steady_clock::now()));
  engine_.stop_container(x->container, left, [this, w = std::weak_ptr(x)](const outcome<bool>& how) {
    const auto it = w.lock();
    if (!it || it->at != phase::running)
      return;
    if (how || !how.failure().transient())
      return check(it);
    it->stop_sent = false;
    loop_.after(it->pause.next(), [this, w] {
      if (const auto still = w.lock(); still && still->at == phase::running && !still->stop_sent)
        send_stop(still);
    });
  });
}

/// The stop is under way and is to come to its end sooner.
void driver_core::send_kill(const attempt_ref& x) {
  const auto left = std::max(
      0ms, std::chrono::duration_cast<std::chrono::milliseconds>(x->kill_at - std::chrono::steady_clock::now()));
  loop_.cancel(x->kill_timer);
  x->kill_timer = loop_.after(left, [this, w = std::weak_ptr(x)] {
    const auto it = w.lock();
    if (!it || it->at != phase::running)
      return;
    it->kill_timer = timer_id::none;
    engine_.kill_container(it->container, "SIGKILL", [this, w](const outcome<void>& how) {
      const auto still = w.lock();
      if (!still || still->at != phase::running)
        return;
      if (!how && how.failure().transient()) {
        still->kill_at = std::chrono::steady_clock::now() + still->pause.next();
        return send_kill(still);
      }
      check(still);
    });
  });
}

// -- looking

void driver_core::on_hint(const engine_event& event) {
  const auto at = by_container_.find(event.id);
  if (at == by_container_.end())
    return;
  const auto x = at->second.lock();
  if (x && is_to_start_again(*x))
    x->check_again = true;
  if (!x || (x->at != phase::running && x->at != phase::starting))
    return;
  if (event.action == "oom")
    x->out_of_memory = true;
  else
    x->doubts = most_looks_while_running;
  if (x->at == phase::starting && x->start_sent)
    x->check_again = true; // The answer comes first.
  else
    check(x);
}

/// Nobody knows what happened meanwhile, or how much of what was asked the daemon still knows of.
void driver_core::look_at_all() {
  removals_.wake();
  networks_.wake();
  for (const auto& [id, x] : attempts_) {
    if (x->at == phase::running || (x->at == phase::starting && !x->start_sent))
      check(x);
    else if (is_to_start_again(*x))
      x->check_again = true;
    if (x->log)
      x->log->wake();
  }
}

/// Now and then, whatever the events say: one call for all. Who is not listed as running is looked at.
void driver_core::sweep() {
  loop_.after(pause_of_sweeps, [this] { sweep(); });
  networks_.wake();
  const bool anything_runs =
      std::any_of(attempts_.begin(), attempts_.end(), [](const auto& x) { return x.second->at == phase::running; });
  if (!anything_runs)
    return;
  const auto asked_at = std::chrono::steady_clock::now();
  engine_.list_containers({{"label", {head_label + ('=' + config_.head)}}, {"status", {"running"}}},
                          [this, asked_at](const outcome<std::vector<container_summary>>& all) {
                            if (!all)
                              return;
                            std::unordered_set<std::string> running;
                            for (const auto& x : *all)
                              if (x.status == container_status::running)
                                running.insert(x.id);
                            for (const auto& [id, x] : attempts_)
                              if (x->at == phase::running && x->sent_at < asked_at && running.count(x->container) == 0)
                                check(x);
                          });
}

void driver_core::check(const attempt_ref& x) {
  if (x->checking) {
    x->check_again = true;
    return;
  }
  loop_.cancel(std::exchange(x->timer, timer_id::none));
  x->checking = true;
  x->check_again = false;
  looks_.enter(x->group, [this, w = std::weak_ptr(x)] {
    const auto it = w.lock();
    if (!it)
      return loop_.post([this] { looks_.leave(); });
    engine_.inspect_container(it->container, [this, w](const outcome<container_info>& how) {
      looks_.leave();
      if (const auto still = w.lock())
        checked(still, how);
    });
  });
}

void driver_core::check_later(const attempt_ref& x, std::chrono::milliseconds pause) {
  loop_.cancel(x->timer);
  x->timer = loop_.after(pause, [this, w = std::weak_ptr(x)] {
    if (const auto it = w.lock(); it && (it->at == phase::running || it->at == phase::starting))
      check(it);
  });
}

void driver_core::checked(const attempt_ref& x, const outcome<container_info>& how) {
  x->checking = false;
  if (x->at != phase::running && x->at != phase::starting)
    return;
  if (how.kind() == failure::not_found)
    return absent(x);
  const auto waited = std::chrono::steady_clock::now() - x->sent_at;
  if (!how && x->at == phase::starting && !x->start_sent && waited > config_.start_timeout * patience_with_starts)
    return x->in_doubt ? lose(x, lost_with_daemon) : fail_late_start(x);
  if (!how)
    return check_later(x, x->pause.next());
  x->absences = 0;
  judge(x, *how);
}

void driver_core::judge(const attempt_ref& x, const container_info& found) {
  const bool has_ended = found.status == container_status::exited || found.status == container_status::dead ||
                         found.status == container_status::removing;
  if (x->at == phase::starting) {
    if (!found.started || found.status == container_status::created)
      return start_again_or_give_up(x, found);
    if (x->start_sent) // It runs; the answer is on its way.
      return check_later(x, pause_while_running);
    started(x);
    if (!has_ended)
      return;
  }
  // Killed and removed at once; one that had ended before still has its own code.
  if (found.status == container_status::removing && found.exit_code == 128 + SIGKILL && !x->stop_asked)
    return lose(x, removed_outside);
  if (has_ended && waits_for_word_of_memory(*x, found))
    return check_later(x, pause_while_running);
  if (has_ended)
    return finish(x, found);
  if (found.status == container_status::created)
    return check_later(x, x->pause.next());
  // It runs. Whoever said otherwise was early, or this is an old answer.
  if (x->check_again || x->doubts > 0) {
    --x->doubts;
    check_later(x, pause_while_running);
  }
}

/// Killed, and nobody has said by whom.
bool driver_core::waits_for_word_of_memory(attempt& x, const container_info& found) {
  if (found.exit_code != 128 + SIGKILL || x.memory == 0 || x.stop_asked || x.out_of_memory || found.oom_killed)
    return false;
  const auto now = std::chrono::steady_clock::now();
  if (!x.seen_killed)
    x.seen_killed = now;
  return now - *x.seen_killed < patience_with_memory;
}

void driver_core::absent(const attempt_ref& x) {
  if (++x->absences < absences_that_count)
    return check_later(x, pause_after_absence);
  if (x->at == phase::running)
    return lose(x, removed_outside);
  if (x->in_doubt)
    return lose(x, lost_with_daemon);
  if (x->stop_asked)
    return end_unstarted(x);
  fail_start(x, {ec::unavailable, "its container was removed by somebody else before it ran"});
}

// -- ending

void driver_core::begin_log(const attempt_ref& x) {
  if (x->log)
    return;
  log_copy what;
  what.container = x->container;
  what.log = log_path(x->folder);
  what.limits = log_limits_of(config_);
  x->log = std::make_unique<log_copier>(loop_, engine_, log_writer_, std::move(what),
                                        [this, w = std::weak_ptr(x)](const log_end&) {
                                          if (const auto it = w.lock())
                                            log_done(it);
                                        });
  x->log->begin();
}

void driver_core::finish_log(const attempt_ref& x, std::function<void()> then_say) {
  x->say_end = std::move(then_say);
  begin_log(x);
  x->log->finish();
}

void driver_core::log_done(const attempt_ref& x) {
  x->log.reset();
  if (const auto say = std::exchange(x->say_end, {}))
    say();
}

void driver_core::lose(const attempt_ref& x, const std::string& why) {
  x->at = phase::finishing;
  drop_timers(*x);
  finish_log(x, [this, x = std::weak_ptr(x), why] {
    if (const auto it = x.lock())
      say_lost(it, why);
  });
}

void driver_core::finish(const attempt_ref& x, const container_info& found) {
  x->at = phase::finishing;
  drop_timers(*x);
  ended_attempt facts;
  facts.stop_asked = x->stop_asked;
  facts.out_of_memory = x->out_of_memory || found.oom_killed;
  facts.memory = x->memory;
  facts.init = config_.init;
  facts.program = x->program;
  facts.image = x->image;
  facts.daemon_lost = watch_.lost_at();
  if (const auto why = why_unknown(found, facts); !why.empty())
    return lose(x, why);
  const auto outcome = std::make_shared<exit_result>(read_exit_of(found, facts));
  const auto say = [this, w = std::weak_ptr(x), outcome] {
    if (const auto it = w.lock())
      say_exited(it, std::move(*outcome));
  };
  finish_log(x, [this, w = std::weak_ptr(x), outcome, say] {
    const auto it = w.lock();
    if (!it)
      return;
    const bool publishes = !it->outputs.empty() && !it->stop_asked;
    if (!publishes && !data::has_result(result_file(it->folder).string()))
      return say();
    slow_([this, id = it->id, folder = it->folder, outputs = it->outputs, publishes, most = it->max_result, outcome,
           say] {
      if (publishes && may_publish_all(outputs, config_, *outcome))
        process::publish_outputs(id, folder, outputs, *outcome);
      data::read_result(result_file(folder), most, *outcome);
      loop_.post(say);
    });
  });
}

} // namespace muster::docker
