#include "support/catch.hpp"

#include "muster/spec/codec.hpp"

using namespace muster;
using namespace muster::spec;

namespace {

task full_task() {
  task x;
  x.name = "train";
  x.image = "ubuntu:24.04";
  x.command = {"sh", "-c"};
  x.args = {"echo {{output}}", "", "zwei\nZeilen \"und\" \\ ü"};
  x.inputs = {input{task_input{"fetch", ""}, ".*\\.txt$"}, input{task_input{"fetch", "wf-1"}, ""},
              input{url_input{"s3://bucket/path"}, "x"}};
  x.outputs = {output{"gs://b/p", ""}, output{"file:///tmp/x", "a|b"}};
  x.kpis = {kpi{"loss", "kpi.json"}};
  x.lead = true;
  x.environment = {{"Z", "1"}, {"A", ""}, {"M", "True"}};
  x.files = {file{"/tmp/run.sh", "echo hi\n", false}, file{"/tmp/b", "AAEC", true}};
  x.privileged = true;
  x.host_network = true;
  x.volume_mounts = {"/mnt/a:/b"};
  x.credentials["token"] = std::map<std::string, std::string>{{"TOKEN", "key"}, {"B", "b"}};
  x.credentials["folder"] = std::string{"/secrets"};
  x.credentials["empty"] = std::map<std::string, std::string>{};
  x.download_type = "download";
  x.cache_size = "10Gi";
  x.exit_actions = {exit_rule{exit_action::reschedule, {{1, 10}, {16, 16}}, "1-10,16"},
                    exit_rule{exit_action::complete, {{0, 0}}, "0"}};
  x.checkpoints = {checkpoint{"/ckpt", "s3://b/c", duration{90'000'000}, ".*"}};
  x.resource = "big";
  return x;
}

} // namespace

TEST_CASE("a task survives the store") {
  const auto x = full_task();
  const auto text = encode(x);
  const auto back = decode_task(text);
  REQUIRE(back);
  CHECK(encode(*back) == text);
  CHECK(back->args == x.args);
  CHECK(back->environment == x.environment);
  CHECK(back->credentials == x.credentials);
  CHECK(back->command == x.command);
  CHECK(back->volume_mounts == x.volume_mounts);
  CHECK(std::get<task_input>(back->inputs.at(1).from).workflow == "wf-1");
  CHECK(std::get<url_input>(back->inputs.at(2).from).url == "s3://bucket/path");
  CHECK(back->inputs.at(0).regex == ".*\\.txt$");
  CHECK(back->outputs.at(1).regex == "a|b");
  CHECK(back->kpis.at(0).path == "kpi.json");
  CHECK((back->lead && back->privileged && back->host_network));
  CHECK(back->files.at(1).base64);
  CHECK(back->download_type == "download");
  CHECK(back->cache_size == "10Gi");
  REQUIRE(back->exit_actions.size() == 2);
  CHECK(back->exit_actions[0].action == exit_action::reschedule);
  CHECK(back->exit_actions[0].codes.at(1).last == 16);
  CHECK(back->exit_actions[0].text == "1-10,16");
  CHECK(back->checkpoints.at(0).frequency == duration{90'000'000});
  CHECK(back->resource == "big");
}

TEST_CASE("a task at its defaults is short, and reads back as it was") {
  task x;
  x.name = "t";
  CHECK(encode(x) == R"({"name":"t"})");
  const auto back = decode_task(encode(x));
  REQUIRE(back);
  CHECK(back->resource == "default");
  CHECK_FALSE(back->lead);
}

TEST_CASE("bytes that are no UTF-8 are kept") {
  task x;
  x.name = "t";
  x.args = {std::string("a\xff\0b", 4)};
  x.environment = {{"\xc3", "\xed\xa0\x80"}};
  const auto back = decode_task(encode(x));
  REQUIRE(back);
  CHECK(back->args == x.args);
  CHECK(back->environment == x.environment);
}

TEST_CASE("a resource survives the store, unset fields stay unset") {
  resource x;
  x.cpu = 0;
  x.memory = 9'223'372'036'854'775'807;
  x.platform = "dgx";
  x.nodes_excluded = {"n1", "n2"};
  x.topologies = {topology{"rack", "default", true}, topology{"zone", "g", false}};
  const auto back = decode_resource(encode(x));
  REQUIRE(back);
  CHECK(back->cpu == x.cpu);
  CHECK_FALSE(back->gpu);
  CHECK(back->memory == x.memory);
  CHECK_FALSE(back->storage);
  CHECK(back->platform == "dgx");
  CHECK(back->nodes_excluded == x.nodes_excluded);
  REQUIRE(back->topologies.size() == 2);
  CHECK(back->topologies[1].key == "zone");
  CHECK(back->topologies[1].group == "g");
  CHECK_FALSE(back->topologies[1].required);
  CHECK(encode(resource{}) == "{}");
}

TEST_CASE("damaged text is an error, unknown fields are ignored") {
  CHECK(decode_task("{").failure().code == ec::store_corrupt);
  CHECK(decode_task("[]").failure().code == ec::store_corrupt);
  CHECK(decode_task(R"({"name":7})").failure().code == ec::store_corrupt);
  CHECK(decode_task(R"({"name":"t","args":{"a":1}})").failure().code == ec::store_corrupt);
  CHECK(decode_task(R"({"name":"t","kpis":[[]]})").failure().code == ec::store_corrupt);
  CHECK(decode_task(R"({"name":"t","exitActions":[{"action":9}]})").failure().code == ec::store_corrupt);
  CHECK(decode_resource(R"({"cpu":"x"})").failure().code == ec::store_corrupt);
  const auto later = decode_task(R"({"name":"t","added_later":[1,2]})");
  REQUIRE(later);
  CHECK(later->name == "t");
}
