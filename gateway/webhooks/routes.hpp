#pragma once

#include "gateway/api/services.hpp"
#include "gateway/http/router.hpp"

#include <memory>

namespace muster::gateway {

/// `/v1/webhooks`: create, list, get, delete, test, dead letters. Deliveries are `services::webhooks`.
void add_webhook_routes(http::router& to, const std::shared_ptr<services>& with);

} // namespace muster::gateway
