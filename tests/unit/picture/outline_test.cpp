#include "muster/picture/outline.hpp"

#include "muster/picture/graph.hpp"
#include "muster/spec/load.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <string>

using namespace muster;

namespace {

spec::workflow load(const std::string& steps) {
  auto outcome = spec::load("workflow:\n  name: w\n  tasks:\n" + steps);
  for (const auto& x : outcome.errors)
    UNSCOPED_INFO(spec::render(x));
  REQUIRE(outcome.ok());
  REQUIRE(outcome.workflow->flow);
  return *outcome.workflow;
}

const std::string nested = R"(
  - {name: late, image: x, command: [echo], after: [{tasks: [map], on: always}]}
  - {name: split, image: x, command: [echo]}
  - name: map
    foreach: {result: split}
    max_parallel: 4
    workflow:
      tasks:
      - {name: leaf, foreach: {from: 1, to: 100}, image: x, command: [echo]}
      - {name: twin, foreach: {each: leaf}, image: x, command: [echo]}
  - name: route
    switch:
      value: results.split | length
      cases: {"3": {tasks: [{name: three, image: x, command: [echo]}]}}
      default: {tasks: [{name: other, image: x, command: [echo]}]}
  - {name: loop, repeat: {until: "index > 3", max: 10}, image: x, command: [echo]}
)";

const picture::outline_step& find(const picture::outline_scope& x, std::string_view name) {
  const auto at = std::find_if(x.steps.begin(), x.steps.end(), [&](const auto& s) { return s.step->name == name; });
  REQUIRE(at != x.steps.end());
  return *at;
}

bool says(const picture::outline_step& x, const std::string& phrase) {
  const auto all = phrases(x);
  return std::find(all.begin(), all.end(), phrase) != all.end();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

} // namespace

TEST_CASE("an outline puts steps behind those they wait for, and says what decides about them") {
  const auto workflow = load(nested);
  const auto outline = picture::outline_of(*workflow.flow);
  REQUIRE(outline.steps.size() == 5);
  CHECK(outline.steps.back().step->name == "late");
  const auto& map = find(outline, "map");
  CHECK(map.kind == "workflow");
  CHECK_FALSE(map.elements);
  CHECK(says(map, "foreach: decided at run time by the result of split"));
  CHECK(says(map, "at most 4 at once"));
  REQUIRE(map.edges.size() == 1);
  CHECK(describe(map.edges[0], outline) == "split");
  REQUIRE(map.inner.size() == 1);
  const auto& leaf = find(map.inner[0], "leaf");
  CHECK(leaf.path == "map.leaf");
  CHECK(leaf.elements == 100U);
  const auto& twin = find(map.inner[0], "twin");
  REQUIRE(twin.edges.size() == 1);
  CHECK(describe(twin.edges[0], map.inner[0]) == "each of leaf");
  CHECK(describe(find(outline, "late").edges.at(0), outline) == "map (always)");
  const auto& route = find(outline, "route");
  REQUIRE(route.inner.size() == 2);
  CHECK(route.inner[0].role == "case");
  CHECK(route.inner[0].label == "3");
  CHECK(route.inner[0].steps.at(0).path == "route.3.three");
  CHECK(route.inner[1].role == "default");
  CHECK(says(find(outline, "loop"), "repeat: until index > 3, at most 10 rounds"));
  CHECK_FALSE(tasks_of(outline));
  CHECK(tasks_of(map.inner[0]) == std::nullopt); // One for each of another's is not counted.
}

TEST_CASE("the number of tasks is known where the spec lists all elements") {
  const auto workflow = load(R"(
  - name: a
    foreach: [1, 2, 3]
    branches:
      x: {tasks: [{name: t, image: x, command: [echo], foreach: {from: 1, to: 10}}]}
      y: {tasks: [{name: t, image: x, command: [echo]}]}
  - {name: b, image: x, command: [echo], after: [a]}
)");
  CHECK(tasks_of(picture::outline_of(*workflow.flow)) == 34U);
}

TEST_CASE("graphs have a box for each scope, an edge for each dependency, and nothing that breaks out of a label") {
  const auto workflow = load(nested);
  const auto outline = picture::outline_of(*workflow.flow);
  const auto dot = picture::to_dot("a \"b\" \\", outline);
  CHECK(dot.rfind("digraph \"a \\\"b\\\" \\\\\" {\n", 0) == 0);
  CHECK(count(dot, "subgraph cluster_") == 4); // map, route and its two cases
  CHECK(count(dot, "{") == count(dot, "}"));
  CHECK(count(dot, " -> ") == 4); // late-map, map-split, route-split, twin-leaf
  CHECK(count(dot, "lhead=cluster_") == 2);
  CHECK(count(dot, "ltail=cluster_") == 1);
  const auto mermaid = picture::to_mermaid(outline);
  CHECK(mermaid.rfind("flowchart TD\n", 0) == 0);
  CHECK(count(mermaid, "subgraph ") == 4);
  CHECK(count(mermaid, "  end\n") == 4);
  CHECK_THAT(mermaid, ContainsSubstring("index #gt; 3"));
  CHECK(picture::mermaid_text("a\"<b>&#;`\\\n") == "a#quot;#lt;b#gt;#amp;#35;#59;#96;#92;?");
  CHECK(picture::dot_text("a\"\\n\x1b") == "a\\\"\\\\n?");
}
