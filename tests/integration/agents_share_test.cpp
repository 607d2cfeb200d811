#include "agent_farm.hpp"

#include "support/catch.hpp"
#include "support/fake_gpus.hpp"
#include "support/temporary_folder.hpp"

#include <csignal>
#include <nlohmann/json.hpp>

using namespace muster::test;
using json = nlohmann::json;

namespace {

constexpr std::int64_t mebi = 1 << 20;

json total_of(const muster_program& muster, const std::string& node) {
  const auto shown = json::parse(muster({"node", "show", node, "-o", "json"}).out, nullptr, false);
  return shown.is_object() ? shown["pools"][0]["total"] : json{};
}

/// A task that asks for `resources` and does nothing.
std::string needs(const std::string& resources) {
  return "workflow:\n  name: one\n  resources:\n    default: {" + resources +
         "}\n  tasks:\n  - name: t\n    image: none\n    command: [\"true\"]\n";
}

std::vector<std::string> with(std::vector<std::string> options, const std::vector<std::string>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

} // namespace

TEST_CASE("two agents share a machine, and what is larger than their shares waits for a larger node") {
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  const node_program one{x.muster, "n1", with(at(1), {"--cpu", "1", "--memory", "96Mi", "--storage", "32Mi"})};
  node_program two{x.muster, "n2", with(at(2), {"--cpu", "1", "--memory", "64Mi"})};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  REQUIRE(becomes(x.muster, "n2", "ready"));
  const auto first = total_of(x.muster, "n1");
  CHECK(first["cpu"] == 1);
  CHECK(first["memory"] == 96 * mebi);
  CHECK(first["storage"] == 32 * mebi);
  const auto second = total_of(x.muster, "n2");
  CHECK(second["cpu"] == 1);
  CHECK(second["memory"] == 64 * mebi);
  CHECK(second["storage"] > 32 * mebi); // All that is free.

  const auto waits_for_more_nodes = [&](const std::string& id) {
    return eventually([&] {
      return x.muster({"explain", id}).out.find("would fit only with more nodes") != std::string::npos;
    });
  };
  const auto wide = x.submit(needs("cpu: 2"));
  const auto large = x.submit(needs("memory: 97Mi"));
  CHECK(waits_for_more_nodes(wide));
  CHECK(waits_for_more_nodes(large));
  const auto small = x.submit(needs("cpu: 1, memory: 80Mi, storage: 1Mi"));
  CHECK(x.muster({"wait", small}).out == small + " COMPLETED\n");
  CHECK(node_of(x.muster, small, "t") == "n1");
  CHECK(status_of(x.muster, wide) == "PENDING");
  CHECK(status_of(x.muster, large) == "PENDING");
}

TEST_CASE("a share stays the same when the agent looks at its machine again") {
  const temporary_folder folder;
  const fake_nvml_answer gpus{folder.path(), fake_gpus(1)};
  farm x;
  x.start();
  REQUIRE(x.head->ready());
  node_program node{x.muster,
                    "n1",
                    {"--cpu", "1", "--memory", "64Mi"},
                    {"env", "LD_LIBRARY_PATH=" + fake_nvml_library().parent_path().string()}};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  CHECK(total_of(x.muster, "n1")["gpus"] == json({0}));
  gpus.change(fake_gpus(2));
  node.process().signal(SIGHUP);
  REQUIRE(eventually([&] { return total_of(x.muster, "n1")["gpus"] == json({0, 1}); }));
  CHECK(total_of(x.muster, "n1")["cpu"] == 1);
  CHECK(total_of(x.muster, "n1")["memory"] == 64 * mebi);
}

TEST_CASE("who offers more than the machine has is told what it has") {
  const muster_program muster;
  const auto refused = [&](const std::string& option, const std::string& value) {
    const auto ended =
        muster({"agent", "--head", "127.0.0.1:1", "--state-dir", (muster.folder() / "node").string(), option, value});
    CHECK(ended.exit_code == 1);
    return ended.err;
  };
  CHECK_THAT(refused("--cpu", "4000"),
             ContainsSubstring("this node is to offer 4000 CPUs, and the machine has ") && ContainsSubstring("\n"));
  CHECK_THAT(refused("--memory", "1000Ti"),
             ContainsSubstring("this node is to offer 1000Ti of memory, and the machine has "));
}

TEST_CASE("a share that is no amount is wrong usage") {
  const muster_program muster;
  const auto misused = [&](const std::string& option, const std::string& value) {
    const auto ended = muster({"agent", "--head", "127.0.0.1:1", option + "=" + value});
    INFO(option << ' ' << value << ' ' << ended.err);
    CHECK(ended.exit_code == 2);
    CHECK_THAT(ended.err, ContainsSubstring("'" + value + "' is no "));
  };
  for (const auto* value : {"0", "-1", "1.5", "nan", "inf", "two", "0x2", "2 ", "99999999999999999999"})
    misused("--cpu", value);
  for (const auto* option : {"--memory", "--storage"})
    for (const auto* value : {"0", "0Gi", "-1Gi", "nan", "inf", "16Xi", "16 Gi", "Gi"})
      misused(option, value);
}
