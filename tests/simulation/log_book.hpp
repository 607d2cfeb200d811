#pragma once

#include "machine.hpp"
#include "universe.hpp"

#include "muster/event/event.hpp"
#include "muster/store/reader.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace muster::simulation {

/// Reads every committed event, and knows what must hold of them: no gap, no step back, no change of what is finished,
/// nothing that starts without being recorded, nothing that starts twice.
class log_book final : public witness {
public:
  log_book(universe& all, store::reader stored) : all_(all), stored_(std::move(stored)) {}

  /// What the head has stored. One reader for all: to open one takes as long as dozens of steps.
  [[nodiscard]] store::reader& stored() noexcept { return stored_; }

  /// Committed events, in order. Those that were seen before are skipped.
  void read(const std::vector<event>& batch);
  /// Reads what was committed and told to nobody, because the head was killed.
  void catch_up();
  /// Compares what was told with what is stored.
  void compare();

  void on_real_start(const std::string& machine, const attempt_spec& what) override;

  [[nodiscard]] std::size_t unfinished() const;
  [[nodiscard]] std::size_t started() const noexcept { return started_.size(); }
  [[nodiscard]] const std::map<std::int64_t, status>& workflows() const noexcept { return workflows_; }
  [[nodiscard]] std::string listing() const;

private:
  using task_key = std::pair<std::int64_t, std::uint32_t>;
  struct task_row {
    std::uint32_t attempt = 0;
    muster::status status = muster::status::unspecified;
    std::string text;
  };
  void read(const event& x);
  void read_task(const event& x);

  universe& all_;
  store::reader stored_;
  std::uint64_t last_ = 0;
  std::map<std::int64_t, status> workflows_;
  std::map<task_key, status> groups_;
  std::map<task_key, task_row> tasks_;
  std::set<attempt_id, attempt_order> intended_;
  std::map<attempt_id, std::string, attempt_order> started_; ///< Where.
};

} // namespace muster::simulation
