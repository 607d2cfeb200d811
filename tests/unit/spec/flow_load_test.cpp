#include "support/catch.hpp"
#include "support/checkout.hpp"

#include "muster/spec/expression.hpp"
#include "muster/spec/flow.hpp"
#include "muster/spec/load.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::spec;
using names = std::vector<std::string>;

namespace {

std::string errors_of(const load_outcome& x) {
  std::string out;
  for (const auto& problem : x.errors)
    out += render(problem);
  return out;
}

/// A workflow of these lines, which are indented by two.
std::string with(const std::string& lines) {
  return "workflow:\n  name: wf\n" + lines;
}

workflow good(const std::string& text, const load_options& options = {}) {
  auto loaded = load(text, options);
  INFO(text);
  INFO(errors_of(loaded));
  REQUIRE(loaded.ok());
  return std::move(*loaded.workflow);
}

/// The scope of a spec that uses Muster's keys.
scope flow_of(const std::string& lines, const load_options& options = {}) {
  const auto x = good(with(lines), options);
  REQUIRE(x.flow != nullptr);
  CHECK(x.groups.empty());
  return *x.flow;
}

std::string json_of(const template_value& x) {
  return *value_to_json(x);
}

const task& task_of(const step& x) {
  return std::get<group>(x.body).tasks.at(0);
}

const scope& body_of(const step& x) {
  return *std::get<scope_ptr>(x.body);
}

const std::string plain = "image: alpine, command: [echo]";

} // namespace

TEST_CASE("a spec without Muster's keys stays what it is") {
  const auto x =
      good(with("  tasks:\n  - {name: a, " + plain + "}\n  - {name: b, " + plain + ", inputs: [{task: a}]}\n"));
  CHECK(x.flow == nullptr);
  CHECK(x.groups.size() == 2);
}

TEST_CASE("any of Muster's keys makes a flow") {
  for (const std::string key : {"after: []", "when: 'true'", "foreach: [1]", "repeat: {max: 2}", "retry: 1",
                                "timeout: 5s", "cache: true", "on_failure: {image: i, command: [c]}"}) {
    INFO(key);
    const auto flow = flow_of("  tasks:\n  - {name: a, " + plain + ", " + key + "}\n");
    REQUIRE(flow.steps.size() == 1);
    CHECK(flow.steps[0].name == "a");
    const auto& gang = std::get<group>(flow.steps[0].body);
    CHECK(gang.name == "a-group");
    CHECK_FALSE(gang.barrier);
    CHECK(gang.tasks.at(0).lead);
  }
  CHECK(flow_of("  parameters: {n: 1}\n  tasks: [{name: a, " + plain + "}]\n").steps.size() == 1);
  CHECK(flow_of("  steps: [{name: a, " + plain + "}]\n").steps.size() == 1);
  CHECK(flow_of("  result: results.a\n  tasks: [{name: a, " + plain + "}]\n").result == "results.a");
  CHECK(flow_of("  tasks: [{name: a, " + plain + "}, {name: b, image: alpine, command: ['{{result:a.x}}']}]\n")
            .steps[1]
            .needs == names{"a"});
}

TEST_CASE("the osmo profile knows none of it") {
  load_options options;
  options.profile = profile::osmo;
  for (const auto& lines :
       names{"  tasks: [{name: a, " + plain + ", foreach: [1]}]\n", "  steps: [{name: a, " + plain + "}]\n",
             "  parameters: {n: 1}\n  tasks: [{name: a, " + plain + "}]\n",
             "  tasks: [{name: a, " + plain + ", after: []}]\n"}) {
    const auto loaded = load(with(lines), options);
    REQUIRE_FALSE(loaded.ok());
    CHECK(errors_of(loaded).find("unknown key") != std::string::npos);
  }
  CHECK_FALSE(load(with("  tasks: [{name: a, image: alpine, command: ['{{result:b}}']}]\n"), options).ok());
}

TEST_CASE("after in all its forms") {
  const auto flow = flow_of(R"(
  tasks:
  - {name: a, image: i, command: [c]}
  - {name: b, image: i, command: [c]}
  - {name: c, image: i, command: [c], after: a}
  - {name: d, image: i, command: [c], after: [a, {task: b, on: failure}]}
  - {name: e, image: i, command: [c], after: {tasks: [a, b], "on": always}}
  - {name: f, image: i, command: [c], after: {task: a, on: success_or_skipped}}
)");
  const auto after = [&](std::size_t i) {
    std::string out;
    for (const auto& x : flow.steps.at(i).after)
      out += x.step + std::to_string(static_cast<int>(x.on)) + " ";
    return out;
  };
  CHECK(after(2) == "a1 ");
  CHECK(after(3) == "a1 b3 ");
  CHECK(after(4) == "a4 b4 ");
  CHECK(after(5) == "a2 ");
  CHECK(flow.steps[2].needs.empty());
}

TEST_CASE("foreach in all its forms") {
  const auto of = [&](const std::string& foreach) {
    const auto flow = flow_of("  parameters: {chunks: [1, 2]}\n  steps:\n  - {name: s, " + plain +
                              ", foreach: [1]}\n  - {name: a, " + plain + ", foreach: " + foreach + "}\n");
    return *flow.steps.at(1).foreach;
  };
  CHECK(json_of(std::get<each_of_list>(of("[1, x, 0.5, [2, {k: null}], 1, '']").items).items.at(3)) ==
        "[2,{\"k\":null}]");
  CHECK(std::get<each_of_list>(of("[]").items).items.empty());
  const auto axes = std::get<each_of_axes>(
      of("{lr: [0.1, 0.2], batch: [32], exclude: [{lr: 0.1}], include: [{lr: 5, extra: true}]}").items);
  REQUIRE(axes.axes.size() == 2);
  CHECK(axes.axes[0].first == "lr");
  CHECK(axes.axes[1].second.size() == 1);
  CHECK(json_of(axes.exclude.at(0)) == "{\"lr\":0.1}");
  CHECK(json_of(axes.include.at(0)) == "{\"lr\":5,\"extra\":true}");
  const auto range = std::get<each_of_range>(of("{from: 10, to: 1, step: -3}").items);
  CHECK((range.from == 10 && range.to == 1 && range.step == -3));
  CHECK(std::get<each_of_range>(of("{from: 1, to: 0}").items).step == 1);
  CHECK(std::get<each_of_range>(of("{from: -9223372036854775807, to: 9223372036854775807, step: -1}").items).step ==
        -1);
  CHECK(std::get<each_of_result>(of("{result: s.chunks}").items).path == "s.chunks");
  CHECK(std::get<each_of_step>(of("{each: s}").items).step == "s");
  CHECK(std::get<each_of_expression>(of("parameters.chunks").items).text == "parameters.chunks");
  CHECK(std::get<each_of_axes>(of("{result: [1]}").items).axes[0].first == "result");
}

TEST_CASE("what limits and reduces a foreach") {
  const auto of = [&](const std::string& keys) {
    return *flow_of("  tasks: [{name: a, " + plain + ", foreach: [1], " + keys + "}]\n").steps.at(0).foreach;
  };
  CHECK(of("max_parallel: 3").max_parallel == 3);
  CHECK(of("fail_fast: true").fail_fast);
  CHECK(of("max_failures: 0").max_failures == 0U);
  CHECK(of("allow_partial: true").allow_partial);
  CHECK(of("reduce: mean").reduce.with == reduction::mean);
  CHECK(of("reduce: {sum: metrics.loss}").reduce.path == "metrics.loss");
  const auto best = of("reduce: {best: {by: accuracy, order: min}}").reduce;
  CHECK((best.with == reduction::best && best.path == "accuracy" && best.smallest));
  CHECK_FALSE(of("reduce: {best: accuracy}").reduce.smallest);
}

TEST_CASE("repeat, retry, timeout, cache, on_failure") {
  const auto flow = flow_of(R"(
  tasks:
  - name: a
    image: i
    command: [c, "{{carry.n}} {{index}}"]
    repeat: {until: "result.done and carry.n > 1 and index < 5", max: 7, carry: {n: 0, s: [1]}}
    retry: {max: 3, backoff: 10s, on: [1, "2-5", FAILED_EVICTED]}
    timeout: 90
    cache: "key {{carry.n}}"
    on_failure: {image: i, command: [rescue]}
  - {name: b, image: i, command: [c], retry: 2, cache: true, on_failure: {workflow: {tasks: [{name: x, image: i, command: [c]}]}}}
  - {name: c, image: i, command: [c], retry: {max: 1, "on": 137}, cache: false, on_failure: {tasks: [{name: x, image: i, command: [c]}, {name: y, image: i, command: [c]}]}}
  - {name: d, image: i, command: [c], on_failure: {name: fix, image: i, command: [c], retry: 1}}
)");
  const auto& a = flow.steps.at(0);
  CHECK(a.repeat->max == 7);
  CHECK(a.repeat->carry.at(1).first == "s");
  CHECK(a.retry->max == 3);
  CHECK(a.retry->backoff == std::chrono::seconds{10});
  CHECK(a.retry->codes.at(1).last == 5);
  CHECK(a.retry->statuses == names{"FAILED_EVICTED"});
  CHECK(a.timeout == std::chrono::seconds{90});
  CHECK(a.cache == "key {{carry.n}}");
  CHECK(a.on_failure->steps.at(0).name == "on_failure");
  CHECK(task_of(a.on_failure->steps[0]).command == names{"rescue"});
  CHECK(flow.steps.at(1).retry->max == 2);
  CHECK(flow.steps[1].cache == "");
  CHECK(flow.steps[1].on_failure->steps.at(0).name == "x");
  CHECK(flow.steps.at(2).retry->codes.at(0).first == 137);
  CHECK_FALSE(flow.steps[2].cache.has_value());
  CHECK(flow.steps[2].on_failure->steps.size() == 2);
  CHECK(flow.steps.at(3).on_failure->steps.at(0).name == "fix");
}

TEST_CASE("nested workflows, branches and a switch share the resources of the top") {
  const auto x = good(with(R"(
  resources: {default: {}, big: {cpu: 8}}
  steps:
  - {name: toss, image: i, command: [c]}
  - name: inner
    foreach: {from: 1, to: 3}
    workflow:
      parameters: {chunk: "{{item}}", named: {type: integer, default: 5}}
      tasks:
      - {name: one, image: i, command: [c, "{{parameter:chunk}}"], resource: big}
      - {name: two, image: i, command: [c, "{{result:one.x}} {{result:toss}}"], inputs: [{task: one}]}
      result: results.two
  - name: side
    branches:
      left: {tasks: [{name: t, image: i, command: [c]}]}
      right: {groups: [{name: g, tasks: [{name: m, image: i, command: [c]}, {name: n, image: i, command: [c], lead: true}]}]}
  - name: choose
    after: side
    switch:
      value: results.toss
      cases:
        heads: {steps: [{name: t, image: i, command: [c]}]}
        2: {steps: [{name: t, image: i, command: [c]}]}
        true: {steps: [{name: t, image: i, command: [c]}]}
      default: {steps: [{name: t, image: i, command: [c]}]}
  - name: talk
    tasks: [{name: server, image: i, command: [c], lead: true}, {name: client, image: i, command: [c, "{{host:server}}"]}]
)"));
  const auto& flow = *x.flow;
  REQUIRE(flow.steps.size() == 5);
  const auto& inner = flow.steps[1];
  CHECK(inner.needs == names{"toss"});
  CHECK(body_of(inner).parameters.at(1).type == parameter_type::integer);
  CHECK(body_of(inner).steps.at(1).needs == names{"one", "toss"});
  CHECK(task_of(body_of(inner).steps[0]).resource == "big");
  CHECK(body_of(inner).result == "results.two");
  const auto& side = std::get<branches_body>(flow.steps[2].body);
  CHECK(side.branches.at(1).first == "right");
  CHECK(std::get<group>(side.branches[1].second->steps.at(0).body).tasks.size() == 2);
  const auto& choose = std::get<switch_body>(flow.steps[3].body);
  CHECK(choose.cases.at(1).first == "2");
  CHECK(choose.cases.at(2).first == "true");
  CHECK(choose.otherwise != nullptr);
  CHECK(flow.steps[3].needs == names{"toss"});
  CHECK(std::get<group>(flow.steps[4].body).name == "talk");
}

TEST_CASE("what a step needs goes up to where the other one stands") {
  const auto flow = flow_of(R"(
  steps:
  - {name: a, image: i, command: [c]}
  - {name: b, image: i, command: [c], foreach: [1, 2]}
  - name: outer
    workflow:
      steps:
      - name: middle
        workflow:
          steps:
          - {name: near, image: i, command: [c]}
          - {name: deep, image: i, command: [c], inputs: [{task: a}, {task: near}], when: "results.b[0].ok"}
      - {name: beside, image: i, command: [c], after: middle, inputs: [{task: "old-1:x"}]}
  - {name: all, image: i, command: [c], inputs: [{task: b}]}
  - {name: walk, image: i, command: [c, "{{result:outer.middle.deep.x}}"]}
)");
  const auto& outer = flow.steps.at(2);
  const auto& middle = body_of(outer).steps.at(0);
  const auto& deep = body_of(middle).steps.at(1);
  CHECK(deep.needs == names{"b", "a", "near"});
  CHECK(middle.needs == names{"b", "a"});
  CHECK(outer.needs == names{"b", "a"});
  CHECK(body_of(outer).steps.at(1).needs.empty());
  CHECK(flow.steps.at(3).needs == names{"b"});
  CHECK(flow.steps.at(4).needs == names{"outer"});
}

TEST_CASE("tokens survive rendering, but not where the template has the name") {
  const auto flow = flow_of(R"(
  tasks:
  {% for n in range(2) %}
  - {name: t{{n}}, image: i, command: [c, "{{item.a.b}} {{ index }} {{parameter:p}} {{result:x-1.y}}"], foreach: [1]}
  {% endfor %}
  - {name: x-1, image: i, command: [c]}
  parameters: {p: 1}
)");
  CHECK(task_of(flow.steps.at(1)).command.at(1) == "{{item.a.b}} {{ index }} {{parameter:p}} {{result:x-1.y}}");
  const auto x =
      good(with("  tasks:\n  {% for item in [1, 2] %}\n  - {name: t{{item}}, " + plain + "}\n  {% endfor %}\n"));
  CHECK(x.flow == nullptr);
  CHECK(x.groups.at(1).tasks.at(0).name == "t2");
  load_options options;
  options.set = {"item=7"};
  CHECK(good(with("  tasks: [{name: 't{{item}}', " + plain + "}]\n"), options).groups.at(0).tasks.at(0).name == "t7");
}

TEST_CASE("environment from the command line reaches tasks at any depth") {
  load_options options;
  options.set_env = {"A=1"};
  const auto flow = flow_of(
      "  steps: [{name: o, workflow: {tasks: [{name: a, " + plain + "}]}, on_failure: {" + plain + "}}]\n", options);
  const std::vector<std::pair<std::string, std::string>> expected{{"A", "1"}};
  CHECK(task_of(body_of(flow.steps.at(0)).steps.at(0)).environment == expected);
  CHECK(task_of(flow.steps[0].on_failure->steps.at(0)).environment == expected);
}

TEST_CASE("the examples of flows are good") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(muster::test::in_source("examples"))) {
    if (entry.path().extension() != ".yaml")
      continue;
    const auto loaded = load_file(entry.path().string());
    INFO(errors_of(loaded));
    REQUIRE(loaded.ok());
    count += loaded.workflow->flow != nullptr ? 1 : 0;
  }
  CHECK(count == 8);
}

TEST_CASE("a cached task that has outputs is told that it is always run") {
  const auto loaded =
      load("workflow:\n  name: w\n  steps:\n  - {name: a, image: i, command: [c], cache: true, outputs: "
           "[{url: 's3://b/x'}]}\n",
           {});
  REQUIRE(loaded.ok());
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings[0].field == "workflow.steps[0].cache");
}

TEST_CASE("a value for what the spec never names is spoken of") {
  const auto text = with("  parameters: {epochs: 3}\n  tasks:\n  - {name: a, image: i, command: [c]}\n");
  load_options options;
  options.set = {"epoch=4", "epochs=5", "c=1"};
  const auto loaded = load(text, options);
  REQUIRE(loaded.ok());
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings[0].message == "--set: nothing in the spec is called 'epoch'");
  CHECK(loaded.warnings[0].hint == "did you mean 'epochs'?");
  options.profile = profile::osmo;
  options.set_string = {"other=1"};
  CHECK(load("workflow:\n  name: w\n  tasks:\n  - {name: a, image: i, command: [c]}\n", options).warnings.empty());
}
