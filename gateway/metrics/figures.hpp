#pragma once

#include "gateway/metrics/page.hpp"

namespace muster {
struct measures;
}

namespace muster::http {
struct server_figures;
}

/// What the parts of a head say of themselves, as metrics. docs/metrics.md lists them.
namespace muster::gateway {

struct feed_figures;
struct webhook_figures;

void write_runtime_figures(metrics_page& to, const measures& x);
void write_feed_figures(metrics_page& to, const feed_figures& x);
void write_webhook_figures(metrics_page& to, const webhook_figures& x);
void write_server_figures(metrics_page& to, const http::server_figures& x);

} // namespace muster::gateway
