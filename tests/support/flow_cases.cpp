#include "support/flow_cases.hpp"

#include "support/catch.hpp"

#include "muster/spec/expression.hpp"
#include "muster/store/reader.hpp"

namespace muster::test {

namespace {

constexpr auto done = status::completed;
constexpr auto failed = status::failed;
constexpr auto upstream = status::failed_upstream;

/// One task in a line of YAML; `more` are further keys.
std::string task(const std::string& name, const std::string& script, const std::string& more = {}) {
  return "- {name: " + name + ", image: IMAGE, command: [sh, -c], args: ['" + script + "']" +
         (more.empty() ? "" : ", " + more) + "}\n";
}

std::string stub(const std::string& name, const std::string& more = {}) {
  return task(name, "true", more);
}

/// Every line of `text`, `by` further to the right.
std::string indented(const std::string& text, std::size_t by) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at) + 1;
    out += std::string(by, ' ') + text.substr(at, end - at);
    at = end;
  }
  return out;
}

std::string nested(const std::string& name, const std::string& tasks, const std::string& more = {}) {
  return "- name: " + name + "\n" + indented(more, 2) + "  workflow:\n    steps:\n" + indented(tasks, 4);
}

std::string branches(const std::string& name, const std::vector<std::string>& bodies, const std::string& more = {}) {
  auto out = "- name: " + name + "\n" + indented(more, 2) + "  branches:\n";
  for (std::size_t i = 0; i < bodies.size(); ++i)
    out += "    branch" + std::to_string(i + 1) + ":\n      steps:\n" + indented(bodies[i], 6);
  return out;
}

const std::string hello = stub("s1") + task("s2", "echo Hello", "after: s1") + stub("s3", "after: s2");
const std::string fails_inside = stub("s1") + task("s2", "exit 1", "after: s1") + stub("s3", "after: s2");

flow_case make(std::string name, const std::string& steps, status ends, std::map<std::string, status> tasks,
               std::map<std::string, std::string> results = {}) {
  auto spec = "workflow:\n  name: " + name + "\n  parameters:\n    chunks: [1, 2, 3]\n  steps:\n" + indented(steps, 2);
  return {std::move(name), std::move(spec), ends, std::move(tasks), std::move(results)};
}

std::string map_of(const std::string& first, const std::string& more = {}) {
  return nested("map_state",
                task("p", first + "echo \"{\\\"processed\\\": $(({{item}} * 10))}\" > $MUSTER_RESULT") +
                    task("r", "echo \"{\\\"again\\\": $(({{result:p.processed}} + 1))}\" > $MUSTER_RESULT"),
                "foreach: parameters.chunks\n" + more) +
         task("collect", "cp $MUSTER_RESULTS/map_state.json $MUSTER_RESULT", "after: map_state");
}

flow_case cond_loop_map() {
  return make("cond-loop-map",
              task("c0", "echo \"\\\"heads\\\"\" > $MUSTER_RESULT") +
                  "- name: cond\n  switch:\n    value: results.c0\n    cases:\n      heads:\n        steps:\n" +
                  indented(task("h", "echo \"{\\\"hv\\\": 1}\" > $MUSTER_RESULT"), 8) +
                  "      tails:\n        steps:\n" + indented(stub("h"), 8) +
                  task("L",
                       "if [ {{index}} -ge 2 ]; then d=true; else d=false; fi; "
                       "echo \"{\\\"done\\\": $d, \\\"i\\\": {{index}}}\" > $MUSTER_RESULT",
                       "after: cond, repeat: {until: result.done, max: 4}") +
                  task("m", "echo \"{\\\"sq\\\": $(({{item}} * {{item}}))}\" > $MUSTER_RESULT",
                       "after: L, foreach: parameters.chunks, reduce: sum") +
                  task("end", "echo \"[{{result:cond.hv}}, {{result:L.i}}, {{result:L.done}}, {{result:m.sq}}]\" > "
                              "$MUSTER_RESULT"),
              done,
              {{"c0", done},
               {"cond.heads.h", done},
               {"L.0", done},
               {"L.1", done},
               {"L.2", done},
               {"m.0", done},
               {"m.1", done},
               {"m.2", done},
               {"end", done}},
              {{"end", "[1,2,true,14]"}});
}

std::vector<flow_case> with_image(std::vector<flow_case> all, const std::string& image) {
  for (auto& x : all)
    for (auto at = x.spec.find("IMAGE"); at != std::string::npos; at = x.spec.find("IMAGE", at))
      x.spec.replace(at, 5, image);
  return all;
}

} // namespace

std::vector<flow_case> runnable_cases(const std::string& image) {
  const auto inner = branches("ps", {hello, hello});
  std::map<std::string, status> nesting;
  for (const std::string outer : {"branch1", "branch2"})
    for (const std::string middle : {"branch1", "branch2"})
      for (const std::string leaf : {"s1", "s2", "s3"})
        nesting.emplace("parallel_step." + outer + ".ps." + middle + "." + leaf, done);
  const std::map<std::string, status> map_done{
      {"map_state.0.p", done}, {"map_state.0.r", done}, {"map_state.1.p", done}, {"map_state.1.r", done},
      {"map_state.2.p", done}, {"map_state.2.r", done}, {"collect", done}};
  const std::string value = "echo \"{\\\"shared\\\": \\\"";
  const auto half_failed = branches("parallel_step", {hello, fails_inside});
  const std::map<std::string, status> half{
      {"parallel_step.branch1.s1", done}, {"parallel_step.branch1.s2", done},   {"parallel_step.branch1.s3", done},
      {"parallel_step.branch2.s1", done}, {"parallel_step.branch2.s2", failed}, {"parallel_step.branch2.s3", upstream}};
  std::vector<flow_case> all{
      make("parallel", branches("parallel_step", {hello, hello}) + stub("continue_to", "after: parallel_step"), done,
           {{"parallel_step.branch1.s1", done},
            {"parallel_step.branch1.s2", done},
            {"parallel_step.branch1.s3", done},
            {"parallel_step.branch2.s1", done},
            {"parallel_step.branch2.s2", done},
            {"parallel_step.branch2.s3", done},
            {"continue_to", done}}),
      make("parallel-branch-fail", half_failed, failed, half),
      make("nesting", branches("parallel_step", {inner, inner}), done, nesting),
      make("parallel-conflict",
           branches("parallel", {task("t", value + "value_a\\\"}\" > $MUSTER_RESULT"),
                                 task("t", value + "value_b\\\"}\" > $MUSTER_RESULT")}) +
               task("end", "cp $MUSTER_RESULTS/parallel.json $MUSTER_RESULT", "after: parallel"),
           done, {{"parallel.branch1.t", done}, {"parallel.branch2.t", done}, {"end", done}},
           {{"end", R"({"shared":"value_b"})"}}),
      make("parallel-on-failure",
           nested("main", half_failed + stub("next", "after: parallel_step"),
                  "on_failure: {name: rescue, image: IMAGE, command: [\"true\"]}\n"),
           done,
           [&] {
             std::map<std::string, status> tasks{{"main.next", upstream}, {"main.on_failure.rescue", done}};
             for (const auto& [name, s] : half)
               tasks.emplace("main." + name, s);
             return tasks;
           }()),
      make("map", map_of(""), done, map_done,
           {{"collect", R"([{"processed":10,"again":11},{"processed":20,"again":21},{"processed":30,"again":31}])"}}),
      make("map-max", map_of("", "reduce: max\n"), done, map_done, {{"collect", R"({"processed":30,"again":31})"}}),
      make("map-fail", map_of("test {{item}} != 1 && "), failed,
           {{"map_state.0.p", failed},
            {"map_state.0.r", upstream},
            {"map_state.1.p", done},
            {"map_state.1.r", done},
            {"map_state.2.p", done},
            {"map_state.2.r", done},
            {"collect", upstream}}),
      make("on-failure-succeed",
           nested("main", task("step_1", "exit 1") + stub("step_2", "after: step_1"),
                  "on_failure: {name: step_4, image: IMAGE, command: [\"true\"]}\n"),
           done, {{"main.step_1", failed}, {"main.step_2", upstream}, {"main.on_failure.step_4", done}}),
      make("on-failure-fail",
           nested("main", task("step_1", "exit 1") + stub("step_2", "after: step_1"),
                  "on_failure:\n  workflow:\n    steps:\n" +
                      indented(stub("step_4") + task("fail", "exit 1", "after: step_4"), 4)),
           failed,
           {{"main.step_1", failed},
            {"main.step_2", upstream},
            {"main.on_failure.step_4", done},
            {"main.on_failure.fail", failed}}),
      cond_loop_map(),
  };
  return with_image(std::move(all), image);
}

std::vector<flow_case> slurm_sdk_cases(const std::string& image) {
  // map_reduce with three and five chunks: what examples/map_reduce.yaml prints is one of them.
  const auto reduce_of = [](const std::string& name, int chunks, const std::string& expected) {
    std::map<std::string, status> tasks{{"figures", done}, {"reduced.s", done}};
    for (int i = 0; i < chunks; ++i)
      tasks.emplace("count." + std::to_string(i), done);
    return make(name,
                "- {name: count, foreach: {from: 0, to: " + std::to_string(chunks - 1) +
                    "}, image: IMAGE, command: [sh, -c], args: ['a=$(({{item}} * 100)); "
                    "echo \"{\\\"sum\\\": $(((a + a + 99) * 50)), \\\"min\\\": $a, \\\"max\\\": $((a + 99))}\" > "
                    "$MUSTER_RESULT']}\n" +
                    nested("reduced", stub("s"), "after: count\n") +
                    "    result: \"{'sum': results.count | map(attribute='sum') | sum, 'min': results.count | "
                    "map(attribute='min') | min, 'max': results.count | map(attribute='max') | max}\"\n" +
                    task("figures", "cp $MUSTER_RESULTS/reduced.json $MUSTER_RESULT", "after: reduced"),
                done, tasks, {{"figures", expected}});
  };
  std::vector<flow_case> all{
      reduce_of("map-reduce-3", 3, R"({"sum":44850,"min":0,"max":299})"),
      reduce_of("map-reduce-5", 5, R"({"sum":124750,"min":0,"max":499})"),
  };
  flow_case deps;
  {
    const std::string files = "[preprocessed_data_a.csv, preprocessed_data_b.csv, preprocessed_data_c.csv]";
    deps = make("dynamic-deps",
                task("prepare", "echo \"\\\"{{item}}\\\"\" > $MUSTER_RESULT", "foreach: " + files) +
                    task("transform", "echo \"\\\"transform_{{index}}({{item}})\\\"\" > $MUSTER_RESULT",
                         "foreach: {each: prepare}") +
                    task("all", "cp $MUSTER_RESULTS/transform.json $MUSTER_RESULT", "after: transform"),
                done,
                {{"prepare.0", done},
                 {"prepare.1", done},
                 {"prepare.2", done},
                 {"transform.0", done},
                 {"transform.1", done},
                 {"transform.2", done},
                 {"all", done}},
                {{"all", R"x(["transform_0(preprocessed_data_a.csv)","transform_1(preprocessed_data_b.csv)",)x"
                         R"x("transform_2(preprocessed_data_c.csv)"])x"}});
  }
  all.push_back(std::move(deps));
  return with_image(std::move(all), image);
}

void check_flow_case(const flow_case& expected, const std::filesystem::path& state) {
  auto reader = store::reader::open(store::state_directory{state});
  REQUIRE(reader);
  const auto workflow = reader->workflow(expected.name + "-1");
  REQUIRE(workflow);
  CHECK(to_string(workflow->status) == to_string(expected.ends));
  const auto tasks = reader->tasks(workflow->key, {}, 1000);
  REQUIRE(tasks);
  std::map<std::string, std::string> found;
  std::map<std::string, std::string> wanted;
  for (const auto& x : *tasks)
    found.emplace(x.name, to_string(x.status));
  for (const auto& [name, s] : expected.tasks)
    wanted.emplace(name, to_string(s));
  CHECK(found == wanted);
  for (const auto& [name, text] : expected.results)
    for (const auto& x : *tasks) {
      if (x.name != name)
        continue;
      const auto result = reader->task_result(workflow->key, x.index);
      REQUIRE(result);
      REQUIRE(*result);
      const auto value = spec::value_from_json(**result);
      REQUIRE(value);
      CHECK(*spec::value_to_json(*value) == text);
    }
}

} // namespace muster::test
