#include "support/catch.hpp"

#include "muster/spec/load.hpp"

using namespace muster::spec;

namespace {

std::string warnings_of(const load_outcome& x) {
  std::string out;
  for (const auto& one : x.warnings)
    out += std::to_string(one.line) + ':' + std::to_string(one.column) + ' ' + one.field + ": " + one.message + '\n';
  return out;
}

load_outcome load_good(const std::string& text, profile rules = profile::muster) {
  load_options options;
  options.profile = rules;
  auto loaded = load(text, options);
  INFO(text);
  for (const auto& problem : loaded.errors)
    INFO(render(problem));
  REQUIRE(loaded.ok());
  return loaded;
}

} // namespace

TEST_CASE("a key that a mapping has twice is warned of, with both lines") {
  const std::string text = R"(workflow:
  name: wf
  tasks:
  - name: a
    image: ubuntu
    command: [first]
    environment: {A: 1, B: 2, A: 3}
    command: [second]
    command: [third]
)";
  const auto loaded = load_good(text);
  CHECK(
      warnings_of(loaded) ==
      "8:5 workflow.tasks[0].command: the key 'command' is there already, 2 lines above, and this one takes its place\n"
      "9:5 workflow.tasks[0].command: the key 'command' is there already, 1 line above, and this one takes its place\n"
      "7:31 workflow.tasks[0].environment.A: the key 'A' is in this line twice, the last one counts\n");
  const auto& task = loaded.workflow->groups.at(0).tasks.at(0);
  CHECK(task.command == std::vector<std::string>{"third"});
  CHECK(task.environment.at(0).second == "3");
  CHECK(loaded.warnings[0].source_line == "    command: [second]");
  CHECK(warnings_of(load_good(text, profile::osmo)) == "");
}

TEST_CASE("keys that look alike, and what is merged, is not warned of") {
  const auto loaded = load_good(R"(workflow:
  name: wf
  tasks:
  - &base
    name: a
    image: ubuntu
    command: [echo]
    environment: &env {1: x, "1": y, A: 1, a: 1}
  - <<: *base
    <<: *base
    name: b
    environment:
      <<: [*env, *env]
      A: 2
)");
  CHECK(warnings_of(loaded) == "");
}

TEST_CASE("a repeated key is warned of once, however often its mapping is used, and wherever it stands") {
  CHECK(warnings_of(load_good(R"(workflow:
  name: wf
  parameters: {x: {type: integer, default: 1, default: 2}}
  steps:
  - {name: a, image: ubuntu, command: [echo], environment: &env {A: 1, A: 2}}
  - {name: b, image: ubuntu, command: [echo], environment: *env}
  - {name: c, image: ubuntu, command: [echo], foreach: [{lr: 1, lr: 2}]}
)")) == "3:47 workflow.parameters.x.default: the key 'default' is in this line twice, the last one counts\n"
        "5:72 workflow.steps[0].environment.A: the key 'A' is in this line twice, the last one counts\n"
        "7:65 workflow.steps[2].foreach[0].lr: the key 'lr' is in this line twice, the last one counts\n");
}

TEST_CASE("a repeated key is warned of in a template and in its values") {
  CHECK(
      warnings_of(load_good(R"(default-values:
  count: 3
  count: 4
workflow:
  name: wf
  tasks:
  - name: a
    image: ubuntu
    command: [echo, "{{count}}"]
    image: alpine
)")) ==
      "3:3 default-values.count: the key 'count' is there already, 1 line above, and this one takes its place\n"
      "10:5 workflow.tasks[0].image: the key 'image' is there already, 2 lines above, and this one takes its place\n");
}
