#pragma once

#include "process.hpp"
#include "universe.hpp"

#include "executors/driver.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

namespace muster::simulation {

/// What attempts do, and how often something goes wrong with them; in per mille.
struct behaviour {
  std::uint64_t prepare_fails = 20;
  std::uint64_t start_fails = 20;
  std::uint64_t exits_badly = 100;
  std::uint64_t is_lost = 10;
  std::uint64_t stubborn = 100;      ///< Ignores the polite stop.
  std::uint64_t hangs = 30;          ///< Does not end for a while, whatever it is told.
  std::uint64_t dies_in_removal = 5; ///< The agent, between what it does there.
  std::uint64_t tells_late = 20;     ///< A report.
  std::uint64_t tells_twice = 5;
  moment longest_preparation = std::chrono::seconds{30};
  moment longest_run = std::chrono::minutes{5};
};

/// An attempt's place in an order.
struct attempt_order {
  bool operator()(const attempt_id& a, const attempt_id& b) const {
    return std::tie(a.workflow, a.task, a.number) < std::tie(b.workflow, b.task, b.number);
  }
};

/// Told what really happens on machines.
class witness {
public:
  virtual ~witness() = default;
  virtual void on_real_start(const std::string& machine, const attempt_spec& what) = 0;
};

/// A machine, and what really runs there: it outlives the agent. Its driver keeps the contract of executors/driver.hpp.
class machine {
public:
  machine(universe& all, std::string name, capabilities offered, behaviour how, witness& told);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const capabilities& offered() const noexcept { return offered_; }
  /// Nothing fails any more that need not.
  void calm_down() {
    how_.prepare_fails = how_.start_fails = how_.is_lost = how_.hangs = how_.dies_in_removal = how_.tells_late =
        how_.tells_twice = 0;
  }

  /// A driver for an agent in that process. What an earlier one had prepared and not started is forgotten.
  [[nodiscard]] std::shared_ptr<driver> make_driver(process& where);
  /// The power fails: whatever ran runs no more, and nobody saw how it ended. With its disk it forgets that as well.
  void power_off(bool disk_is_lost);
  /// Told before an attempt is prepared or, then with true, removed.
  void on_change(std::function<void(attempt_id, bool)> tell) { before_change_ = std::move(tell); }

  /// Attempts that are not removed.
  [[nodiscard]] std::size_t kept() const noexcept { return attempts_.size(); }
  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] std::string listing() const;

private:
  class face;
  enum class phase : std::uint8_t { preparing, prepared, running, ended, lost };
  struct attempt {
    attempt_spec what;
    phase at = phase::preparing;
    std::uint64_t timer = 0; ///< Only the newest one counts.
    std::int32_t signal = 0; ///< Of the stop that waits for the end of its grace.
    moment killed_at{0};
    timestamp started{};
    exit_result end;
  };

  void prepare(attempt_spec what);
  void start(attempt_id id);
  void stop(attempt_id id, std::chrono::milliseconds grace);
  void remove(attempt_id id);
  void clean_up(const leftover_judge& is_over);
  [[nodiscard]] adoption adopt(attempt_id id);

  void set_timer(attempt_id id, moment delay, bool in_driver, std::function<void(attempt&)> then);
  void prepared(attempt_id id);
  void run(attempt& x);
  void finish(attempt& x, std::int32_t signal);
  using report = std::function<void(driver_listener&)>;
  void tell(attempt_id id, const report& what);
  void tell_now(std::uint64_t life, const report& what);
  [[nodiscard]] chance luck_of(attempt_id id) const;

  universe& all_;
  std::string name_;
  capabilities offered_;
  behaviour how_;
  witness& told_;
  std::uint64_t salt_;
  std::uint64_t timers_ = 0;
  std::map<attempt_id, attempt, attempt_order> attempts_;
  face* driver_ = nullptr; ///< The one that is in use now.
  std::uint64_t life_ = 0; ///< How many drivers there were: what one of them says late, no other says.
  std::map<attempt_id, moment, attempt_order> told_until_; ///< When the last that was told of an attempt comes.
  std::function<void(attempt_id, bool)> before_change_;
};

} // namespace muster::simulation
