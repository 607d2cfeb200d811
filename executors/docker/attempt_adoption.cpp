#include "executors/docker/driver_core.hpp"

#include "executors/data/results.hpp"
#include "executors/docker/names.hpp"

#include <algorithm>
#include <utility>

// What became of attempts that an earlier runtime may have started: about each the daemon is asked by name, since lists
// may be old.
namespace muster::docker {

namespace {

using namespace std::chrono_literals;

/// How often a container must be missing before it counts as never made, or gone.
constexpr int absences_that_count = 2;
constexpr auto pause_after_absence = 250ms;
/// How long the daemon may be away.
constexpr auto patience = 60s;
/// How often what was left behind is looked for while the daemon is away.
constexpr int most_cleanings = 20;
constexpr auto pause_between_cleanings = 3s;

/// By an earlier runtime: its log is the record of that.
bool start_was_sent(const attempt_spec& spec) {
  std::error_code ignored;
  return std::filesystem::exists(log_path(spec.folder), ignored);
}

} // namespace

/// One call of `adopt`.
struct driver_core::adoption_run {
  std::vector<attempt_spec> asked;
  std::vector<adoption> answers;
  std::vector<int> absences;
  std::function<void(adoptions)> done;
  std::size_t open = 0;                                      ///< Attempts that nothing is known of yet.
  std::vector<std::pair<attempt_ref, container_info>> ended; ///< To be told of afterwards.
  std::chrono::steady_clock::time_point give_up = std::chrono::steady_clock::now() + patience;
  back_off pause;
  bool failed = false;
};

void driver_core::adopt(std::vector<attempt_spec> attempts, std::function<void(adoptions)> done) {
  const auto run = std::make_shared<adoption_run>();
  run->open = attempts.size();
  run->answers.resize(attempts.size(), adoption::never_started);
  run->absences.resize(attempts.size(), 0);
  run->asked = std::move(attempts);
  run->done = std::move(done);
  wait_for_daemon(run);
}

void driver_core::wait_for_daemon(const std::shared_ptr<adoption_run>& run) {
  engine_.ping([this, run](const outcome<void>& how) {
    if (how)
      return ask_each(run);
    if (std::chrono::steady_clock::now() > run->give_up)
      return run->done(to_error(how.failure()));
    loop_.after(run->pause.next(), [this, run] { wait_for_daemon(run); });
  });
}

void driver_core::ask_each(const std::shared_ptr<adoption_run>& run) {
  if (run->asked.empty())
    return run->done(run->answers);
  for (std::size_t n = 0; n < run->asked.size(); ++n)
    ask_one(run, n);
}

void driver_core::ask_one(const std::shared_ptr<adoption_run>& run, std::size_t n) {
  looks_.enter({}, [this, run, n] {
    engine_.inspect_container(container_name(config_.head, run->asked[n].id),
                              [this, run, n](const outcome<container_info>& how) {
                                looks_.leave();
                                adopted(run, n, how);
                              });
  });
}

void driver_core::ask_one_again(const std::shared_ptr<adoption_run>& run, std::size_t n, const engine_error& why) {
  if (std::chrono::steady_clock::now() < run->give_up) {
    loop_.after(500ms, [this, run, n] { ask_one(run, n); });
    return;
  }
  run->failed = true;
  run->done(to_error(why));
}

void driver_core::adopted(const std::shared_ptr<adoption_run>& run, std::size_t n, const outcome<container_info>& how) {
  if (run->failed)
    return;
  const auto& spec = run->asked[n];
  if (how.kind() == failure::not_found) {
    if (++run->absences[n] < absences_that_count) {
      loop_.after(pause_after_absence, [this, run, n] { ask_one(run, n); });
      return;
    }
    return answer(run, n, start_was_sent(spec) ? adoption::lost : adoption::never_started);
  }
  if (!how)
    return ask_one_again(run, n, how.failure());
  // Somebody else's, or ready but never started: `prepare` will find it.
  if (attempt_of(how->labels, config_.head) != spec.id || (!how->started && !start_was_sent(spec)))
    return answer(run, n, adoption::never_started);
  if (!how->started)
    return ask_whether_it_made(how->id, [this, run, n](const outcome<bool>& same) {
      if (run->failed)
        return;
      if (!same && same.failure().transient())
        return ask_one_again(run, n, same.failure());
      answer(run, n, same && *same ? adoption::never_started : adoption::lost);
    });
  if (how->status == container_status::removing)
    return answer(run, n, adoption::lost);
  const auto x = make_attempt(spec);
  x->container = how->id;
  x->was_started = true;
  x->outputs = data::kept_outputs(x->folder, std::move(x->outputs));
  x->at = phase::running;
  attempts_[x->id] = x;
  by_container_[x->container] = x;
  for (const auto& [name, place] : how->networks)
    if (name.rfind("muster-" + config_.head + '-', 0) == 0)
      networks_.adopt(name, x->id);
  if (const auto beside = how->labels.find(network_label); beside != how->labels.end())
    networks_.adopt(beside->second, x->id);
  const bool has_ended = how->status == container_status::exited || how->status == container_status::dead;
  if (has_ended)
    run->ended.emplace_back(x, *how);
  answer(run, n, has_ended ? adoption::exited : adoption::running);
}

void driver_core::answer(const std::shared_ptr<adoption_run>& run, std::size_t n, adoption what) {
  run->answers[n] = what;
  if (--run->open > 0)
    return;
  run->done(run->answers);
  for (const auto& spec : run->asked)
    if (const auto x = find(spec.id); x && x->at == phase::running) {
      begin_log(x);
      // It may have ended since it was looked at, and before the events of it could be heard.
      const auto ended =
          std::find_if(run->ended.begin(), run->ended.end(), [&](const auto& e) { return e.first == x; });
      if (ended == run->ended.end())
        check(x);
      else
        finish(x, ended->second);
    }
}

void driver_core::clean(workflow_key workflow) {
  clean(workflow, 0);
}

/// The ends of those that are found are durable, or they never had any. Containers of other workflows may be asked for
/// later.
void driver_core::clean(workflow_key workflow, int tries) {
  engine_.list_containers(
      {{"label", {head_label + ('=' + config_.head)}}},
      [this, workflow, tries](const outcome<std::vector<container_summary>>& all) {
        if (!all && tries < most_cleanings) {
          loop_.after(pause_between_cleanings, [this, workflow, tries] { clean(workflow, tries + 1); });
          return;
        }
        if (!all)
          return;
        for (const auto& x : *all)
          if (const auto id = attempt_of(x.labels, config_.head); id && id->workflow == workflow && !find(*id))
            removals_.add(x.name, x.id, false, {});
      });
  networks_.remove_leftovers([key = std::to_string(workflow.value) + '.'](const network_info& x) {
    const auto owner = x.labels.find(group_key_label);
    return owner != x.labels.end() && (owner->second == "shared" || owner->second.rfind(key, 0) == 0);
  });
}

} // namespace muster::docker
