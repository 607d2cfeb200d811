#include "process.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace muster::simulation {

namespace {

/// Time points of CAF that are zero mean something else.
constexpr std::chrono::hours beginning{1};

/// Ahead of all that waits in its mailbox.
void tell_to_end(const caf::strong_actor_ptr& x) {
  x->enqueue(nullptr, caf::make_message_id(caf::message_priority::high),
             caf::make_message(caf::exit_msg{caf::actor_addr{}, caf::exit_reason::user_shutdown}), nullptr);
}

} // namespace

caf::actor_clock::time_point process::point(moment x) {
  return caf::actor_clock::time_point{} + beginning + x;
}

process::process(std::string name, process_config& config, moment now)
    : name_(std::move(name)), system_(config),
      scheduler_(&dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {
  scheduler_->clock().current_time = point(now);
}

process::~process() {
  end();
}

void process::end() {
  is_alive_ = false;
  asleep_.clear();
  // The first ones end their children themselves.
  for (const auto& x : std::exchange(owned_, {}))
    tell_to_end(x);
  scheduler_->run();
  scheduler_->clock().cancel_all();
  // Some wait for an answer of who has ended.
  for (const auto& [id, x] : std::exchange(seen_, {}))
    if (const auto left = x.lock())
      tell_to_end(left);
  scheduler_->run();
  if (const auto left = system_.registry().running(); left > 0) {
    std::fprintf(stderr, "simulation: %zu actors of %s do not end\n", left, name_.c_str());
    std::abort(); // The system would wait for them for ever.
  }
}

caf::actor_id process::run(std::size_t which, moment now, trace& into) {
  auto& jobs = scheduler_->jobs;
  const auto at = jobs.begin() + static_cast<std::ptrdiff_t>(which);
  std::rotate(jobs.begin(), at, at + 1);
  caf::actor_id who = caf::invalid_actor_id;
  if (auto* actor = dynamic_cast<caf::scheduled_actor*>(jobs.front())) {
    who = actor->id();
    into.mix(actor->id());
    if (seen_.emplace(actor->id(), caf::weak_actor_ptr{}).second)
      seen_[actor->id()] = caf::actor_cast<caf::weak_actor_ptr>(actor);
    if (into.wants_text()) {
      const auto* next = actor->mailbox().peek();
      into.say(now, name_ + ": " + actor->name() + '#' + std::to_string(actor->id()) + " <- " +
                        (next != nullptr ? caf::to_string(next->content()) : std::string{"?"}));
    }
  }
  scheduler_->run_once();
  return who;
}

std::optional<moment> process::next_timeout() const {
  const auto& schedule = scheduler_->clock().schedule();
  if (is_frozen_ || schedule.empty())
    return std::nullopt;
  return std::chrono::ceil<moment>(schedule.begin()->first - point(moment{0}));
}

void process::turn_to(moment now) {
  auto& clock = scheduler_->clock();
  const auto due = next_timeout(); // Also of what was set just now, for now.
  if (!is_frozen_ && (clock.current_time < point(now) || (due && *due <= now)))
    clock.advance_time(point(now) - clock.current_time);
}

void process::thaw(moment now) {
  is_frozen_ = false;
  turn_to(now);
  for (auto& what : std::exchange(asleep_, {}))
    what();
}

void process::when_awake(std::function<void()> what) {
  if (is_frozen_)
    asleep_.push_back(std::move(what));
  else
    what();
}

} // namespace muster::simulation
