#include "support/catch.hpp"

#include "muster/spec/expression.hpp"
#include "muster/spec/flow.hpp"
#include "muster/spec/load.hpp"

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

using namespace muster::spec;

namespace {

struct bad_case {
  std::string lines; ///< Below `workflow:`, indented by two.
  std::string field; ///< Of one of the errors.
  std::string message;
  std::size_t line = 0; ///< 0: not looked at.
};

std::string errors_of(const load_outcome& x) {
  std::string out;
  for (const auto& problem : x.errors)
    out += render(problem);
  return out;
}

void check(const bad_case& x) {
  const auto loaded = load("workflow:\n  name: wf\n" + x.lines);
  INFO(x.lines);
  INFO(errors_of(loaded));
  CHECK_FALSE(loaded.ok());
  const auto found = std::find_if(loaded.errors.begin(), loaded.errors.end(), [&](const diagnostic& problem) {
    return problem.field == x.field && (problem.message + " " + problem.hint).find(x.message) != std::string::npos &&
           (x.line == 0 || problem.line == x.line);
  });
  CHECK(found != loaded.errors.end());
}

/// A task `a` with these keys, after a task `b` and a `foreach` `f`.
bad_case with_task(const std::string& keys, const std::string& field, const std::string& message) {
  return {"  steps:\n  - {name: b, image: i, command: [c]}\n  - {name: f, image: i, command: [c], foreach: [1]}\n"
          "  - {name: a, image: i, command: [c], " +
              keys + "}\n",
          "workflow.steps[2]" + field, message, 6};
}

} // namespace

TEST_CASE("a step has exactly one body, in the right list") {
  check({"  steps: [{name: a, image: i, command: [c], workflow: {tasks: []}}]\n", "workflow.steps[0]",
         "one body, found `workflow`, `image`"});
  check({"  steps: [{name: a}]\n", "workflow.steps[0]", "`image` is missing"});
  check({"  steps: [{name: a, steps: [{name: b, image: i, command: [c]}]}]\n", "workflow.steps[0]",
         "a nested workflow stands below `workflow`: {steps: [...]}"});
  check({"  steps: [5]\n", "workflow.steps[0]", "expected a mapping, found the integer 5"});
  check({"  steps: []\n", "workflow.steps", "at least one step"});
  check({"  parameters: {}\n", "workflow", "expected `tasks`, `groups` or `steps`, found none"});
  check({"  tasks: [{name: g, when: 'true', tasks: [{name: a, image: i, command: [c]}]}]\n", "workflow.tasks[0]",
         "write `steps:`"});
  check({"  groups: [{name: a, when: 'true', image: i, command: [c]}]\n", "workflow.groups[0]", "write `steps:`"});
  check({"  steps: [{name: a, image: i, command: [c]}]\n  tasks: [{name: b, image: i, command: [c]}]\n", "workflow",
         "`tasks` and `steps` exclude each other"});
  check({"  parameters: {}\n  groups: []\n  tasks: [{name: b, image: i, command: [c]}]\n", "workflow",
         "`tasks` and `groups` exclude each other"});
  check({"  steps: [{name: o, workflow: [1]}]\n", "workflow.steps[0].workflow", "expected a mapping"});
  check({"  steps: [{name: o, workflow: {task: []}}]\n", "workflow.steps[0].workflow.task", "did you mean 'tasks'?"});
  check({"  steps: [{name: o, branches: {}}]\n", "workflow.steps[0].branches", "at least one branch"});
  check({"  steps: [{name: o, branches: {a.b: {steps: []}}}]\n", "workflow.steps[0].branches.a.b", "name of a branch"});
  check({"  steps: [{name: o, switch: {cases: {}}}]\n", "workflow.steps[0].switch", "`value` is missing"});
  check({"  steps: [{name: o, switch: {value: 1, cases: {1: {steps: []}, \"1\": {steps: []}}}}]\n",
         "workflow.steps[0].switch.cases.1", "is there twice"});
  check({"  steps: [{name: o, retry: 1, workflow: {tasks: [{name: b, image: i, command: [c]}]}}]\n",
         "workflow.steps[0].retry", "of a task or a group"});
  check({"  steps: [{name: g, tasks: [{name: a, image: i, command: [c], when: 'true'}]}]\n",
         "workflow.steps[0].tasks[0].when", "of the whole group"});
}

TEST_CASE("the names of cases and branches can stand in the names of tasks and folders") {
  const auto with_case = [](const std::string& name, const std::string& message) {
    check({"  steps: [{name: o, switch: {value: 1, cases: {" + name + ": {tasks: []}}}}]\n",
           "workflow.steps[0].switch.cases." + (name.front() == '\'' ? name.substr(1, name.size() - 2) : name),
           message});
  };
  with_case("../../x", "a case of letters, digits, '-' and '_'");
  with_case("'a b'", "let `value` choose a word");
  check({"  steps: [{name: o, switch: {value: 1, cases: {'': {tasks: []}}}}]\n", "workflow.steps[0].switch.cases",
         "a case of letters"});
  with_case("3.5", "a case of letters");
  with_case("default", "write `default:` beside `cases`");
  with_case("on_failure", "cannot be named on_failure");
  with_case(std::string(65, 'x'), "at most 64");
  check({"  steps: [{name: o, branches: {on_failure: {tasks: []}}}]\n", "workflow.steps[0].branches.on_failure",
         "cannot be named on_failure"});
  check({"  steps: [{name: o, branches: {" + std::string(65, 'x') + ": {tasks: []}}}]\n",
         "workflow.steps[0].branches." + std::string(65, 'x'), "at most 64"});
}

TEST_CASE("no step has the name of handlers, which could have the same task") {
  const std::string inner = "  steps:\n  - name: s\n    on_failure: {image: i, command: [c]}\n    workflow: ";
  check({inner + "{steps: [{name: on_failure, image: i, command: [c]}]}\n", "workflow.steps[0].workflow.steps[0].name",
         "the name on_failure is of handlers"});
  check({inner + "{steps: [{name: g, tasks: [{name: on_failure, image: i, command: [c]}]}]}\n",
         "workflow.steps[0].workflow.steps[0].tasks[0].name", "the name on_failure is of handlers"});
  check({"  steps: [{name: s, image: i, command: [c], on_failure: {tasks: [{name: on_failure, image: i, command: [c]}, "
         "{name: b, image: i, command: [c]}]}}]\n",
         "workflow.steps[0].on_failure.tasks[0].name", "the name on_failure is of handlers"});
  CHECK(load("workflow: {name: wf, steps: [{name: s, image: i, command: [c], on_failure: {image: i, command: [c]}}]}\n")
            .ok());
}

TEST_CASE("unknown keys of a step are told, with the nearest one") {
  check(with_task("foreech: [1]", ".foreech", "did you mean 'foreach'?"));
  check({"  tasks: [{name: a, image: i, command: [c], foreech: [1]}]\n", "workflow.tasks[0].foreech",
         "did you mean 'foreach'?"});
  check(with_task("after: [{task: b, om: always}]", ".after[0].om", "did you mean 'on'?"));
  check(with_task("retry: {max: 1, backof: 1s}", ".retry.backof", "did you mean 'backoff'?"));
  check(with_task("repeat: {max: 1, until_: x}", ".repeat.until_", "did you mean 'until'?"));
  check({"  steps: [{name: o, wen: x, workflow: {tasks: [{name: b, image: i, command: [c]}]}}]\n",
         "workflow.steps[0].wen", "did you mean 'when'?"});
}

TEST_CASE("values of the new keys are checked") {
  check(with_task("after: 5", ".after", "expected a string"));
  check(with_task("after: [{task: b, on: sometimes}]", ".after[0].on", "found 'sometimes'"));
  check(with_task("after: [{}]", ".after[0]", "`task` or `tasks` is missing"));
  check(with_task("after: [{task: b, tasks: [b]}]", ".after[0]", "exclude each other"));
  check(with_task("after: [b, b]", ".after[1]", "already"));
  check(with_task("foreach: 5", ".foreach", "expected a list"));
  check(with_task("foreach: {}", ".foreach", "found an empty mapping"));
  check(with_task("foreach: {lr: 5}", ".foreach.lr", "a list of values"));
  check(with_task("foreach: {lr: [1], include: [5]}", ".foreach.include", "a list of mappings"));
  check(with_task("foreach: {from: 1, to: 9, step: 0}", ".foreach.step", "not 0"));
  check(with_task("foreach: {from: 1}", ".foreach", "`to` is missing"));
  check(with_task("foreach: {from: 1, to: 9223372036854775807}", ".foreach", "more than 1000000"));
  check(with_task("foreach: {from: -9223372036854775807, to: 9223372036854775807}", ".foreach", "more than 1000000"));
  check(with_task("foreach: [.inf]", ".foreach[0]", "a finite number"));
  check(with_task("foreach: [99999999999999999999]", ".foreach[0]", "64 bits"));
  check(with_task("foreach: 'parameters.'", ".foreach", "cannot be read, column 12"));
  check(with_task("max_parallel: 2", ".max_parallel", "needs `foreach`"));
  check(with_task("reduce: sum", ".reduce", "needs `foreach`"));
  check(with_task("foreach: [1], max_parallel: -1", ".max_parallel", "between 0 and 1000000"));
  check(with_task("foreach: [1], fail_fast: true, max_failures: 2", "", "exclude each other"));
  check(with_task("foreach: [1], reduce: summ", ".reduce", "did you mean 'sum'?"));
  check(with_task("foreach: [1], reduce: best", ".reduce", "by what"));
  check(with_task("foreach: [1], reduce: {best: {order: max}}", ".reduce.best", "`by` is missing"));
  check(with_task("foreach: [1], reduce: {best: {by: x, order: up}}", ".reduce.best.order", "`max` or `min`"));
  check(with_task("foreach: [1], reduce: {sum: a, min: b}", ".reduce", "one word"));
  check(with_task("repeat: {until: result.x}", ".repeat", "`max` is missing"));
  check(with_task("repeat: {max: 0}", ".repeat.max", "between 1 and 1000000"));
  check(with_task("retry: {on: 1}", ".retry", "`max` is missing"));
  check(with_task("retry: {max: 1, on: [FAILED_EVICTD]}", ".retry.on[0]", "did you mean 'FAILED_EVICTED'?"));
  check(with_task("retry: {max: 1, on: [COMPLETED]}", ".retry.on[0]", "exit codes such as 2-5"));
  check(with_task("retry: x", ".retry", "a whole number"));
  check(with_task("timeout: 0s", ".timeout", "above 0"));
  check(with_task("cache: [1]", ".cache", "true, false or a key"));
  check({"  steps:\n  - {name: g, cache: true, tasks: [{name: x, image: i, command: [c], lead: true}, {name: y, image: "
         "i, "
         "command: [c]}]}\n",
         "workflow.steps[0].cache", "of a task that runs alone"});
  check(with_task("on_failure: 5", ".on_failure", "expected a mapping"));
  check(with_task("on_failure: {image: i}", ".on_failure", "`command` is missing"));
}

TEST_CASE("names in texts and expressions must exist where they are read") {
  check(with_task("when: 'results.bb.x > 1'", ".when", "did you mean 'b'?"));
  check(with_task("when: 'results.b.x >'", ".when", "cannot be read, column 14"));
  check(with_task("when: 'b.x > 1'", ".when", "names 'b', which is not known here"));
  check(with_task("when: 'item > 1'", ".when", "no `item` here"));
  check(with_task("when: 'index > 1'", ".when", "no `index` here"));
  check(with_task("when: 'result > 1'", ".when", "names 'result'"));
  check(with_task("when: 'results | length'", ".when", "results.<step>"));
  check(with_task("when: 'results.a.x'", ".when", "cannot wait for itself"));
  check(with_task("when: 'parameters.x'", ".when", "no parameter 'x'"));
  check(with_task("repeat: {max: 2, until: carry.y, carry: {x: 1}}", ".repeat.until", "carries no 'y'"));
  check(with_task("repeat: {max: 2, carry: {x: '{{carry.x}}'}}", ".repeat.carry.x", "no `carry` here"));
  check(with_task("environment: {X: '{{item.a}}'}", ".environment.X", "no `item` here"));
  check(with_task("environment: {X: '{{carry.a}}'}", ".environment.X", "no `carry` here"));
  check(with_task("environment: {X: '{{parameter:q}}'}", ".environment.X", "no parameter 'q'"));
  check(with_task("args: ['{{result:nobody.x}}']", ".args[0]", "no step 'nobody'"));
  check(with_task("inputs: [{task: nobody}]", ".inputs[0].task", "no step 'nobody'"));
  check(with_task("inputs: [{task: a}]", ".inputs[0].task", "cannot wait for itself"));
  check(with_task("after: a", ".after", "cannot wait for itself"));
  check(with_task("after: nobody", ".after", "no step 'nobody'"));
  check(with_task("foreach: {result: nobody.x}", ".foreach.result", "no step 'nobody'"));
  check(with_task("foreach: {each: b}", ".foreach.each", "has no `foreach`"));
  check(with_task("foreach: {each: a}", ".foreach.each", "cannot wait for itself"));
  check(with_task("foreach: ['{{item}}']", ".foreach[0]", "no `item` here"));
  check(with_task("on_failure: {image: i, command: ['{{result:a}}']}", ".on_failure.command[0]", "is around this one"));
  check({"  result: results.x\n  steps: [{name: b, image: i, command: [c]}]\n", "workflow.result", "no step 'x'"});
  check({"  parameters: {p: '{{result:b}}'}\n  steps: [{name: b, image: i, command: [c]}]\n", "workflow.parameters.p",
         "no step 'b'"});
}

TEST_CASE("scopes keep their names to themselves") {
  const std::string inner = "  - name: o\n    workflow:\n      tasks:\n      - {name: in, image: i, command: [c], ";
  check({"  steps:\n" + inner + "after: b}\n  - {name: b, image: i, command: [c]}\n",
         "workflow.steps[0].workflow.tasks[0].after", "write `after: b` at 'o'", 7});
  check({"  steps:\n" + inner + "inputs: [{task: o}]}\n", "workflow.steps[0].workflow.tasks[0].inputs[0].task",
         "is around this one"});
  check({"  steps:\n" + inner + "retry: 1}\n  - {name: b, image: i, command: [c], inputs: [{task: in}]}\n",
         "workflow.steps[1].inputs[0].task", "no step 'in'", 8});
  check({"  steps:\n" + inner + "resource: huge}\n", "workflow.steps[0].workflow.tasks[0].resource",
         "no resource 'huge'", 7});
  check({"  steps:\n" + inner + "cacheSize: much}\n", "workflow.steps[0].workflow.tasks[0].cacheSize", "much"});
  check({"  steps:\n  - {name: a-b, image: i, command: [c]}\n  - {name: A_b, image: i, command: [c], retry: 1}\n",
         "workflow.steps[1].name", "has the name of line 4", 5});
  check({"  steps:\n  - {name: x, tasks: [{name: y, image: i, command: [c]}]}\n  - {name: y, workflow: {steps: [{name: "
         "z, image: i, command: [c]}]}}\n",
         "workflow.steps[0].tasks[0].name", "has the name of line 5"});
  check({"  steps: [{name: a.b, image: i, command: [c]}]\n", "workflow.steps[0].name", "expected a letter"});
  check({"  steps: [{name: " + std::string(65, 'x') + ", workflow: {steps: [{name: z, image: i, command: [c]}]}}]\n",
         "workflow.steps[0].name", "at most 64"});
  check({"  steps: [{name: " + std::string(60, 'x') + ", image: i, command: [c]}]\n", "workflow.steps[0].name",
         "at most 58"});
}

TEST_CASE("a circle is shown") {
  check({"  steps:\n  - {name: a, image: i, command: [c], after: c}\n  - {name: b, image: i, command: [c], inputs: "
         "[{task: a}]}\n  - {name: c, image: i, command: ['{{result:b.x}}']}\n",
         "workflow.steps[0]", "a -> c -> b -> a", 4});
  check({"  steps:\n  - name: o\n    workflow: {tasks: [{name: in, image: i, command: [c], inputs: [{task: b}]}]}\n"
         "  - {name: b, image: i, command: [c], after: o}\n",
         "workflow.steps[0]", "o -> b -> o"});
  std::string chain = "  steps:\n";
  for (int i = 0; i < 20'000; ++i)
    chain += "  - {name: s" + std::to_string(i) + ", image: i, command: [c], after: s" +
             std::to_string((i + 1) % 20'000) + "}\n";
  check({chain, "workflow.steps[0]", "s0 -> s1 -> s2"});
}

TEST_CASE("workflows are nested 64 deep at most") {
  const auto nested = [](int levels) {
    std::string text = "{tasks: [{name: a, image: i, command: [c]}]}";
    for (int i = 1; i < levels; ++i)
      text = "{steps: [{name: o, switch: {value: 1, cases: {1: " + text + "}}}]}";
    return load("workflow: {name: wf, steps: [{name: o, workflow: " + text + "}]}\n");
  };
  CHECK(nested(63).ok());
  const auto deep = nested(64);
  REQUIRE_FALSE(deep.ok());
  CHECK(errors_of(deep).find("more than 64 deep") != std::string::npos);
}

TEST_CASE("parameters take values of their type") {
  const std::string lines = R"(
  parameters:
    n: 5
    name: {type: string, default: ada, description: who}
    rate: {type: number, default: 1}
    flag: {type: boolean, default: false}
    list: {type: list, default: []}
    map: {default: {a: 1}}
    odd: {type: x, more: y}
    must: {type: integer}
  tasks: [{name: a, image: i, command: [c]}]
)";
  const auto load_with = [&](load_options options) { return load("workflow:\n  name: wf\n" + lines, options); };
  const auto message = [&](const load_options& options) { return errors_of(load_with(options)); };
  load_options options;
  CHECK(message(options).find("workflow.parameters.must: parameter 'must' has no value and no default") !=
        std::string::npos);
  options.set = {"must=7", "n=x y", "rate=1e3", "flag=true", "list=[1, {a: b}]", "unused=1"};
  options.set_string = {"name=5"};
  options.parameters_file = "values.yaml";
  options.parameters_text = "must: 1\nname: eve\nmap: {b: [1]}\n";
  const auto loaded = load_with(options);
  INFO(errors_of(loaded));
  REQUIRE(loaded.ok());
  std::string all;
  for (const auto& x : loaded.workflow->flow->parameters)
    all += x.name + "=" + *value_to_json(x.value) + ";";
  CHECK(all == "n=\"x y\";name=\"5\";rate=1000.0;flag=true;list=[1,{\"a\":\"b\"}];map={\"b\":[1]};"
               "odd={\"type\":\"x\",\"more\":\"y\"};must=7;");
  CHECK(loaded.workflow->flow->parameters.at(1).description == "who");
  for (const std::string wrong : {"must=x", "must=1.5", "flag=yes", "list={a: 1}", "list=[", "map2=1"}) {
    auto bad = options;
    bad.set.push_back(wrong);
    const auto text = message(bad);
    INFO(wrong + ": " + text);
    if (wrong == "map2=1")
      CHECK(text.empty());
    else
      CHECK(text.find("--set: parameter '" + wrong.substr(0, wrong.find('=')) + "' takes") != std::string::npos);
  }
  options.parameters_text = "{\"must\": \"x\", \"nmae\": 1}";
  CHECK(message(options).find("values.yaml: parameter 'must' takes an integer, found \"x\"") != std::string::npos);
  CHECK(message(options).find("values.yaml: there is no parameter 'nmae'") != std::string::npos);
  options.parameters_text = "- 1";
  CHECK(message(options).find("values.yaml: expected a mapping") != std::string::npos);
  options.parameters_text = "a: [";
  CHECK(message(options).find("values.yaml: line ") != std::string::npos);
  options.parameters_text.reset();
  CHECK(message(options).find("values.yaml") != std::string::npos);
}

TEST_CASE("declarations of parameters are checked") {
  const std::string rest = "\n  tasks: [{name: a, image: i, command: [c]}]\n";
  check({"  parameters: {a-b: 1}" + rest, "workflow.parameters.a-b", "letters, digits and '_'"});
  check({"  parameters: {a: {type: strin}}" + rest, "workflow.parameters.a.type", "did you mean 'string'?"});
  check({"  parameters: {a: {type: integer, default: x}}" + rest, "workflow.parameters.a.default",
         "expected an integer, found the string 'x'"});
  check({"  parameters: [a]" + rest, "workflow.parameters", "expected a mapping"});
  check({"  steps: [{name: o, workflow: {parameters: {q: {type: string}}, tasks: [{name: a, image: i, command: "
         "[c]}]}}]\n",
         "workflow.steps[0].workflow.parameters.q", "give it here"});
}

TEST_CASE("a parameters file needs parameters") {
  load_options options;
  options.parameters_text = "a: 1";
  const auto plain = load("workflow: {name: wf, tasks: [{name: a, image: i, command: [c]}]}\n", options);
  CHECK(errors_of(plain).find("no `parameters`") != std::string::npos);
  const auto flow = load("workflow: {name: wf, steps: [{name: a, image: i, command: [c]}]}\n", options);
  CHECK(errors_of(flow).find("no `parameters`") != std::string::npos);
}

TEST_CASE("all errors of a flow come together") {
  const auto loaded =
      load("workflow:\n  name: wf\n  steps:\n  - {name: a, image: i, command: [c], when: '>', max_parallel: "
           "2}\n  - {name: b, command: [c], after: x}\n");
  CHECK(loaded.errors.size() == 4);
}

TEST_CASE("as many wrong names as steps take no time in proportion to their product") {
  std::string steps = "  steps:\n";
  for (int i = 0; i < 50'000; ++i)
    steps +=
        "  - {name: s" + std::to_string(i) + ", image: i, command: ['{{result:q.x}} {{parameter:q}}'], after: q}\n";
  // Of the processor: a busy machine is not counted.
  const auto start = std::clock();
  check({steps, "workflow.steps[0].after", "no step 'q' here"});
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 15);
}
