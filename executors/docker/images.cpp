#include "executors/docker/images.hpp"

#include <algorithm>

namespace muster::docker {

namespace {

/// How often a pull is tried while the registry fails, and any call while the daemon is away.
constexpr int most_pull_tries = 3;
constexpr int most_tries = 4;
/// Each note of a pull is an event of every task that waits for it.
constexpr std::chrono::seconds longest_silence{30};

error pull_error(const std::string& name, const engine_error& why) {
  if (why.kind == failure::daemon_away || why.kind == failure::permission || why.kind == failure::tls)
    return to_error(why);
  const auto about = "image '" + name + "' cannot be pulled: ";
  switch (why.kind) {
    case failure::pull_denied:
      return {ec::image_pull_failed,
              about + why.message + " (log in to its registry with `docker login`, or check the name)"};
    case failure::no_space:
      return {ec::image_pull_failed, about + "a disk of the Docker daemon is full: " + why.message};
    default: return {ec::image_pull_failed, about + why.message};
  }
}

} // namespace

images::images(loop& on, client& engine, pull_policy policy, std::size_t most_pulls, credential_source credentials,
               std::chrono::milliseconds first_note)
    : loop_(on), engine_(engine), policy_(policy), most_pulls_(std::max<std::size_t>(1, most_pulls)),
      first_note_(first_note), credentials_(std::move(credentials)) {}

result<image_reference> images::read_name(const std::string& name) {
  auto read = parse_image_reference(name);
  if (!read)
    return error{ec::invalid_argument,
                 "'" + one_line(name, 200) + "' is not the name of an image: " + read.failure().message};
  return read;
}

images::ticket images::ensure(const std::string& name, taker done, progress_taker on_progress) {
  const auto mine = ++last_;
  auto reference = read_name(name);
  if (!reference) {
    loop_.post([this, mine, done = std::move(done), why = reference.failure()] {
      if (owners_.erase(mine) != 0)
        done(why);
    });
    owners_[mine] = {};
    return mine;
  }
  const auto key = reference->familiar();
  auto& x = entries_[key];
  x.name = key;
  x.reference = *std::move(reference);
  x.waiting.push_back({mine, std::move(done), std::move(on_progress)});
  owners_[mine] = key;
  if (!x.busy) {
    x.busy = true;
    ++x.round;
    // Not within this call: the taker is not ready for an answer yet.
    loop_.post([this, key, round = x.round] {
      if (auto& it = entries_[key]; it.busy && it.round == round)
        begin(it);
    });
  }
  return mine;
}

void images::cancel(ticket who) {
  const auto owner = owners_.find(who);
  if (owner == owners_.end())
    return;
  const auto found = entries_.find(owner->second);
  owners_.erase(owner);
  if (found == entries_.end())
    return;
  auto& waiting = found->second.waiting;
  waiting.erase(std::remove_if(waiting.begin(), waiting.end(), [&](const auto& x) { return x.who == who; }),
                waiting.end());
  if (waiting.empty())
    abandon(found->second);
}

void images::forget(const std::string& name) {
  if (const auto reference = parse_image_reference(name))
    if (const auto found = entries_.find(reference->familiar()); found != entries_.end())
      found->second.known.reset();
}

void images::abandon(entry& x) {
  loop_.cancel(x.call);
  loop_.cancel(x.timer);
  loop_.cancel(std::exchange(x.note_timer, timer_id::none));
  ++x.round;
  x.busy = false;
  x.pause.reset();
  pull_line_.erase(std::remove(pull_line_.begin(), pull_line_.end(), x.name), pull_line_.end());
  leave_pull(x);
}

void images::begin(entry& x) {
  if (policy_ == pull_policy::always)
    return queue_pull(x);
  if (x.known)
    return finish(x, *x.known);
  inspect(x, false);
}

void images::inspect(entry& x, bool after_pull) {
  x.call = engine_.inspect_image(x.name, [this, key = x.name, after_pull](const outcome<image_info>& found) {
    inspected(entries_[key], found, after_pull);
  });
}

void images::inspected(entry& x, const outcome<image_info>& found, bool after_pull) {
  if (found) {
    x.known = std::make_unique<image_info>(*found);
    return finish(x, *x.known);
  }
  if (found.kind() == failure::not_found && !after_pull) {
    if (policy_ == pull_policy::never)
      return finish(x, error{ec::image_pull_failed,
                             "image '" + x.name + "' is not on the Docker daemon, and this pool never pulls"});
    return queue_pull(x);
  }
  if (found.failure().transient() && x.pause.tries() < most_tries)
    return again(x, [this, after_pull](entry& it) { inspect(it, after_pull); });
  finish(x, pull_error(x.name, found.failure()));
}

void images::queue_pull(entry& x) {
  pull_line_.push_back(x.name);
  x.meter.reset();
  x.note_pause = back_off(first_note_, longest_silence);
  note_later(x);
  serve_pulls();
}

void images::serve_pulls() {
  while (pulls_ < most_pulls_ && !pull_line_.empty()) {
    auto& x = entries_[pull_line_.front()];
    pull_line_.pop_front();
    ++pulls_;
    x.pulls = true;
    authorize(x);
  }
}

void images::authorize(entry& x) {
  credentials_(x.reference.registry, [this, key = x.name, round = x.round](result<secret> auth) {
    auto& it = entries_[key];
    if (it.round != round)
      return;
    if (!auth)
      return finish(it, error{ec::image_pull_failed, "image '" + key + "' cannot be pulled: the credentials for " +
                                                         it.reference.registry +
                                                         " cannot be read: " + auth.failure().message});
    pull(it, *auth);
  });
}

void images::pull(entry& x, const secret& auth) {
  x.meter.reset();
  const auto step = [this, key = x.name, round = x.round](const pull_progress& said) {
    if (auto& it = entries_[key]; it.round == round)
      it.meter.add(said);
  };
  x.call = engine_.pull_image(x.reference, auth, step,
                              [this, key = x.name](const outcome<void>& how) { pulled(entries_[key], how); });
}

void images::pulled(entry& x, const outcome<void>& how) {
  if (how) {
    leave_pull(x);
    x.pause.reset();
    return inspect(x, true);
  }
  // A registry that fails may be back soon; one that says no will say it again.
  if (how.failure().transient() && x.pause.tries() < most_pull_tries)
    return again(x, [this](entry& it) { authorize(it); });
  finish(x, pull_error(x.name, how.failure()));
}

void images::again(entry& x, std::function<void(entry&)> what) {
  x.timer = loop_.after(x.pause.next(), [this, key = x.name, round = x.round, what = std::move(what)] {
    if (auto& it = entries_[key]; it.round == round)
      what(it);
  });
}

void images::leave_pull(entry& x) {
  if (!std::exchange(x.pulls, false))
    return;
  --pulls_;
  serve_pulls();
}

void images::finish(entry& x, const result<image_info>& how) {
  leave_pull(x);
  loop_.cancel(std::exchange(x.note_timer, timer_id::none));
  auto waiting = std::exchange(x.waiting, {});
  ++x.round;
  x.busy = false;
  x.pause.reset();
  for (auto& one : waiting)
    if (owners_.erase(one.who) != 0)
      one.done(how);
}

/// Short pulls say nothing.
void images::note_later(entry& x) {
  x.note_timer = loop_.after(x.note_pause.next(), [this, key = x.name, round = x.round] {
    if (auto& it = entries_[key]; it.round == round)
      note(it);
  });
}

void images::note(entry& x) {
  const auto how_far = x.meter.text();
  const auto text = !x.pulls ? "waiting to pull " + x.name + ": as many as may be are being pulled"
                             : "pulling " + x.name + (how_far.empty() ? std::string{} : ": " + how_far);
  note_later(x);
  // Whoever hears it may leave.
  const auto waiting = x.waiting;
  for (const auto& one : waiting)
    if (one.on_progress)
      one.on_progress(text);
}

} // namespace muster::docker
