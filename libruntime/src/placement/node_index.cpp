#include "muster/placement/node_index.hpp"

#include "muster/base/bounded_sum.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace muster {

namespace {

constexpr auto most_of_all = std::numeric_limits<std::int64_t>::max();

std::int64_t times(std::int64_t a, std::int64_t n) noexcept {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, n, &product) ? most_of_all : product;
}

node_room at_least_0(const node_room& x) noexcept {
  const auto f = [](std::int64_t n) { return std::max<std::int64_t>(n, 0); };
  return {f(x.gpus), f(x.cpu), f(x.memory), f(x.storage)};
}

} // namespace

node_room plus(const node_room& a, const node_room& b) noexcept {
  return {bounded_sum(a.gpus, b.gpus), bounded_sum(a.cpu, b.cpu), bounded_sum(a.memory, b.memory),
          bounded_sum(a.storage, b.storage)};
}

node_room times(const node_room& a, std::int64_t n) noexcept {
  return {times(a.gpus, n), times(a.cpu, n), times(a.memory, n), times(a.storage, n)};
}

node_room negative(const node_room& a) noexcept {
  return {-a.gpus, -a.cpu, -a.memory, -a.storage};
}

node_room larger(const node_room& a, const node_room& b) noexcept {
  return {std::max(a.gpus, b.gpus), std::max(a.cpu, b.cpu), std::max(a.memory, b.memory),
          std::max(a.storage, b.storage)};
}

node_room smaller(const node_room& a, const node_room& b) noexcept {
  return {std::min(a.gpus, b.gpus), std::min(a.cpu, b.cpu), std::min(a.memory, b.memory),
          std::min(a.storage, b.storage)};
}

bool within(const node_room& x, const node_room& room) noexcept {
  return x.gpus <= room.gpus && x.cpu <= room.cpu && x.memory <= room.memory && x.storage <= room.storage;
}

void node_mask::add(std::uint32_t node) {
  if (node / 64 >= bits_.size())
    bits_.resize(node / 64 + 1);
  bits_[node / 64] |= std::uint64_t{1} << (node % 64);
  nodes_.push_back(node);
}

void node_index::set(std::uint32_t number, std::uint32_t platform, const node_room& free, bool takes_gangs,
                     node_reach reach) {
  if (number >= nodes_.size())
    nodes_.resize(number + std::size_t{1});
  if (platform >= shelves_.size())
    shelves_.resize(platform + std::size_t{1});
  auto& x = nodes_[number];
  if (x.takes_gangs) {
    bucket_of(x).erase({x.free.cpu, x.free.memory, number});
    count(x, -1);
  }
  isolated_ -= std::size_t{x.reach.isolated};
  isolated_ += std::size_t{reach.isolated};
  x = {free, platform, takes_gangs, reach};
  if (!takes_gangs)
    return;
  bucket_of(x).insert({free.cpu, free.memory, number});
  count(x, 1);
}

void node_index::change(std::uint32_t node, const node_room& by) {
  if (trials_ != 0)
    journal_.emplace_back(node, by);
  move(node, plus(nodes_[node].free, by));
}

void node_index::move(std::uint32_t number, const node_room& to) {
  ++moves_;
  auto& x = nodes_[number];
  if (!x.takes_gangs) {
    x.free = to;
    return;
  }
  // The element of the set is taken along, so that nothing is allocated.
  auto element = bucket_of(x).extract(position{x.free.cpu, x.free.memory, number});
  count(x, -1);
  x.free = to;
  element.value() = {to.cpu, to.memory, number};
  bucket_of(x).insert(std::move(element));
  count(x, 1);
}

node_index::bucket& node_index::bucket_of(const entry& x) {
  auto& buckets = shelves_[x.platform].by_gpus;
  const auto gpus = static_cast<std::size_t>(std::max<std::int64_t>(x.free.gpus, 0));
  if (gpus >= buckets.size())
    buckets.resize(gpus + 1);
  return buckets[gpus];
}

void node_index::count(const entry& x, std::int64_t sign) {
  auto& s = shelves_[x.platform];
  const auto room = at_least_0(x.free);
  s.sum = plus(s.sum, sign < 0 ? negative(room) : room);
  if (sign > 0)
    s.most = larger(s.most, room);
}

bool node_index::permits(std::uint32_t node, const node_filter& filter) const noexcept {
  const auto& [isolated, largest_gang] = nodes_[node].reach;
  const auto platform = nodes_[node].platform;
  return (filter.platform == 0 || platform == 0 || platform == filter.platform) &&
         (filter.allowed == nullptr || filter.allowed->has(node)) &&
         (filter.area == nullptr || filter.area->has(node)) &&
         (!isolated || (!filter.not_isolated && (filter.group_size < 2 || filter.group_size <= largest_gang)));
}

bool node_index::better(std::uint32_t a, std::uint32_t b) const noexcept {
  const auto key = [this](std::uint32_t n) {
    const auto& x = nodes_[n].free;
    return std::make_tuple(x.gpus, x.cpu, x.memory, n);
  };
  return key(a) < key(b);
}

void node_index::search(const shelf& s, const node_room& x, const node_filter& filter,
                        std::optional<std::uint32_t>& found) const {
  if (!within(x, s.most))
    return;
  for (auto g = static_cast<std::size_t>(x.gpus); g < s.by_gpus.size(); ++g) {
    const auto& here = s.by_gpus[g];
    for (auto at = here.lower_bound({x.cpu, std::numeric_limits<std::int64_t>::min(), 0}); at != here.end(); ++at) {
      if (!within(x, nodes_[at->node].free) || !permits(at->node, filter))
        continue;
      if (!found || better(at->node, *found))
        found = at->node;
      return;
    }
  }
}

std::optional<std::uint32_t> node_index::best(const node_room& x, const node_filter& filter) const {
  std::optional<std::uint32_t> found;
  constexpr std::size_t few = 64;
  const bool is_small = filter.allowed != nullptr && filter.allowed->nodes().size() <= few;
  if (filter.area != nullptr || is_small) {
    each(filter, [&](std::uint32_t n) {
      if (within(x, nodes_[n].free) && (!found || better(n, *found)))
        found = n;
    });
    return found;
  }
  for (std::size_t p = 0; p < shelves_.size(); ++p)
    if (filter.platform == 0 || p == 0 || p == filter.platform)
      search(shelves_[p], x, filter, found);
  return found;
}

node_room node_index::sum(std::uint32_t platform) const {
  node_room all;
  for (std::size_t p = 0; p < shelves_.size(); ++p)
    if (platform == 0 || p == 0 || p == platform)
      all = plus(all, shelves_[p].sum);
  return all;
}

node_room node_index::most(std::uint32_t platform) {
  if (moves_ > nodes_.size())
    measure();
  node_room all;
  for (std::size_t p = 0; p < shelves_.size(); ++p)
    if (platform == 0 || p == 0 || p == platform)
      all = larger(all, shelves_[p].most);
  return all;
}

void node_index::measure() {
  moves_ = 0;
  for (auto& s : shelves_)
    s.most = {};
  for (const auto& x : nodes_)
    if (x.takes_gangs)
      shelves_[x.platform].most = larger(shelves_[x.platform].most, at_least_0(x.free));
}

std::size_t node_index::mark() {
  ++trials_;
  return journal_.size();
}

void node_index::roll_back(std::size_t mark) {
  for (; journal_.size() > mark; journal_.pop_back())
    move(journal_.back().first, plus(nodes_[journal_.back().first].free, negative(journal_.back().second)));
  if (--trials_ == 0)
    journal_.clear();
}

void node_index::keep(std::size_t) {
  if (--trials_ == 0)
    journal_.clear();
}

} // namespace muster
