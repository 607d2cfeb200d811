#pragma once

#include "executors/process/warden/protocol.hpp"

#include <optional>
#include <unordered_map>

namespace muster::process {

/// Starts that wait until another attempt has ended. Values only.
class start_queue {
public:
  /// Takes one in, unless one of this attempt is here.
  void add(wire::following_start&& x);
  [[nodiscard]] bool has(attempt_id id) const { return waiting_.count(id) != 0; }
  /// Who waits for the end of `id`; the one that came last, if several do.
  [[nodiscard]] std::optional<attempt_id> follower_of(attempt_id id) const;
  /// The start of `id`, which waits no longer; nothing if it did not.
  std::optional<wire::start_request> take(attempt_id id);
  /// The start of who waits for the end of `id`.
  std::optional<wire::start_request> take_follower(attempt_id id);
  void clear();

private:
  std::unordered_map<attempt_id, wire::start_request> waiting_;
  std::unordered_map<attempt_id, attempt_id> follower_of_;
  std::unordered_map<attempt_id, attempt_id> waits_for_;
};

} // namespace muster::process
