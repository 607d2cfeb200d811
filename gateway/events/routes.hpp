#pragma once

#include "gateway/api/services.hpp"
#include "gateway/http/router.hpp"

#include <memory>

namespace muster::gateway {

/// `GET /v1/events` in the form that `Accept` asks for. Its feed is `services::feed`.
void add_event_routes(http::router& to, const std::shared_ptr<services>& with);

} // namespace muster::gateway
