#pragma once

#include "gateway/metrics/page.hpp"

namespace muster::gateway {

/// What Prometheus expects every process to say of itself: memory, processor time, descriptors, threads, start.
void write_process_figures(metrics_page& to);

} // namespace muster::gateway
