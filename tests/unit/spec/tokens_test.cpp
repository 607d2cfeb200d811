#include "support/catch.hpp"

#include "muster/spec/tokens.hpp"

using namespace muster::spec;

TEST_CASE("tokens are replaced, with or without spaces, unknown ones stay") {
  const token_values values{
      {"output", "/out"}, {"input:0", "/in/0"}, {"host:server", "127.1.0.2"}, {"workflow_id", "wf-1"}};
  CHECK(substitute("{{output}}/a {{ output }} {{input:0}}", values) == "/out/a /out /in/0");
  CHECK(substitute("{{host:server}}:80 {{host:other}} {{input:9}}", values) ==
        "127.1.0.2:80 {{host:other}} {{input:9}}");
  CHECK(substitute("{{{output}}} {output} {{output} {{ output", values) == "{/out} {output} {{output} {{ output");
  CHECK(substitute("", values).empty());
  CHECK(substitute("{{", values) == "{{");
  CHECK(substitute("{{out put}}{{ workflow_id}}", values) == "{{out put}}wf-1");
}

TEST_CASE("what a token becomes is not looked at again") {
  const token_values values{{"output", "{{workflow_id}}"}, {"workflow_id", "x"}};
  CHECK(substitute("{{output}}", values) == "{{workflow_id}}");
}

// In the square of its length it would not end within the time that a test has.
TEST_CASE("substitution takes linear time") {
  const token_values values{{"output", "/out"}};
  std::string hostile;
  for (int i = 0; i < 1'000'000; ++i)
    hostile += "{{ ";
  CHECK(substitute(hostile, values) == hostile);
  CHECK(substitute(std::string(2'000'000, '{'), values).size() == 2'000'000);
}

TEST_CASE("every string of a task is looked at") {
  task x;
  x.name = "t";
  x.image = "i{{workflow_id}}";
  x.command = {"{{output}}"};
  x.args = {"{{input:0}} {{input:a}} {{input:1}}"};
  x.inputs = {input{task_input{"a", ""}, ""}, input{url_input{"s3://{{workflow_id}}"}, "{{output}}"}};
  x.outputs = {output{"file:///{{workflow_id}}", ""}};
  x.kpis = {kpi{"{{output}}", "{{output}}"}};
  x.environment = {{"A", "{{output}}"}};
  x.files = {file{"{{output}}/f", "{{workflow_id}}", false}};
  x.volume_mounts = {"{{output}}"};
  x.credentials["c"] = std::map<std::string, std::string>{{"A", "{{output}}"}};
  x.credentials["d"] = std::string{"{{output}}"};
  x.checkpoints = {checkpoint{"{{output}}", "s3://{{workflow_id}}", muster::duration{1}, ""}};
  const auto values = osmo_tokens(x, "wf-7");
  const auto y = substitute(x, values);
  const std::string out = "/osmo/data/output";
  CHECK(y.image == "iwf-7");
  CHECK(y.command.at(0) == out);
  CHECK(y.args.at(0) == "/osmo/data/input/0 /osmo/data/input/0 /osmo/data/input/1");
  CHECK(std::get<url_input>(y.inputs.at(1).from).url == "s3://wf-7");
  CHECK(y.inputs[1].regex == out);
  CHECK(y.outputs.at(0).url == "file:///wf-7");
  CHECK((y.kpis.at(0).index == out && y.kpis[0].path == out));
  CHECK(y.environment.at(0).second == out);
  CHECK((y.files.at(0).path == out + "/f" && y.files[0].contents == "wf-7"));
  CHECK(y.volume_mounts.at(0) == out);
  CHECK(std::get<1>(y.credentials.at("c")).at("A") == out);
  CHECK(std::get<0>(y.credentials.at("d")) == out);
  CHECK((y.checkpoints.at(0).path == out && y.checkpoints[0].url == "s3://wf-7"));
}
