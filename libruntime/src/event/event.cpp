#include "muster/event/event.hpp"

namespace muster {

std::string_view to_string(event_type type) noexcept {
  switch (type) {
    case event_type::unspecified: break;
    case event_type::workflow_submitted: return "workflow.submitted";
    case event_type::workflow_status: return "workflow.status";
    case event_type::workflow_cancel_requested: return "workflow.cancel_requested";
    case event_type::workflow_resumed: return "workflow.resumed";
    case event_type::group_status: return "group.status";
    case event_type::task_status: return "task.status";
  }
  return "unspecified";
}

} // namespace muster
