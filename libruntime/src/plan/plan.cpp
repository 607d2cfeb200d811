#include "muster/plan/plan.hpp"

#include "muster/spec/codec.hpp"

#include <algorithm>

namespace muster {

namespace {

/// The part of `pool` between two ends.
std::string_view slice(const std::string& pool, std::uint64_t begin, std::uint64_t end) noexcept {
  return std::string_view{pool}.substr(begin, end - begin);
}

std::size_t bytes_of(const std::string& x) noexcept {
  return sizeof(std::string) + (x.capacity() > sizeof(std::string) / 2 ? x.capacity() + 1 : 0);
}

template <class T>
std::size_t bytes_of(const std::vector<T>& x) noexcept {
  return x.capacity() * sizeof(T);
}

} // namespace

std::string_view plan::group_name(group_index g) const noexcept {
  const auto i = g.value - first_group_;
  return slice(group_names_, i == 0 ? 0 : groups_[i - 1].name_end, groups_[i].name_end);
}

task_range plan::tasks(group_index g) const noexcept {
  const auto i = g.value - first_group_;
  const auto first = groups_[i].first_task;
  const auto end = i + 1 < group_count() ? groups_[i + 1].first_task : task_count();
  return {task_index{first_task_ + first}, end - first};
}

array_view<group_index> plan::upstream(group_index g) const noexcept {
  const auto i = g.value - first_group_;
  const auto begin = i == 0 ? 0 : groups_[i - 1].upstream_end;
  return {upstream_.data() + begin, groups_[i].upstream_end - begin};
}

array_view<group_index> plan::downstream(group_index g) const noexcept {
  const auto i = g.value - first_group_;
  const auto begin = i == 0 ? 0 : groups_[i - 1].downstream_end;
  return {downstream_.data() + begin, groups_[i].downstream_end - begin};
}

std::string_view plan::task_name(task_index t) const noexcept {
  const auto i = t.value - first_task_;
  return slice(task_names_, i == 0 ? 0 : tasks_[i - 1].name_end, tasks_[i].name_end);
}

const spec::resource& plan::resource(task_index t) const noexcept {
  return resources_[at(t).resource];
}

result<spec::task> plan::task(task_index t) const {
  auto decoded = spec::decode_task(row(t).body);
  if (!decoded)
    return error{decoded.failure().code, "task " + std::string{task_name(t)} + ": " + decoded.failure().message};
  decoded->name = task_name(t);
  decoded->lead = is_lead(t);
  return decoded;
}

result<std::vector<spec::exit_rule>> plan::exit_actions(task_index t) const {
  // The key as `spec::encode` writes it. Found in a string of the task, it costs a decoding and no more.
  if (row(t).body.find("\"exitActions\"") == std::string_view::npos)
    return std::vector<spec::exit_rule>{};
  auto decoded = task(t);
  if (!decoded)
    return decoded.failure();
  return std::move(decoded->exit_actions);
}

std::optional<group_index> plan::find_group(std::string_view name) const noexcept {
  const auto i =
      groups_by_name_.find(name, [this](std::uint32_t x) { return group_name(group_index{first_group_ + x}); });
  return i ? std::optional{group_index{first_group_ + *i}} : std::nullopt;
}

std::optional<task_index> plan::find_task(std::string_view name) const noexcept {
  const auto i = tasks_by_name_.find(name, [this](std::uint32_t x) { return task_name(task_index{first_task_ + x}); });
  return i ? std::optional{task_index{first_task_ + *i}} : std::nullopt;
}

group_row plan::row(group_index g) const noexcept {
  return {group_name(g), barrier(g), ignore_nonlead_status(g), upstream(g)};
}

task_row plan::row(task_index t) const noexcept {
  const auto& x = at(t);
  const auto body = slice(bodies_, x.body == 0 ? 0 : body_ends_[x.body - 1], body_ends_[x.body]);
  return {task_name(t), group_of(t), is_lead(t), resource_texts_[x.resource], body};
}

std::vector<std::uint32_t> plan::levels() const {
  const auto count = group_count();
  std::vector<std::uint32_t> level(count, 0);
  std::vector<std::uint32_t> open(count);
  auto next = roots();
  next.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i)
    open[i] = own(upstream(group_index{first_group_ + i}));
  for (std::size_t n = 0; n < next.size(); ++n)
    for (const auto d : downstream(next[n])) {
      const auto i = d.value - first_group_;
      level[i] = std::max(level[i], level[next[n].value - first_group_] + 1);
      if (--open[i] == 0)
        next.push_back(d);
    }
  return level;
}

std::vector<group_index> plan::roots() const {
  std::vector<group_index> found;
  for (auto g = first_group(); g != end_group(); ++g.value)
    if (own(upstream(g)) == 0)
      found.push_back(g);
  return found;
}

std::uint32_t plan::own(array_view<group_index> groups) const noexcept {
  std::uint32_t count = 0;
  for (const auto g : groups)
    count += has(g) ? 1U : 0U;
  return count;
}

std::size_t plan::memory_bytes() const noexcept {
  auto sum = sizeof *this + bytes_of(groups_) + bytes_of(tasks_) + bytes_of(group_names_) + bytes_of(task_names_) +
             bytes_of(upstream_) + bytes_of(downstream_) + bytes_of(bodies_) + bytes_of(body_ends_) +
             bytes_of(resources_) + groups_by_name_.memory_bytes() + tasks_by_name_.memory_bytes() +
             bytes_of(external_);
  for (const auto& text : resource_texts_)
    sum += bytes_of(text);
  return sum;
}

} // namespace muster
