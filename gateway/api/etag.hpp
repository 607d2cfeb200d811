#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"
#include "muster/store/records.hpp"

#include <string>

namespace muster::gateway {

/// Changes whenever the workflow's own state does: its status, its times, a cancel, a retry. Not with every task, so
/// that `If-Match` can guard an action on a workflow that runs.
[[nodiscard]] std::string etag_of(const store::workflow_record& x);

/// Whether the request's `If-Match`, if it has one, names what is there now.
[[nodiscard]] bool may_change(const http::request& x, const store::workflow_record& now);

} // namespace muster::gateway
