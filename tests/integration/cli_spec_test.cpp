#include "support/catch.hpp"
#include "support/muster_program.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

using namespace muster::test;
using nlohmann::json;

namespace {

const std::string two_groups = R"(workflow:
  name: pair
  groups:
  - name: first
    tasks:
    - name: a
      lead: true
      image: debian:12
      command: ["true"]
    - name: b
      image: debian:12
      command: ["true"]
  - name: second
    tasks:
    - name: c
      image: debian:12
      command: ["true"]
      inputs: [{task: a}]
)";

} // namespace

TEST_CASE("validate says whether a spec is valid") {
  const muster_program muster;
  SECTION("a valid one") {
    const auto said = muster({"validate", muster.file("good.yaml", two_groups)});
    CHECK(said.exit_code == 0);
    CHECK_THAT(said.out, ContainsSubstring("valid: workflow pair, 2 groups, 3 tasks"));
    CHECK(said.err.empty());
  }
  SECTION("from stdin") {
    const auto good = muster({"validate", "-"}, two_groups);
    CHECK(good.exit_code == 0);
    CHECK(good.out.rfind("<stdin>: valid", 0) == 0);
    const auto bad = muster({"validate", "-"}, "workflow: 3\n");
    CHECK(bad.exit_code == 1);
    CHECK(bad.err.rfind("<stdin>:1:11: error", 0) == 0);
    CHECK(muster({"validate", "-"}).exit_code == 1);
  }
  SECTION("an invalid one, all errors together") {
    auto bad = one_task("true");
    bad += "    comand: [x]\n    imagee: y\n";
    const auto said = muster({"validate", muster.file("bad.yaml", bad)});
    CHECK(said.exit_code == 1);
    CHECK(said.out.empty());
    CHECK_THAT(said.err, ContainsSubstring("bad.yaml:10:5: error:"));
    CHECK_THAT(said.err, ContainsSubstring("bad.yaml:11:5: error:"));
    CHECK_THAT(said.err, ContainsSubstring("comand"));
  }
  SECTION("as JSON") {
    const auto said = muster({"validate", "--output", "json", muster.file("bad.yaml", "workflow:\n  nam: x\n")});
    CHECK(said.exit_code == 1);
    const auto found = json::parse(said.out);
    CHECK(found["valid"] == false);
    REQUIRE(found["diagnostics"].size() >= 2);
    CHECK(found["diagnostics"][0]["severity"] == "error");
    CHECK(found["diagnostics"][0]["line"].is_number());
    CHECK(json::parse(muster({"validate", "-o", "json", "-"}, two_groups).out)["valid"] == true);
  }
}

TEST_CASE("what cannot be a spec gets a clear error") {
  const muster_program muster;
  CHECK(muster({"validate", (muster.folder() / "absent.yaml").string()}).exit_code == 1);
  const auto folder = muster({"validate", muster.folder().string()});
  CHECK(folder.exit_code == 1);
  CHECK_FALSE(folder.err.empty());
  const auto fifo = (muster.folder() / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto waited = run(muster.with({"run", fifo}), std::chrono::seconds(20));
  CHECK_FALSE(waited.timed_out);
  CHECK(waited.exit_code == 1);
  CHECK_FALSE(std::filesystem::exists(muster.state()));
}

TEST_CASE("values from the command line reach the spec") {
  const muster_program muster;
  const auto spec =
      muster.file("t.yaml", "workflow:\n  name: \"{{ name }}\"\n  tasks:\n  - name: t\n    image: "
                            "\"i:{{ tag }}\"\n    command: [\"true\"]\ndefault-values:\n  name: x\n  tag: 1\n");
  const auto said = muster({"plan", spec, "--format", "json", "--set", "name=from-set", "--set-string", "tag=007",
                            "--set-env", "COLOUR=red"});
  INFO(said.err);
  REQUIRE(said.exit_code == 0);
  const auto plan = json::parse(said.out);
  CHECK(plan["workflow"] == "from-set");
  CHECK(plan["groups"][0]["tasks"][0]["image"] == "i:007");
  CHECK(plan["groups"][0]["tasks"][0]["environment"]["COLOUR"] == "red");
}

TEST_CASE("the osmo profile holds a spec to OSMO's rules") {
  const muster_program muster;
  std::string many = "workflow:\n  name: many\n  tasks:\n";
  for (int n = 0; n < 21; ++n)
    many += "  - {name: t" + std::to_string(n) + ", image: x, command: [\"true\"]}\n";
  const auto spec = muster.file("many.yaml", many);
  CHECK(muster({"validate", spec}).exit_code == 0);
  CHECK(muster({"validate", spec, "--profile", "osmo"}).exit_code == 1);
}

TEST_CASE("plan shows groups, order, edges and resources") {
  const muster_program muster;
  const auto spec = muster.file("pair.yaml", two_groups);
  SECTION("as a tree") {
    const auto said = muster({"plan", spec});
    REQUIRE(said.exit_code == 0);
    CHECK(said.out == "pair  2 groups, 3 tasks\n"
                      "step 1\n"
                      "└─ first  barrier, ends as its lead\n"
                      "   ├─ a  lead  1 CPU, 1Gi memory, 1Gi storage\n"
                      "   └─ b  1 CPU, 1Gi memory, 1Gi storage\n"
                      "step 2\n"
                      "└─ second  after first\n"
                      "   └─ c  1 CPU, 1Gi memory, 1Gi storage\n");
  }
  SECTION("as DOT") {
    const auto said = muster({"plan", spec, "--format", "dot"});
    CHECK(said.out == "digraph \"pair\" {\n  node [shape=box];\n  g0 [label=\"first\\na (lead)\\nb\"];\n"
                      "  g1 [label=\"second\"];\n  g0 -> g1;\n}\n");
  }
  SECTION("as Mermaid") {
    const auto said = muster({"plan", spec, "--format", "mermaid"});
    CHECK(said.out == "flowchart TD\n  g0[\"first<br/>a (lead)<br/>b\"]\n  g1[\"second\"]\n  g0 --> g1\n");
  }
  SECTION("as JSON") {
    const auto plan = json::parse(muster({"plan", spec, "--format", "json"}).out);
    CHECK(plan["groups"].size() == 2);
    CHECK(plan["groups"][0]["group"] == "first");
    CHECK(plan["groups"][0]["tasks"][0]["lead"] == true);
    CHECK(plan["order"] == json::parse(R"([["first"],["second"]])"));
    CHECK(plan["edges"] == json::parse(R"([{"from":"first","to":"second"}])"));
    CHECK(plan["resources"]["c"]["cpu"] == 1);
    CHECK(plan["resources"]["c"]["memory"] == 1073741824);
  }
  SECTION("not of an invalid spec") {
    const auto said = muster({"plan", muster.file("bad.yaml", "workflow: {}\n")});
    CHECK(said.exit_code == 1);
    CHECK(said.out.empty());
  }
}
