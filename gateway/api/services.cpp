#include "gateway/api/services.hpp"

#include "gateway/auth/authority.hpp"
#include "gateway/http/server.hpp"

#include <algorithm>
#include <utility>

namespace muster::gateway {

services::services(store::state_directory where, std::size_t readers_at_most)
    : directory(where), readers(std::move(where), readers_at_most), event_streams({}, "event streams are open"),
      checks({}, "specs are being checked"),
      now([] { return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now()); }) {
  const http::server_config usual;
  set_places(usual.connections, usual.workers);
}

services::~services() = default;

void services::set_places(std::size_t connections, std::size_t workers) {
  event_streams.set_bounds(places::quarter_of(connections / 2));
  checks.set_bounds({std::max<std::size_t>(1, workers - 1), std::max<std::size_t>(1, workers / 2)});
}

void services::learn_log_id() {
  auto reader = readers.take();
  if (!reader)
    return;
  if (auto id = (*reader)->log_id())
    log_id = std::move(*id);
}

bool services::still_counts(const identity& who) {
  if (who.token.empty())
    return true;
  auto reader = readers.take();
  if (!reader)
    return true;
  const auto found = (*reader)->token(who.token);
  return found ? counts(*found, now()) : found.failure().code != ec::not_found;
}

} // namespace muster::gateway
