#include "actors/pool_addresses.hpp"

#include "actors/pool_why.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

pool_state::member_node& node_at(pool_state& state, const member_place& x) {
  return state.nodes.at(state.queue.nodes()[x.node].name);
}

/// Whether a gang is run there by what makes networks: not so where another driver is asked for. What it holds already
/// says so best: the node may have had another driver first.
bool is_run_in_network(const pool_state::client& x, gang_key key, const capabilities& offered) {
  if (offered.besides.empty() || !x.layout)
    return true;
  const auto& range = maker_of_networks(offered)->addresses->range;
  for (const auto& held : x.addresses)
    if (const auto address = parse_ipv4(held))
      return range.contains(*address);
  const auto first = x.layout->tasks(name_of(key).group).first;
  return driver_of(offered, x.layout->resource(first).driver) == maker_of_networks(offered);
}

/// The node whose networks a gang at these places is in; null if it is in none. One over several nodes is in none, nor
/// is what is left of one.
pool_state::member_node* network_node(pool_state& state, gang_key key, const pool_state::client& x,
                                      const assignment& where) {
  const auto is_here = [&](const member_place& place) { return place.node == where.front().node; };
  if (where.empty() || !std::all_of(where.begin(), where.end(), is_here))
    return nullptr;
  auto& node = node_at(state, where.front());
  if (!node.networks || !is_run_in_network(x, key, node.what->offered))
    return nullptr;
  const auto& address = node.what->address;
  if (x.who.group_size < 2 || address.empty())
    return &node;
  const bool has_node_address = std::find(x.addresses.begin(), x.addresses.end(), address) != x.addresses.end();
  return has_node_address || node.networks->never_fits(x.who.group_size) ? nullptr : &node;
}

network_addresses* networks_of(pool_state& state, const pool_state::client& x) {
  const auto found = state.nodes.find(x.network_of);
  return found == state.nodes.end() || !found->second.networks ? nullptr : &*found->second.networks;
}

pool_state::network_line& line_of(pool_state::network_lines& on, const pool_state::client& x) {
  return x.who.group_size < 2 ? on.alone : on.gangs;
}

/// To decode tasks takes a while: only where it matters.
void find_needs(pool_state::client& x, gang_key key, const pool_state::member_node& on) {
  if (!x.who.needs.empty() || !x.layout)
    return;
  const auto* maker = maker_of_networks(on.what->offered);
  const bool alone_without_address = maker != nullptr && maker->alone_without_address;
  const auto first = x.layout->tasks(name_of(key).group).first;
  for (const auto position : x.who.positions) {
    const auto task = x.layout->task(task_index{first.value + position});
    x.who.needs.push_back(task ? address_need_of(*task, x.who.group_size < 2, alone_without_address)
                               : address_need::own);
  }
}

/// Members at nodes that have an address have that.
void take_node_addresses(pool_state& state, pool_state::client& x, const assignment& where) {
  x.addresses.resize(x.who.positions.size());
  for (std::size_t i = 0; i < x.addresses.size() && i < where.size(); ++i)
    if (x.addresses[i].empty())
      x.addresses[i] = node_at(state, where[i]).what->address;
}

bool is_same(const std::optional<address_space>& a, const std::optional<address_space>& b) {
  return a && b && a->range == b->range && a->taken == b->taken;
}

/// Where blocks of a node begin: agents may share a daemon, and should not meet there.
std::uint32_t first_of(const pool_state& state, const pool_node& x) {
  std::uint32_t hash = 2'166'136'261U; // FNV-1a
  for (const char c : x.is_local ? std::string{} : x.name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return x.is_local ? state.config.first_address : state.config.first_address + hash;
}

} // namespace

group_part part_of(const plan& layout, const placement_request& request) {
  const auto range = layout.tasks(request.group);
  group_part who;
  who.group_size = range.count;
  for (const auto t : request.members)
    who.positions.push_back(t.value - range.first.value);
  return who;
}

void set_up_networks(pool_state& state, const pool_node& as) {
  auto& node = state.nodes[as.name];
  const auto space_of = [](const capabilities& offered) {
    const auto* maker = maker_of_networks(offered);
    return maker != nullptr ? maker->addresses : std::nullopt;
  };
  const auto space = space_of(as.offered);
  if (node.networks && node.what && is_same(space_of(node.what->offered), space))
    return;
  node.networks.reset();
  if (!space)
    return;
  node.networks.emplace(*space, first_of(state, as));
  for (const auto& [key, x] : state.clients)
    if (x.network_of == as.name && x.where.empty())
      static_cast<void>(node.networks->restore(x.who, x.addresses));
}

bool all_have_addresses(const pool_state::client& x) {
  for (std::size_t i = 0; i < x.who.positions.size(); ++i)
    if (x.who.need(i) != address_need::none && (i >= x.addresses.size() || x.addresses[i].empty()))
      return false;
  return true;
}

void choose_network(pool_state& state, gang_key key, pool_state::client& x, const assignment& where) {
  const auto* node = network_node(state, key, x, where);
  x.network_of = node != nullptr ? node->what->name : std::string{};
  if (node != nullptr)
    find_needs(x, key, *node);
}

bool give_addresses(pool_state& state, pool_state::client& x, const assignment& where) {
  if (auto* networks = networks_of(state, x)) {
    x.addresses.resize(x.who.positions.size());
    if (all_have_addresses(x))
      return true;
    if (auto given = networks->allocate(x.who))
      for (std::size_t i = 0; i < x.addresses.size() && i < given->size(); ++i)
        if (x.addresses[i].empty())
          x.addresses[i] = std::move((*given)[i]);
    return all_have_addresses(x);
  }
  x.network_of.clear();
  take_node_addresses(state, x, where);
  for (auto& text : x.addresses)
    if (text.empty())
      text = state.addresses.allocate();
  return true;
}

void restore_addresses(pool_state& state, gang_key key, pool_state::client& x, const assignment& where,
                       const std::vector<placed_member>& held) {
  for (const auto& member : held)
    x.addresses.push_back(member.address);
  choose_network(state, key, x, where);
  if (auto* networks = networks_of(state, x)) {
    x.addresses = networks->restore(x.who, x.addresses);
    return;
  }
  for (const auto& address : x.addresses)
    state.addresses.reserve(address);
  take_node_addresses(state, x, where);
}

void give_back_addresses(pool_state& state, gang_key key, const pool_state::client& x) {
  if (!x.where.empty()) {
    const auto on = state.waiting.find(x.network_of);
    if (on == state.waiting.end())
      return;
    auto& line = line_of(on->second, x);
    line.erase(std::remove(line.begin(), line.end(), key), line.end());
    if (on->second.is_empty())
      state.waiting.erase(on);
  } else if (!x.network_of.empty()) {
    if (auto* networks = networks_of(state, x))
      networks->release(x.who.group_size, x.addresses);
  } else {
    for (const auto& address : x.addresses)
      state.addresses.release(address);
  }
}

bool others_wait(const pool_state& state, const pool_state::client& x) {
  const auto on = state.waiting.find(x.network_of);
  return on != state.waiting.end() && !(x.who.group_size < 2 ? on->second.alone : on->second.gangs).empty();
}

void join_line(pool_state& state, gang_key key, const pool_state::client& x) {
  line_of(state.waiting[x.network_of], x).push_back(key);
}

std::size_t waiting_for_networks(const pool_state& state) {
  std::size_t count = 0;
  for (const auto& [node, lines] : state.waiting)
    count += lines.gangs.size() + lines.alone.size();
  return count;
}

std::string why_no_network(const pool_state& state, const pool_state::client& x) {
  const auto found = state.nodes.find(x.network_of);
  if (found == state.nodes.end() || !found->second.networks)
    return "waiting for node " + x.network_of + " to say which networks it can make";
  const auto& node = found->second;
  return node.networks->why_waiting(x.who.group_size) + (node.what->is_local ? "" : " of node " + x.network_of);
}

std::optional<std::string> never_has_network(const pool_state& state, const pool_state::client& x) {
  const auto found = state.nodes.find(x.network_of);
  if (found == state.nodes.end() || !found->second.networks)
    return std::nullopt;
  auto why = found->second.networks->never_fits(x.who.group_size);
  if (why && !found->second.what->is_local)
    *why += " of node " + x.network_of;
  return why;
}

std::optional<std::string> never_has_network(const pool_state& state, std::uint32_t group_size) {
  if (state.nodes.size() != 1 || state.config.may_grow)
    return std::nullopt;
  const auto& networks = state.nodes.begin()->second.networks;
  return networks ? networks->never_fits(group_size) : std::nullopt;
}

} // namespace muster
