#include "actor_fixture.hpp"

#include "actors/pool_users.hpp"
#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/config/pools.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <future>
#include <thread>

// Pools that are made and removed while a runtime works.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

template <class T>
T must(result<T> x) {
  if (!x)
    FAIL(x.failure().message);
  return std::move(*x);
}
void must(const result<void>& x) {
  if (!x)
    FAIL(x.failure().message);
}

/// A runtime with `local`, and `farm`, which agents join.
struct farm_head {
  temporary_folder folder;
  std::unique_ptr<runtime> r;

  explicit farm_head(bool takes_agents = true) { start(takes_agents); }

  void start(bool takes_agents = true) {
    r.reset();
    runtime_config x;
    x.state_directory = folder.path();
    x.any_pool_name = false;
    x.can_edit_policies = true;
    x.with_network = takes_agents;
    x.max_parallel_of_made = 7;
    pool_setup local;
    local.executor = make_null_driver();
    x.pools.push_back(std::move(local));
    x.pools.push_back(of_agents("farm"));
    // As a head does.
    if (auto reader = store::reader::open(store::state_directory{folder.path()}))
      for (const auto& row : must(reader->pools())) {
        x.pools.push_back(of_agents(row.name));
        x.pools.back().agents = agents_setup_of(must(config::read_made_pool(row.name, row.settings)));
        x.pools.back().is_made = true;
      }
    r = must(runtime::start(std::move(x)));
    if (takes_agents)
      CHECK(must(r->publish_agents("127.0.0.1", 0, [](const node_applicant&) { return result<void>{}; })) > 0);
  }

  static pool_setup of_agents(const std::string& name) {
    pool_setup x;
    x.name = name;
    x.agents.emplace();
    return x;
  }

  [[nodiscard]] result<void> make(const std::string& name, const std::string& set = "{}") const {
    new_pool x{of_agents(name), R"({"lost_after": "2m", "node_labels": {"zone": "b"}})", set};
    x.setup.agents = agents_setup_of(must(config::read_made_pool(name, x.settings)));
    return r->make_pool(std::move(x));
  }

  [[nodiscard]] result<accepted_workflow> submit(const std::string& pool) const {
    submission_info info{"text", "muster", "{}"};
    info.pool = pool;
    return r->submit(make_workflow({make_task("a")}), std::move(info));
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& x : must(r->pools()))
      out.push_back(x.name);
    return out;
  }

  [[nodiscard]] bool has_mailbox(const std::string& name) const {
    const auto all = r->measures().mailboxes;
    return std::any_of(all.begin(), all.end(), [&](const auto& x) { return x.actor == name; });
  }

  void end(const accepted_workflow& x) const {
    must(r->cancel(x.key, "done", true));
    REQUIRE(r->wait(x.key, std::chrono::steady_clock::now() + 60s));
  }
};

using names = std::vector<std::string>;

template <class T>
std::string refused_as(const result<T>& x, ec code) {
  REQUIRE_FALSE(x);
  CHECK(x.failure().code == code);
  return x.failure().message;
}

} // namespace

TEST_CASE("a pool is not removed while somebody brings work into it, and nobody does while it is decided") {
  const auto users = std::make_shared<pool_users>();
  auto stay = must(users->enter(0ms));
  CHECK_THAT(refused_as(users->begin_removal(0ms), ec::unavailable), ContainsSubstring("being submitted"));
  auto second = must(users->enter(0ms)); // It goes on as before.
  stay.reset();
  second.reset();
  {
    const auto removal = must(users->begin_removal(0ms));
    refused_as(users->enter(0ms), ec::unavailable);
    refused_as(users->begin_removal(0ms), ec::conflict);
  }
  stay = must(users->enter(0ms)); // It was not confirmed.
  auto waiting = std::async(std::launch::async, [&] { return users->begin_removal(60s); });
  stay.reset();
  auto removal = must(waiting.get());
  auto late = std::async(std::launch::async, [&] { return users->enter(60s); });
  removal->confirm();
  removal.reset();
  refused_as(late.get(), ec::not_found);
  refused_as(users->enter(0ms), ec::not_found);
  refused_as(users->begin_removal(0ms), ec::not_found);
}

TEST_CASE("a pool that is made is there at once, and after restarts, until it is removed") {
  farm_head head;
  must(head.make("west", R"({"strategy":"spread"})"));
  must(head.make("east"));
  CHECK(head.names() == names{"local", "farm", "west", "east"});
  const auto check_west = [&] {
    const auto west = must(head.r->pool("west"));
    CHECK(west.is_made);
    CHECK(west.overrides == names{"strategy"});
    CHECK(west.policy->strategy == placement_strategy::spread);
    REQUIRE(west.agents);
    CHECK(west.agents->lost_after == 2min);
    CHECK(west.agents->node_labels.at("zone") == "b");
  };
  check_west();
  CHECK(must(head.r->pool("west")).max_parallel == 7);
  CHECK_FALSE(must(head.r->pool("farm")).is_made);
  CHECK(head.has_mailbox("pool west"));
  CHECK(head.has_mailbox("executor west"));

  // It takes workflows, and says why they wait.
  const auto accepted = must(head.submit("west"));
  const auto waits = [&] { return must(head.r->why_waiting(accepted.key, {group_index{0}})); };
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (waits().empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  REQUIRE(waits().size() == 1);
  CHECK(waits()[0].cause == "unavailable"); // No node has joined.
  const auto on = must(head.r->edit_policy(
      "west", [](const policy_in_force&) { return result<std::string>{R"({"maintenance":"disks"})"}; }));
  CHECK(on.now->maintenance == "disks");
  must(head.r->edit_policy("west",
                           [](const policy_in_force&) { return result<std::string>{R"({"strategy":"spread"})"}; }));

  head.start();
  CHECK(head.names() == names{"local", "farm", "west", "east"});
  check_west();
  CHECK(must(head.r->recover()).counts.taken_up == 1);
  CHECK_THAT(refused_as(head.r->remove_pool("west"), ec::conflict),
             ContainsSubstring("1 unfinished workflow, " + accepted.id));
  head.end(accepted);
  must(head.r->remove_pool("west"));
  CHECK(head.names() == names{"local", "farm", "east"});
  CHECK_FALSE(head.has_mailbox("pool west"));
  refused_as(head.r->pool("west"), ec::not_found);
  CHECK_THAT(refused_as(head.submit("west"), ec::invalid_argument),
             ContainsSubstring("there is no pool west; did you mean 'east'?; pools: local, farm, east"));
  refused_as(head.r->retry(accepted.id, {}), ec::invalid_argument);
  refused_as(head.r->remove_pool("west"), ec::not_found);

  // Its name is free, and nothing of the former one is left.
  must(head.make("west"));
  CHECK(head.names() == names{"local", "farm", "east", "west"});
  CHECK(must(head.r->pool("west")).overrides.empty());
  const auto again = must(head.r->retry(accepted.id, {}));
  head.end(again);
  must(head.r->remove_pool("west"));
  head.start();
  CHECK(head.names() == names{"local", "farm", "east"});
}

TEST_CASE("what cannot be made or removed is refused with what to do") {
  farm_head head;
  CHECK_THAT(refused_as(head.make("farm"), ec::conflict), ContainsSubstring("there is a pool"));
  for (const auto* name : {"farm", "local"})
    CHECK_THAT(refused_as(head.r->remove_pool(name), ec::conflict), ContainsSubstring("take it out of the file"));
  refused_as(head.make("west", R"({"strategy":"none"})"), ec::invalid_argument);
  refused_as(head.r->remove_pool("none"), ec::not_found);
  must(head.make("west"));
  refused_as(head.make("west"), ec::conflict);
  CHECK(head.names() == names{"local", "farm", "west"});

  head.start(false);
  CHECK_THAT(refused_as(head.make("east"), ec::conflict), ContainsSubstring("agents.listen"));
  must(head.r->remove_pool("west"));
  CHECK(head.names() == names{"local", "farm"});
}

TEST_CASE("a head has so many pools that were made, and no more") {
  const farm_head head;
  for (int i = 0; i < 256; ++i)
    must(head.make("p" + std::to_string(i)));
  CHECK_THAT(refused_as(head.make("p256"), ec::conflict), ContainsSubstring("256 pools"));
  must(head.r->remove_pool("p7"));
  must(head.make("p256"));
  CHECK(head.names().size() == 258);
  CHECK(head.names().back() == "p256");
}

TEST_CASE("who submits to a pool that is being removed is accepted before, or refused") {
  const farm_head head;
  for (int i = 0; i < 12; ++i) {
    must(head.make("west"));
    std::promise<void> go;
    const auto begun = go.get_future().share();
    auto submitted = std::async(std::launch::async, [&, begun] {
      begun.wait();
      return head.submit("west");
    });
    auto removed = std::async(std::launch::async, [&, begun] {
      begun.wait();
      return head.r->remove_pool("west");
    });
    go.set_value();
    const auto workflow = submitted.get();
    const auto gone = removed.get();
    if (workflow) {
      refused_as(gone, ec::conflict);
      head.end(*workflow);
      must(head.r->remove_pool("west"));
    } else {
      refused_as(workflow, ec::invalid_argument);
      must(gone);
    }
    CHECK(head.names() == names{"local", "farm"});
  }
  // Nothing is left in the store that no pool would take up.
  auto reader = must(store::reader::open(store::state_directory{head.folder.path()}));
  CHECK(must(reader.unfinished()).empty());
  CHECK(must(reader.pools()).empty());
}
