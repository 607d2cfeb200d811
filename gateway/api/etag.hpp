#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"
#include "muster/config/pool_policy.hpp"
#include "muster/store/records.hpp"

#include <string>
#include <vector>

namespace muster::gateway {

/// Changes whenever the workflow's own state does: its status, its times, a cancel, a retry. Not with every task, so
/// that `If-Match` can guard an action on a workflow that runs.
[[nodiscard]] std::string etag_of(const store::workflow_record& x);

/// Of a pool: changes with its policy, and with what of it is set over the configuration.
[[nodiscard]] std::string etag_of(const config::pool_policy& policy, const std::vector<std::string>& overrides);

/// Whether the request's `If-Match`, if it has one, names what is there now, by its tag.
[[nodiscard]] bool may_change(const http::request& x, const std::string& tag);

} // namespace muster::gateway
