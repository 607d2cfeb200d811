#include "cli/terminal/event_line.hpp"

#include "cli/terminal/text.hpp"

namespace muster::cli {

namespace {

/// What the event is about: a task, a group, or the workflow itself.
std::string subject(const store::named_event& x) {
  if (x.fact.type == event_type::task_status)
    return x.fact.attempt == 0 ? x.task : x.task + " (attempt " + std::to_string(x.fact.attempt) + ")";
  if (x.fact.type == event_type::task_reopened)
    return x.task;
  if (is_of_group(x.fact.type))
    return "group " + x.group;
  return x.workflow;
}

std::string what(const store::named_event& x, const style& look) {
  switch (x.fact.type) {
    case event_type::workflow_submitted: return "submitted";
    case event_type::workflow_cancel_requested: return "cancel requested";
    case event_type::workflow_resumed: return "resumed";
    case event_type::workflow_retried: return "retried";
    case event_type::workflow_deleted: return "deleted";
    default: return look.paint(tone_of(x.fact.status), to_string(x.fact.status));
  }
}

/// A plain failure's reason begins with its exit code, which is there already.
std::string reason(const event& x) {
  const auto code = "exit code " + std::to_string(x.exit_code);
  if (x.text == code)
    return {};
  return x.text.rfind(code + " (", 0) == 0 ? x.text.substr(code.size() + 1) : x.text;
}

} // namespace

std::string event_line(const store::named_event& x, const style& look) {
  auto line = look.paint(tone::faint, show_clock(x.fact.time)) + "  " + printable(subject(x)) + "  " + what(x, look);
  if (x.fact.exit_code != no_exit_code)
    line += "  exit code " + std::to_string(x.fact.exit_code);
  if (!x.fact.node.empty() && !is_finished(x.fact.status))
    line += "  on " + printable(x.fact.node) + (x.fact.address.empty() ? "" : " (" + printable(x.fact.address) + ")");
  if (const auto why = reason(x.fact); !why.empty())
    line += look.paint(tone::faint, "  " + printable(why));
  return line;
}

} // namespace muster::cli
