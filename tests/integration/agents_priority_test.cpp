#include "agent_farm.hpp"

#include "support/catch.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace muster::test;
using json = nlohmann::json;

namespace {

/// A workflow of a gang with a GPU for each member. They note that they begin, and wait for the file `<name>-go`; asked
/// to end before, they wait for `<name>-may-leave`. Both lie in the folder of their workflow.
std::string gang_spec(const std::string& name, int members, const std::string& exit_actions = {}) {
  std::string text = "workflow:\n  name: " + name +
                     "\n  resources:\n    default: {cpu: 1, memory: 1Mi, storage: 1Mi, gpu: 1}\n  groups:\n"
                     "  - name: gang\n    tasks:\n";
  for (int i = 0; i < members; ++i)
    text += "    - name: t" + std::to_string(i) + (i == 0 ? "\n      lead: true" : "") +
            (exit_actions.empty() ? "" : "\n      exitActions: " + exit_actions) +
            "\n      image: none\n      command: [bash, -c]\n      args:\n      - |\n"
            "        trap 'until [ -e ../../may-leave ]; do sleep 0.05; done; exit 1' TERM\n"
            "        echo x >> ../../begun-" +
            std::to_string(i) + "\n        until [ -e ../../go ]; do sleep 0.05; done\n";
  return text;
}

/// A farm of one node with two GPUs, and what is submitted to it.
struct gpu_farm {
  gpu_farm() {
    x.start();
    REQUIRE(x.head->ready());
    node = std::make_unique<node_program>(x.muster, "n1", std::vector<std::string>{"--gpus", "0,1"});
    REQUIRE(becomes(x.muster, "n1", "ready"));
  }

  [[nodiscard]] std::string submit(const std::string& spec, const std::string& priority) const {
    const auto done = x.muster({"submit", x.muster.file("spec.yaml", spec), "--pool", "farm", "--priority", priority});
    INFO(done.err);
    REQUIRE(done.exit_code == 0);
    return done.out.substr(0, done.out.find('\n'));
  }
  [[nodiscard]] std::filesystem::path folder(const std::string& id) const {
    return x.muster.state() / "workflows" / id / "tasks";
  }
  void make(const std::string& id, const char* file) const { std::ofstream(folder(id) / file).close(); }
  [[nodiscard]] bool begins(const std::string& id, int member, std::size_t times) const {
    return eventually([&] {
      std::ifstream file(folder(id) / ("begun-" + std::to_string(member)));
      std::size_t lines = 0;
      for (std::string line; std::getline(file, line);)
        ++lines;
      return lines == times;
    });
  }
  /// Why the gang waits; nothing while it does not.
  [[nodiscard]] json waiting(const std::string& id) const {
    const auto said = json::parse(x.muster({"explain", id, "t0", "-o", "json"}).out, nullptr, false);
    return said.is_object() ? said.value("waiting", json{}) : json{};
  }
  [[nodiscard]] std::string cause(const std::string& id) const {
    const auto why = waiting(id);
    return why.is_object() ? why.value("cause", "") : std::string{};
  }
  [[nodiscard]] json task(const std::string& id, const std::string& name) const {
    return json::parse(x.muster({"show", id, "--task", name, "-o", "json"}).out, nullptr, false);
  }

  farm x;
  std::unique_ptr<node_program> node;
};

} // namespace

TEST_CASE("a gang of low priority makes way for one of high priority, and runs again after it") {
  const gpu_farm f;
  const auto low = f.submit(gang_spec("low", 2), "LOW");
  for (const int member : {0, 1})
    REQUIRE(f.begins(low, member, 1));
  const auto high = f.submit(gang_spec("high", 1), "HIGH");
  REQUIRE(eventually([&] { return f.cause(high) == "preemption"; }));
  const auto why = f.waiting(high);
  INFO(why.dump(1));
  REQUIRE(why["holders"].size() == 1);
  CHECK(why["holders"][0]["workflow"] == low);
  CHECK_THAT(f.x.muster({"explain", high}).out, ContainsSubstring("held by " + low + " gang"));
  CHECK(status_of(f.x.muster, low) == "RUNNING"); // Its grace is not over.

  f.make(low, "may-leave");
  REQUIRE(f.begins(high, 0, 1));
  CHECK(eventually([&] { return f.cause(low) == "resources"; }));
  for (const auto* name : {"t0", "t1"}) {
    const auto task = f.task(low, name);
    INFO(task.dump(1));
    CHECK(task["attempt_list"][0]["status"] == "RESCHEDULED");
    CHECK(task["attempt_list"][0]["exit_code"] == 3006);
  }
  CHECK_THAT(f.x.muster({"explain", low}).out, ContainsSubstring("held by " + high + " gang"));

  f.make(high, "go");
  CHECK(f.x.muster({"wait", high}).out == high + " COMPLETED\n");
  for (const int member : {0, 1})
    REQUIRE(f.begins(low, member, 2));
  f.make(low, "go");
  CHECK(f.x.muster({"wait", low}).out == low + " COMPLETED\n");
  CHECK(json::parse(f.x.muster({"show", low, "-o", "json"}).out)["priority"] == "LOW");
}

TEST_CASE("a gang of low priority whose exit action says so ends where it makes way") {
  const gpu_farm f;
  const auto low = f.submit(gang_spec("low", 2, "{FAIL: \"3006\"}"), "LOW");
  for (const int member : {0, 1})
    REQUIRE(f.begins(low, member, 1));
  const auto high = f.submit(gang_spec("high", 1), "HIGH");
  REQUIRE(eventually([&] { return f.cause(high) == "preemption"; }));
  f.make(low, "may-leave");
  REQUIRE(f.begins(high, 0, 1));
  CHECK(f.x.muster({"wait", low}).out == low + " FAILED\n");
  CHECK(f.task(low, "t0")["attempt_list"][0]["exit_code"] == 3006);
  f.make(high, "go");
  CHECK(f.x.muster({"wait", high}).out == high + " COMPLETED\n");
  CHECK(f.begins(low, 0, 1));
}

TEST_CASE("nobody makes way for a gang of low priority, which waits for its turn") {
  const gpu_farm f;
  const auto first = f.submit(gang_spec("first", 2), "LOW");
  REQUIRE(f.begins(first, 1, 1));
  const auto second = f.submit(gang_spec("second", 2), "LOW");
  const auto normal = f.submit(gang_spec("third", 1), "NORMAL");
  REQUIRE(eventually([&] { return f.cause(normal) == "preemption"; }));
  CHECK(eventually([&] { return !f.cause(second).empty(); }));
  CHECK(f.cause(second) != "preemption");
  f.make(first, "may-leave");
  REQUIRE(f.begins(normal, 0, 1));
  f.make(normal, "go");
  for (const auto& id : {second, first}) { // Who made way is behind who waited already.
    REQUIRE(f.begins(id, 1, id == first ? 2 : 1));
    CHECK(eventually([&] { return status_of(f.x.muster, id) == "RUNNING"; })); // It begins before that is recorded.
    f.make(id, "go");
    CHECK(f.x.muster({"wait", id}).out == id + " COMPLETED\n");
  }
  CHECK(f.x.muster({"wait", normal}).out == normal + " COMPLETED\n");
}
