#include "workload.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace muster::simulation {

namespace {

constexpr std::int64_t gigabyte = std::int64_t{1} << 30;

std::vector<spec::exit_rule> random_rules(chance& random) {
  std::vector<spec::exit_rule> out;
  if (random.percent(40))
    out.push_back({spec::exit_action::reschedule, {{1, 1}, {143, 143}}, "1,143"});
  if (random.percent(20))
    out.push_back({spec::exit_action::complete, {{2, 2}}, "2"});
  return out;
}

spec::task make_task(chance& random, std::string name) {
  spec::task x;
  x.name = std::move(name);
  x.image = "none";
  x.command = {"true"};
  x.exit_actions = random_rules(random);
  return x;
}

} // namespace

spec::workflow random_workflow(chance& random, const std::vector<capabilities>& nodes) {
  spec::workflow w;
  w.name = "wf";
  w.resources["default"] = {};
  // A gang has one member per node at most of what fills it, or several small ones.
  auto& small = w.resources["small"];
  small.cpu = 1;
  small.gpu = 0;
  small.memory = gigabyte;
  small.storage = gigabyte;
  std::size_t most_gpus = 0;
  std::int64_t most_cpus = 0;
  for (const auto& x : nodes) {
    most_gpus = std::max(most_gpus, x.total.gpus.size());
    most_cpus = std::max(most_cpus, x.total.cpu);
  }
  auto& large = w.resources["large"];
  large = small;
  large.gpu = most_gpus > 0 ? static_cast<std::int64_t>(random.between(1, most_gpus)) : 0;
  std::uint64_t large_places = 0;
  std::uint64_t small_places = 0;
  for (const auto& x : nodes) {
    large_places += *large.gpu > 0 ? x.total.gpus.size() / static_cast<std::size_t>(*large.gpu) : 1;
    small_places += static_cast<std::uint64_t>(x.total.cpu);
  }
  const auto groups = random.between(1, 6);
  std::uint64_t tasks = 0;
  for (std::uint64_t g = 0; g < groups; ++g) {
    spec::group group;
    const bool is_large = large_places > 0 && random.percent(50);
    const auto most = std::min<std::uint64_t>({6, is_large ? large_places : small_places, small_places});
    const auto members = random.percent(50) ? 1 : random.between(1, most);
    for (std::uint64_t m = 0; m < members; ++m) {
      auto task = make_task(random, "t" + std::to_string(tasks + m));
      task.resource = is_large ? "large" : "small";
      if (tasks > 0 && random.percent(40))
        task.inputs.push_back({spec::task_input{"t" + std::to_string(random.pick(tasks)), {}}, {}});
      group.tasks.push_back(std::move(task));
    }
    group.tasks.front().lead = true;
    group.barrier = members > 1 && random.percent(80);
    group.name = (group.barrier ? barrier_prefix : "g") + std::to_string(g);
    group.ignore_nonlead_status = random.percent(50);
    tasks += members;
    w.groups.push_back(std::move(group));
  }
  if (random.percent(10))
    w.timeout.exec = std::chrono::seconds{random.between(10, 600)};
  if (random.percent(10))
    w.timeout.queue = std::chrono::seconds{random.between(10, 600)};
  return w;
}

std::string random_user(chance& random) {
  const char* names[] = {"ann", "bob", "eve"};
  return names[random.pick(std::size(names))];
}

config::pool_policy random_policy(chance& random) {
  config::pool_policy x;
  if (random.percent(20))
    x.maintenance = "it is being looked after";
  if (random.percent(50))
    x.strategy = placement_strategy::spread;
  if (random.percent(50))
    x.age_step = std::chrono::seconds{random.between(0, 100)};
  if (random.percent(30))
    x.usage_half_life = std::chrono::seconds{random.between(1, 600)};
  if (random.percent(30))
    x.user_weights[random_user(random)] = static_cast<double>(random.between(1, 5));
  for (std::uint64_t i = 0, count = random.pick(3); i < count; ++i) {
    config::quota_settings quota;
    quota.name = "q" + std::to_string(random.pick(4)) + std::to_string(i);
    quota.guarantee = static_cast<std::int64_t>(random.between(0, 12));
    quota.maximum = random.percent(50) ? -1 : quota.guarantee + static_cast<std::int64_t>(random.between(0, 12));
    if (i + 1 < count || random.percent(20))
      quota.users = {random_user(random)};
    x.quotas.push_back(std::move(quota));
  }
  return x;
}

} // namespace muster::simulation
