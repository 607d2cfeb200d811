#include "actors/runtime.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/metrics/figures.hpp"
#include "gateway/webhooks/dispatcher.hpp"

namespace muster::gateway {

namespace {

/// What is counted, never looked for: a scrape costs the same however much was run.
result<http::response> get_metrics(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  metrics_page page;
  page.gauge("muster_build_info", "Which Muster this is; always 1.", 1, {{"version", x.with.version}});
  if (const auto engine = x.engine())
    write_runtime_figures(page, (*engine)->measures());
  if (x.with.feed)
    write_feed_figures(page, x.with.feed->figures());
  if (x.with.webhooks)
    write_webhook_figures(page, x.with.webhooks->figures());
  x.with.write_metrics(page);
  http::response out;
  out.headers.emplace("Content-Type", metrics_page::content_type);
  out.body = page.text();
  return out;
}

} // namespace

void add_metrics_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/metrics", access::local}, get_metrics);
}

} // namespace muster::gateway
