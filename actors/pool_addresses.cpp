#include "actors/pool_addresses.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// Members at nodes that have an address have that.
void take_node_addresses(const pool_state& state, pool_state::client& x, const assignment& where) {
  x.addresses.resize(x.who.positions.size());
  for (std::size_t i = 0; i < x.addresses.size() && i < where.size(); ++i)
    if (x.addresses[i].empty())
      x.addresses[i] = state.nodes.at(state.queue.nodes()[where[i].node].name).what->address;
}

} // namespace

group_part part_of(const pool_state& state, const plan& layout, const placement_request& request) {
  const auto range = layout.tasks(request.group);
  group_part who;
  who.group_size = range.count;
  for (const auto t : request.members) {
    who.positions.push_back(t.value - range.first.value);
    if (!state.networks)
      continue;
    const auto task = layout.task(t);
    who.needs.push_back(task ? address_need_of(*task, range.count < 2, state.alone_without_address)
                             : address_need::own);
  }
  return who;
}

pool_state::network_line& network_line_of(pool_state& state, const pool_state::client& x) {
  return x.who.group_size < 2 ? state.waiting_alone : state.waiting_gangs;
}

bool all_have_addresses(const pool_state::client& x) {
  for (std::size_t i = 0; i < x.who.positions.size(); ++i)
    if (x.who.need(i) != address_need::none && (i >= x.addresses.size() || x.addresses[i].empty()))
      return false;
  return true;
}

bool give_addresses(pool_state& state, pool_state::client& x, const assignment& where) {
  take_node_addresses(state, x, where);
  if (all_have_addresses(x))
    return true;
  if (state.networks) {
    if (auto given = state.networks->allocate(x.who))
      for (std::size_t i = 0; i < x.addresses.size() && i < given->size(); ++i)
        if (x.addresses[i].empty())
          x.addresses[i] = std::move((*given)[i]);
    return all_have_addresses(x);
  }
  for (auto& text : x.addresses)
    if (text.empty())
      text = state.addresses.allocate();
  return true;
}

void restore_addresses(pool_state& state, pool_state::client& x, const assignment& where,
                       const std::vector<placed_member>& held) {
  for (const auto& member : held) {
    x.addresses.push_back(member.address);
    if (!state.networks)
      state.addresses.reserve(member.address);
  }
  take_node_addresses(state, x, where);
  if (state.networks)
    x.addresses = state.networks->restore(x.who, x.addresses);
}

void give_back_addresses(pool_state& state, gang_key key, const pool_state::client& client) {
  if (!client.where.empty()) {
    auto& line = network_line_of(state, client);
    line.erase(std::remove(line.begin(), line.end(), key), line.end());
  } else if (state.networks) {
    state.networks->release(client.who.group_size, client.addresses);
  } else {
    for (const auto& address : client.addresses)
      state.addresses.release(address);
  }
}

} // namespace muster
