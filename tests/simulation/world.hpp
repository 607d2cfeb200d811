#pragma once

#include "head.hpp"
#include "log_book.hpp"
#include "machine.hpp"
#include "node.hpp"
#include "universe.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::simulation {

/// How a seed came out.
struct outcome {
  std::optional<std::string> violation;
  std::uint64_t sum = 0; ///< Of all that happened: the same for every run of the seed.
  std::uint64_t steps = 0;
  std::size_t attempts = 0; ///< That really started.
  moment lasted{0};
  std::deque<std::string> last_steps;
};

/// A head, some nodes, and what happens to them, all by one seed: first everything fails that can, then nothing does,
/// and all must come to its end.
class world {
public:
  /// Of the head's store, which is there already.
  static constexpr const char* head_folder = "head";

  world(std::uint64_t seed, detail how, planted what, std::filesystem::path folder);
  [[nodiscard]] outcome play();

private:
  /// What this seed is about.
  struct weather {
    moment trouble{0};        ///< How long things fail,
    std::uint64_t faults = 0; ///< and how often at most.
    std::uint64_t kills = 0;  ///< Of each kind, how likely it is among faults.
    std::uint64_t power = 0;
    std::uint64_t disks = 0;
    std::uint64_t freezes = 0;
    std::uint64_t cuts = 0;
    std::uint64_t head_kills = 0;
    std::uint64_t head_freezes = 0;
    std::uint64_t drains = 0;
    std::uint64_t removals = 0;
    std::uint64_t policies = 0;
    moment longest_outage{0};
    moment mean_pause{0}; ///< Between faults, at most.
  };

  void set_up();
  void schedule_work();
  void schedule_fault();
  void fault();
  void kill_agent(node& x, bool power_fails, bool disk_fails);
  void kill_head();
  void freeze_head(moment how_long);
  void start_head();
  void heal();
  [[nodiscard]] bool is_done();
  void check_end();

  bool step(moment limit);
  [[nodiscard]] bool run_ready();
  [[nodiscard]] std::vector<process*> processes();
  [[nodiscard]] std::optional<moment> next_event();
  void bury();

  universe all_;
  process_config config_;
  std::filesystem::path folder_;
  log_book log_;
  weather weather_;
  std::vector<std::unique_ptr<machine>> machines_;
  std::vector<std::unique_ptr<process>> dead_;
  std::unique_ptr<head> head_;
  std::vector<std::unique_ptr<node>> nodes_;
  std::vector<process*> ready_;
  std::uint64_t steps_ = 0;
  bool troubled_ = true;
  std::uint64_t work_left_ = 0;
};

} // namespace muster::simulation
