#include "unit/flow/world.hpp"

#include <algorithm>
#include <limits>

namespace muster::test {

spec::step task_step(const std::string& name, std::vector<std::string> needs) {
  spec::step out;
  out.name = name;
  spec::group gang;
  gang.name = name + "-group";
  gang.tasks.emplace_back();
  gang.tasks.back().name = name;
  gang.tasks.back().image = "busybox";
  for (const auto& from : needs) {
    spec::input input;
    input.from = spec::task_input{from, ""};
    gang.tasks.back().inputs.push_back(input);
  }
  out.body = std::move(gang);
  out.needs = std::move(needs);
  return out;
}

spec::step workflow_step(const std::string& name, spec::scope inner) {
  spec::step out;
  out.name = name;
  out.body = std::make_shared<const spec::scope>(std::move(inner));
  return out;
}

spec::foreach range(std::int64_t from, std::int64_t to) {
  spec::foreach out;
  out.items = spec::each_of_range{from, to, 1};
  return out;
}

spec::scope_ptr scope_of(std::vector<spec::step> steps) {
  auto out = std::make_shared<spec::scope>();
  out->steps = std::move(steps);
  return out;
}

spec::template_value json(const std::string& text) {
  auto value = spec::value_from_json(text);
  return value ? *value : spec::template_value{"broken: " + value.failure().message};
}

flow::json_text text_of(const std::string& json) {
  return json.empty() ? nullptr : std::make_shared<const std::string>(json);
}

flow_world::flow_world(spec::scope_ptr definition, decider decide)
    : machine(std::move(definition)), decide_(std::move(decide)) {}

void flow_world::take(std::size_t window) {
  while (open_.size() < window || machine.to_recall() > 0) {
    auto gang = machine.next();
    if (!gang)
      break;
    if (!gang->index) {
      gang->index = group_index{indices_++};
      begun.push_back(gang->tasks.front());
    }
    records_[gang->name] = {*gang->index, status::running, {}};
    auto seen = machine.values_of(gang->id);
    if (!seen) {
      problems[gang->tasks.front()] = seen.failure().message;
      ends[gang->tasks.front()] = status::failed;
      machine.finished(gang->id, {status::failed, {}});
      continue;
    }
    values[gang->tasks.front()] = std::move(*seen);
    machine.started(gang->id);
    const auto id = gang->id;
    const bool is_canceled = gang->canceled.has_value();
    open_.push_back(std::move(*gang));
    if (is_canceled)
      end_canceled(id);
    most_at_once = std::max(most_at_once, open_.size());
  }
  note_ends();
}

void flow_world::note_ends() {
  for (const auto& x : machine.take_notes())
    for (const auto& task : x.tasks) {
      ends[task] = x.status;
      reasons[task] = x.reason;
    }
  for (const auto& [id, reason] : machine.take_cancels())
    end_canceled(id);
}

void flow_world::end_canceled(std::uint32_t id) {
  const auto found = std::find_if(open_.begin(), open_.end(), [id](const auto& x) { return x.id == id; });
  if (found == open_.end())
    return;
  ends[found->tasks.front()] = status::failed_canceled;
  records_[found->name].status = status::failed_canceled;
  open_.erase(found);
  machine.finished(id, {status::failed_canceled, {}});
}

void flow_world::finish(std::size_t which) {
  const auto gang = open_[which];
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
  const auto how = decide_ ? decide_(gang, values[gang.tasks.front()]) : outcome{};
  flow::gang_end end{how.status, {text_of(how.result)}};
  ends[gang.tasks.front()] = how.status;
  records_[gang.name] = {*gang.index, how.status, end.results};
  machine.finished(gang.id, std::move(end));
  note_ends();
}

void flow_world::run(std::size_t window, std::uint32_t seed) {
  run_some(std::numeric_limits<std::size_t>::max(), window, seed);
}

void flow_world::run_some(std::size_t count, std::size_t window, std::uint32_t seed) {
  random_.seed(seed);
  take(window);
  while (!open_.empty() && count-- > 0) {
    finish(seed == 0 ? 0 : random_() % open_.size());
    take(window);
  }
}

std::vector<std::pair<std::string, flow::recorded_gang>> flow_world::recorded() const {
  return {records_.begin(), records_.end()};
}

} // namespace muster::test
