#include "executors/null/null_driver.hpp"

#include "executors/null/behaviour.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace muster {

namespace {

using clock = std::chrono::steady_clock;
using null::behaviour;

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

enum class phase : std::uint8_t { preparing, prepared, running, ended };

struct attempt {
  behaviour does;
  phase at = phase::preparing;
  bool then_start = false;
  std::uint32_t timer = 0; ///< Only the timer with this number is valid.
  std::int32_t signal = 0; ///< Of a stop that waits for the end of its grace.
  clock::time_point due{}; ///< When the valid timer is due.
  timestamp started{};
};

struct timer {
  clock::time_point due;
  attempt_id id;
  std::uint32_t number;
  friend bool operator>(const timer& a, const timer& b) { return a.due > b.due; }
};

enum class verb : std::uint8_t { prepare, start, stop, remove };

struct request {
  verb what;
  attempt_id id;
  std::chrono::milliseconds grace{};
  std::unique_ptr<result<behaviour>> does;
  bool then_start = false;
};

class null_driver final : public driver {
public:
  explicit null_driver(null_config config) : config_(std::move(config)) {}

  ~null_driver() override {
    {
      const std::lock_guard lock{mutex_};
      closing_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable())
      thread_.join();
  }

  result<capabilities> probe() override {
    capabilities out;
    out.driver = "null";
    out.total = config_.total;
    return out;
  }

  void listen(driver_listener& to) override {
    listener_ = &to;
    thread_ = std::thread{[this] { run(); }};
  }

  void prepare(attempt_spec spec) override {
    // Read here, so that the heavy spec ends in the caller's thread.
    push({verb::prepare,
          spec.id,
          {},
          std::make_unique<result<behaviour>>(null::read_behaviour(config_, spec)),
          spec.then_start});
  }
  void start(attempt_id id) override { push({verb::start, id, {}, nullptr, false}); }
  void stop(attempt_id id, std::chrono::milliseconds grace) override { push({verb::stop, id, grace, nullptr, false}); }
  void publish(attempt_id) override {}
  void remove(attempt_id id) override { push({verb::remove, id, {}, nullptr, false}); }

  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    std::vector<adoption> out;
    out.reserve(attempts.size());
    const std::lock_guard lock{mutex_};
    for (const auto& x : attempts)
      out.push_back(started_.count(x.id) != 0 ? adoption::running : adoption::never_started);
    return out;
  }

private:
  void push(request x) {
    bool was_idle = false;
    {
      const std::lock_guard lock{mutex_};
      if (x.what == verb::start || x.then_start)
        started_.insert(x.id);
      else if (x.what == verb::remove)
        started_.erase(x.id);
      inbox_.push_back(std::move(x));
      was_idle = idle_;
    }
    if (was_idle)
      wake_.notify_one();
  }

  // -- everything below runs in the driver's thread

  void run() {
    std::vector<request> taken;
    while (take(taken)) {
      for (auto& x : taken)
        handle(x);
      taken.clear();
      fire_due();
      if (said_something_)
        listener_->on_batch_end();
      said_something_ = false;
    }
  }

  bool take(std::vector<request>& to) {
    std::unique_lock lock{mutex_};
    const auto ready = [this] { return closing_ || !inbox_.empty(); };
    idle_ = true;
    if (timers_.empty())
      wake_.wait(lock, ready);
    else
      wake_.wait_until(lock, timers_.top().due, ready);
    idle_ = false;
    to.swap(inbox_);
    return !closing_;
  }

  void handle(request& x) {
    switch (x.what) {
      case verb::prepare: return handle_prepare(x.id, std::move(*x.does), x.then_start);
      case verb::start: return handle_start(x.id);
      case verb::stop: return handle_stop(x.id, x.grace);
      case verb::remove: attempts_.erase(x.id); return;
    }
  }

  void handle_prepare(attempt_id id, result<behaviour> does, bool then_start) {
    if (!does)
      return say_prepared(id, does.failure());
    const auto [at, is_new] = attempts_.try_emplace(id);
    if (!is_new)
      return;
    at->second.does = *std::move(does);
    at->second.then_start = then_start;
    schedule(id, at->second, at->second.does.preparation);
  }

  void handle_start(attempt_id id) {
    const auto at = attempts_.find(id);
    if (at == attempts_.end() || at->second.at == phase::preparing)
      return say_started(id, error{ec::not_found, "attempt " + to_string(id) + " is not prepared"});
    auto& x = at->second;
    if (x.at != phase::prepared)
      return;
    if (!x.does.fail_start.empty()) {
      x.at = phase::ended;
      return say_started(id, error{ec::start_failed, x.does.fail_start});
    }
    x.at = phase::running;
    x.started = now();
    say_started(id, {});
    schedule(id, x, x.does.run);
  }

  void handle_stop(attempt_id id, std::chrono::milliseconds grace) {
    const auto at = attempts_.find(id);
    if (at == attempts_.end())
      return;
    auto& x = at->second;
    if (x.at == phase::preparing) {
      attempts_.erase(at);
      return say_prepared(id, error{ec::canceled, "stopped while it was being prepared"});
    }
    if (x.at == phase::prepared)
      return finish(id, x, 15);
    if (x.at != phase::running)
      return;
    if (!x.does.stubborn)
      return finish(id, x, 15);
    const auto due = clock::now() + grace;
    if (x.signal == 0 || due < x.due) {
      x.signal = 9;
      schedule(id, x, grace);
    }
  }

  void schedule(attempt_id id, attempt& x, duration after) {
    ++x.timer;
    if (after == duration::zero())
      return fire(id, x);
    x.due = clock::now() + after;
    timers_.push({x.due, id, x.timer});
  }

  void fire_due() {
    if (timers_.empty())
      return;
    const auto time = clock::now();
    while (!timers_.empty() && timers_.top().due <= time) {
      const auto due = timers_.top();
      timers_.pop();
      const auto at = attempts_.find(due.id);
      if (at != attempts_.end() && at->second.timer == due.number)
        fire(due.id, at->second);
    }
  }

  void fire(attempt_id id, attempt& x) {
    if (x.at == phase::preparing) {
      if (x.does.fail_prepare.empty()) {
        x.at = phase::prepared;
        return x.then_start ? handle_start(id) : say_prepared(id, {});
      }
      error why{ec::data_error, x.does.fail_prepare};
      attempts_.erase(id);
      return say_prepared(id, std::move(why));
    }
    if (x.at == phase::running)
      finish(id, x, x.signal);
  }

  void finish(attempt_id id, attempt& x, std::int32_t stopped_by) {
    x.at = phase::ended;
    ++x.timer;
    said_something_ = true;
    if (stopped_by == 0 && !x.does.lost.empty())
      return listener_->on_lost(id, x.does.lost);
    exit_result out;
    out.signal = stopped_by != 0 ? stopped_by : x.does.signal;
    out.code = stopped_by != 0 ? 128 + stopped_by : x.does.code;
    out.started = x.started;
    out.ended = now();
    if (stopped_by == 0) {
      out.result = std::move(x.does.result);
      out.result_problem = std::move(x.does.result_problem);
    }
    listener_->on_exited(id, std::move(out));
  }

  void say_prepared(attempt_id id, result<void> outcome) {
    said_something_ = true;
    listener_->on_prepared(id, std::move(outcome));
  }

  void say_started(attempt_id id, result<void> outcome) {
    said_something_ = true;
    listener_->on_started(id, std::move(outcome));
  }

  const null_config config_;
  driver_listener* listener_ = nullptr;
  std::thread thread_;

  std::mutex mutex_; ///< Guards what follows, up to the thread's own.
  std::condition_variable wake_;
  std::vector<request> inbox_;
  std::unordered_set<attempt_id> started_;
  bool idle_ = false;
  bool closing_ = false;

  // -- the thread's own
  std::unordered_map<attempt_id, attempt> attempts_;
  std::priority_queue<timer, std::vector<timer>, std::greater<>> timers_;
  bool said_something_ = false;
};

} // namespace

std::unique_ptr<driver> make_null_driver(null_config config) {
  return std::make_unique<null_driver>(std::move(config));
}

} // namespace muster
