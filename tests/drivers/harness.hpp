#pragma once

#include "executors/driver.hpp"

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

/// What every test of a driver uses: a listener that remembers, folders that vanish, and the drivers under test.
namespace muster::test {

/// No test waits longer for anything; reaching it is a failure.
constexpr std::chrono::seconds patience{60};

/// A folder of its own that is removed at the end, after the warden of this state directory and its tasks were ended.
class scratch {
public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// All that a driver said about one attempt, in order.
struct history {
  std::vector<std::string> calls; ///< `prepared`, `started`, `exited`, `lost`
  std::optional<result<void>> prepared;
  std::optional<result<void>> started;
  std::optional<exit_result> exited;
  std::optional<std::string> lost;
  std::vector<std::string> progress; ///< In order.
};

/// A listener that remembers everything and can be waited on.
class recorder final : public driver_listener {
public:
  void on_prepared(attempt_id id, result<void> outcome) override;
  void on_started(attempt_id id, result<void> outcome) override;
  void on_exited(attempt_id id, exit_result outcome) override;
  void on_lost(attempt_id id, std::string why) override;
  void on_progress(attempt_id id, std::string text) override;
  void on_batch_end() override;

  /// The history of `id` once `is_there` is true for it, or as it is when patience ends.
  history wait(attempt_id id, const std::function<bool(const history&)>& is_there);
  history wait_prepared(attempt_id id);
  history wait_progress(attempt_id id);
  history wait_started(attempt_id id);
  /// Until it exited or was lost.
  history wait_end(attempt_id id);
  [[nodiscard]] history of(attempt_id id);
  /// Calls since the last `on_batch_end`; waits until that is 0.
  bool wait_batch_closed();

private:
  template <class F>
  void note(attempt_id id, const char* call, F&& set);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, history> seen_;
  std::size_t open_calls_ = 0;
};

/// What an attempt of a test should do, in words that each driver's fixture translates.
struct wish {
  std::chrono::milliseconds run{0};
  int exit = 0;
  bool ignores_polite_signal = false;
  std::string result{}; ///< Written as its result before it exits; without a single quote.
};

/// One driver under test.
struct subject {
  std::string name;
  std::string probed_as; ///< As `probe` names it, if not as `name`.
  /// A driver on that state directory. Made again after a "restart".
  std::function<std::unique_ptr<driver>(const std::filesystem::path& state)> make;
  /// Makes the attempt do what is wished.
  std::function<void(attempt_spec&, const wish&)> shape;
  /// Makes the attempt run this shell script; empty: the driver runs nothing.
  std::function<void(attempt_spec&, const std::string& script)> run_script;
  /// A running attempt has come to where it does what was wished; empty: at once.
  std::function<bool(const attempt_spec&)> settled;
  /// Its attempts survive the driver and are found by the next one.
  bool durable = false;
  /// A task can be made that `prepare` refuses.
  std::function<void(attempt_spec&)> spoil_prepare;
  /// A task can be made that prepares but cannot start.
  std::function<void(attempt_spec&)> spoil_start;
  /// Takes away what a failed test may have left outside of its folder; may be empty.
  std::function<void(const std::filesystem::path& state)> clean;
};

/// Why the process driver cannot enforce limits here; empty if it can.
[[nodiscard]] const std::string& why_no_limits();

/// The drivers that need nothing but this host.
[[nodiscard]] std::vector<subject> local_subjects();

/// The drivers that this test program is about.
[[nodiscard]] const std::vector<subject>& subjects();

/// Looks until it is so; false when patience ends.
[[nodiscard]] bool eventually(const std::function<bool()>& is_so);

/// A spec of attempt `number` of task `task` in `state`, with nothing to do yet.
[[nodiscard]] attempt_spec make_spec(const std::filesystem::path& state, std::uint32_t task = 0,
                                     std::uint32_t number = 0);

} // namespace muster::test
