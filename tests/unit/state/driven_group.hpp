#pragma once

#include "muster/state/group_machine.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// One group machine, driven by hand: what it wants done, as texts.
namespace muster::test {

/// Of a group that is driven.
struct options {
  std::uint32_t members = 1;
  std::uint32_t lead = 0;
  bool barrier = true;
  bool ignore_nonlead = true;
  std::uint32_t max_retries = 3;
  duration backoff = duration::zero();
  duration queue_timeout = std::chrono::seconds{7};
};

/// Drives one machine; members are tasks 10, 11, ... named a, b, ...; exit code 7 asks for a retry.
class driven {
public:
  explicit driven(options x) : machine(setup(x)) {}

  static group_setup setup(options x) {
    auto policy = std::make_shared<group_policy>();
    policy->exec_timeout = std::chrono::seconds{5};
    policy->queue_timeout = x.queue_timeout;
    policy->max_retries = x.max_retries;
    policy->backoff.first = x.backoff;
    policy->grace = std::chrono::seconds{3};
    group_setup s;
    s.first_task = task_index{10};
    s.lead = x.lead;
    s.barrier = x.barrier && x.members > 1;
    s.ignore_nonlead_status = x.ignore_nonlead;
    s.policy = std::move(policy);
    for (std::uint32_t i = 0; i < x.members; ++i)
      s.members.push_back(
          {std::string(1, static_cast<char>('a' + i)), {{spec::exit_action::reschedule, {{7, 7}}, "7"}}});
    return s;
  }

  static task_attempt who(std::uint32_t member, std::uint32_t attempt = 0) {
    return {task_index{10 + member}, attempt};
  }

  std::vector<std::string> run(const group_effects& effects) {
    std::vector<std::string> out;
    for (const auto& e : effects)
      if (auto text = std::visit([this](const auto& x) { return say(x); }, e); !text.empty())
        out.push_back(std::move(text));
    return out;
  }

  /// Up to the point where all members run.
  void run_all() {
    run(machine.begin());
    run(machine.intent_committed(ticket));
    run(machine.placed(place, epoch{1}));
    for (std::uint32_t i = 0; i < machine.member_count(); ++i)
      run(machine.prepared(who(i), {}));
    for (std::uint32_t i = 0; i < machine.member_count(); ++i)
      run(machine.started(who(i), {}));
  }

  group_machine machine;
  std::uint32_t ticket = 0;
  std::uint32_t place = 0;
  std::uint32_t generation[6] = {};
  std::map<group_timer, duration> limits; ///< Of the timers, as they were set last.
  duration waited{};                      ///< As the newest request for places says.
  std::optional<stop_purpose> noted;      ///< What is being ended, and what for, as was said last.

private:
  static std::string name(task_attempt x) {
    return std::string(1, static_cast<char>('a' + x.task.value - 10)) + std::to_string(x.attempt);
  }
  static std::string with(std::string text, const std::string& why) { return why.empty() ? text : text + ": " + why; }

  std::string say(const effect::record_task& x) {
    auto text = name(x.who) + ' ' + std::string{to_string(x.status)};
    if (x.exit_code != no_exit_code)
      text += ' ' + std::to_string(x.exit_code);
    return with(text, x.text);
  }
  std::string say(const effect::record_group& x) { return with("group " + std::string{to_string(x.status)}, x.text); }
  std::string say(const effect::commit_intent& x) {
    ticket = x.ticket;
    std::string text = "intent";
    for (const auto& a : x.attempts)
      text += ' ' + name(a);
    return text;
  }
  std::string say(const effect::ask_place& x) {
    place = x.ticket;
    waited = x.waited;
    return std::string{x.restore ? "restore " : "place "} + std::to_string(x.members.size());
  }
  std::string say(const effect::release&) { return "release"; }
  std::string say(const effect::prepare& x) { return (x.then_start ? "run " : "prepare ") + name(x.who); }
  std::string say(const effect::start& x) { return "start " + name(x.who); }
  /// Not shown: most tests are about what follows.
  std::string say(const effect::note_stop& x) {
    noted = x.what;
    return {};
  }
  std::string say(const effect::stop& x) {
    return "stop " + name(x.who) + ' ' + std::to_string(x.grace.count() / 1'000'000);
  }
  std::string say(const effect::remove& x) { return (x.ran ? "remove " : "undo ") + name(x.who); }
  std::string say(const effect::set_timer& x) {
    generation[static_cast<std::size_t>(x.timer)] = x.generation;
    limits[x.timer] = x.delay;
    return "timer " + std::to_string(static_cast<int>(x.timer));
  }
  std::string say(const effect::cancel_timer& x) { return "no timer " + std::to_string(static_cast<int>(x.timer)); }
  std::string say(const effect::finished& x) { return with("finished " + std::string{to_string(x.status)}, x.text); }
};

using did = std::vector<std::string>;

inline attempt_exit code(std::int32_t c) {
  return {c, 0, false, {}};
}

} // namespace muster::test
