#include "fleet_fixture.hpp"

#include "harness.hpp"

#include "actors/errors.hpp"
#include "actors/protocol/type_ids.hpp"
#include "muster/store/head_id.hpp"
#include "support/catch.hpp"

#include <caf/io/middleman.hpp>

namespace muster::test {

namespace {

agent::node_store_actor::behavior_type keep(agent::node_store_actor::pointer, std::shared_ptr<notebook> in) {
  return {
      [in](commit_atom, const service_change_ptr& x) -> caf::result<service_answer> {
        const std::lock_guard lock{in->mutex};
        if (in->is_full)
          return to_caf({ec::store_full, "there is no room"});
        if (const auto* joined = std::get_if<store::node_joined>(x.get())) {
          if (joined->node.name == in->of_another_pool)
            return to_caf({ec::conflict, "node " + joined->node.name + " is one of another pool"});
          in->nodes.push_back(joined->node);
        }
        return service_answer{1};
      },
      [](record_atom, const service_change_ptr&) {},
  };
}

} // namespace

fleet_head::fleet_head(const std::filesystem::path& root, std::uint16_t port, agent::fleet_setup setup,
                       std::function<result<void>(const agent::hello&)> admit, std::shared_ptr<notebook> book)
    : configuration_(2, network_use::any), system_(configuration_) {
  setup.pool = "pool";
  auto on_failure = setup.on_failure;
  const auto id = store::head_id(store::state_directory{root});
  REQUIRE(id);
  setup.head = *id;
  if (setup.root.empty())
    setup.root = root;
  setup.incarnation = 1;
  if (!setup.is_over)
    setup.is_over = [](attempt_id) { return false; };
  setup.on_change = [this](const agent::fleet_change& x) {
    {
      const std::lock_guard lock{mutex_};
      said_[x.node].all.push_back(x);
    }
    changed_.notify_all();
  };
  if (book)
    setup.store = system_.spawn(keep, std::move(book));
  fleet_ = system_.spawn(agent::fleet, std::move(setup));
  if (!admit)
    admit = [](const agent::hello&) { return result<void>{}; };
  agent::gate_setup gate{[fleet = fleet_] { return agent::joinable_pools{{"pool", {fleet}}}; }, std::move(admit)};
  gate.on_failure = std::move(on_failure);
  gate.may_end = gate_may_end_;
  gate_ = system_.spawn(agent::agent_gate, std::move(gate));
  const auto bound = system_.middleman().publish(gate_, port, "127.0.0.1", true);
  REQUIRE(bound);
  port_ = *bound;
}

fleet_head::~fleet_head() {
  *gate_may_end_ = true;
  caf::anon_send_exit(gate_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(fleet_, caf::exit_reason::user_shutdown);
  caf::scoped_actor self{system_};
  self->wait_for(fleet_); // It calls what is destroyed next.
  fleet_ = nullptr;
  gate_ = nullptr;
}

bool fleet_head::wait(const std::string& node, agent::fleet_change::kind what) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience, [&] {
    auto& said = said_[node];
    while (said.waited_for < said.all.size())
      if (said.all[said.waited_for++].what == what)
        return true;
    return false;
  });
}

bool fleet_head::wait_for(const std::string& node, const std::function<bool(const agent::fleet_change&)>& is_so) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience, [&] {
    const auto& said = said_[node].all;
    return !said.empty() && is_so(said.back());
  });
}

agent::fleet_change fleet_head::last(const std::string& node) {
  const std::lock_guard lock{mutex_};
  const auto& said = said_[node].all;
  return said.empty() ? agent::fleet_change{} : said.back();
}

agent_config agent_of(const fleet_head& head, const std::filesystem::path& root, const std::string& node,
                      std::shared_ptr<driver> runs) {
  agent_config x;
  x.head_host = "127.0.0.1";
  x.head_port = head.port();
  x.node = node;
  x.pool = "pool";
  x.address = "127.0.0.1";
  x.executor = std::move(runs);
  x.own_directory = root / ("agent-" + node);
  x.first_pause = std::chrono::milliseconds{20};
  return x;
}

} // namespace muster::test
