#include "gateway/events/filter.hpp"

#include <algorithm>

namespace muster::gateway {

namespace {

template <class List, class Value>
bool has(const List& list, const Value& x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

} // namespace

bool event_filter::passes(const event_block& block, const event_block::entry& x) const {
  if (types.any() && !types.test(static_cast<std::size_t>(x.type)))
    return false;
  if (!workflows.empty() && !has(workflows, x.workflow))
    return false;
  if (user && block.users()[x.user] != *user)
    return false;
  if (!groups.empty() && !has(groups, block.group(x)))
    return false;
  return tasks.empty() || has(tasks, block.task(x));
}

bool event_filter::may_pass(const event_block& block) const {
  if (types.any() && (types & block.types()).none())
    return false;
  if (user && !has(block.users(), *user))
    return false;
  const auto& there = block.workflows();
  return workflows.empty() || std::any_of(workflows.begin(), workflows.end(), [&there](workflow_key x) {
           return std::binary_search(there.begin(), there.end(), x);
         });
}

event_type event_type_from(std::string_view name) noexcept {
  for (int i = 1; i < 256; ++i)
    if (const auto type = static_cast<event_type>(i); to_string(type) == name)
      return type;
  return event_type::unspecified;
}

result<void> set_types(event_filter& into, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto type = event_type_from(name);
    if (type == event_type::unspecified || name == to_string(event_type::unspecified)) {
      std::string known;
      for (int i = 1; i < 256; ++i)
        if (const auto text = to_string(static_cast<event_type>(i)); text != to_string(event_type::unspecified))
          known.append(known.empty() ? "" : ", ").append(text);
      return {ec::invalid_argument,
              std::string{"there is no type of events named "}.append(name).append("; there are ").append(known)};
    }
    into.types.set(static_cast<std::size_t>(type));
  }
  return {};
}

} // namespace muster::gateway
