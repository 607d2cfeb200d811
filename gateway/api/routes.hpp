#pragma once

#include "gateway/api/services.hpp"
#include "gateway/http/router.hpp"

#include <memory>

/// Every resource of `/v1` adds its routes by one of these.
namespace muster::gateway {

/// `/v1/workflows`: list, get, spec.
void add_workflow_routes(http::router& to, const std::shared_ptr<services>& with);
/// `POST /v1/workflows`, `/v1/validate`.
void add_submit_routes(http::router& to, const std::shared_ptr<services>& with);
/// Cancel, retry, restart, delete.
void add_action_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/workflows/{id}/groups`
void add_group_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/workflows/{id}/tasks`, their attempts and results.
void add_task_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/workflows/{id}/tasks/{task}/logs`
void add_log_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/workflows/{id}/tasks/{task}/outputs`: list, download, all as one archive.
void add_output_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/workflows/{id}/result`: of the whole, or of any step.
void add_result_routes(http::router& to, const std::shared_ptr<services>& with);

/// `/v1/workflows/{id}/plan`
void add_plan_routes(http::router& to, const std::shared_ptr<services>& with);
/// `explain` of workflows and tasks, `/v1/workflows/{id}/steps`.
void add_explain_routes(http::router& to, const std::shared_ptr<services>& with);

/// What nodes are for: cordon, uncordon, drain, remove.
void add_node_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/pools`, `/v1/nodes`
void add_pool_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/version`, `/v1/openapi.json`, `/livez`, `/readyz`
void add_status_routes(http::router& to, const std::shared_ptr<services>& with);

/// `/v1/tokens`, `/v1/audit`
void add_token_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/v1/log-levels`
void add_log_level_routes(http::router& to, const std::shared_ptr<services>& with);
/// `/metrics`
void add_metrics_routes(http::router& to, const std::shared_ptr<services>& with);

/// All of them. Needs no server: requests can be answered in process, which is how a state directory is read where no
/// head runs.
[[nodiscard]] http::router make_routes(const std::shared_ptr<services>& with);

} // namespace muster::gateway
