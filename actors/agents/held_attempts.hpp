#pragma once

#include "actors/agents/attempt_table.hpp"

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muster {

/// What a node knows of the attempts that its head gave it: the other side of `attempt_table`, a value as well.
class held_attempts {
public:
  /// Something to be done here, in order. `prepare`: note it durably, then prepare it. `remove`: let the driver forget
  /// it, then forget that it was noted.
  using calls = std::vector<node_command>;

  /// From the head.
  [[nodiscard]] calls command(const node_command& x);
  /// From the driver here: what to tell the head, if anything, and what to do before.
  [[nodiscard]] std::pair<std::optional<node_report>, calls> report(const attempt_report& x);
  /// After a restart of this node: what its driver says of an attempt that was noted. What was never started is
  /// prepared once more.
  [[nodiscard]] calls restore(attempt_spec_ptr spec, adoption found);

  /// The newest report of each; `progress` for what there is nothing to report of yet.
  [[nodiscard]] node_reports all() const;
  [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

private:
  struct entry {
    epoch lease;
    bool then_start = false; ///< It was told to start, or does so by itself.
    std::optional<attempt_report> newest;
    attempt_spec_ptr again; ///< Its next life, to begin when this one is removed.
    bool ended = false;
    bool remove = false; ///< As soon as it has ended.
  };

  [[nodiscard]] calls begin(attempt_spec_ptr spec);
  [[nodiscard]] calls forget(attempt_id id);

  std::unordered_map<attempt_id, entry> known_;
};

} // namespace muster
