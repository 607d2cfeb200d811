#include "executors/remote/attempt_text.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace muster;

namespace {

attempt_spec full_spec() {
  attempt_spec x;
  x.id = {{7}, {3}, 2};
  x.lease = {99};
  x.then_start = true;
  x.after = attempt_id{{7}, {1}, 0};
  x.hands_on = true;
  x.workflow_id = "train-7";
  x.group = "pair";
  x.task.name = "client";
  x.task.command = {"sh", "-c", "echo \"$A\""};
  x.task.environment = {{"B", "2"}, {"A", "ü\n"}};
  x.task.inputs = {spec::input{spec::task_input{"fetch", ""}, ".*csv"}};
  x.resource.gpu = 2;
  x.folder = "/head/state/workflows/train-7/tasks/client.2";
  located_input from;
  from.task = "fetch";
  from.source = "/head/state/workflows/train-7/tasks/fetch.output";
  from.regex = ".*csv";
  from.parts = {{"3/train", "/head/state/workflows/train-7/tasks/x.output"}};
  located_input url;
  url.source = "/data/set";
  x.inputs = {from, url};
  x.address = "10.0.0.2";
  x.peers = {{"server", "10.0.0.1"}, {"client", "10.0.0.2"}};
  x.gpus = {4, 5};
  x.tokens = {{"item", "a b"}};
  x.environment = {{"MUSTER_X", "1"}};
  x.results = {{"prepare", std::make_shared<const std::string>("{\"n\":1}")}};
  x.max_result_bytes = 77;
  return x;
}

} // namespace

TEST_CASE("an attempt comes out on another machine as it went in, but for where its files lie") {
  const auto sent = full_spec();
  const auto text = remote::encode(sent, "/head/state/");
  REQUIRE(text);
  const auto got = remote::decode(*text, "/node");
  REQUIRE(got);
  CHECK(got->id == sent.id);
  CHECK(got->lease == sent.lease);
  CHECK(got->then_start);
  REQUIRE(got->after);
  CHECK(*got->after == *sent.after);
  CHECK(got->hands_on);
  CHECK(got->workflow_id == sent.workflow_id);
  CHECK(got->group == sent.group);
  CHECK(got->task.name == "client");
  CHECK(got->task.command == sent.task.command);
  CHECK(got->task.environment == sent.task.environment);
  CHECK(got->resource.gpu == sent.resource.gpu);
  CHECK(got->folder == "/node/workflows/train-7/tasks/client.2");
  REQUIRE(got->inputs.size() == 2);
  CHECK(got->inputs[0].source == "/node/workflows/train-7/tasks/fetch.output");
  CHECK(got->inputs[0].regex == ".*csv");
  REQUIRE(got->inputs[0].parts.size() == 1);
  CHECK(got->inputs[0].parts[0].second == "/node/workflows/train-7/tasks/x.output");
  CHECK(got->inputs[1].source == "/data/set");
  CHECK(got->address == sent.address);
  CHECK(got->peers == sent.peers);
  CHECK(got->gpus == sent.gpus);
  CHECK(got->tokens == sent.tokens);
  CHECK(got->environment == sent.environment);
  REQUIRE(got->results.size() == 1);
  CHECK(*got->results[0].second == "{\"n\":1}");
  CHECK(got->max_result_bytes == 77);
}

TEST_CASE("what is sent twice is the same text") {
  const auto text = remote::encode(full_spec(), "/head/state");
  REQUIRE(text);
  CHECK(*remote::encode(*remote::decode(*text, "/head/state"), "/head/state") == *text);
}

TEST_CASE("a description that leads out of the node's state directory is refused") {
  auto text = *remote::encode(full_spec(), "/head/state");
  const std::string there = "workflows/train-7/tasks/client.2";
  const auto at = text.find(there);
  REQUIRE(at != std::string::npos);
  for (const auto* bad : {"../../etc", "workflows/../../x", "/etc"}) {
    auto changed = text;
    changed.replace(at, there.size(), bad);
    const auto got = remote::decode(changed, "/node");
    REQUIRE_FALSE(got);
    CHECK(got.failure().code == ec::invalid_argument);
    CHECK(got.failure().message.find("leads out") != std::string::npos);
  }
}

TEST_CASE("any damage of a description is an error") {
  const auto text = *remote::encode(full_spec(), "/head/state");
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK_FALSE(remote::decode(std::string_view{text}.substr(0, cut), "/node"));
  for (const auto* bad : {"", "null", "[]", "{}", "{\"id\":[1,2]}", "{\"id\":\"x\"}"})
    CHECK_FALSE(remote::decode(bad, "/node"));
}

TEST_CASE("text that is not UTF-8 cannot be sent") {
  auto bad = full_spec();
  bad.environment = {{"X", "\xff"}};
  const auto text = remote::encode(bad, "/head/state");
  REQUIRE_FALSE(text);
  CHECK(text.failure().code == ec::invalid_argument);
}

TEST_CASE("what a node offers") {
  capabilities x;
  x.driver = "process";
  x.version = "1";
  x.total = {8, 1 << 30, 1 << 20, {0, 1, 3}};
  x.permits = host_permissions{true, false, {"/data"}};
  x.starts_after = true;
  x.no_gpus_because = "none declared";
  const auto got = remote::decode_capabilities(remote::encode(x));
  REQUIRE(got);
  CHECK(got->driver == "process");
  CHECK(got->total.cpu == 8);
  CHECK(got->total.gpus == x.total.gpus);
  REQUIRE(got->permits);
  CHECK(got->permits->privileged);
  CHECK(got->permits->mounts == x.permits->mounts);
  CHECK(got->no_gpus_because == "none declared");
}

TEST_CASE("a node tells what networks it can make") {
  capabilities x;
  CHECK_FALSE(remote::decode_capabilities(remote::encode(x))->addresses);
  x.addresses = address_space{*parse_ipv4_block("10.213.0.0/16"), {*parse_ipv4_block("10.213.4.0/24")}};
  x.alone_without_address = true;
  const auto got = remote::decode_capabilities(remote::encode(x));
  REQUIRE(got);
  REQUIRE(got->addresses);
  CHECK(got->addresses->range == x.addresses->range);
  CHECK(got->addresses->taken == x.addresses->taken);
  CHECK(got->alone_without_address);
  for (const auto* range : {"10.0.0.0/7", "10.213.0.0/27", "10.213.0.1/16", "x"}) {
    auto bad = nlohmann::json::parse(remote::encode(x));
    bad["addresses"]["range"] = range;
    CHECK_FALSE(remote::decode_capabilities(bad.dump()));
  }
}

TEST_CASE("a node tells of each driver that it has") {
  capabilities second;
  second.driver = "docker";
  second.version = "27.1";
  second.images = true;
  second.addresses = address_space{*parse_ipv4_block("10.213.0.0/16"), {}};
  second.total.gpus = {0};
  capabilities x;
  x.driver = "process";
  x.besides = {second};
  const auto got = remote::decode_capabilities(remote::encode(x));
  REQUIRE(got);
  REQUIRE(got->besides.size() == 1);
  CHECK(driver_of(*got, "")->driver == "process");
  REQUIRE(driver_of(*got, "docker"));
  CHECK(driver_of(*got, "docker")->version == "27.1");
  CHECK(driver_of(*got, "docker")->total.gpus == std::vector<std::uint32_t>{0});
  CHECK(driver_of(*got, "slurm") == nullptr);
  CHECK(maker_of_networks(*got) == driver_of(*got, "docker"));
  CHECK(maker_of_networks(capabilities{}) == nullptr);
}

TEST_CASE("what is known of a node's machine is told, but for its labels") {
  capabilities x;
  gpu_facts gpu;
  gpu.index = 3;
  gpu.uuid = "GPU-3";
  gpu.model = "NVIDIA H200";
  gpu.memory = std::int64_t{141} << 30;
  gpu.pci = "0000:65:00.0";
  gpu.numa_node = 1;
  gpu_facts bare;
  x.machine.gpus = {bare, gpu};
  x.machine.gpu_links = {{0, 3}};
  x.machine.gpu_warnings = {"GPU 4 is not offered: GPU is lost"};
  x.machine.numa = {{1, "8-15", 1 << 30}};
  x.machine.labels = {{"muster/arch", "x86_64"}};
  const auto got = remote::decode_capabilities(remote::encode(x));
  REQUIRE(got);
  REQUIRE(got->machine.gpus.size() == 2);
  CHECK_FALSE(got->machine.gpus[0].numa_node);
  const auto& same = got->machine.gpus[1];
  CHECK(same.index == 3);
  CHECK(same.uuid == gpu.uuid);
  CHECK(same.model == gpu.model);
  CHECK(same.memory == gpu.memory);
  CHECK(same.pci == gpu.pci);
  CHECK(same.numa_node == 1U);
  CHECK(got->machine.gpu_links == x.machine.gpu_links);
  CHECK(got->machine.gpu_warnings == x.machine.gpu_warnings);
  REQUIRE(got->machine.numa.size() == 1);
  CHECK(got->machine.numa[0].cpus == "8-15");
  CHECK(got->machine.labels.empty()); // They travel with those that the agent was given.
}

TEST_CASE("an agent of an earlier version knows less of its machine") {
  auto old = nlohmann::json::parse(remote::encode(capabilities{}));
  old.erase("machine");
  old.erase("alone_without_address");
  CHECK(remote::decode_capabilities(old.dump()));
}

TEST_CASE("a node that offers what cannot be is refused") {
  capabilities x;
  x.total.gpus = {1, 1};
  CHECK_FALSE(remote::decode_capabilities(remote::encode(x)));
  x.total.gpus = {};
  x.total.cpu = -1;
  CHECK_FALSE(remote::decode_capabilities(remote::encode(x)));
  CHECK_FALSE(remote::decode_capabilities("{}"));
  x = {};
  x.machine.gpu_links = {{0, 1}, {1, 2}};
  CHECK_FALSE(remote::decode_capabilities(remote::encode(x)));
}
