#include "gateway/metrics/request_meter.hpp"

#include <algorithm>

namespace muster::gateway {

namespace {

/// Clients may send any word: only known ones become labels.
std::string known_method(const std::string& method) {
  for (const auto* known : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
    if (method == known)
      return method;
  return "other";
}

} // namespace

void request_meter::note(const std::string& method, const std::string& route, unsigned status,
                         std::chrono::steady_clock::duration took, bool is_stream) {
  const auto seconds = std::chrono::duration<double>(took).count();
  const std::lock_guard lock{mutex_};
  auto& out = routes_[{known_method(method), route.empty() ? "none" : route}];
  ++out.by_status[status];
  if (is_stream) // How long it is listened to says nothing of the service.
    return;
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
  ++out.times.at(static_cast<std::size_t>(bucket));
  out.seconds += seconds;
}

void request_meter::write(metrics_page& to) const {
  const std::lock_guard lock{mutex_};
  for (const auto& [key, x] : routes_) {
    const auto& [method, route] = key;
    for (const auto& [status, count] : x.by_status)
      to.counter("muster_http_requests_total", "Requests that were answered.", static_cast<double>(count),
                 {{"method", method}, {"route", route}, {"status", std::to_string(status)}});
    to.histogram("muster_http_request_seconds", "Time from a request to the end of its answer, streams left out.",
                 {{bounds.begin(), bounds.end()}, {x.times.begin(), x.times.end()}, x.seconds},
                 {{"method", method}, {"route", route}});
  }
}

} // namespace muster::gateway
