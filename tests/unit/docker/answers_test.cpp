#include "executors/docker/engine/answers.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace muster;
using namespace muster::docker;

TEST_CASE("versions are read and ordered") {
  CHECK(*read_version("1.41") == api_version{1, 41});
  CHECK(api_version{1, 9} < api_version{1, 41});
  CHECK(to_string(api_version{1, 41}) == "1.41");
  for (const auto* text : {"", "1", "1.", ".1", "1.41x", "a.b", "1.-4", "99999999999.1"})
    CHECK(read_version(text).kind() == failure::bad_answer);
}

TEST_CASE("a container is read in full") {
  const auto got = read_container(R"({
    "Id":"abc","Name":"/wf-1.task.0","Created":"2026-01-02T03:04:05.5Z","Image":"sha256:1","RestartCount":2,
    "State":{"Status":"exited","Running":false,"OOMKilled":true,"ExitCode":137,"Pid":0,"Error":"a\nb",
             "StartedAt":"2026-01-02T03:04:06Z","FinishedAt":"0001-01-01T00:00:00Z"},
    "HostConfig":{"NetworkMode":"net","LogConfig":{"Type":"json-file"},"Runtime":"runc","Privileged":true,
                  "AutoRemove":false,"Memory":1048576,"NanoCpus":1500000000,"PidsLimit":null},
    "Config":{"Image":"alpine:3.18","Tty":false,"Labels":{"muster.head":"h","odd":null}},
    "NetworkSettings":{"Networks":{"net":{"NetworkID":"n1","IPAddress":"10.0.0.2","Gateway":"10.0.0.1",
      "Aliases":["lead"],"IPAMConfig":{"IPv4Address":"10.0.0.2"}},"other":{"IPAMConfig":null,"Aliases":null}}}})");
  REQUIRE(got.ok());
  CHECK(got->name == "wf-1.task.0");
  CHECK(got->image == "alpine:3.18");
  CHECK(got->image_id == "sha256:1");
  CHECK(got->status == container_status::exited);
  CHECK(got->oom_killed);
  CHECK(got->exit_code == 137);
  CHECK(got->error == "a b");
  CHECK(got->started.has_value());
  CHECK_FALSE(got->finished.has_value());
  CHECK(got->restart_count == 2);
  CHECK(got->privileged);
  CHECK(got->memory == 1'048'576);
  CHECK(got->nano_cpus == 1'500'000'000);
  CHECK(got->pids == 0);
  CHECK(got->labels == label_map{{"muster.head", "h"}});
  REQUIRE(got->networks.size() == 2);
  CHECK(got->networks.at("net").fixed_address == "10.0.0.2");
  CHECK(got->networks.at("net").aliases == std::vector<std::string>{"lead"});
  CHECK(got->networks.at("other").aliases.empty());
}

TEST_CASE("lists and networks are read, and one bad entry spoils a list") {
  const auto list = read_containers(
      R"([{"Id":"a","Names":["/other/link","/x"],"State":"running","Status":"Up","Created":5,"Labels":{"k":"v"}},
          {"Id":"b","Names":null,"State":"new-word","Labels":null}])");
  REQUIRE(list.ok());
  REQUIRE(list->size() == 2);
  CHECK((*list)[0].name == "x");
  CHECK((*list)[0].status == container_status::running);
  CHECK((*list)[1].status == container_status::unknown);
  CHECK(read_containers("[]")->empty());
  CHECK(read_containers(R"([{"Id":"a"},{}])").kind() == failure::bad_answer);
  const auto networks = read_networks(
      R"([{"Id":"n","Name":"net","Driver":"bridge","IPAM":{"Config":[{"Subnet":"10.0.0.0/24","Gateway":"10.0.0.1"}]},
           "Containers":{"c1":{"IPv4Address":"10.0.0.2/24"}},"Labels":{"a":"b"}},{"Id":"m","IPAM":{"Config":null}}])");
  REQUIRE(networks.ok());
  REQUIRE(networks->size() == 2);
  CHECK((*networks)[0].ranges.at(0).subnet == "10.0.0.0/24");
  CHECK((*networks)[0].containers.at("c1") == "10.0.0.2");
  CHECK((*networks)[1].ranges.empty());
}

TEST_CASE("an end of a container is read") {
  CHECK(read_exit(R"({"StatusCode":7})")->code == 7);
  CHECK(read_exit(R"({"StatusCode":0,"Error":null})")->error.empty());
  CHECK(read_exit(R"({"StatusCode":125,"Error":{"Message":"not here"}})")->error == "not here");
  CHECK(read_exit(R"({"StatusCode":-1,"Error":{"Message":"context canceled"}})").kind() == failure::bad_answer);
  for (const auto* text : {"", "{}", "{\"StatusCode\":", "{\"StatusCode\":\"0\"}", "[]", "{\"StatusCode\":1.5}"})
    CHECK(read_exit(text).kind() == failure::bad_answer);
}

TEST_CASE("lines of a pull are progress or its end") {
  const auto step = read_pull_line(
      R"({"status":"Downloading","progressDetail":{"current":5,"total":9},"progress":"[>]","id":"layer"})");
  REQUIRE(step.ok());
  CHECK(step->layer == "layer");
  CHECK(step->current == 5);
  CHECK(step->total == 9);
  CHECK(read_pull_line(R"({"status":"Pulling from a","id":"1","progressDetail":{}})")->total == 0);
  const auto failed = read_pull_line(R"({"errorDetail":{"message":"write: no space left on device"},"error":"x"})");
  CHECK(failed.kind() == failure::no_space);
  CHECK(read_pull_line(R"({"error":"manifest unknown"})").kind() == failure::image_not_found);
  CHECK(read_pull_line(R"({"error":""})").kind() == failure::server_error);
  CHECK(read_pull_line("half a li").kind() == failure::bad_answer);
}

TEST_CASE("events are read") {
  const auto got = read_event(R"({"status":"die","id":"c","Type":"container","Action":"die",
    "Actor":{"ID":"c","Attributes":{"exitCode":"3","name":"x"}},"scope":"local","time":1,"timeNano":1500000000})");
  REQUIRE(got.ok());
  CHECK(got->action == "die");
  CHECK(got->attributes.at("exitCode") == "3");
  CHECK(to_rfc3339(got->at) == "1970-01-01T00:00:01.500000000Z");
  CHECK(read_event("{}").kind() == failure::bad_answer);
}

TEST_CASE("answers that lack what cannot be missing are bad") {
  for (const std::string text : {"", "null", "[]", "{}", "17", "{\"Id\":7}", "{\"Id\":\"x\"", "\xff\xfe"}) {
    INFO(text);
    CHECK(read_info(text).kind() == failure::bad_answer);
    CHECK(read_image(text).kind() == failure::bad_answer);
    CHECK(read_created(text).kind() == failure::bad_answer);
    CHECK(read_container(text).kind() == failure::bad_answer);
    CHECK(read_network(text).kind() == failure::bad_answer);
    CHECK(read_network_id(text).kind() == failure::bad_answer);
  }
  for (const auto* text : {"", "null", "{}", "17", "[1]", "[{}]"}) {
    CHECK(read_containers(text).kind() == failure::bad_answer);
    CHECK(read_networks(text).kind() == failure::bad_answer);
  }
}

TEST_CASE("filters are written as the API takes them") {
  CHECK(filters_text({}) == "{}");
  CHECK(filters_text({{"label", {"a=b", "c"}}, {"type", {"container"}}}) ==
        R"({"label":["a=b","c"],"type":["container"]})");
}

TEST_CASE("lines come out whole, however they come in") {
  const std::string text = "one\r\n\ntwo\n\r\nlonger line\nrest";
  for (std::size_t first = 0; first <= text.size(); ++first)
    for (std::size_t second = first; second <= text.size(); ++second) {
      line_splitter lines;
      std::vector<std::string> seen;
      const auto take = [&](std::string_view line) { seen.emplace_back(line); };
      REQUIRE(lines.feed(text.substr(0, first), take));
      REQUIRE(lines.feed(text.substr(first, second - first), take));
      REQUIRE(lines.feed(text.substr(second), take));
      REQUIRE(seen == std::vector<std::string>{"one", "two", "longer line"});
      REQUIRE(lines.rest() == "rest");
    }
  line_splitter lines;
  CHECK_FALSE(lines.feed(std::string(line_splitter::max_line + 1, 'x'), [](std::string_view) {}));
}
