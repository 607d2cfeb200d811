#include "actors/runtime_impl.hpp"

#include <caf/io/middleman.hpp>

#include <algorithm>
#include <future>
#include <utility>

namespace muster {

void runtime::impl::between_connections(const std::function<void()>& what) {
  if (!system_.has_middleman())
    return;
  std::promise<void> done;
  system_.middleman().backend().post([&] {
    what();
    done.set_value();
  });
  done.get_future().wait();
}

/// Where an agent joined before, by its name and what it remembers by; empty if it did not.
std::string runtime::impl::pool_of_agent(const std::string& node, const std::string& memory) const {
  auto reader = store::reader::open(directory_);
  const auto nodes = reader ? reader->nodes() : reader.failure();
  if (!nodes)
    return {};
  const auto found =
      std::find_if(nodes->begin(), nodes->end(), [&](const auto& x) { return x.name == node && x.memory == memory; });
  return found == nodes->end() ? std::string{} : found->pool;
}

result<std::optional<agent::fleet_actor>> runtime::impl::fleet_of(const std::string& node) {
  if (auto why = health_->refusal())
    return *std::move(why);
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  const auto nodes = reader->nodes();
  if (!nodes)
    return nodes.failure();
  const auto found = std::find_if(nodes->begin(), nodes->end(), [&](const auto& x) { return x.name == node; });
  if (found == nodes->end())
    return error{ec::not_found, "no agent has joined as node " + node};
  const auto pools = pools_->joinable();
  const auto pool = pools.find(found->pool);
  return pool == pools.end() ? std::nullopt : std::optional{pool->second.fleet};
}

result<std::vector<std::string>> runtime::impl::nodes_met() {
  std::vector<std::string> out;
  for (const auto& [name, pool] : pools_->joinable()) {
    auto met = ask<std::vector<std::string>>(pool.fleet, agent::report_atom::value);
    if (!met)
      return met.failure();
    out.insert(out.end(), std::make_move_iterator(met->begin()), std::make_move_iterator(met->end()));
  }
  return out;
}

result<void> runtime::impl::assign_node(const node_assignment& x) {
  const auto fleet = fleet_of(x.node);
  if (!fleet)
    return fleet.failure();
  if (!*fleet)
    return {ec::conflict, "node " + x.node + " is one of a pool that agents cannot join any more: remove it"};
  const auto done = ask<service_answer>(**fleet, agent::assign_atom::value,
                                        service_change_ptr{std::make_shared<store::service_change>(
                                            store::node_assigned{x.node, x.duty, x.reason, x.deadline})});
  return done ? result<void>{} : result<void>{done.failure()};
}

result<std::uint64_t> runtime::impl::remove_node(const std::string& node, bool force) {
  const auto fleet = fleet_of(node);
  if (!fleet)
    return fleet.failure();
  if (!*fleet) { // Its pool is not in the configuration any more: nobody else knows of it.
    const auto struck = record(store::node_removed{node});
    return struck ? result<std::uint64_t>{std::uint64_t{0}} : struck.failure();
  }
  const auto done = ask<service_answer>(**fleet, agent::remove_atom::value, node, force);
  if (!done)
    return done.failure();
  return static_cast<std::uint64_t>(done->number);
}

} // namespace muster
