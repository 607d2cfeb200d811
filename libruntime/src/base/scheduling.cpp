#include "muster/base/scheduling.hpp"

#include <sched.h>

namespace muster {

void interrupt_nobody() noexcept {
  if (::sched_getscheduler(0) != SCHED_OTHER)
    return;
  const sched_param none{};
  static_cast<void>(::sched_setscheduler(0, SCHED_BATCH, &none));
}

} // namespace muster
