#include "gateway/events/block.hpp"

#include "muster/event/json.hpp"

#include <algorithm>

namespace muster::gateway {

event_block::event_block(const std::vector<store::named_event>& events, sequence after, sequence through)
    : after_(after), through_(through) {
  entries_.reserve(events.size());
  text_.reserve(events.size() * 256);
  for (const auto& x : events) {
    add(x);
    types_.set(static_cast<std::size_t>(x.fact.type));
    if (workflows_.empty() || workflows_.back() != x.fact.workflow)
      workflows_.push_back(x.fact.workflow);
  }
  std::sort(workflows_.begin(), workflows_.end());
  workflows_.erase(std::unique(workflows_.begin(), workflows_.end()), workflows_.end());
  text_.shrink_to_fit();
}

std::size_t event_block::bytes() const noexcept {
  return sizeof *this + text_.capacity() + entries_.capacity() * sizeof(entry) + users_.size() * 64 +
         workflows_.capacity() * sizeof(workflow_key);
}

std::size_t event_block::behind(sequence seq) const noexcept {
  const auto found = std::upper_bound(entries_.begin(), entries_.end(), seq,
                                      [](sequence wanted, const entry& x) { return wanted < x.seq; });
  return static_cast<std::size_t>(found - entries_.begin());
}

void event_block::add(const store::named_event& x) {
  const auto here = [this] { return static_cast<std::uint32_t>(text_.size()); };
  entry e;
  e.seq = x.fact.seq;
  e.type = x.fact.type;
  e.workflow = x.fact.workflow;
  e.user = position_of(x.user);
  e.frame = here();
  text_.append("id: ").append(std::to_string(e.seq.value));
  text_.append("\nevent: ").append(to_string(e.type));
  text_ += "\ndata: ";
  e.json = here();
  text_ += to_json(x.fact, {x.workflow, x.group, x.task});
  e.json_end = here();
  text_ += "\n\n";
  e.end = e.group = here();
  text_ += x.group;
  e.group_end = e.task = here();
  text_ += x.task;
  e.task_end = here();
  entries_.push_back(e);
}

std::uint32_t event_block::position_of(const std::string& user) {
  for (std::size_t i = users_.size(); i > 0; --i)
    if (users_[i - 1] == user)
      return static_cast<std::uint32_t>(i - 1);
  users_.push_back(user);
  return static_cast<std::uint32_t>(users_.size() - 1);
}

} // namespace muster::gateway
