#include "executors/docker/container_config.hpp"
#include "executors/docker/names.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <string>

using namespace muster;
using namespace muster::docker;
using json = nlohmann::json;

namespace {

attempt_spec simple() {
  attempt_spec out;
  out.id = {workflow_key{3}, task_index{1}, 2};
  out.lease = epoch{9};
  out.workflow_id = "train-3";
  out.group = "workers";
  out.task.name = "worker_1";
  out.task.image = "ubuntu:24.04";
  out.task.command = {"bash", "-c"};
  out.task.args = {"cat {{input:0}}/x {{host:boss}}"};
  out.task.environment = {{"WHERE", "{{output}}"}};
  out.resource.cpu = 2;
  out.resource.memory = std::int64_t{1} << 30U;
  out.address = "10.213.16.3";
  out.peers = {{"boss", "10.213.16.2"}, {"worker_1", "10.213.16.3"}};
  out.task.inputs.resize(1);
  return out;
}

docker_pool_config pool() {
  docker_pool_config out;
  out.head = "0123456789ab";
  return out;
}

container_plan plan() {
  container_plan out;
  out.image = "ubuntu:24.04";
  out.network = "net";
  out.fixed_address = true;
  out.mounts = {{"/s/out", output_path, false}, {"/s/in", "/osmo/data/input/0", true}};
  out.has_peers_file = true;
  return out;
}

json made(const attempt_spec& spec, const docker_pool_config& config = pool(), const container_plan& how = plan(),
          const daemon_facts& daemon = {8, false}) {
  const auto text = make_container_config(spec, config, how, daemon);
  INFO((text ? std::string{} : text.failure().message));
  REQUIRE(text.ok());
  return json::parse(*text);
}

bool has(const json& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

} // namespace

TEST_CASE("the command is the entrypoint and args are its arguments, tokens replaced") {
  const auto config = made(simple());
  CHECK(config["Entrypoint"] == json({"bash", "-c"}));
  CHECK(config["Cmd"] == json({"cat /osmo/data/input/0/x 10.213.16.2"}));
  auto bare = simple();
  bare.task.args.clear();
  CHECK_FALSE(made(bare).contains("Cmd"));
}

TEST_CASE("a container's environment has the task's variables and where things are") {
  const auto env = made(simple())["Env"];
  for (const auto* text :
       {"WHERE=/osmo/data/output", "MUSTER_OUTPUT=/osmo/data/output", "MUSTER_INPUT=/osmo/data/input",
        "MUSTER_PEERS=/osmo/data/peers.json", "MUSTER_WORKFLOW_ID=train-3", "MUSTER_GROUP=workers",
        "MUSTER_TASK=worker_1", "MUSTER_ATTEMPT=2", "MUSTER_ATTEMPT_ID=3.1.2", "MUSTER_ADDRESS=10.213.16.3",
        "MUSTER_LEAD=0"})
    CHECK(has(env, text));
}

TEST_CASE("a container has a name in the group's network and its own address") {
  const auto config = made(simple());
  CHECK(config["Hostname"] == "worker_1");
  const auto& endpoint = config["NetworkingConfig"]["EndpointsConfig"]["net"];
  CHECK(endpoint["Aliases"] == json({"worker_1"}));
  CHECK(endpoint["IPAMConfig"]["IPv4Address"] == "10.213.16.3");
  CHECK(config["HostConfig"]["NetworkMode"] == "net");
  auto lone = simple();
  lone.peers = {{"worker_1", lone.address}};
  CHECK_FALSE(made(lone)["NetworkingConfig"]["EndpointsConfig"]["net"].contains("Aliases"));
  auto long_name = simple();
  long_name.task.name = std::string(64, 'x');
  CHECK(made(long_name)["Hostname"].get<std::string>().size() == 63);
}

TEST_CASE("a task alone without an address is told none") {
  auto lone = simple();
  lone.address.clear();
  lone.peers = {{"worker_1", ""}};
  auto how = plan();
  how.network = default_bridge;
  how.fixed_address = false;
  const auto config = made(lone, pool(), how);
  CHECK(config["HostConfig"]["NetworkMode"] == "bridge");
  CHECK_FALSE(config.contains("NetworkingConfig"));
  CHECK_FALSE(config["HostConfig"].contains("ExtraHosts"));
  for (const auto& variable : config["Env"])
    CHECK_THAT(variable.get<std::string>(), !ContainsSubstring("MUSTER_ADDRESS"));
}

TEST_CASE("a member in the host's network is known to the others by its gateway, and knows them") {
  auto permits = pool();
  permits.permissions.host_network = true;
  auto spec = simple();
  spec.peers["boss"] = "10.213.16.1";
  CHECK(made(spec)["HostConfig"]["ExtraHosts"] == json({"boss:10.213.16.1"}));
  std::swap(spec.peers["boss"], spec.peers["worker_1"]);
  spec.address = "10.213.16.1";
  spec.task.host_network = true;
  const auto config = made(spec, permits);
  CHECK(config["HostConfig"]["NetworkMode"] == "host");
  CHECK(config["HostConfig"]["ExtraHosts"] == json({"boss:10.213.16.3", "worker_1:10.213.16.1"}));
  CHECK(config["Labels"][network_label] == "net");
  CHECK_FALSE(config.contains("NetworkingConfig"));
}

TEST_CASE("a member of a gang over several nodes is in the network of its host, and knows all of them") {
  auto on_node = pool();
  on_node.node_address = "10.0.0.7";
  auto spec = simple();
  spec.address = "10.0.0.7";
  spec.peers = {{"boss", "10.0.0.8"}, {"worker_1", "10.0.0.7"}};
  auto how = plan();
  how.network.clear();
  how.fixed_address = false;
  const auto config = made(spec, on_node, how);
  CHECK(config["HostConfig"]["NetworkMode"] == "host");
  CHECK(config["HostConfig"]["ExtraHosts"] == json({"boss:10.0.0.8", "worker_1:10.0.0.7"}));
  CHECK(config["Cmd"] == json({"cat /osmo/data/input/0/x 10.0.0.8"}));
  CHECK(has(config["Env"], "MUSTER_ADDRESS=10.0.0.7"));
  CHECK_FALSE(config.contains("NetworkingConfig"));
  CHECK_FALSE(config["Labels"].contains(network_label));
  // One that is whole on the node is in a network there.
  CHECK(made(simple(), on_node)["HostConfig"]["NetworkMode"] == "net");
}

TEST_CASE("an address that nobody would find a task at is refused on a node") {
  const std::optional<address_space> space = address_space{*parse_ipv4_block("10.213.0.0/16"), {}};
  auto spec = simple();
  CHECK(check_address(spec, "10.0.0.7", space));
  CHECK(check_address(spec, "", space));
  spec.address = "10.0.0.7";
  CHECK(check_address(spec, "10.0.0.7", space));
  CHECK(check_address(spec, std::nullopt, space)); // There are no other nodes, and ranges of before are known.
  const auto moved = check_address(spec, "10.0.0.9", space);
  CHECK(moved.failure().code == ec::unavailable);
  CHECK(moved.failure().message == "its address 10.0.0.7 is none of this node, which has 10.0.0.9 and networks of "
                                   "10.213.0.0/16");
  CHECK_THAT(check_address(spec, "", space).failure().message, ContainsSubstring("none that other nodes reach"));
  spec.address = "127.64.0.3";
  CHECK_FALSE(check_address(spec, "", space));
  spec.peers = {{"worker_1", ""}};
  spec.address.clear();
  CHECK(check_address(spec, "10.0.0.7", space));
  spec.address = "10.0.0.7"; // Alone it is in a network, where the node's address is nobody's.
  CHECK_FALSE(check_address(spec, "10.0.0.7", space));
  spec.address = "127.0.0.1";
  spec.task.host_network = true;
  CHECK(check_address(spec, "10.0.0.7", space));
}

TEST_CASE("limits are those of the request, within what the daemon has") {
  auto config = made(simple());
  CHECK(config["HostConfig"]["NanoCpus"] == 2'000'000'000);
  CHECK(config["HostConfig"]["Memory"] == std::int64_t{1} << 30U);
  CHECK(config["HostConfig"]["MemorySwap"] == std::int64_t{1} << 30U);
  auto pools = pool();
  pools.swap = true;
  pools.pids_limit = 100;
  pools.shm_size = 1 << 20;
  config = made(simple(), pools, plan(), {1, false});
  CHECK(config["HostConfig"]["NanoCpus"] == 1'000'000'000);
  CHECK(config["HostConfig"]["MemorySwap"] == -1);
  CHECK(config["HostConfig"]["PidsLimit"] == 100);
  CHECK(config["HostConfig"]["ShmSize"] == 1 << 20);
  auto tiny = simple();
  tiny.resource.memory = 1000;
  CHECK(made(tiny)["HostConfig"]["Memory"] == 6 << 20);
}

TEST_CASE("leased GPUs are asked for by index and who has none sees none") {
  auto spec = simple();
  const daemon_facts nvidia{8, true};
  CHECK(has(made(spec, pool(), plan(), nvidia)["Env"], "NVIDIA_VISIBLE_DEVICES=void"));
  spec.gpus = {1, 3};
  const auto config = made(spec, pool(), plan(), nvidia);
  const auto& request = config["HostConfig"]["DeviceRequests"][0];
  CHECK(request["DeviceIDs"] == json({"1", "3"}));
  CHECK(request["Driver"] == "nvidia");
  CHECK_FALSE(has(config["Env"], "NVIDIA_VISIBLE_DEVICES=void"));
}

TEST_CASE("what the pool does not permit is refused in words") {
  auto spec = simple();
  const auto why = [&](const docker_pool_config& config) {
    const auto text = make_container_config(spec, config, plan(), {});
    return text ? std::string{} : text.failure().message;
  };
  spec.task.privileged = true;
  CHECK_THAT(why(pool()), ContainsSubstring("worker_1") && ContainsSubstring("`privileged`"));
  spec.task.privileged = false;
  spec.task.host_network = true;
  CHECK_THAT(why(pool()), ContainsSubstring("`hostNetwork`"));
  spec.task.host_network = false;
  spec.task.volume_mounts = {"/data/../etc:/x"};
  auto permits = pool();
  permits.permissions.mounts = {"/data"};
  CHECK_THAT(why(permits), ContainsSubstring("volume mount"));
  spec.task.volume_mounts = {"/data/set:/x"};
  CHECK(why(permits).empty());
  permits.permissions.privileged = permits.permissions.host_network = true;
  spec.task.privileged = spec.task.host_network = true;
  const auto config = made(spec, permits);
  CHECK(config["HostConfig"]["Privileged"] == true);
  CHECK(config["HostConfig"]["NetworkMode"] == "host");
  CHECK_FALSE(config.contains("NetworkingConfig"));
}

TEST_CASE("what tokens become is what the pool must permit") {
  auto spec = simple();
  auto permits = pool();
  permits.permissions.mounts = {"/data"};
  const auto why = [&](const char* mount, const char* item) {
    spec.task.volume_mounts = {mount};
    spec.tokens["item"] = item;
    const auto permitted = check_permissions(spec, permits.permissions);
    CHECK(make_container_config(spec, permits, plan(), {}).ok() == permitted.ok());
    return permitted ? std::string{} : permitted.failure().message;
  };
  CHECK(why("/data/{{item}}:/x", "set").empty());
  CHECK(why("{{item}}:/x", "/data/set").empty());
  CHECK_THAT(why("{{item}}:/x", "/etc"), ContainsSubstring("the volume mount /etc, which this pool does not permit"));
  CHECK_THAT(why("/data/{{item}}:/x", "../etc"), ContainsSubstring("without '..'"));
  CHECK_THAT(why("/data/{{item}}", "a:b"), ContainsSubstring("expected absolute paths"));
}

TEST_CASE("tokens in the name of an image are replaced") {
  auto spec = simple();
  spec.task.image = "lab/{{item}}:{{parameter:tag}}";
  spec.tokens = {{"item", "sim"}, {"parameter:tag", "1.2"}};
  CHECK(image_of(spec) == "lab/sim:1.2");
  spec.task.image = "lab/sim";
  CHECK(image_of(spec) == "lab/sim");
}

TEST_CASE("volume mounts have absolute paths") {
  spec::task task;
  task.volume_mounts = {"/a", "/b:/c"};
  const auto mounts = volume_mounts_of(task, {});
  REQUIRE(mounts.ok());
  REQUIRE(mounts->size() == 2);
  CHECK((*mounts)[0].target == "/a");
  CHECK((*mounts)[1].target == "/c");
  for (const auto* wrong : {"relative", "/a:b", "", "/a:", "/a/../b:/c"}) {
    task.volume_mounts = {wrong};
    CHECK_FALSE(volume_mounts_of(task, {}).ok());
  }
}

TEST_CASE("what no container can be made of is refused") {
  auto spec = simple();
  spec.task.environment = {{"A=B", "1"}};
  CHECK_FALSE(make_container_config(spec, pool(), plan(), {}).ok());
  spec = simple();
  spec.task.args = {std::string("a\0b", 3)};
  CHECK_FALSE(make_container_config(spec, pool(), plan(), {}).ok());
  spec = simple();
  spec.task.args = {"\xff\xfe"};
  const auto text = make_container_config(spec, pool(), plan(), {});
  REQUIRE_FALSE(text.ok());
  CHECK(text.failure().code == ec::invalid_argument);
}

TEST_CASE("a container is known by its labels, and two set-ups apart") {
  const auto config = made(simple());
  const auto labels = config["Labels"].get<label_map>();
  CHECK(attempt_of(labels, "0123456789ab") == simple().id);
  CHECK_FALSE(attempt_of(labels, "ba9876543210").has_value());
  CHECK(labels.at("muster.workflow") == "train-3");
  CHECK(labels.at("muster.epoch") == "9");
  auto later = simple();
  later.lease = epoch{10};
  CHECK(setup_of(made(later).dump()) == setup_of(config.dump()));
  later.address = "10.213.16.4";
  CHECK(setup_of(made(later).dump()) != setup_of(config.dump()));
  CHECK_FALSE(setup_of(config.dump()).empty());
}

TEST_CASE("labels that name no attempt name none") {
  for (const auto* text : {"", "1", "1.2", "1.2.", "1.2.x", "1.2.3.4", "a.b.c", "1.2.3 "})
    CHECK_FALSE(attempt_of({{head_label, "h"}, {attempt_label, text}}, "h").has_value());
  CHECK_FALSE(attempt_of({{attempt_label, "1.2.3"}}, "h").has_value());
  CHECK(attempt_of({{head_label, "h"}, {attempt_label, "1.2.3"}}, "h").has_value());
}

TEST_CASE("a group's network follows from its addresses") {
  const address_space space{*parse_ipv4_block("10.213.0.0/16"), {}};
  const auto gang = network_of(simple(), "h", space);
  CHECK_FALSE(gang.shared);
  CHECK(gang.group_key == "3.workers");
  REQUIRE(gang.block.has_value());
  CHECK(to_text(*gang.block) == "10.213.16.0/28");
  auto boss = simple();
  boss.address = "10.213.16.2";
  CHECK(network_of(boss, "h", space).name == gang.name);
  auto lone = simple();
  lone.peers = {{"worker_1", "10.213.0.5"}};
  lone.address = "10.213.0.5";
  const auto shared = network_of(lone, "h", space);
  CHECK(shared.shared);
  REQUIRE(shared.block.has_value());
  CHECK(to_text(*shared.block) == "10.213.0.0/20");
  lone.address = "127.0.0.1";
  CHECK_FALSE(network_of(lone, "h", space).block.has_value());
}
