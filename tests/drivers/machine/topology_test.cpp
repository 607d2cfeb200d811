#include "executors/machine/topology.hpp"
#include "made_up_machine.hpp"
#include "support/catch.hpp"

using namespace muster;
using namespace muster::machine;
using namespace muster::test;

TEST_CASE("NUMA nodes are found with their CPUs and memory") {
  made_up_machine x;
  make_two_sockets(x);
  x.with("sys/devices/system/node/node2/cpulist", "").with("sys/devices/system/node/node-of-another-kind/cpulist", "9");
  const auto nodes = numa_nodes(x.root());
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].number == 0);
  CHECK(nodes[0].cpus == "0-7,16-23");
  CHECK(nodes[0].memory == 65'536 * 1024);
  CHECK(nodes[1].number == 1);
  CHECK(nodes[1].memory == 32'768 * 1024);
}

TEST_CASE("a kernel that knows no NUMA nodes has none") {
  const made_up_machine x;
  CHECK(numa_nodes(x.root()).empty());
}

TEST_CASE("a device is near to a NUMA node, or to none") {
  made_up_machine x;
  make_two_sockets(x);
  CHECK(numa_node_of(x.root(), "0000:02:00.0") == 1);
  CHECK_FALSE(numa_node_of(x.root(), "0000:03:00.0"));
  CHECK_FALSE(numa_node_of(x.root(), "0000:04:00.0"));
  CHECK_FALSE(numa_node_of(x.root(), ""));
}

TEST_CASE("a machine has labels") {
  made_up_machine x;
  make_two_sockets(x);
  gpu_facts gpu;
  gpu.model = "NVIDIA H200";
  auto labels = labels_of(x.root(), {gpu, gpu});
  CHECK(labels.erase("muster/arch") == 1);
  CHECK(labels == std::map<std::string, std::string>{{"muster/cpu-model", "Intel-R-Xeon-R-Platinum-8480"},
                                                     {"muster/gpu-model", "NVIDIA-H200"},
                                                     {"muster/hostname", "gpu-07"},
                                                     {"muster/kernel", "6.1.0-18-amd64"},
                                                     {"muster/os", "debian-12"}});
  auto other = gpu;
  other.model = "NVIDIA L4";
  CHECK(labels_of(x.root(), {gpu, other}).count("muster/gpu-model") == 0);
  CHECK(labels_of(x.root(), {}).count("muster/gpu-model") == 0);
}

TEST_CASE("the value of a label has letters and digits at its ends") {
  CHECK(label_value("  (c) one_two.three!") == "c-one_two.three");
  CHECK(label_value("???").empty());
  CHECK(label_value("-._").empty());
  CHECK(label_value(std::string(62, 'a') + "--b") == std::string(62, 'a'));
}
