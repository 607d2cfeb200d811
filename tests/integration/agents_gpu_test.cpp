#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/fake_gpus.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

using namespace muster::test;
using json = nlohmann::json;

namespace {

/// The library of support/fake_nvml, in place of NVIDIA's, for the programs that a test starts.
class gpus_for_programs {
public:
  explicit gpus_for_programs(const std::string& answer, const std::string& version = "whole")
      : answer_(folder_.path(), answer), library_(fake_nvml_library(version).parent_path()) {}

  [[nodiscard]] std::vector<std::string> prefix() const { return {"env", "LD_LIBRARY_PATH=" + library_.string()}; }

  void change(const std::string& answer) const { answer_.change(answer); }

  [[nodiscard]] std::map<std::string, std::string> environment() const {
    return {{"LD_LIBRARY_PATH", library_.string()}};
  }

  /// The program itself so, on the machine of the programs of `where`.
  [[nodiscard]] command with(const muster_program& muster, const std::vector<std::string>& words,
                             const muster_program& where) const {
    auto what = muster.with(words);
    what.env["LD_LIBRARY_PATH"] = library_.string();
    what.env["MUSTER_GPU_LOCKS"] = where.folder().string();
    return what;
  }

private:
  temporary_folder folder_;
  fake_nvml_answer answer_;
  std::filesystem::path library_;
};

json node_shown(const muster_program& muster, const std::string& name) {
  const auto shown = json::parse(muster({"node", "show", name, "-o", "json"}).out, nullptr, false);
  return shown.is_object() ? shown["pools"][0] : json{};
}

/// Members of one gang that say which GPUs they see, and stay until all have.
std::string gang_of(int members, int gpus) {
  const std::string mark = "{{output}}/../../seen-"; // Members of a gang have folders for temporary files of their own.
  std::string text = "workflow:\n  name: see\n  resources:\n    default: {cpu: 1, memory: 1Mi, storage: 1Mi, gpu: " +
                     std::to_string(gpus) + "}\n  groups:\n  - name: all\n    tasks:\n";
  for (int i = 0; i < members; ++i)
    text += "    - name: t" + std::to_string(i) + (i == 0 ? "\n      lead: true" : "") +
            "\n      image: none\n      command: [bash, -c]\n      args: ['echo $CUDA_VISIBLE_DEVICES; touch " + mark +
            std::to_string(i) + "; until [ -e " + mark + std::to_string(members - 1) + " ]; do sleep 0.05; done']\n";
  return text;
}

} // namespace

TEST_CASE("a node says which GPUs it found, and tasks with one each see different ones") {
  const gpus_for_programs gpus{fake_gpus(8, 4)};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program node{x.muster, "n1", {"--label", "muster/gpu-model=ours", "--label", "rack=r7"}, gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));

  const auto shown = node_shown(x.muster, "n1");
  INFO(shown.dump(1));
  CHECK(shown["total"]["gpus"] == json({0, 1, 2, 3, 4, 5, 6, 7}));
  REQUIRE(shown["gpus"].size() == 8);
  CHECK(shown["gpus"][5]["uuid"] == "GPU-5");
  CHECK(shown["gpus"][5]["model"] == "NVIDIA H200");
  CHECK(shown["gpus"][5]["nvlink"] == json({4, 6, 7}));
  CHECK(shown["labels"]["muster/gpu-model"] == "ours"); // What the agent was told wins.
  CHECK(shown["labels"]["rack"] == "r7");
  CHECK(shown["labels"].contains("muster/kernel"));
  const auto text = x.muster({"node", "show", "n1"}).out;
  CHECK(text.find("n1 in pool farm: ready\n") == 0);
  CHECK_THAT(text, ContainsSubstring("GPU-5") && ContainsSubstring("4,6,7") && ContainsSubstring("  rack=r7\n"));

  const auto id = x.submit(gang_of(2, 1));
  REQUIRE(x.muster({"wait", id}).out == id + " COMPLETED\n");
  std::set<std::string> seen;
  for (const auto* task : {"t0", "t1"}) {
    const auto log = x.muster({"logs", id, "--task", task}).out;
    for (const auto* gpu : {"GPU-0", "GPU-1"})
      if (log.find(gpu) != std::string::npos)
        seen.insert(std::string{task} + gpu);
  }
  CHECK(seen == std::set<std::string>{"t0GPU-0", "t1GPU-1"});
}

TEST_CASE("a task gets GPUs that NVLink connects") {
  const gpus_for_programs gpus{fake_gpus(8, 4)};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program node{x.muster, "n1", {}, gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto holds_one = x.submit("workflow:\n  name: one\n  resources:\n    default: {gpu: 1}\n  tasks:\n"
                                  "  - name: t0\n    image: none\n    command: [bash, -c]\n    args: [\"" +
                                  waiting_script(x.muster, 0) + "\"]\n");
  REQUIRE(has_begun(x.muster, 1));
  const auto id = x.submit(gang_of(1, 4));
  REQUIRE(x.muster({"wait", id}).out == id + " COMPLETED\n");
  CHECK(x.muster({"logs", id}).out.find("GPU-4,GPU-5,GPU-6,GPU-7") != std::string::npos);
  CHECK(x.end_of(holds_one, 1) == "");
}

TEST_CASE("a driver that does not work is a warning of the agent, and what is declared counts") {
  const gpus_for_programs gpus{fake_gpus(2) + "fail nvmlInit_v2 - 18\n"};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", {"--gpus", "0,1"}, gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(node_shown(x.muster, "n1")["total"]["gpus"] == json({0, 1}));
  const auto ended = node.stop(15);
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.err, ContainsSubstring("Driver/library version mismatch"));
}

TEST_CASE("a lost GPU is not offered") {
  const gpus_for_programs gpus{fake_gpus(4, 4) + "fail nvmlDeviceGetHandleByIndex_v2 1 15\n"};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program node{x.muster, "n1", {}, gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(node_shown(x.muster, "n1")["total"]["gpus"] == json({0, 2, 3}));
}

TEST_CASE("a GPU that is lost while its agent runs is not given out until it is back, and what runs there goes on") {
  const gpus_for_programs gpus{fake_gpus(2)};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster, "n1", {}, gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto offers = [&](const json& indices) {
    node.process().signal(SIGHUP); // It would look by itself in half a minute.
    return eventually([&] { return node_shown(x.muster, "n1")["total"]["gpus"] == indices; }) &&
           becomes(x.muster, "n1", "ready");
  };
  const auto holder = x.submit("workflow:\n  name: one\n  resources:\n    default: {gpu: 1}\n  tasks:\n"
                               "  - name: t0\n    image: none\n    command: [bash, -c]\n    args: [\"" +
                               waiting_script(x.muster, 0) + "\"]\n");
  REQUIRE(has_begun(x.muster, 1)); // On GPU 0.
  gpus.change(fake_gpus(2) + "fail nvmlDeviceGetHandleByIndex_v2 0 15\n");
  REQUIRE(offers({1}));
  const auto beside = x.submit(gang_of(1, 1));
  REQUIRE(x.muster({"wait", beside}).out == beside + " COMPLETED\n");
  CHECK(x.muster({"logs", beside}).out.find("GPU-1") != std::string::npos);
  const auto large = x.submit(gang_of(1, 2));
  CHECK(eventually([&] {
    return x.muster({"explain", large}).out.find("would fit only with more nodes") != std::string::npos;
  }));
  CHECK(x.end_of(holder, 1) == "");
  CHECK(status_of(x.muster, large) == "PENDING"); // What it held is free, and nobody's.
  gpus.change(fake_gpus(2));
  REQUIRE(offers({0, 1}));
  CHECK(x.muster({"wait", large}).out == large + " COMPLETED\n");
  CHECK(x.muster({"logs", large}).out.find("GPU-0,GPU-1") != std::string::npos);
}

TEST_CASE("a run on this machine finds its GPUs, unless they are declared") {
  const gpus_for_programs gpus{fake_gpus(2)};
  const muster_program muster;
  const auto spec = muster.file("spec.yaml", gang_of(2, 1));
  const auto found = run(gpus.with(muster, {"run", spec}, muster));
  INFO(found.out << found.err);
  CHECK(found.exit_code == 0);
  CHECK(found.out.find("GPU-0") != std::string::npos);
  CHECK(found.out.find("GPU-1") != std::string::npos);
  const auto none = run(gpus.with(muster, {"run", spec, "--gpus", "0"}, muster));
  CHECK(none.exit_code != 0);
  CHECK_THAT(none.err, ContainsSubstring("none is declared"));
}

TEST_CASE("the GPUs of a head's machine are the default pool's, and nobody's where agents join") {
  const gpus_for_programs gpus{fake_gpus(2)};
  const muster_program muster;
  const auto total_of = [&](const std::string& config, const std::string& pool) {
    head_program head{muster, {"--no-auth", "--config", muster.file("c.yaml", config)}, gpus.environment()};
    REQUIRE(head.ready());
    const auto shown = json::parse(muster({"pool", "show", pool, "-o", "json"}).out, nullptr, false);
    head.stop(15);
    return shown.is_object() ? shown["total"]["gpus"] : json{};
  };
  const auto empty = json::array();
  CHECK(total_of("pools: {}\n", "local") == json({0, 1}));
  CHECK(total_of("pools:\n  other: {driver: process}\n", "other") == empty);
  CHECK(total_of("pools:\n  other: {driver: process}\ndefaults: {pool: other}\n", "other") == json({0, 1}));
  CHECK(total_of("pools:\n  other: {driver: process}\ndefaults: {pool: other}\n", "local") == empty);
  CHECK(total_of("pools:\n  other: {driver: process, gpus: [1]}\n", "other") == json({1}));
  CHECK(total_of("pools:\n  other: {driver: process, gpus: [1]}\n", "local") == empty);
  CHECK(total_of("pools:\n  farm: {driver: agents}\nagents: {listen: \"off\"}\n", "local") == empty);
}

TEST_CASE("of two agents on a machine the first offers its GPUs, and the second says why not until it may") {
  const gpus_for_programs gpus{fake_gpus(2)};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program one{x.muster, "n1", at(1), gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  node_program two{x.muster, "n2", at(2), gpus.prefix()};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(node_shown(x.muster, "n1")["total"]["gpus"] == json({0, 1}));
  CHECK(node_shown(x.muster, "n2")["total"]["gpus"] == json::array());

  const auto holder = std::to_string(one.process().pid());
  const auto why = "GPU 0-1 is not offered: process " + holder + " (muster) offers it";
  CHECK(node_shown(x.muster, "n1")["gpu_warnings"] == json::array());
  CHECK(node_shown(x.muster, "n2")["gpu_warnings"] == json::array({why}));
  CHECK_THAT(x.muster({"node", "show", "n2"}).out, ContainsSubstring('\n' + why + '\n'));
  one.stop(SIGKILL); // What it runs goes on.
  const node_program three{x.muster, "n3", at(3), gpus.prefix()};
  REQUIRE(becomes(x.muster, "n3", "ready"));
  CHECK(node_shown(x.muster, "n3")["total"]["gpus"] == json::array());
  CHECK_THAT(node_shown(x.muster, "n3")["gpu_warnings"].dump(),
             ContainsSubstring("the agent of " + one.state().string() + " offered it"));
  one.start();
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(node_shown(x.muster, "n1")["total"]["gpus"] == json({0, 1}));

  one.stop(SIGKILL);
  std::filesystem::remove_all(one.state());
  two.process().signal(SIGHUP); // It would look by itself in half a minute.
  REQUIRE(eventually([&] { return node_shown(x.muster, "n2")["total"]["gpus"] == json({0, 1}); }));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto id = x.submit(gang_of(1, 2));
  REQUIRE(x.muster({"wait", id}).out == id + " COMPLETED\n");
  CHECK(node_of(x.muster, id, "t0") == "n2");

  CHECK(node_shown(x.muster, "n2")["gpu_warnings"] == json::array());
  CHECK_THAT(two.stop(SIGTERM).err, ContainsSubstring(why));
}

TEST_CASE("an agent that is given some GPUs leaves the others to the next") {
  const gpus_for_programs gpus{fake_gpus(2)};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  auto options = at(1);
  options.insert(options.end(), {"--gpus", "1"});
  const node_program one{x.muster, "n1", options, gpus.prefix()};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const node_program two{x.muster, "n2", at(2), gpus.prefix()};
  REQUIRE(becomes(x.muster, "n2", "ready"));
  CHECK(node_shown(x.muster, "n1")["total"]["gpus"] == json({0}));
  CHECK(node_shown(x.muster, "n2")["total"]["gpus"] == json({1}));
}
