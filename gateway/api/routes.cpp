#include "gateway/api/routes.hpp"

#include "gateway/events/routes.hpp"
#include "gateway/webhooks/routes.hpp"

namespace muster::gateway {

http::router make_routes(const std::shared_ptr<services>& with) {
  http::router out;
  add_workflow_routes(out, with);
  add_submit_routes(out, with);
  add_action_routes(out, with);
  add_group_routes(out, with);
  add_task_routes(out, with);
  add_log_routes(out, with);
  add_output_routes(out, with);
  add_result_routes(out, with);
  add_plan_routes(out, with);
  add_explain_routes(out, with);
  add_node_routes(out, with);
  add_pool_routes(out, with);
  add_status_routes(out, with);
  add_metrics_routes(out, with);
  add_token_routes(out, with);
  add_log_level_routes(out, with);
  add_event_routes(out, with);
  add_webhook_routes(out, with);
  return out;
}

} // namespace muster::gateway
