#include "actors/agents/agent_pool.hpp"

#include "actors/agents/node_rows.hpp"
#include "actors/driver_labels.hpp"
#include "actors/leftovers.hpp"
#include "executors/remote/attempt_text.hpp"
#include "muster/base/random.hpp"
#include "muster/store/head_id.hpp"
#include "muster/store/reader.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace muster {

namespace {

using kind = agent::fleet_change::kind;

node_condition condition_of(store::node_duty x) {
  switch (x) {
    case store::node_duty::cordoned: return node_condition::cordoned;
    case store::node_duty::draining: return node_condition::draining;
    case store::node_duty::serving:
    case store::node_duty::unspecified: break;
  }
  return node_condition::ready;
}

pool_node_ptr node_of(const agent::fleet_change& x, const executor_actor& runs, node_condition condition) {
  pool_node out;
  out.name = x.node;
  out.executor = caf::actor_cast<caf::strong_actor_ptr>(runs);
  out.offered = x.offered;
  out.platform = x.platform;
  out.labels = x.labels;
  add_driver_labels(x.offered, out.labels);
  out.gpu_links = x.offered.machine.gpu_links;
  out.address = x.address;
  out.condition = condition;
  out.why = x.why;
  return std::make_shared<const pool_node>(std::move(out));
}

} // namespace

void fleet_to_pool::connect(pool_actor to, executor_actor runs) {
  const std::lock_guard lock{mutex_};
  to_ = std::move(to);
  runs_ = std::move(runs);
  for (const auto& x : std::exchange(early_, {}))
    pass_on(x);
}

void fleet_to_pool::tell(const agent::fleet_change& x) {
  const std::lock_guard lock{mutex_};
  if (to_)
    pass_on(x);
  else if (!ended_)
    early_.push_back(x);
}

void fleet_to_pool::pass_on(const agent::fleet_change& x) const {
  const auto set = [&](node_condition condition) { caf::anon_send(to_, set_atom::value, x.node, condition, x.why); };
  switch (x.what) {
    case kind::ready: return caf::anon_send(to_, join_atom::value, node_of(x, runs_, condition_of(x.duty)));
    case kind::away: return set(node_condition::suspect);
    case kind::lost: return set(node_condition::lost);
    case kind::removed: return set(node_condition::gone);
    case kind::overdue: return caf::anon_send(to_, release_atom::value, x.node, x.why);
  }
}

void fleet_to_pool::end() {
  const std::lock_guard lock{mutex_};
  to_ = nullptr;
  runs_ = nullptr;
  ended_ = true;
}

capabilities offer_of_agents() {
  capabilities out;
  out.driver = "agents";
  out.images = true; // Some node may have them; one that has not says so when it is to run a task.
  return out;
}

result<fleet_ground> read_fleet_ground(const store::state_directory& directory) {
  fleet_ground out;
  out.directory = directory;
  auto head = store::head_id(directory);
  if (!head)
    return head.failure();
  out.head = std::move(*head);
  auto reader = store::reader::open(directory);
  if (!reader)
    return reader.failure();
  auto nodes = reader->nodes();
  if (!nodes)
    return nodes.failure();
  out.nodes = std::move(*nodes);
  out.incarnation = random_number();
  return out;
}

agent_pool make_agent_pool(caf::actor_system& system, const pool_setup& setup, const fleet_ground& on,
                           const std::function<void(const error&)>& on_failure) {
  agent_pool out;
  std::copy_if(on.nodes.begin(), on.nodes.end(), std::back_inserter(out.known),
               [&](const auto& x) { return x.pool == setup.name; });
  agent::fleet_setup x;
  x.pool = setup.name;
  x.head = on.head;
  x.root = std::filesystem::absolute(on.directory.root()).lexically_normal();
  x.incarnation = on.incarnation;
  x.lost_after = setup.agents->lost_after;
  x.silence_limit = setup.agents->silence_limit;
  x.on_loss = setup.agents->reschedule_lost ? agent::loss_policy::reschedule : agent::loss_policy::wait;
  x.known = out.known;
  x.first_lease = on.first_lease;
  x.store = on.journal;
  x.is_over = judge_for_agents(on.directory);
  x.on_failure = on_failure;
  x.on_change = [link = out.link](const agent::fleet_change& change) { link->tell(change); };
  out.fleet = system.spawn(agent::fleet, std::move(x));
  return out;
}

void connect(agent_pool& x, const pool_actor& to, const executor_actor& runs) {
  for (const auto& row : x.known) {
    auto change = agent::change_of(row, kind::away, "node " + row.name + " was not heard of since the head started");
    if (auto offered = remote::decode_capabilities(row.offered))
      change.offered = std::move(*offered);
    caf::anon_send(to, join_atom::value, node_of(change, runs, node_condition::suspect));
  }
  x.known.clear();
  x.link->connect(to, runs);
}

} // namespace muster
