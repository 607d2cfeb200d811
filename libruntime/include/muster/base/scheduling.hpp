#pragma once

namespace muster {

/// From now on the calling thread waits until a core is free or a slice is over, rather than to interrupt who has a
/// core when it is woken (`SCHED_BATCH`). For threads that are woken for each small thing while tasks and wardens have
/// something better to do. What it starts would inherit that. Does nothing to a thread that somebody gave another
/// policy.
void interrupt_nobody() noexcept;

} // namespace muster
