#include "muster/event/event.hpp"

#include <charconv>

namespace muster {

std::string_view to_string(event_type type) noexcept {
  switch (type) {
    case event_type::unspecified: break;
    case event_type::workflow_submitted: return "workflow.submitted";
    case event_type::workflow_status: return "workflow.status";
    case event_type::workflow_cancel_requested: return "workflow.cancel_requested";
    case event_type::workflow_resumed: return "workflow.resumed";
    case event_type::workflow_retried: return "workflow.retried";
    case event_type::workflow_deleted: return "workflow.deleted";
    case event_type::group_status: return "group.status";
    case event_type::group_reopened: return "group.reopened";
    case event_type::task_reopened: return "task.reopened";
    case event_type::task_status: return "task.status";
  }
  return "unspecified";
}

std::string gpus_to_text(const std::vector<std::uint32_t>& indices) {
  std::string text;
  for (const auto i : indices)
    text += (text.empty() ? "" : ",") + std::to_string(i);
  return text;
}

std::vector<std::uint32_t> gpus_from_text(std::string_view text) {
  std::vector<std::uint32_t> indices;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto part = text.substr(0, comma);
    std::uint32_t value = 0;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (problem == std::errc{} && end == part.data() + part.size())
      indices.push_back(value);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return indices;
}

} // namespace muster
