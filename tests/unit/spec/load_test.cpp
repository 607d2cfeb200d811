#include "support/catch.hpp"

#include "muster/spec/load.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::spec;

namespace {

std::string with_task(const std::string& lines, const std::string& workflow_lines = "") {
  return "workflow:\n  name: wf\n" + workflow_lines +
         "  tasks:\n  - name: t1\n    image: ubuntu\n    command: [echo]\n" + lines;
}

std::string errors_of(const load_outcome& x) {
  std::string out;
  for (const auto& problem : x.errors)
    out += render(problem);
  return out;
}

task only_task(const std::string& text, const load_options& options = {}) {
  const auto loaded = load(text, options);
  INFO(text);
  INFO(errors_of(loaded));
  REQUIRE(loaded.ok());
  REQUIRE(loaded.workflow->groups.size() == 1);
  return loaded.workflow->groups[0].tasks.at(0);
}

std::vector<std::string> fields_of(const load_outcome& x) {
  std::vector<std::string> out;
  for (const auto& problem : x.errors)
    out.push_back(problem.field);
  return out;
}

} // namespace

TEST_CASE("every field of a task comes into the model") {
  const auto x = only_task(with_task(R"(    args: [a, 5, 1.50, "yes"]
    inputs:
    - {url: "s3://b/p", regex: ".*"}
    - {task: "wf-1:old"}
    outputs: [{url: "file:///tmp/out"}]
    kpis: [{index: 0, path: kpi.json}]
    environment: {Z: true, A: 0777, N: 1:30, F: 1e3, E: ""}
    files: [{path: /tmp/a, contents: hi}, {path: /tmp/b, contents: aGk=, base64: yes}]
    privileged: "on"
    hostNetwork: 1
    volumeMounts: [/a, "/b:/c"]
    credentials: {folder: /x, keys: {VAR: key, N: 5}}
    downloadType: download
    cacheSize: 10Gi
    exitActions: {complete: 0, RESCHEDULE: "1-10,16"}
    checkpoint: [{path: /c, url: "s3://b/c", frequency: 90, regex: x}]
)"));
  CHECK(x.args == std::vector<std::string>{"a", "5", "1.5", "yes"});
  CHECK(std::get<url_input>(x.inputs.at(0).from).url == "s3://b/p");
  CHECK(x.inputs[0].regex == ".*");
  CHECK(std::get<task_input>(x.inputs.at(1).from).workflow == "wf-1");
  CHECK(x.outputs.at(0).url == "file:///tmp/out");
  CHECK(x.kpis.at(0).index == "0");
  using pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(x.environment == pairs{{"Z", "True"}, {"A", "511"}, {"N", "90"}, {"F", "1e3"}, {"E", ""}});
  CHECK(x.files.at(1).base64);
  CHECK((x.privileged && x.host_network && x.lead));
  CHECK(x.volume_mounts.at(1) == "/b:/c");
  CHECK(std::get<std::string>(x.credentials.at("folder")) == "/x");
  CHECK((std::get<1>(x.credentials.at("keys")) == std::map<std::string, std::string>{{"VAR", "key"}, {"N", "5"}}));
  CHECK(x.download_type == "download");
  CHECK(x.cache_size == "10Gi");
  REQUIRE(x.exit_actions.size() == 2);
  CHECK(x.exit_actions[0].action == exit_action::complete);
  CHECK(x.exit_actions[1].text == "1-10,16");
  CHECK(x.exit_actions[1].codes.at(0).last == 10);
  CHECK(x.exit_actions[1].codes.at(1).first == 16);
  CHECK(x.checkpoints.at(0).frequency == duration{90'000'000});
  CHECK(x.resource == "default");
}

TEST_CASE("what stands beside the tasks comes into the model") {
  const auto loaded = load(with_task("    resource: big\n", R"(  labels: {team: robotics}
  pool: p
  timeout: {exec_timeout: 8h, queue_timeout: 60}
  resources:
    default: {}
    big: {cpu: "8", gpu: 1.0, memory: 16G, storage: 1024, platform: dgx, nodesExcluded: [n1],
          topology: [{key: rack, requirementType: preferred}]}
)"));
  INFO(errors_of(loaded));
  REQUIRE(loaded.ok());
  const auto& x = *loaded.workflow;
  CHECK(x.labels.at("team") == "robotics");
  CHECK(x.pool == "p");
  CHECK(x.timeout.exec == duration{8 * 3'600'000'000LL});
  CHECK(x.timeout.queue == duration{60'000'000});
  const auto& big = x.resources.at("big");
  CHECK(big.cpu == 8);
  CHECK(big.gpu == 1);
  CHECK(big.memory == std::int64_t{16} << 30U);
  CHECK(big.storage == 1024);
  CHECK(big.platform == "dgx");
  CHECK(big.nodes_excluded == std::vector<std::string>{"n1"});
  CHECK_FALSE(big.topologies.at(0).required);
  CHECK(big.topologies.at(0).group == "default");
  CHECK(x.groups.at(0).name == "t1-group");
  CHECK_FALSE(x.groups.at(0).barrier);
}

TEST_CASE("all errors of a file come together, each with its place") {
  const auto loaded = load(R"(workflow:
  name: wf
  nmae: x
  tasks:
  - name: t1
    comand: [echo]
    image: Ubuntu
    command: echo
  - name: t2
    image: ubuntu
    command: [a]
    resource: nope
    inputs:
    - task: t9
)");
  CHECK_FALSE(loaded.ok());
  CHECK(fields_of(loaded) == std::vector<std::string>{"workflow.nmae", "workflow.tasks[0].comand",
                                                      "workflow.tasks[0].image", "workflow.tasks[0].command",
                                                      "workflow.tasks[1].resource",
                                                      "workflow.tasks[1].inputs[0].task"});
  const auto text = errors_of(loaded);
  CHECK_THAT(text, ContainsSubstring("spec:6:5: error: workflow.tasks[0].comand: unknown key 'comand'\n"
                                     "        comand: [echo]\n"
                                     "        ^\n"
                                     "    hint: did you mean 'command'?\n"));
  CHECK_THAT(text, ContainsSubstring("spec:8:14: error: workflow.tasks[0].command: expected a list, found the string "
                                     "'echo'\n        command: echo\n                 ^\n"
                                     "    hint: put it in brackets: [echo]\n"));
}

TEST_CASE("an input of a later task says whether another order helps") {
  const auto hint_of = [](const std::string& tasks) {
    const auto loaded = load("workflow:\n  name: wf\n  tasks:\n" + tasks);
    REQUIRE(loaded.errors.size() == 1);
    CHECK_THAT(loaded.errors[0].message, ContainsSubstring("declared later"));
    return loaded.errors[0].hint;
  };
  const auto task = [](const std::string& name, const std::string& inputs) {
    return "  - {name: " + name + ", image: i, command: [c], inputs: [" + inputs + "]}\n";
  };
  CHECK(hint_of(task("a", "{task: b}") + task("b", "")) == "move it above this one");
  CHECK(hint_of(task("a", "{task: b}") + task("b", "{task: a}")) ==
        "they wait for each other: a needs b, which needs a; take one of these inputs out");
  CHECK(hint_of(task("a", "") + task("b", "{task: a}, {task: d}") + task("c", "{task: b}") + task("d", "{task: c}")) ==
        "they wait for each other: b needs d, which needs c, which needs b; take one of these inputs out");
}

TEST_CASE("what is absent because it is misspelt is said once, where it stands") {
  const auto absent = load("workflow:\n  nmae: wf\n  taks:\n  - {name: a, image: i, command: [c]}\n", {});
  CHECK(fields_of(absent) == std::vector<std::string>{"workflow.nmae", "workflow.taks"});
  CHECK_THAT(errors_of(absent), ContainsSubstring("did you mean 'tasks'?"));
  const auto of_task = load("workflow:\n  name: wf\n  tasks:\n  - {name: a, imag: i, command: [c]}\n", {});
  CHECK(fields_of(of_task) == std::vector<std::string>{"workflow.tasks[0].imag"});
  // A key that nothing is like is no excuse.
  const auto other = load("workflow:\n  name: wf\n  zebra: 1\n", {});
  CHECK(fields_of(other) == std::vector<std::string>{"workflow", "workflow.zebra"});
  const auto input = load(with_task("    inputs: [{tasks: a}, {regexp: b}]\n"));
  REQUIRE(input.errors.size() == 2);
  CHECK_THAT(input.errors[0].message, ContainsSubstring("needs `task` or `url`"));
  CHECK(input.errors[0].hint == "did you mean 'task'?");
  CHECK(input.errors[1].hint.empty());
}

TEST_CASE("a terminal gets no control characters of a spec") {
  const auto loaded = load(with_task("    \"\\e[31mx\": 1\n"));
  REQUIRE(loaded.errors.size() == 1);
  CHECK(render(loaded.errors[0]).find('\x1b') == std::string::npos);
  CHECK_THAT(render(loaded.errors[0]), ContainsSubstring("\\x1b[31mx"));
}

TEST_CASE("a character that no spec may have is shown where it is") {
  const auto place_in = [](const std::string& text) {
    const auto loaded = load(text);
    REQUIRE(loaded.errors.size() == 1);
    CHECK_THAT(loaded.errors[0].message, ContainsSubstring("control characters are not allowed (character "));
    return std::pair{loaded.errors[0].line, loaded.errors[0].column};
  };
  using place = std::pair<std::size_t, std::size_t>;
  CHECK(place_in("workflow:\n  name: a\x01z\n") == place{2, 10});
  CHECK(place_in(std::string("workflow:\n  name: a\0z\n", 22)) == place{2, 10});
  CHECK(place_in("# \xc3\xbc\r\n\r\n# \xc3\xbc\xc3\xbc\x1b[31m\nworkflow:\n") == place{3, 5});
  CHECK(place_in("default-values:\n  a: 1\nworkflow:\n  name: {{a}}\n  # \x7f\n") == place{5, 5});
  // Beyond what is read at once.
  CHECK(place_in("workflow:\n" + std::string(100'000, '#') + "\n#\x02\n") == place{3, 2});
}

TEST_CASE("a tab that indents is named") {
  for (const auto* text : {"workflow:\n\tname: x\n", "workflow:\n  name: x\n  tasks:\n  - name: é\n\t  image: u\n"}) {
    const auto loaded = load(text);
    REQUIRE(loaded.errors.size() == 1);
    CHECK(loaded.errors[0].message == "a tab stands where YAML takes spaces only, indent with spaces");
  }
  CHECK(load("workflow:\n  name: %\t\n").errors.at(0).message.find("tab") == std::string::npos);
}

TEST_CASE("nobody can ask for less than nothing") {
  for (const auto* field : {"gpu: -1", "cpu: -1", "memory: -1Gi", "storage: -5"})
    for (const auto rules : {profile::muster, profile::osmo}) {
      load_options options;
      options.profile = rules;
      const auto loaded = load(with_task("", "  resources: {default: {" + std::string{field} + "}}\n"), options);
      INFO(field << errors_of(loaded));
      REQUIRE(loaded.errors.size() == 1);
      const std::string text{field};
      CHECK(loaded.errors[0].field == "workflow.resources.default." + text.substr(0, text.find(':')));
    }
}

TEST_CASE("a long line is shown around its column, and a caret counts characters") {
  const auto loaded =
      load(with_task("    args: [" + std::string(5000, 'x') + ", [], \"" + std::string(5000, 'y') + "\"]\n"));
  REQUIRE(loaded.errors.size() == 1);
  CHECK(render(loaded.errors[0]).size() < 700);
  const auto umlaut = load(with_task("    args: [\"\xc3\xbc\xc3\xbc\", []]\n"));
  REQUIRE(umlaut.errors.size() == 1);
  CHECK(umlaut.errors[0].column == 18);
}

TEST_CASE("the profile decides about many tasks and files of the host") {
  std::string text = "workflow:\n  name: wf\n  tasks:\n";
  for (int i = 0; i < 21; ++i)
    text += "  - {name: t" + std::to_string(i) + ", image: u, command: [x]}\n";
  load_options osmo;
  osmo.profile = profile::osmo;
  CHECK(load(text).ok());
  CHECK_FALSE(load(text, osmo).ok());
  const auto files = with_task("    inputs: [{url: \"file:///data/in\"}]\n");
  CHECK(load(files).ok());
  CHECK_FALSE(load(files, osmo).ok());
  CHECK_FALSE(load(with_task("    inputs: [{url: \"file://host/in\"}]\n")).ok());
  const auto urls = load(with_task("    outputs: [{url: \"s3://b\"}, {url: \"file:///o\"}]\n"));
  REQUIRE(urls.ok());
  REQUIRE(unsupported_urls(*urls.workflow).size() == 1);
  CHECK(unsupported_urls(*urls.workflow)[0].field == "task 't1' outputs[0].url");
}

TEST_CASE("the environment of every task can be set from outside") {
  load_options options;
  options.set_env = {"A=1", "B=x=y", "E="};
  using pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(only_task(with_task("    environment: {B: old}\n"), options).environment ==
        pairs{{"B", "x=y"}, {"A", "1"}, {"E", ""}});
  options.set_env = {"A"};
  const auto loaded = load(with_task(""), options);
  REQUIRE(loaded.errors.size() == 1);
  CHECK_THAT(loaded.errors[0].message, ContainsSubstring("--set-env takes NAME=value"));
}

TEST_CASE("line ends and a byte order mark do not matter") {
  auto text = with_task("    args: [a]\n");
  std::string windows = "\xef\xbb\xbf";
  for (const char c : text)
    windows += c == '\n' ? std::string{"\r\n"} : std::string{c};
  CHECK(only_task(windows).args == std::vector<std::string>{"a"});
}

TEST_CASE("hostile text ends with an error, which names the bound that it reached") {
  const auto refuses = [](const std::string& text, const std::string& words) {
    const auto loaded = load(text);
    INFO(text.substr(0, 200));
    INFO(errors_of(loaded));
    CHECK_FALSE(loaded.ok());
    CHECK_FALSE(loaded.errors.empty());
    CHECK_THAT(errors_of(loaded), ContainsSubstring(words));
  };
  refuses("", "empty");
  refuses("# nothing\n", "empty");
  refuses("workflow", "expected a mapping");
  refuses("workflow:\n", "expected a mapping");
  refuses("- workflow\n", "expected a mapping");
  refuses("workflow: {name: wf}\n---\nworkflow: {}\n", "second document");
  refuses("workflow: \xff", "not UTF-8");
  refuses(std::string("workflow:\0", 10), "control characters");
  refuses("workflow: *x\n", "has no anchor");
  refuses("workflow: &x [*x]\n", "inside the node");
  refuses("workflow: {name: [}\n", "");
  refuses("workflow: " + std::string(400, '[') + std::string(400, ']') + "\n", "nested more than");
  refuses("workflow: " + std::string(100'000, '['), "nested more than");
  refuses("workflow: " + std::string(100'000, '{'), "");
  std::string deep = "workflow:\n";
  for (int i = 1; i < 500; ++i)
    deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  refuses(deep, "nested more than");
  std::string bomb = "workflow:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "  a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k)
      bomb += (k > 0 ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  refuses(bomb, "aliases");
  refuses(std::string(std::size_t{65} << 20U, 'x'), "at most 64");
}

TEST_CASE("a file with more errors than anybody reads says how many there are") {
  std::string text = "workflow:\n  name: wf\n  tasks:\n";
  for (int i = 0; i < 5000; ++i)
    text += "  - {foo: 1}\n";
  const auto loaded = load(text);
  CHECK(loaded.errors.size() == 101);
  CHECK_THAT(loaded.errors.back().message, ContainsSubstring("more errors"));
}

TEST_CASE("anchors, merge keys and repeated keys mean what they mean in YAML 1.1") {
  const auto loaded = load(R"(workflow:
  name: wf
  tasks:
  - &base
    name: a
    image: ubuntu
    command: [echo]
    environment: &env {A: 1, B: 2}
  - <<: *base
    name: b
    environment:
      <<: [{B: first}, *env]
      C: 3
      C: 4
)");
  INFO(errors_of(loaded));
  REQUIRE(loaded.ok());
  using pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(loaded.workflow->groups.at(1).tasks[0].image == "ubuntu");
  CHECK(loaded.workflow->groups.at(1).tasks[0].environment == pairs{{"A", "1"}, {"B", "first"}, {"C", "4"}});
}
