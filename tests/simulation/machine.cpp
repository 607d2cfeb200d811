#include "machine.hpp"

#include "muster/event/event.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace muster::simulation {

namespace {

constexpr std::int32_t term = 15;
constexpr std::int32_t kill = 9;

std::string described(attempt_id id) {
  return "attempt " + to_string(id);
}

} // namespace

/// The driver that an agent has, as long as its process is there.
class machine::face final : public driver {
public:
  face(machine& owner, process& where) : owner_(owner), where_(where) {}
  ~face() override {
    if (owner_.driver_ == this)
      owner_.driver_ = nullptr;
  }
  face(const face&) = delete;
  face& operator=(const face&) = delete;

  result<capabilities> probe() override { return owner_.offered_; }
  void listen(driver_listener& to) override { listener_ = &to; }
  void prepare(attempt_spec spec) override {
    if (is_used())
      owner_.prepare(std::move(spec));
  }
  void start(attempt_id id) override {
    if (is_used())
      owner_.start(id);
  }
  void stop(attempt_id id, std::chrono::milliseconds grace) override {
    if (is_used())
      owner_.stop(id, grace);
  }
  void publish(attempt_id) override {}
  void remove(attempt_id id) override {
    if (!is_used())
      return;
    owner_.remove(id);
    if (!owner_.all_.random.permille(owner_.how_.dies_in_removal))
      return;
    owner_.all_.say(owner_.name_ + ": the agent dies while it lets go of " + described(id));
    where_.kill();
    throw std::runtime_error("killed"); // Whoever called does not come to what was next.
  }
  void clean_up(leftover_judge is_over) override {
    if (is_used())
      owner_.clean_up(is_over);
  }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& asked) override {
    std::vector<adoption> out;
    for (const auto& x : asked)
      out.push_back(is_used() ? owner_.adopt(x.id) : adoption::never_started);
    return out;
  }

  [[nodiscard]] bool is_used() const { return where_.is_alive() && owner_.driver_ == this; }
  [[nodiscard]] process& where() noexcept { return where_; }
  [[nodiscard]] driver_listener* listener() noexcept { return listener_; }

private:
  machine& owner_;
  process& where_;
  driver_listener* listener_ = nullptr;
};

machine::machine(universe& all, std::string name, capabilities offered, behaviour how, witness& told)
    : all_(all), name_(std::move(name)), offered_(std::move(offered)), how_(how), told_(told),
      salt_(all.random.pick(~std::uint64_t{0})) {}

std::shared_ptr<driver> machine::make_driver(process& where) {
  for (auto at = attempts_.begin(); at != attempts_.end();)
    at = at->second.at == phase::preparing || at->second.at == phase::prepared ? attempts_.erase(at) : std::next(at);
  auto x = std::make_shared<face>(*this, where);
  driver_ = x.get();
  ++life_;
  told_until_.clear();
  return x;
}

void machine::power_off(bool disk_is_lost) {
  if (disk_is_lost)
    attempts_.clear();
  for (auto& [id, x] : attempts_) {
    ++x.timer;
    if (x.at == phase::running)
      x.at = phase::lost;
  }
}

/// The same for every life of an attempt, and for every order of steps.
chance machine::luck_of(attempt_id id) const {
  return chance{salt_ ^ std::hash<attempt_id>{}(id)};
}

/// In order for each attempt; what is told late comes after what others are told meanwhile.
void machine::tell(attempt_id id, const report& what) {
  if (driver_ == nullptr || driver_->listener() == nullptr || !driver_->is_used())
    return;
  auto& due = told_until_[id];
  if (all_.random.permille(how_.tells_late))
    due = std::max(due, all_.time.now() + all_.random.spread(std::chrono::milliseconds{1}, std::chrono::seconds{10}));
  const auto times = all_.random.permille(how_.tells_twice) ? 2 : 1;
  for (int i = 0; i < times; ++i)
    if (due > all_.time.now())
      all_.time.after(due - all_.time.now(), [this, life = life_, what] { tell_now(life, what); });
    else
      tell_now(life_, what);
}

void machine::tell_now(std::uint64_t life, const report& what) {
  if (life != life_ || driver_ == nullptr || !driver_->is_used())
    return;
  driver_->where().when_awake([this, life, what] {
    if (life != life_ || driver_ == nullptr || !driver_->is_used())
      return;
    what(*driver_->listener());
    driver_->listener()->on_batch_end();
  });
}

/// `in_driver`: it is the driver's own doing, which ends with it and stands still with it.
void machine::set_timer(attempt_id id, moment delay, bool in_driver, std::function<void(attempt&)> then) {
  const auto number = attempts_.at(id).timer = ++timers_;
  auto fire = [this, id, number, then = std::move(then)] {
    const auto at = attempts_.find(id);
    if (at != attempts_.end() && at->second.timer == number)
      then(at->second);
  };
  if (!in_driver) {
    all_.time.after(delay, std::move(fire));
    return;
  }
  all_.time.after(delay, [this, by = driver_, fire = std::move(fire)] {
    if (driver_ == by && by != nullptr && by->is_used())
      by->where().when_awake(fire);
  });
}

void machine::prepare(attempt_spec what) {
  const auto id = what.id;
  if (before_change_)
    before_change_(id, false);
  const auto [at, fresh] = attempts_.try_emplace(id);
  if (!fresh)
    return;
  all_.say(name_ + " prepares " + described(id));
  at->second.what = std::move(what);
  auto luck = luck_of(id);
  const auto takes = luck.spread(std::chrono::milliseconds{1}, how_.longest_preparation);
  set_timer(id, takes, true, [this, id](attempt&) { prepared(id); });
}

void machine::prepared(attempt_id id) {
  auto& x = attempts_.at(id);
  if (all_.random.permille(how_.prepare_fails)) {
    attempts_.erase(id);
    return tell(id, [id](driver_listener& to) { to.on_prepared(id, error{ec::unavailable, "no luck"}); });
  }
  x.at = phase::prepared;
  all_.say(name_ + " has prepared " + described(id));
  if (x.what.then_start)
    return start(id);
  tell(id, [id](driver_listener& to) { to.on_prepared(id, {}); });
}

void machine::start(attempt_id id) {
  const auto at = attempts_.find(id);
  if (at == attempts_.end() || at->second.at == phase::preparing)
    return tell(id, [id](driver_listener& to) { to.on_started(id, error{ec::not_found, "it is not prepared"}); });
  if (at->second.at != phase::prepared)
    return;
  if (all_.random.permille(how_.start_fails)) {
    attempts_.erase(at);
    return tell(id, [id](driver_listener& to) { to.on_started(id, error{ec::start_failed, "no luck"}); });
  }
  run(at->second);
}

void machine::run(attempt& x) {
  const auto id = x.what.id;
  all_.say(name_ + " STARTS " + described(id) + " of lease " + std::to_string(x.what.lease.value) + " on GPUs " +
           gpus_to_text(x.what.gpus));
  x.at = phase::running;
  x.started = all_.wall();
  for (const auto& [other, y] : attempts_)
    if (other != id && y.at == phase::running)
      for (const auto gpu : x.what.gpus)
        if (std::count(y.what.gpus.begin(), y.what.gpus.end(), gpu) > 0)
          all_.violate("GPU " + std::to_string(gpu) + " of " + name_ + " is used by " + described(id) + " and by " +
                       described(other));
  told_.on_real_start(name_, x.what);
  auto luck = luck_of(id);
  static_cast<void>(luck.pick(1));
  const auto takes = luck.spread(std::chrono::milliseconds{1}, how_.longest_run);
  set_timer(id, takes, false, [this](attempt& y) { finish(y, 0); });
  tell(id, [id](driver_listener& to) { to.on_started(id, {}); });
}

void machine::stop(attempt_id id, std::chrono::milliseconds grace) {
  const auto at = attempts_.find(id);
  if (at == attempts_.end())
    return;
  auto& x = at->second;
  if (x.at == phase::preparing) {
    attempts_.erase(at);
    return tell(id, [id](driver_listener& to) { to.on_prepared(id, error{ec::canceled, "stopped"}); });
  }
  if (x.at == phase::prepared)
    return finish(x, term);
  if (x.at != phase::running)
    return;
  auto luck = luck_of(id);
  const bool stubborn = luck.permille(how_.stubborn);
  moment takes = stubborn ? moment{grace} : luck.between(moment{0}, std::min<moment>(grace, std::chrono::seconds{1}));
  if (luck.permille(how_.hangs))
    takes += luck.spread(std::chrono::seconds{1}, std::chrono::minutes{10});
  const auto due = all_.time.now() + takes;
  if (x.signal != 0 && x.killed_at <= due)
    return;
  x.signal = stubborn ? kill : term;
  x.killed_at = due;
  set_timer(id, takes, false, [this](attempt& y) { finish(y, y.signal); });
}

void machine::finish(attempt& x, std::int32_t signal) {
  const auto id = x.what.id;
  const bool ran = x.at == phase::running;
  auto luck = luck_of(id);
  if (ran && signal == 0 && luck.permille(how_.is_lost)) {
    x.at = phase::lost;
    return tell(id, [id](driver_listener& to) { to.on_lost(id, "nobody saw how it ended"); });
  }
  x.at = phase::ended;
  x.end = {};
  x.end.signal = signal;
  x.end.code = signal != 0 ? 128 + signal : luck.permille(how_.exits_badly) ? 1 + static_cast<int>(luck.pick(3)) : 0;
  if (ran) {
    x.end.started = x.started;
    x.end.ended = all_.wall();
  }
  all_.say(name_ + ": " + described(id) + " ends with " + std::to_string(x.end.code));
  tell(id, [id, end = x.end](driver_listener& to) { to.on_exited(id, end); });
}

void machine::remove(attempt_id id) {
  const auto at = attempts_.find(id);
  if (at == attempts_.end())
    return;
  if (at->second.at == phase::running)
    all_.violate(name_ + " is told to forget " + described(id) + ", which runs");
  if (before_change_)
    before_change_(id, true);
  attempts_.erase(at);
}

void machine::clean_up(const leftover_judge& is_over) {
  for (auto at = attempts_.begin(); at != attempts_.end();) {
    const bool lives = at->second.at == phase::running || !is_over.attempt(at->first);
    at = lives ? std::next(at) : attempts_.erase(at);
  }
}

adoption machine::adopt(attempt_id id) {
  const auto at = attempts_.find(id);
  if (at == attempts_.end())
    return adoption::never_started;
  switch (at->second.at) {
    case phase::preparing:
    case phase::prepared: return adoption::never_started;
    case phase::running: return adoption::running;
    case phase::lost: return adoption::lost;
    case phase::ended:
      tell(id, [id, end = at->second.end](driver_listener& to) { to.on_exited(id, end); });
      return adoption::exited;
  }
  return adoption::lost;
}

std::size_t machine::running() const {
  return static_cast<std::size_t>(
      std::count_if(attempts_.begin(), attempts_.end(), [](const auto& x) { return x.second.at == phase::running; }));
}

std::string machine::listing() const {
  std::string out;
  for (const auto& [id, x] : attempts_)
    out += ' ' + to_string(id) + " at " + std::to_string(static_cast<int>(x.at));
  return out;
}

} // namespace muster::simulation
