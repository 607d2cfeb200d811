#include "world.hpp"

#include "workload.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace muster::simulation {

namespace {

/// Seeds that do not end are found by this many steps.
constexpr std::uint64_t most_steps = 20'000'000;
/// Once nothing fails any more, all must be done by then.
constexpr moment settling = std::chrono::hours{24};
constexpr moment look_every = std::chrono::seconds{5};

capabilities random_machine(chance& random) {
  capabilities x;
  x.driver = "simulated";
  x.total.cpu = static_cast<std::int64_t>(random.between(1, 8));
  x.total.memory = std::int64_t{64} << 30;
  x.total.storage = std::int64_t{64} << 30;
  const auto gpus = random.percent(70) ? random.between(1, 8) : 0;
  for (std::uint32_t i = 0; i < gpus; ++i)
    x.total.gpus.push_back(i);
  x.total.cpu = std::max<std::int64_t>(x.total.cpu, static_cast<std::int64_t>(gpus));
  return x;
}

store::reader reader_of(const std::filesystem::path& folder) {
  auto opened = store::reader::open(store::state_directory{folder});
  if (!opened)
    throw std::runtime_error("the store cannot be read: " + opened.failure().message);
  return *std::move(opened);
}

} // namespace

world::world(std::uint64_t seed, detail how, planted what, std::filesystem::path folder)
    : all_(seed, how, what), folder_(std::move(folder)), log_(all_, reader_of(folder_ / head_folder)) {}

void world::set_up() {
  auto& random = all_.random;
  behaviour how;
  if (random.percent(30))
    how.longest_run = std::chrono::hours{1};
  if (random.percent(20))
    how.longest_preparation = std::chrono::minutes{10};
  const auto count = random.between(1, 5);
  for (std::uint64_t i = 0; i < count; ++i)
    machines_.push_back(
        std::make_unique<machine>(all_, "n" + std::to_string(i + 1), random_machine(random), how, log_));

  head_setup setup;
  setup.lost_after = std::chrono::seconds{random.percent(50) ? 30 : 300};
  setup.on_loss = random.percent(50) ? agent::loss_policy::wait : agent::loss_policy::reschedule;
  if (random.percent(15))
    setup.max_parallel = static_cast<std::uint32_t>(random.between(4, 12));
  setup.policy.seed = random.pick(1'000'000);
  setup.policy.start_timeout = std::chrono::minutes{random.between(1, 60)};
  setup.run_ready = [this] { static_cast<void>(run_ready()); };
  const bool is_long = random.percent(2); // Some are away for an hour and more.
  const moment alive_every = std::chrono::seconds{random.percent(70) && !is_long ? 1 : 5};
  setup.silence_limit = std::chrono::duration_cast<std::chrono::milliseconds>(10 * alive_every);
  head_ = std::make_unique<head>(all_, config_, store::state_directory{folder_ / head_folder}, log_, std::move(setup));
  start_head();
  for (auto& x : machines_) {
    node::setup one{"pool", folder_ / x->name(), head::own_id, [this] { return head_->door(); }, alive_every};
    nodes_.push_back(std::make_unique<node>(all_, config_, *x, std::move(one)));
    if (random.percent(80))
      nodes_.back()->start();
    else // Who needs it waits for it.
      all_.time.after(random.spread(std::chrono::seconds{1}, std::chrono::minutes{5}), [x = nodes_.back().get()] {
        if (x->where() == nullptr)
          x->start();
      });
  }

  const auto some = [&](std::uint64_t odds) { return random.percent(odds) ? random.between(1, 10) : 0; };
  weather_.trouble = random.between(std::chrono::seconds{10}, std::chrono::minutes{10});
  weather_.faults = random.between(0, 40);
  weather_.kills = some(60);
  weather_.power = some(30);
  weather_.disks = some(15);
  weather_.freezes = some(50);
  weather_.cuts = some(60);
  weather_.head_kills = some(50);
  weather_.head_freezes = some(30);
  weather_.drains = some(30);
  weather_.removals = some(20);
  weather_.policies = some(40);
  weather_.longest_outage = random.percent(10) ? moment{std::chrono::hours{1}} : moment{std::chrono::minutes{2}};
  weather_.mean_pause = random.spread(std::chrono::seconds{1}, std::chrono::minutes{2});
  if (is_long) {
    weather_.trouble = random.between(std::chrono::hours{1}, std::chrono::hours{4});
    weather_.longest_outage = std::chrono::hours{2};
    weather_.mean_pause = random.spread(std::chrono::minutes{1}, std::chrono::minutes{20});
  }
}

// -- what happens

void world::schedule_work() {
  work_left_ = all_.random.between(1, 6);
  moment when{0};
  for (std::uint64_t i = 0; i < work_left_; ++i) {
    when += all_.random.spread(std::chrono::milliseconds{1}, std::chrono::minutes{2});
    all_.time.after(when, [this] {
      --work_left_;
      std::vector<capabilities> offered;
      for (const auto& x : machines_)
        offered.push_back(x->offered());
      head_->submit(random_workflow(all_.random, offered));
    });
    if (all_.random.percent(15))
      all_.time.after(when + all_.random.spread(std::chrono::milliseconds{1}, std::chrono::minutes{5}), [this] {
        std::vector<std::int64_t> live;
        for (const auto& [key, now] : log_.workflows())
          if (!is_finished(now))
            live.push_back(key);
        if (!live.empty())
          head_->cancel(workflow_key{live[all_.random.pick(live.size())]}, all_.random.percent(30));
      });
  }
}

void world::schedule_fault() {
  const auto pause = all_.random.between(moment{1}, weather_.mean_pause);
  all_.time.after(pause, [this] {
    if (!troubled_ || weather_.faults-- == 0)
      return;
    fault();
    schedule_fault();
  });
}

void world::fault() {
  auto& random = all_.random;
  const std::uint64_t weights[] = {weather_.kills,    weather_.power,      weather_.disks,        weather_.freezes,
                                   weather_.cuts,     weather_.head_kills, weather_.head_freezes, weather_.drains,
                                   weather_.removals, weather_.policies};
  std::uint64_t sum = 0;
  for (const auto x : weights)
    sum += x;
  if (sum == 0)
    return;
  auto which = random.pick(sum);
  std::size_t kind = 0;
  while (which >= weights[kind])
    which -= weights[kind++];
  auto& who = *nodes_[random.pick(nodes_.size())];
  const auto how_long = random.spread(std::chrono::milliseconds{1}, weather_.longest_outage);
  switch (kind) {
    case 0: return kill_agent(who, false, false);
    case 1: return kill_agent(who, true, false);
    case 2: return kill_agent(who, true, true);
    case 3: who.freeze(); return all_.time.after(how_long, [&who] { who.thaw(); });
    case 4: who.set_partitioned(true); return all_.time.after(how_long, [&who] { who.set_partitioned(false); });
    case 5: return kill_head();
    case 7:
      head_->drain(who.name(), how_long);
      return all_.time.after(2 * how_long, [this, &who] { head_->drain(who.name(), std::nullopt); });
    case 8: return head_->remove(who.name(), random.percent(50));
    case 9: return head_->set_policy(random_policy(random));
    default: return freeze_head(how_long);
  }
}

void world::kill_agent(node& x, bool power_fails, bool disk_fails) {
  if (x.where() == nullptr)
    return;
  dead_.push_back(x.kill(!power_fails));
  if (power_fails)
    for (auto& m : machines_)
      if (m->name() == x.name())
        m->power_off(disk_fails);
  if (disk_fails)
    x.forget_all();
  else if (power_fails)
    x.remember_what_was_dropped();
  const auto delay = all_.random.spread(std::chrono::milliseconds{1}, weather_.longest_outage);
  all_.time.after(delay, [&x] {
    if (x.where() == nullptr)
      x.start();
  });
}

void world::start_head() {
  head_->start();
}

void world::kill_head() {
  if (head_->where() == nullptr)
    return;
  head_->kill();
  log_.catch_up();
  for (auto& x : nodes_)
    x->head_has_ended();
  const auto delay = all_.random.spread(std::chrono::milliseconds{1}, weather_.longest_outage);
  all_.time.after(delay, [this] {
    bury(); // Else its lock on the store would be held.
    if (head_->where() == nullptr)
      start_head();
  });
}

void world::freeze_head(moment how_long) {
  auto* where = head_->where();
  if (where == nullptr || where->is_frozen())
    return;
  all_.say("head is frozen");
  where->freeze();
  for (auto& x : nodes_)
    x->head_is_silent(true);
  all_.time.after(how_long, [this, where] {
    if (head_->where() != where || !where->is_frozen())
      return;
    all_.say("head goes on");
    where->thaw(all_.time.now());
    for (auto& x : nodes_)
      x->head_is_silent(false);
  });
}

/// From now on nothing fails.
void world::heal() {
  all_.say("all is well from now on");
  troubled_ = false;
  bury();
  for (auto& x : machines_)
    x->calm_down();
  if (head_->where() == nullptr)
    start_head();
  head_->where()->thaw(all_.time.now());
  head_->set_policy({});
  for (auto& x : nodes_) {
    x->head_is_silent(false);
    x->set_partitioned(false);
    if (x->where() == nullptr)
      x->start();
    x->thaw();
    head_->drain(x->name(), std::nullopt);
  }
}

// -- time

std::vector<process*> world::processes() {
  std::vector<process*> out;
  if (head_->where() != nullptr)
    out.push_back(head_->where());
  for (auto& x : nodes_)
    if (x->where() != nullptr)
      out.push_back(x->where());
  return out;
}

/// Lets one of the actors that have something to do, do it.
bool world::run_ready() {
  const auto all = processes();
  std::size_t count = 0;
  for (const auto* x : all)
    count += x->ready();
  if (count == 0)
    return false;
  ++steps_;
  auto which = all_.random.pick(count);
  for (auto* x : all) {
    if (which < x->ready()) {
      const auto who = x->run(which, all_.time.now(), all_.written);
      if (x == head_->where())
        head_->has_run(who);
      return true;
    }
    which -= x->ready();
  }
  return false;
}

std::optional<moment> world::next_event() {
  auto out = all_.time.next();
  for (const auto* x : processes())
    if (const auto due = x->next_timeout(); due && (!out || *due < *out))
      out = due;
  return out;
}

/// One step; false when nothing is left to happen before `limit`.
bool world::step(moment limit) {
  bury();
  for (auto& x : nodes_)
    if (x->where() != nullptr && !x->where()->is_alive())
      kill_agent(*x, false, false);
  // Mostly whoever can does before time passes; sometimes somebody is slow.
  const bool slow = all_.random.permille(2);
  if (!slow && run_ready())
    return true;
  const auto due = next_event();
  if (!due && slow)
    return run_ready();
  if (!due || *due > limit) {
    if (slow && run_ready())
      return true;
    all_.time.turn_to(limit);
    return false;
  }
  if (*due > all_.time.now())
    all_.time.turn_to(*due);
  for (auto* x : processes())
    x->turn_to(all_.time.now());
  static_cast<void>(all_.time.fire());
  return true;
}

void world::bury() {
  dead_.clear();
  head_->bury();
}

bool world::is_done() {
  if (work_left_ > 0 || log_.unfinished() > 0 || !head_->leftovers().empty())
    return false;
  return std::all_of(machines_.begin(), machines_.end(), [](const auto& x) { return x->kept() == 0; });
}

void world::check_end() {
  for (const auto& x : machines_)
    if (x->kept() > 0)
      all_.violate("after all is done " + x->name() + " still has" + x->listing());
  if (log_.unfinished() > 0)
    all_.violate("not all comes to an end:" + log_.listing());
  if (const auto left = head_->leftovers(); !left.empty())
    all_.violate("when all is done" + left);
  log_.compare();
}

outcome world::play() {
  set_up();
  schedule_work();
  schedule_fault();
  const auto run_until = [&](moment limit) {
    while (!all_.violation && step(limit))
      if (steps_ > most_steps)
        all_.violate("it does not come to rest");
  };
  run_until(weather_.trouble);
  if (!all_.violation)
    heal();
  const auto deadline = all_.time.now() + settling;
  while (!all_.violation && all_.time.now() < deadline) {
    run_until(all_.time.now() + look_every);
    if (is_done())
      break;
  }
  if (!all_.violation)
    check_end();
  outcome out;
  out.violation = all_.violation;
  out.sum = all_.written.sum();
  out.steps = steps_;
  out.attempts = log_.started();
  out.lasted = all_.time.now();
  out.last_steps = all_.written.lines();
  nodes_.clear();
  head_.reset();
  return out;
}

} // namespace muster::simulation
