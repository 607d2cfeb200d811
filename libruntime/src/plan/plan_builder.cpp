#include "muster/plan/plan_builder.hpp"

#include "muster/spec/codec.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace muster {

namespace {

/// In the hash table of bodies.
constexpr std::uint32_t free_slot = std::numeric_limits<std::uint32_t>::max();

/// Offsets and numbers in a plan are of 32 bits; the last value is left free.
constexpr std::size_t limit = std::numeric_limits<std::uint32_t>::max() - 1;

std::uint32_t narrow(std::size_t x) noexcept {
  return static_cast<std::uint32_t>(x);
}

} // namespace

plan_builder::plan_builder(plan_header header, group_index first_group, task_index first_task) {
  plan_.header_ = std::move(header);
  plan_.first_group_ = first_group.value;
  plan_.first_task_ = first_task.value;
}

void plan_builder::fail(ec code, std::string what) {
  if (!problem_)
    problem_ = error{code, "workflow " + plan_.name() + ": " + std::move(what)};
}

group_index plan_builder::add_group(const group_row& row) {
  close_group();
  if (plan_.first_group_ + plan_.groups_.size() >= limit || plan_.upstream_.size() + row.upstream.size() >= limit ||
      plan_.group_names_.size() + row.name.size() >= limit) {
    fail(ec::limit_exceeded, "too many groups, edges or names for one workflow");
    return {};
  }
  plan::group_entry entry;
  plan_.group_names_ += row.name;
  plan_.upstream_.insert(plan_.upstream_.end(), row.upstream.begin(), row.upstream.end());
  entry.name_end = narrow(plan_.group_names_.size());
  entry.upstream_end = narrow(plan_.upstream_.size());
  entry.first_task = narrow(plan_.tasks_.size());
  entry.barrier = row.barrier;
  entry.ignore_nonlead = row.ignore_nonlead_status;
  plan_.groups_.push_back(entry);
  has_lead_ = false;
  return last_group();
}

group_index plan_builder::last_group() const noexcept {
  return group_index{plan_.end_group().value - 1};
}

task_index plan_builder::add_task(const task_row& row) {
  if (plan_.groups_.empty() || row.group != last_group()) {
    fail(ec::invalid_spec, "task " + std::string{row.name} + " does not follow its group");
    return {};
  }
  if (plan_.first_task_ + plan_.tasks_.size() >= limit || plan_.task_names_.size() + row.name.size() >= limit) {
    fail(ec::limit_exceeded, "too many tasks or names for one workflow");
    return {};
  }
  const auto number = narrow(plan_.tasks_.size());
  auto& group = plan_.groups_.back();
  if (row.lead && has_lead_)
    fail(ec::invalid_spec, "group " + std::string{plan_.group_name(row.group)} + " has two lead tasks");
  if (row.lead) {
    has_lead_ = true;
    group.lead = number;
  }
  plan_.task_names_ += row.name;
  plan::task_entry entry;
  entry.name_end = narrow(plan_.task_names_.size());
  entry.group = row.group.value - plan_.first_group_;
  entry.resource = intern_resource(row.resource);
  entry.body = intern_body(row.body);
  plan_.tasks_.push_back(entry);
  return task_index{plan_.first_task_ + number};
}

void plan_builder::add_external_input(external_input x) {
  plan_.external_.push_back(std::move(x));
}

result<plan> plan_builder::finish() && {
  close_group();
  if (!problem_)
    link_downstream();
  if (!problem_)
    index_names();
  if (!problem_)
    check_acyclic();
  if (problem_)
    return *std::move(problem_);
  plan_.groups_.shrink_to_fit();
  plan_.tasks_.shrink_to_fit();
  plan_.group_names_.shrink_to_fit();
  plan_.task_names_.shrink_to_fit();
  plan_.upstream_.shrink_to_fit();
  plan_.bodies_.shrink_to_fit();
  plan_.body_ends_.shrink_to_fit();
  return std::move(plan_);
}

std::uint32_t plan_builder::intern_resource(std::string_view text) {
  // Neighbours mostly ask for the same.
  if (!plan_.tasks_.empty() && plan_.resource_texts_[plan_.tasks_.back().resource] == text)
    return plan_.tasks_.back().resource;
  const auto [at, fresh] = resource_numbers_.try_emplace(std::string{text}, narrow(plan_.resources_.size()));
  if (!fresh)
    return at->second;
  auto decoded = spec::decode_resource(text);
  if (!decoded)
    fail(ec::store_corrupt, decoded.failure().message);
  plan_.resources_.push_back(decoded ? *std::move(decoded) : spec::resource{});
  plan_.resource_texts_.emplace_back(text);
  return at->second;
}

std::uint32_t plan_builder::intern_body(std::string_view text) {
  if ((plan_.body_ends_.size() + 1) * 3 > body_slots_.size() * 2)
    grow_body_slots();
  auto& slot = body_slots_[body_slot(text)];
  if (slot != free_slot)
    return slot;
  slot = narrow(plan_.body_ends_.size());
  plan_.bodies_ += text;
  plan_.body_ends_.push_back(plan_.bodies_.size());
  return slot;
}

std::string_view plan_builder::body(std::uint32_t number) const {
  const auto begin = number == 0 ? 0 : plan_.body_ends_[number - 1];
  return std::string_view{plan_.bodies_}.substr(begin, plan_.body_ends_[number] - begin);
}

/// Where in the hash table this text is, or would be.
std::size_t plan_builder::body_slot(std::string_view text) const {
  const auto mask = body_slots_.size() - 1;
  auto at = std::hash<std::string_view>{}(text)&mask;
  while (body_slots_[at] != free_slot && body(body_slots_[at]) != text)
    at = (at + 1) & mask;
  return at;
}

void plan_builder::grow_body_slots() {
  body_slots_.assign(std::max<std::size_t>(64, body_slots_.size() * 4), free_slot);
  for (std::uint32_t i = 0; i < plan_.body_ends_.size(); ++i)
    body_slots_[body_slot(body(i))] = i;
}

void plan_builder::close_group() {
  if (!plan_.groups_.empty() && !has_lead_)
    fail(ec::invalid_spec, "group " + std::string{plan_.group_name(last_group())} + " has no lead task");
}

void plan_builder::link_downstream() {
  const auto first = plan_.first_group_;
  const auto count = plan_.group_count();
  std::vector<std::uint32_t> used(count, 0);
  for (const auto u : plan_.upstream_) {
    if (u.value >= plan_.end_group().value)
      return fail(ec::invalid_spec, "an upstream group has number " + std::to_string(u.value) + ", there are only " +
                                        std::to_string(plan_.end_group().value));
    if (plan_.has(u))
      ++used[u.value - first];
  }
  std::uint32_t end = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    end += used[i];
    plan_.groups_[i].downstream_end = end;
    used[i] = end - used[i];
  }
  plan_.downstream_.resize(end);
  for (auto g = plan_.first_group(); g != plan_.end_group(); ++g.value)
    for (const auto u : plan_.upstream(g))
      if (plan_.has(u))
        plan_.downstream_[used[u.value - first]++] = g;
}

void plan_builder::index_names() {
  const auto group_name = [this](std::uint32_t i) { return plan_.group_name(group_index{plan_.first_group_ + i}); };
  const auto task_name = [this](std::uint32_t i) { return plan_.task_name(task_index{plan_.first_task_ + i}); };
  if (const auto twice = plan_.groups_by_name_.build(plan_.group_count(), group_name))
    return fail(ec::invalid_spec, "two groups are named " + std::string{group_name(*twice)});
  if (const auto twice = plan_.tasks_by_name_.build(plan_.task_count(), task_name))
    return fail(ec::invalid_spec, "two tasks are named " + std::string{task_name(*twice)});
}

void plan_builder::check_acyclic() {
  const auto first = plan_.first_group_;
  auto reached = plan_.roots();
  std::vector<std::uint32_t> open(plan_.group_count());
  for (auto g = plan_.first_group(); g != plan_.end_group(); ++g.value)
    open[g.value - first] = plan_.own(plan_.upstream(g));
  for (std::size_t i = 0; i < reached.size(); ++i)
    for (const auto d : plan_.downstream(reached[i]))
      if (--open[d.value - first] == 0)
        reached.push_back(d);
  if (reached.size() == plan_.group_count())
    return;
  for (auto g = plan_.first_group(); g != plan_.end_group(); ++g.value)
    if (open[g.value - first] != 0)
      return fail(ec::invalid_spec,
                  "group " + std::string{plan_.group_name(g)} + " waits for itself, directly or through others");
}

} // namespace muster
