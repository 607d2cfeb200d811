#pragma once

#include "muster/placement/queue_policy.hpp"

#include <optional>
#include <unordered_map>

namespace muster {

/// Whose place was promised to whom: chains, at the front of each one that holds a place, or did. Those behind may run
/// before it is known that those ahead have ended, in any order: a chain never has more than one place.
class place_promises {
public:
  /// `heir` has the place of `of` when that gives it up. Neither may have such a promise already.
  void add(gang_key of, gang_key heir);

  /// Who has the place of `of` when that gives it up.
  [[nodiscard]] std::optional<gang_key> heir_of(gang_key of) const;
  /// Whose place `heir` was promised.
  [[nodiscard]] std::optional<gang_key> giver_of(gang_key heir) const;

  /// It has a place: whoever promised it one has no heir now, and those behind it follow it alone. Answers who that
  /// was.
  std::optional<gang_key> settle(gang_key key);

  /// It is here no more: who was to follow it follows whoever it would have followed, if there is one.
  void leave(gang_key key);

private:
  std::unordered_map<gang_key, gang_key> heirs_;  ///< By giver.
  std::unordered_map<gang_key, gang_key> givers_; ///< By heir.
};

} // namespace muster
