#include "support/catch.hpp"

#include "muster/spec/load.hpp"

#include <algorithm>

using namespace muster::spec;

namespace {

std::vector<std::string> args_of(const std::string& text, const load_options& options = {}) {
  const auto loaded = load(text, options);
  INFO(text);
  for (const auto& problem : loaded.errors)
    UNSCOPED_INFO(render(problem));
  REQUIRE(loaded.ok());
  return loaded.workflow->groups.at(0).tasks.at(0).args;
}

std::string with_args(const std::string& args, const std::string& defaults = "") {
  return defaults + "workflow:\n  name: wf\n  tasks:\n  - name: t\n    image: u\n    command: [x]\n    args: " + args +
         "\n";
}

diagnostic only_error(const std::string& text) {
  const auto loaded = load(text);
  REQUIRE_FALSE(loaded.ok());
  REQUIRE(loaded.errors.size() == 1);
  return loaded.errors[0];
}

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("variables come from the file, then from --set, then from --set-string") {
  const auto text = with_args("[\"{{a}} {{b}} {{c}}\"]", "default-values:\n  a: yes\n  b: [1, {x: y}]\n  c: 0777\n");
  CHECK(args_of(text) == texts{"True [1, {'x': 'y'}] 511"});
  load_options options;
  options.set = {"a=007", "b=1_000", "c=1.50"};
  CHECK(args_of(text, options) == texts{"7 1000 1.5"});
  options.set_string = {"a=007", "c="};
  CHECK(args_of(text, options) == texts{"007 1000 "});
  options.set = {"a"};
  CHECK_FALSE(load(text, options).ok());
}

TEST_CASE("tokens pass through a template") {
  CHECK(args_of(with_args("[\"{{output}}/{{n}} {{host:t}} {{input:0}} {{uuid}} {{workflow_id}}\"]",
                          "default-values: {n: 1}\n")) ==
        texts{"{{output}}/1 {{host:t}} {{input:0}} {{uuid}} {{workflow_id}}"});
  CHECK_FALSE(load(with_args("[\"{{ output }}\"]")).ok());
  load_options options;
  options.set = {"output=zzz"};
  CHECK(args_of(with_args("[\"{{output}} {{1 + 1}}\"]"), options) == texts{"{{output}} 2"});
}

TEST_CASE("an error of a template names its line in the file") {
  const auto x = only_error("default-values:\n  a: 1\n" + with_args("[\"{{ b }}\"]"));
  CHECK(x.line == 9);
  CHECK_FALSE(x.rendered);
  CHECK_THAT(x.message, ContainsSubstring("'b' is undefined"));
  CHECK_THAT(x.source_line, ContainsSubstring("args: [\"{{ b }}\"]"));
}

TEST_CASE("a token or a variable that is misspelt is known again") {
  const auto hint = [](const std::string& written) {
    return only_error("default-values:\n  rounds: 1\n" + with_args("[\"{{ rounds }}\", \"" + written + "\"]")).hint;
  };
  CHECK(hint("{{inptu:0}}") == "did you mean 'input'?");
  CHECK(hint("{{ouput}}") == "did you mean 'output'?");
  CHECK(hint("x {{ 1 }} {{ round }}") == "did you mean 'rounds'?");
  CHECK_THAT(hint("echo ${#x} {{ rounds }}"), ContainsSubstring("write {% raw %}${#x}{% endraw %}"));
  CHECK(hint("{{ zebra }}").empty());
  CHECK(hint("{{ }}").empty());
  CHECK(hint("{{ rounds + }}").empty());
  CHECK(hint("{{").empty());
}

TEST_CASE("an error after rendering is led back to the file where its line is the same") {
  const auto same = only_error("default-values: {n: 2}\nworkflow:\n  name: wf\n  tasks:\n  {% for i in range(n) %}\n"
                               "  - name: t{{i}}\n    image: u\n    command: [x]\n  {% endfor %}\n  foo: 1\n");
  CHECK(same.line == 10);
  CHECK_FALSE(same.rendered);
  CHECK_THAT(render(same), ContainsSubstring("spec:10:3: error: workflow.foo: unknown key"));
  const auto other =
      only_error("workflow:\n  name: wf\n  tasks:\n  - name: {{ '1a' }}\n    image: u\n    command: [x]\n");
  CHECK(other.rendered);
  CHECK_THAT(render(other), ContainsSubstring("spec (rendered):4:11: error: workflow.tasks[0].name:"));
  CHECK_THAT(render(other), ContainsSubstring("  - name: 1a\n"));
}

TEST_CASE("a templated file is cut apart at its top-level keys") {
  CHECK_FALSE(load("{% set x = 1 %}\n" + with_args("[\"{{x}}\"]")).ok());
  CHECK_FALSE(load(with_args("[\"{{1}}\"]") + "workflow: {}\n").ok());
  CHECK(load(with_args("[\"{{1}}\"]") + "version: [\n").ok());
  const auto x = only_error(with_args("[\"{{1}}\"]") + "default-value: {a: 1}\n");
  CHECK_THAT(x.hint, ContainsSubstring("default-values"));
}

TEST_CASE("a template bomb ends at a bound") {
  // Which one it reaches first depends on the machine.
  const auto names_a_bound = [](const std::string& text) {
    const texts bounds = {"more than 10000000 steps", "longer than 500 ms", "bytes of memory",
                          "nests deeper than 800 levels", "integer of 64 bits"};
    return std::any_of(bounds.begin(), bounds.end(),
                       [&](const std::string& x) { return text.find(x) != std::string::npos; });
  };
  for (const std::string bomb :
       {"{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% "
        "endfor %}",
        "{{ 'x' * 9999999999 }}", "{{ [1] * 9999999999 }}", "{{ 9 ** 9 ** 9 ** 9 }}",
        "{% macro m(x) %}{{ m(x) }}{{ m(x) }}{% endmacro %}{{ m(1) }}",
        "{% set ns = namespace(s='x') %}{% for i in range(99999) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"}) {
    const auto said = only_error(with_args("[\"" + bomb + "\"]")).message;
    INFO(said);
    CHECK(names_a_bound(said));
  }
}

// A time that is asserted would fail on somebody's machine; what it is made of does not.
TEST_CASE("what a template bomb may take is little, and no less than ten thousand tasks need") {
  const auto loops = [](const std::string& body) {
    return with_args("[{% for a in range(99999) %}{% for b in range(99999) %}" + body + "{% endfor %}{% endfor %}]");
  };
  const auto refused = [](const std::string& text, const std::string& words) {
    const auto x = only_error(text);
    CHECK_THAT(x.message, ContainsSubstring(words));
  };
  // Whichever comes first on this machine.
  CHECK_THAT(only_error(loops("")).message, ContainsSubstring("more than 10000000 steps") ||
                                                ContainsSubstring("longer than 500 ms") ||
                                                ContainsSubstring("67108864 bytes of memory"));
  refused(with_args("[\"{{ 'x' * 70000000 }}\"]"), "more than 67108864 bytes of memory");
  refused(loops(std::string(10'000, 'a')), "the rendered text is longer than");
  std::string items;
  for (int i = 0; i < 2000; ++i)
    items += "a,";
  refused(with_args("[{% for a in range(1500) %}" + items + "{% endfor %}]"), "nodes");
  const auto many = load("workflow:\n  name: wf\n  tasks:\n{% for i in range(10000) %}\n"
                         "  - {name: t{{i}}, image: u, command: [x, \"{{ i }} of {{ 100000 }}\"]}\n{% endfor %}\n");
  INFO(many.errors.size());
  CHECK(many.ok());
}

TEST_CASE("a loop makes many tasks") {
  const auto loaded =
      load("workflow:\n  name: wf\n  tasks:\n{% for i in range(2000) %}\n"
           "  - {name: t{{i}}, image: u, command: [x], inputs: [{% if i %}{task: t{{i - 1}}}{% endif %}]}\n"
           "{% endfor %}\n");
  REQUIRE(loaded.ok());
  CHECK(loaded.workflow->groups.size() == 2000);
  CHECK(std::get<task_input>(loaded.workflow->groups.back().tasks[0].inputs.at(0).from).task == "t1998");
}
