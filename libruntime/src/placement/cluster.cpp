#include "muster/placement/cluster.hpp"

#include "placement/gang_placer.hpp"
#include "placement/gpu_choice.hpp"
#include "placement/shortfall.hpp"
#include "placement/topology.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

namespace muster {

namespace {

/// Of requests for a platform that no node is of: only nodes that take all do.
constexpr auto no_such_platform = std::numeric_limits<std::uint32_t>::max();

node_room room_of(const node_amounts& x, std::size_t gpus) noexcept {
  return {static_cast<std::int64_t>(gpus), x.cpu, x.memory, x.storage};
}

bool asks_sensibly(const resource_request& x) noexcept {
  return x.cpu > 0 && x.memory > 0 && x.storage > 0 && x.gpu >= 0;
}

node_amounts minus(const node_amounts& a, const node_amounts& b) noexcept {
  return {a.cpu - b.cpu, a.memory - b.memory, a.storage - b.storage};
}

node_amounts plus(const node_amounts& a, const node_amounts& b) noexcept {
  return {a.cpu + b.cpu, a.memory + b.memory, a.storage + b.storage};
}

} // namespace

cluster::cluster(std::vector<topology_key> keys) : keys_(std::move(keys)) {}

std::uint32_t cluster::join(node_state node) {
  const auto known = by_name_.find(node.name);
  std::uint32_t number = 0;
  if (known != by_name_.end()) {
    number = known->second;
    const auto& before = nodes_[number];
    node.free = minus(node.total, minus(before.total, before.free));
  } else if (!unused_.empty()) {
    number = unused_.back();
    unused_.pop_back();
  } else {
    number = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
    held_.emplace_back();
  }
  by_name_[node.name] = number;
  held_[number].platform = platform_number(node.platform);
  nodes_[number] = std::move(node);
  count_free_gpus(number);
  set_up(number);
  nodes_changed();
  return number;
}

void cluster::set_condition(std::uint32_t node, node_condition x) {
  nodes_[node].condition = x;
  set_up(node);
}

std::vector<std::uint32_t> cluster::widen(const node_amounts& at_least) {
  std::vector<std::uint32_t> changed;
  for (std::uint32_t n = 0; n < nodes_.size(); ++n) {
    auto& node = nodes_[n];
    const node_amounts wider{std::max(node.total.cpu, at_least.cpu), std::max(node.total.memory, at_least.memory),
                             std::max(node.total.storage, at_least.storage)};
    const auto more = minus(wider, node.total);
    if (node.condition == node_condition::gone || (more.cpu == 0 && more.memory == 0 && more.storage == 0))
      continue;
    node.free = plus(node.free, more);
    node.total = wider;
    set_up(n);
    changed.push_back(n);
  }
  return changed;
}

void cluster::set_topology(std::vector<topology_key> keys) {
  keys_ = std::move(keys);
  domains_.clear();
  nodes_changed();
}

void cluster::forget(std::uint32_t node) {
  by_name_.erase(nodes_[node].name);
  nodes_[node] = {};
  nodes_[node].condition = node_condition::gone;
  held_[node] = {};
  set_up(node);
  unused_.push_back(node);
  nodes_changed();
}

std::optional<std::uint32_t> cluster::find(const std::string& name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? std::nullopt : std::make_optional(at->second);
}

/// Takes over into both indices what a node has.
void cluster::set_up(std::uint32_t number) {
  const auto& node = nodes_[number];
  const auto platform = held_[number].platform;
  free_.set(number, platform, room_of(node.free, node.free_gpus.size()), node.condition == node_condition::ready,
            {node.isolated, node.largest_gang});
  empty_.set(number, platform, room_of(node.total, node.gpus.size()), node.condition != node_condition::gone,
             {node.isolated, node.largest_gang});
}

void cluster::count_free_gpus(std::uint32_t number) {
  auto& node = nodes_[number];
  const auto& held = held_[number].gpus;
  node.free_gpus.clear();
  for (const auto gpu : node.gpus)
    if (std::find(held.begin(), held.end(), gpu) == held.end())
      node.free_gpus.push_back(gpu);
}

std::uint32_t cluster::platform_number(const std::string& name) {
  const auto at = std::find(platforms_.begin(), platforms_.end(), name);
  if (at == platforms_.end())
    platforms_.push_back(name);
  return static_cast<std::uint32_t>(std::find(platforms_.begin(), platforms_.end(), name) - platforms_.begin());
}

void cluster::nodes_changed() {
  ++generation_;
  masks_.clear();
}

/// The domains of the nodes as they are. Found out when they are asked for, as nodes come in crowds.
const std::vector<std::vector<node_mask>>& cluster::domains() {
  if (domains_of_ != generation_ && !keys_.empty())
    domains_ = domains_of(nodes_, keys_);
  domains_of_ = generation_;
  return domains_;
}

std::shared_ptr<const node_mask> cluster::allowed_for(const resource_request& x) {
  if (x.nodes_excluded.empty() && x.labels.empty() && !x.platform_must_be_said)
    return nullptr;
  resource_request only;
  only.platform_must_be_said = x.platform_must_be_said;
  only.nodes_excluded = x.nodes_excluded;
  only.labels = x.labels;
  if (masks_.size() >= masks_kept_)
    forget_unused_masks();
  auto& known = masks_[text_of(only)];
  if (auto made = known.lock())
    return made;
  auto mask = std::make_shared<node_mask>();
  for (std::uint32_t n = 0; n < nodes_.size(); ++n)
    if (carries_labels(x, nodes_[n]) && !excludes(x, nodes_[n]) &&
        !(x.platform_must_be_said && nodes_[n].platform.empty()))
      mask->add(n);
  known = mask;
  return mask;
}

/// So that they do not grow with what was ever asked for.
void cluster::forget_unused_masks() {
  for (auto at = masks_.begin(); at != masks_.end();)
    at = at->second.expired() ? masks_.erase(at) : std::next(at);
  masks_kept_ = std::max<std::size_t>(64, 2 * masks_.size());
}

prepared_gang cluster::prepare(gang who, placement_strategy strategy, std::uint32_t group_size) {
  prepared_gang x;
  x.who = std::move(who);
  x.group_size = std::max<std::size_t>(x.who.size(), group_size);
  x.strategy = strategy;
  std::unordered_map<std::string, std::uint32_t> shapes;
  std::vector<std::uint32_t> shape_of;
  std::vector<std::vector<topology_wish>> wishes;
  for (std::uint32_t m = 0; m < x.who.size(); ++m) {
    auto same = x.who[m];
    wishes.push_back(wishes_of(same, keys_, x.unknown_key));
    same.topologies.clear();
    const auto [at, fresh] = shapes.try_emplace(text_of(same), static_cast<std::uint32_t>(x.shapes.size()));
    if (fresh)
      x.shapes.push_back({m, need_of(same), 0, nullptr});
    shape_of.push_back(at->second);
  }
  sort_shapes(x.shapes, shape_of);
  x.root = group_members(wishes, shape_of, x.shapes);
  bring_up_to_date(x);
  return x;
}

void cluster::bring_up_to_date(prepared_gang& x) {
  if (x.made_for == generation_)
    return;
  x.made_for = generation_;
  x.largest = {};
  x.smallest = x.shapes.empty() ? node_room{} : x.shapes.front().need;
  x.one_kind = true;
  for (auto& shape : x.shapes) {
    const auto& asks = x.who[shape.first];
    const auto platform = std::find(platforms_.begin(), platforms_.end(), asks.platform);
    shape.platform =
        platform == platforms_.end() ? no_such_platform : static_cast<std::uint32_t>(platform - platforms_.begin());
    shape.allowed = allowed_for(asks);
    x.one_kind = x.one_kind && shape.platform == x.shapes.front().platform && shape.allowed == x.shapes.front().allowed;
    x.largest = larger(x.largest, shape.need);
    x.smallest = smaller(x.smallest, shape.need);
  }
  x.platform = x.one_kind && !x.shapes.empty() ? x.shapes.front().platform : 0;
}

bool cluster::could_fit(const prepared_gang& x) {
  return within(x.largest, free_.most(x.platform)) && within(x.root.sum, free_.sum(x.platform));
}

std::optional<assignment> cluster::place(prepared_gang& x) {
  const auto nodes = choose(x);
  return nodes ? std::make_optional(settle(x, *nodes)) : std::nullopt;
}

std::optional<node_choice> cluster::choose(prepared_gang& x) {
  bring_up_to_date(x);
  return could_fit(x) ? gang_placer{free_, x, domains()}.run() : std::nullopt;
}

node_room cluster::room(std::uint32_t node) const {
  return room_of(nodes_[node].free, nodes_[node].free_gpus.size());
}

bool cluster::has_room(const prepared_gang& x, std::uint32_t node) const {
  const auto has = room(node);
  return free_.takes_gangs(node) && std::any_of(x.shapes.begin(), x.shapes.end(), [&](const member_shape& shape) {
           return within(shape.need, has) && free_.permits(node, shape.filter(nullptr));
         });
}

void cluster::vacate(const gang& who, const assignment& where) {
  for (std::size_t i = 0; i < who.size(); ++i)
    free_.change(where[i].node, need_of(who[i]));
}

assignment cluster::settle(const prepared_gang& x, const node_choice& nodes) {
  const auto& who = x.who;
  assignment where(who.size());
  std::unordered_map<std::uint32_t, std::pair<std::size_t, std::vector<std::uint32_t>>> gpus; // By node: next, chosen.
  for (std::size_t i = 0; i < who.size(); ++i)
    if (who[i].gpu > 0)
      gpus[nodes[i]].first += static_cast<std::size_t>(who[i].gpu);
  for (auto& [node, chosen] : gpus)
    chosen = {0, choose_gpus(nodes_[node], chosen.first)};
  for (std::size_t i = 0; i < who.size(); ++i) {
    where[i].node = nodes[i];
    if (who[i].gpu > 0) {
      auto& [next, chosen] = gpus[nodes[i]];
      const auto first = chosen.begin() + static_cast<std::ptrdiff_t>(next);
      where[i].gpus.assign(first, first + static_cast<std::ptrdiff_t>(who[i].gpu));
      next += static_cast<std::size_t>(who[i].gpu);
    }
    hold(nodes[i], who[i], where[i].gpus);
  }
  return where;
}

void cluster::hold(std::uint32_t number, const resource_request& x, const std::vector<std::uint32_t>& gpus) {
  auto& node = nodes_[number];
  node.free = minus(node.free, {x.cpu, x.memory, x.storage});
  auto& held = held_[number].gpus;
  for (const auto gpu : gpus) {
    held.push_back(gpu);
    const auto at = std::lower_bound(node.free_gpus.begin(), node.free_gpus.end(), gpu);
    if (at != node.free_gpus.end() && *at == gpu)
      node.free_gpus.erase(at);
  }
}

void cluster::take(const gang& who, const assignment& where) {
  for (std::size_t i = 0; i < who.size(); ++i) {
    const auto n = where[i].node;
    const auto before = nodes_[n].free_gpus.size();
    hold(n, who[i], where[i].gpus);
    const auto taken = static_cast<std::int64_t>(before - nodes_[n].free_gpus.size());
    free_.change(n, {-taken, -who[i].cpu, -who[i].memory, -who[i].storage});
  }
}

/// What a member held is free; how many GPUs are free because of that.
std::int64_t cluster::release(std::uint32_t number, const resource_request& x, const std::vector<std::uint32_t>& gpus) {
  auto& node = nodes_[number];
  node.free = plus(node.free, {x.cpu, x.memory, x.storage});
  auto& held = held_[number].gpus;
  std::int64_t freed = 0;
  for (const auto gpu : gpus) {
    if (const auto at = std::find(held.begin(), held.end(), gpu); at != held.end()) {
      *at = held.back();
      held.pop_back();
    }
    const bool is_free = std::find(held.begin(), held.end(), gpu) == held.end();
    const auto at = std::lower_bound(node.free_gpus.begin(), node.free_gpus.end(), gpu);
    if (!is_free || !std::binary_search(node.gpus.begin(), node.gpus.end(), gpu) ||
        (at != node.free_gpus.end() && *at == gpu))
      continue;
    node.free_gpus.insert(at, gpu);
    ++freed;
  }
  return freed;
}

void cluster::give_back(const gang& who, const assignment& where) {
  for (std::size_t i = 0; i < who.size();) {
    const auto n = where[i].node;
    node_room freed;
    for (; i < who.size() && where[i].node == n; ++i)
      freed = muster::plus(freed, {release(n, who[i], where[i].gpus), who[i].cpu, who[i].memory, who[i].storage});
    free_.change(n, freed);
  }
}

std::optional<wait_reason> cluster::why_not(prepared_gang& x) {
  bring_up_to_date(x);
  gang_placer search{free_, x, domains()};
  const auto mark = free_.mark();
  const auto found = search.run();
  free_.roll_back(mark);
  return found ? std::nullopt : std::make_optional(shortfall_of(x, search.failed(), nodes_, keys_, false));
}

std::optional<std::string> cluster::never_fits(prepared_gang& x) {
  if (auto why = ruled_out(x))
    return why;
  const auto lacks = lacks_nodes(x);
  return lacks ? std::make_optional(text_of(*lacks)) : std::nullopt;
}

std::optional<std::string> cluster::ruled_out(const prepared_gang& x) {
  for (const auto& asks : x.who)
    if (!asks_sensibly(asks))
      return "asks for " + describe(asks) + ": CPU, memory and storage must be above 0 (`resources` of the spec)";
  return x.unknown_key.empty() ? std::nullopt
                               : std::make_optional("the pool has no topology key '" + x.unknown_key + "'");
}

std::optional<wait_reason> cluster::lacks_nodes(prepared_gang& x) {
  bring_up_to_date(x);
  gang_placer search{empty_, x, domains()};
  const auto mark = empty_.mark();
  const auto found = search.run();
  empty_.roll_back(mark);
  return found ? std::nullopt : std::make_optional(shortfall_of(x, search.failed(), nodes_, keys_, true));
}

} // namespace muster
