#pragma once

#include "muster/state/group_machine.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// Where a group machine lives in property tests: a pool, a driver, a journal and clocks that answer in any order, with
/// any outcome, late, twice, or not before a crash. Holds the machine to its promises; a broken one is a failed check.
namespace muster::test {

/// Decides by a seed; the same on every machine.
class dice {
public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}
  /// From 0 to `n` - 1.
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  /// True in `percent` of 100 cases.
  bool chance(std::uint64_t percent) { return below(100) < percent; }

private:
  std::mt19937_64 engine_;
};

/// What goes wrong, in percent of the cases.
struct trouble {
  std::uint64_t placement = 5;
  std::uint64_t prepare = 5;
  std::uint64_t start = 5;
  std::uint64_t lost = 3;
  std::uint64_t timeout = 1;
  std::uint64_t repeat = 5; ///< A message comes twice.
  std::uint64_t crash = 0;
  std::uint64_t preempt = 2;
};

class group_world {
public:
  group_world(group_setup setup, trouble what, std::uint64_t seed);

  /// Lets one thing happen.
  void step();
  void cancel(bool force);
  [[nodiscard]] bool done() const { return finished_; }
  [[nodiscard]] status group_status() const { return final_; }
  [[nodiscard]] const group_machine& machine() const { return machine_; }
  [[nodiscard]] std::uint32_t crashes() const { return crashes_; }

private:
  enum class life { prepared, started, failed_start, lost, gone };
  struct attempt_row {
    muster::status status = muster::status::unspecified;
  };
  using attempt_key = std::pair<std::uint32_t, std::uint32_t>; ///< Task, attempt.

  // Messages on their way to the machine.
  struct committed {
    std::uint32_t ticket;
  };
  struct pool_answer {
    std::uint32_t ticket;
    int kind; ///< 0 placed, 1 must wait, 2 transient failure, 3 never fits, 4 placed ahead.
  };
  /// To the driver: the attempt whose place it will have is over.
  struct place_freed {
    task_attempt who;
  };
  struct driver_answer {
    enum { prepared, started, exited, lost } what;
    task_attempt who;
    error problem;
    attempt_exit how;
  };
  using message = std::variant<committed, pool_answer, place_freed, driver_answer, effect::set_timer>;

  void deliver(const message& m);
  void carry_out(group_effects effects);
  void handle(const effect::record_task& x);
  void handle(const effect::record_group& x);
  void handle(const effect::commit_intent& x);
  void handle(const effect::ask_place& x);
  void handle(const effect::release& x);
  void handle(const effect::prepare& x);
  void handle(const effect::start& x);
  void start(task_attempt who);
  void handle(const effect::note_stop& x);
  void handle(const effect::stop& x);
  void handle(const effect::remove& x);
  void handle(const effect::set_timer& x);
  void handle(const effect::cancel_timer& x);
  void handle(const effect::finished& x);
  void check_barrier(task_attempt who);
  void make_durable();
  void crash();
  [[nodiscard]] attempt_exit random_exit();
  [[nodiscard]] error random_error();
  [[nodiscard]] bool live(attempt_key k) const;

  group_setup setup_;
  trouble trouble_;
  dice dice_;
  group_machine machine_;
  std::vector<message> messages_;
  std::vector<effect::set_timer> timers_;
  std::map<attempt_key, life> driver_;
  std::set<attempt_key> ever_started_;
  std::set<attempt_key> told_ends_; ///< Their exit was told at least once.
  std::set<attempt_key> committed_;
  std::map<attempt_key, attempt_row> rows_;    ///< As recorded.
  std::map<attempt_key, attempt_row> durable_; ///< As a crash would leave it.
  std::vector<task_attempt> removes_;          ///< Wait for durability.
  status group_row_ = status::unspecified;
  bool pool_holds_ = false;
  bool finished_ = false;
  std::optional<stop_purpose> noted_;
  std::optional<stop_purpose> durably_noted_;
  std::set<attempt_key> stopped_; ///< For what is noted.
  bool canceled_ = false;
  status final_ = status::unspecified;
  std::uint32_t crashes_ = 0;
};

} // namespace muster::test
