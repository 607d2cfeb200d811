#include "muster/state/transitions.hpp"

namespace muster {

bool may_follow(status from, status to) noexcept {
  if (to == status::unspecified || is_finished(from))
    return false;
  return to >= from;
}

bool group_may_follow(status from, status to) noexcept {
  return to != status::rescheduled && may_follow(from, to);
}

} // namespace muster
