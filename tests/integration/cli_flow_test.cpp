#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/xml.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace muster::test;
using nlohmann::json;

namespace {

const std::string flow_spec = R"(workflow:
  name: pictured
  tasks:
  - name: split
    image: x
    command: [sh, -c, 'echo "[10,20,30]" > "$MUSTER_RESULT"']
  - name: train
    foreach: {from: 1, to: 12}
    image: x
    command: [sh, -c, 'test {{index}} -lt 6']
  - name: map
    foreach: {result: split}
    workflow:
      tasks:
      - {name: leaf, foreach: [a, b], image: x, command: ["true"]}
      - {name: sum, after: [leaf], image: x, command: ["true"]}
  - name: skipped
    when: results.split | length > 5
    image: x
    command: ["true"]
  - {name: merge, image: x, command: ["true"], after: [train]}
)";

const json& step(const json& steps, std::string_view path) {
  for (const auto& x : steps)
    if (x["path"] == path)
      return x;
  FAIL("no step " << path);
  return steps;
}

} // namespace

TEST_CASE("a flow is planned, run, shown, and drawn") {
  const muster_program muster;
  const auto file = muster.file("flow.yaml", flow_spec);

  const auto plan = muster({"plan", file});
  CHECK(plan.exit_code == 0);
  CHECK_THAT(plan.out, ContainsSubstring("pictured  5 steps, how many tasks is decided at run time"));
  CHECK_THAT(plan.out, ContainsSubstring("train  foreach: 12 elements"));
  CHECK_THAT(plan.out, ContainsSubstring("│  └─ sum  after leaf"));
  CHECK_THAT(muster({"plan", file, "--format", "dot"}).out, ContainsSubstring("subgraph cluster_"));
  CHECK_THAT(muster({"plan", file, "--format", "mermaid"}).out, ContainsSubstring("subgraph s"));
  CHECK(json::parse(muster({"plan", file, "--format", "json"}).out)["steps"].size() == 5);

  const auto run = muster({"run", "--pool", "local", "--oversubscribe", "20", file});
  CHECK(run.exit_code == 3);
  CHECK_THAT(run.out, ContainsSubstring("pictured-1: 5 steps\n"));
  CHECK_THAT(run.err, ContainsSubstring("train.6 FAILED, exit code 1"));
  CHECK_THAT(run.err, ContainsSubstring("and 3 more of train failed"));

  const auto shown = muster({"show", "last"});
  CHECK(shown.exit_code == 0);
  CHECK_THAT(shown.out, ContainsSubstring("elements 6/12 done, 6 failed"));
  CHECK_THAT(shown.out, ContainsSubstring("train.6"));
  CHECK_THAT(shown.out, ContainsSubstring("elements 3/3 done"));
  CHECK_THAT(shown.out, ContainsSubstring("SKIPPED  when: results.split | length > 5 does not hold"));
  CHECK_THAT(shown.out, ContainsSubstring("FAILED_UPSTREAM"));
  CHECK_THAT(muster({"show", "last", "--failed"}).out, ContainsSubstring("train.6-group"));

  const auto whole = json::parse(muster({"show", "last", "-o", "json"}).out);
  CHECK(whole["steps"].size() == 5);
  const auto& train = step(whole["steps"], "train");
  CHECK(train["elements"]["total"] == 12);
  CHECK(train["elements"]["failed"] == 6);
  CHECK(train["failures"].size() == 6);
  CHECK(train["failures"][0]["reason"] == "exit code 1");

  const auto one = muster({"show", "last", "-t", "split"});
  CHECK_THAT(one.out, ContainsSubstring("result\n[\n  10,\n  20,\n  30\n]\n"));
  const auto leaf = json::parse(muster({"show", "last", "-t", "map.1.leaf.1", "-o", "json"}).out);
  CHECK(leaf["element"]["index"] == 1);
  CHECK(leaf["element"]["item"] == "b");
  const auto sum = json::parse(muster({"show", "last", "-t", "map.2.sum", "-o", "json"}).out);
  CHECK(sum["element"]["index"] == 2);
  CHECK(sum["element"]["item"] == 30);

  const auto lines = muster({"timeline", "last"});
  CHECK(lines.exit_code == 0);
  CHECK_THAT(lines.out, ContainsSubstring("  train.11"));
  const auto path = (muster.folder() / "run.svg").string();
  CHECK(muster({"timeline", "last", "--svg", path}).exit_code == 0);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  std::string problem;
  const auto svg = parse_xml(text.str(), problem);
  INFO(problem);
  REQUIRE(svg);
  std::size_t bars = 0;
  for (const auto* g : svg->all("g"))
    bars += g->attributes.count("data-task");
  CHECK(bars == 1 + 12 + 6 + 3);
  const auto rows = json::parse(muster({"timeline", "last", "-o", "json"}).out)["rows"];
  CHECK(rows.size() == bars);
  CHECK_THAT(muster({"timeline", "last", "--elements", "5"}).out, ContainsSubstring("12 attempts, 6 failed"));
  CHECK(muster({"timeline", "last", "--svg", (muster.folder() / "no" / "where.svg").string()}).exit_code == 1);
}

TEST_CASE("the report of a failed run names what made it fail, and not what was borne before") {
  const muster_program muster;
  const auto said = muster({"run", "--pool", "local", "--oversubscribe", "20", muster.file("flow.yaml", R"(workflow:
  name: borne
  tasks:
  - {name: probe, foreach: {from: 1, to: 8}, max_failures: 8, image: x, command: ["false"]}
  - {name: fetch, image: x, command: ["false"], on_failure: {image: x, command: ["true"]}}
  - name: map
    after: [probe, fetch]
    foreach: [a, b]
    workflow:
      tasks:
      - {name: one, foreach: [c, d, e], allow_partial: true, image: x, command: [sh, -c, "test {{item}} = c"]}
      - {name: two, after: one, image: x, command: [sh, -c, "exit 7"]}
)")});
  INFO(said.err);
  CHECK(said.exit_code == 3);
  CHECK_THAT(said.err, ContainsSubstring("map.0.two FAILED, exit code 7"));
  CHECK_THAT(said.err, ContainsSubstring("map.1.two FAILED, exit code 7"));
  CHECK_THAT(said.err,
             !ContainsSubstring("probe.") && !ContainsSubstring("fetch FAILED") && !ContainsSubstring("one."));
  CHECK_THAT(said.err, ContainsSubstring("and 13 more failed, which the workflow bore\n"));
}

TEST_CASE("a workflow without a flow has a timeline as well") {
  const muster_program muster;
  REQUIRE(muster({"run", "-q", muster.file("a.yaml", one_task("true"))}).exit_code == 0);
  const auto rows = json::parse(muster({"timeline", "last", "-o", "json"}).out)["rows"];
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["task"] == "only");
  CHECK(rows[0]["scope"].empty());
  CHECK(muster({"timeline", "nothing-1"}).exit_code == 4);
  CHECK_THAT(muster({"timeline", "last", "-o", "svg"}).out, ContainsSubstring("data-task=\"only\""));
}
