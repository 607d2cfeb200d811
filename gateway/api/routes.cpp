#include "gateway/api/routes.hpp"

#include "gateway/events/routes.hpp"

namespace muster::gateway {

http::router make_routes(const std::shared_ptr<services>& with) {
  http::router out;
  for (const auto add : {add_workflow_routes, add_submit_routes, add_action_routes, add_group_routes, add_task_routes, add_result_routes})
    add(out, with);
  add_event_routes(out, with);
  return out;
}

} // namespace muster::gateway
