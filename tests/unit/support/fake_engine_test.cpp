#include "support/catch.hpp"
#include "support/fake_engine.hpp"
#include "support/processes.hpp"
#include "support/unix_http.hpp"

#include <nlohmann/json.hpp>

#include <thread>

/// The fake Engine, seen over its socket with nothing in between.
using namespace muster::test;
using nlohmann::json;
using kind = engine_fault_kind;

namespace {

http_answer ask(const fake_engine& engine, const std::string& method, const std::string& target,
                const std::string& body = {}) {
  return http_call(engine.socket(), method, "/v1.41" + target, body, std::chrono::seconds(10));
}

/// An engine with an image.
struct engine_with_image : fake_engine {
  engine_with_image() { add_image("busybox:latest"); }

  /// Makes a container; its id, or what was said instead.
  std::string make(const std::string& name, const std::string& labels = "{}") {
    const auto made =
        ask(*this, "POST", "/containers/create?name=" + name, R"({"Image":"busybox","Labels":)" + labels + "}");
    return made.status == 201 ? json::parse(made.body)["Id"].get<std::string>() : made.body;
  }
  int start(const std::string& name) { return ask(*this, "POST", "/containers/" + name + "/start").status; }
  json state(const std::string& name) {
    return json::parse(ask(*this, "GET", "/containers/" + name + "/json").body)["State"];
  }
};

} // namespace

TEST_CASE("a container lives as its script says") {
  engine_with_image engine;
  engine_script script;
  script.exit_code = 3;
  engine.script("short*", script);
  const auto id = engine.make("short-1");
  CHECK(engine.make("short-1").find("Conflict") != std::string::npos);
  CHECK(engine.state("short-1")["Status"] == "created");
  CHECK(engine.start(id) == 204);
  CHECK(engine.state(id)["ExitCode"] == 3);
  engine.make("long");
  CHECK(engine.start("long") == 204);
  CHECK(engine.start("long") == 304);
  engine.finish("long", 137, true);
  CHECK(engine.state("long")["OOMKilled"] == true);
  CHECK(engine.times_created("short-1") == 1);
  CHECK(engine.times_started("long") == 1);
  CHECK(ask(engine, "DELETE", "/containers/long").status == 204);
  CHECK(ask(engine, "GET", "/containers/long/json").status == 404);
  CHECK(engine.count("POST /containers/*/start") == 3);
}

TEST_CASE("a refused start leaves a container that says why") {
  engine_with_image engine;
  engine_script script;
  script.start_status = 400;
  script.start_error = "exec: \"nosuch\": executable file not found in $PATH";
  engine.script("bad", script);
  engine.make("bad");
  CHECK(engine.start("bad") == 400);
  CHECK(engine.state("bad")["Status"] == "created");
  CHECK(engine.state("bad")["ExitCode"] == 127);
  CHECK(engine.times_started("bad") == 0);
}

TEST_CASE("a wait is answered when the container ends, or is removed") {
  engine_with_image engine;
  engine.make("a");
  unix_http waiting(engine.socket());
  REQUIRE(waiting.send("POST", "/v1.41/containers/a/wait?condition=removed"));
  REQUIRE(eventually([&] { return engine.open_streams() == 1; }));
  engine.start("a");
  engine.finish("a", 7);
  CHECK(engine.open_streams() == 1);
  CHECK(ask(engine, "POST", "/containers/a/wait").body == "{\"StatusCode\":7}\n");
  ask(engine, "DELETE", "/containers/a");
  CHECK(waiting.receive().body == "{\"StatusCode\":7}\n");
  CHECK(waiting.call("GET", "/_ping").body == "OK"); // The connection goes on.
}

TEST_CASE("logs are framed, timed, followed and resumed") {
  engine_with_image engine;
  engine.make("a");
  engine.start("a");
  engine.write_log("a", "one", false, 1'000'000'005);
  engine.write_log("a", "two", true, 2'000'000'000);
  const auto all = ask(engine, "GET", "/containers/a/logs?stdout=1&stderr=1&timestamps=1").body;
  CHECK_THAT(all, ContainsSubstring("1970-01-01T00:00:01.000000005Z one\n"));
  CHECK(all.substr(0, 8) == std::string("\1\0\0\0\0\0\0\x23", 8));
  CHECK(all[8 + 35] == '\2');
  CHECK(ask(engine, "GET", "/containers/a/logs?stdout=1&stderr=1&since=1.000000006").body.substr(8) == "two\n");
  CHECK(ask(engine, "GET", "/containers/a/logs?stderr=1").body.substr(8) == "two\n");
  unix_http follower(engine.socket());
  follower.send("GET", "/v1.41/containers/a/logs?stdout=1&follow=1");
  REQUIRE(follower.wait_for("one"));
  engine.write_log("a", "three");
  REQUIRE(follower.wait_for("three"));
  engine.finish("a", 0);
  CHECK(follower.receive().complete);
}

TEST_CASE("events are streamed, filtered, repeated, muted and dropped") {
  engine_with_image engine;
  const std::string mine = "/v1.41/events?filters=%7B%22label%22%3A%5B%22head%3Dx%22%5D%7D";
  unix_http stream(engine.socket());
  stream.send("GET", mine);
  REQUIRE(eventually([&] { return engine.open_streams() == 1; }));
  engine.make("other");
  engine.make("a", R"({"head":"x"})");
  REQUIRE(stream.wait_for("\"create\""));
  engine.repeat_events(2);
  engine.start("a");
  REQUIRE(stream.wait_for("\"start\""));
  engine.repeat_events(0);
  engine.finish("a", 5);
  engine.repeat_events(1);
  engine.drop_event_streams();
  const auto seen = stream.receive();
  CHECK_FALSE(seen.complete);
  CHECK(seen.body.find("other") == std::string::npos);
  CHECK(seen.body.find("\"die\"") == std::string::npos);
  const auto started = seen.body.find("\"Action\":\"start\"");
  CHECK(seen.body.find("\"Action\":\"start\"", started + 1) != std::string::npos);
  unix_http again(engine.socket());
  again.send("GET", mine + "&since=0");
  CHECK(again.wait_for("\"exitCode\":\"5\""));
}

TEST_CASE("what has happened is told up to a time, and not by the next daemon") {
  engine_with_image engine;
  engine.make("other");
  const auto past = "/events?since=0&filters=%7B%22container%22%3A%5B%22" + engine.make("a") + "%22%5D%7D";
  unix_http stream(engine.socket());
  stream.send("GET", past);
  REQUIRE(stream.wait_for("\"create\""));
  engine.drop_event_streams();
  const auto time = json::parse(stream.receive().body)["timeNano"].get<std::int64_t>();
  const auto fraction = std::to_string(time % 1'000'000'000 + 1'000'000'000).substr(1);
  const auto ask_past = [&] {
    const auto seen = ask(engine, "GET", past + "&until=" + std::to_string(time / 1'000'000'000) + '.' + fraction);
    CHECK(seen.complete);
    return seen.body;
  };
  engine.start("a");
  CHECK(json::parse(ask_past())["Action"] == "create");
  engine.go_away();
  engine.come_back();
  CHECK(ask_past().empty());
  engine.forget_start("a");
  CHECK(engine.state("a")["Status"] == "created");
  CHECK(engine.times_started("a") == 1);
}

TEST_CASE("images are pulled, or not, for a reason") {
  fake_engine engine;
  engine.add_image("there:1", false);
  engine.fail_pull("broken:1", 200, "no space left on device");
  CHECK(ask(engine, "GET", "/images/there:1/json").status == 404);
  CHECK(ask(engine, "POST", "/containers/create?name=a", R"({"Image":"there:1"})").status == 404);
  CHECK(ask(engine, "POST", "/images/create?fromImage=there&tag=1").status == 200);
  CHECK(ask(engine, "GET", "/images/there:1/json").status == 200);
  CHECK(ask(engine, "POST", "/images/create?fromImage=nosuch&tag=1").status == 404);
  CHECK_THAT(ask(engine, "POST", "/images/create?fromImage=broken&tag=1").body, ContainsSubstring("errorDetail"));
}

TEST_CASE("networks know their members and do not overlap") {
  engine_with_image engine;
  const auto network = [](const std::string& name, const std::string& subnet) {
    return R"({"Name":")" + name + R"(","Labels":{"head":"x"},"IPAM":{"Config":[{"Subnet":")" + subnet + "\"}]}}";
  };
  CHECK(ask(engine, "POST", "/networks/create", network("g", "10.9.0.0/24")).status == 201);
  CHECK(ask(engine, "POST", "/networks/create", network("g", "10.9.1.0/24")).status == 409);
  CHECK(ask(engine, "POST", "/networks/create", network("h", "10.9.0.0/24")).status == 403);
  CHECK(
      ask(engine, "POST", "/containers/create?name=a",
          R"({"Image":"busybox","NetworkingConfig":{"EndpointsConfig":{"g":{"IPAMConfig":{"IPv4Address":"10.9.0.2"}}}}})")
          .status == 201);
  engine.start("a");
  CHECK_THAT(ask(engine, "GET", "/containers/a/json").body, ContainsSubstring("\"IPAddress\":\"10.9.0.2\""));
  CHECK(ask(engine, "DELETE", "/networks/g").status == 403);
  CHECK(json::parse(ask(engine, "GET", "/networks?filters=%7B%22label%22%3A%5B%22head%22%5D%7D").body).size() == 1);
  engine.remove_outside("a");
  CHECK(ask(engine, "DELETE", "/networks/g").status == 204);
  CHECK(engine.networks().empty());
}

TEST_CASE("archives are kept as they came, chunked bodies too") {
  engine_with_image engine;
  engine.make("a");
  unix_http client(engine.socket());
  client.send_raw("PUT /v1.41/containers/a/archive?path=%2Ftmp HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n"
                  "Expect: 100-continue\r\n\r\n");
  CHECK(client.receive().status == 100);
  client.send_raw("3\r\ntar\r\n2\r\nxy\r\n0\r\n\r\n");
  CHECK(client.receive().status == 200);
  const auto facts = engine.container("a");
  REQUIRE(facts);
  REQUIRE(facts->uploads.size() == 1);
  CHECK(facts->uploads[0].body == "tarxy");
  CHECK(facts->uploads[0].query.at("path") == "/tmp");
  engine.set_archive("a", "/out", std::string("t\0r", 3));
  CHECK(ask(engine, "GET", "/containers/a/archive?path=%2Fout").body == std::string("t\0r", 3));
  CHECK(ask(engine, "GET", "/containers/a/archive?path=%2Fno").status == 404);
}

TEST_CASE("a fault hits the calls that it was made for, with or without their effect") {
  struct row {
    kind what;
    int status;    ///< What the client sees; 0: no answer.
    bool complete; ///< Whether the answer ends as it promised.
    bool effect;
  };
  const auto given = GENERATE(row{kind::refuse, 500, true, false}, row{kind::do_and_refuse, 500, true, true},
                              row{kind::close_unread, 0, false, false}, row{kind::close, 0, false, false},
                              row{kind::do_and_close, 0, false, true}, row{kind::do_and_answer_half, 201, false, true},
                              row{kind::garbage, 0, false, false}, row{kind::garbage_body, 200, true, false},
                              row{kind::too_long, 201, false, true});
  engine_with_image engine;
  engine_fault fault;
  fault.route = "POST /containers/create";
  fault.what = given.what;
  fault.nth = 2;
  engine.inject(fault);
  CHECK(ask(engine, "POST", "/containers/create?name=first", R"({"Image":"busybox"})").status == 201);
  const auto hit = ask(engine, "POST", "/containers/create?name=second", R"({"Image":"busybox"})");
  INFO("fault " << static_cast<int>(given.what));
  CHECK(hit.status == given.status);
  CHECK(hit.complete == given.complete);
  CHECK(engine.times_created("second") == (given.effect ? 1 : 0));
  CHECK(ask(engine, "POST", "/containers/create?name=third", R"({"Image":"busybox"})").status == 201);
  CHECK(engine.count("POST /containers/create") == 3);
}

TEST_CASE("a call can be held, before its effect or after") {
  const bool effect_first = GENERATE(true, false);
  engine_with_image engine;
  engine.make("a");
  engine_fault fault;
  fault.route = "POST /containers/*/start";
  fault.what = effect_first ? kind::hold_answer : kind::hold;
  engine.inject(fault);
  unix_http slow(engine.socket());
  slow.send("POST", "/v1.41/containers/a/start");
  REQUIRE(engine.wait_for_calls("POST /containers/a/start", 1));
  CHECK(engine.state("a")["Running"] == effect_first);
  engine.release();
  CHECK(slow.receive().status == 204);
  CHECK(engine.state("a")["Running"] == true);
}

TEST_CASE("a held call is served though its caller has gone") {
  engine_with_image engine;
  engine.make("a");
  engine_fault fault;
  fault.route = "POST /containers/*/start";
  fault.what = kind::hold;
  engine.inject(fault);
  {
    unix_http impatient(engine.socket());
    impatient.send("POST", "/v1.41/containers/a/start");
    REQUIRE(engine.wait_for_calls("POST /containers/a/start", 1));
  }
  engine.release();
  CHECK(eventually([&] { return engine.times_started("a") == 1; }));
}

TEST_CASE("a stale list shows what was") {
  engine_with_image engine;
  engine.remember();
  engine.make("a");
  engine_fault fault;
  fault.route = "GET /containers/json";
  fault.what = kind::stale;
  engine.inject(fault);
  CHECK(ask(engine, "GET", "/containers/json?all=1").body == "[]");
  CHECK(json::parse(ask(engine, "GET", "/containers/json?all=1").body).size() == 1);
  CHECK(ask(engine, "GET", "/containers/json").body == "[]"); // It does not run.
}

TEST_CASE("the daemon goes away and comes back") {
  const bool live_restore = GENERATE(true, false);
  engine_with_image engine;
  engine.make("a");
  engine.start("a");
  unix_http open(engine.socket());
  REQUIRE(open.call("GET", "/_ping").status == 200);
  engine.go_away(live_restore);
  CHECK(open.closed());
  CHECK_FALSE(unix_http(engine.socket()).connected());
  engine.come_back();
  CHECK(engine.state("a")["Running"] == live_restore);
}

TEST_CASE("a client that is too new is told so, and many share the engine") {
  engine_with_image engine;
  CHECK(http_call(engine.socket(), "GET", "/v1.99/info").status == 400);
  CHECK(http_call(engine.socket(), "GET", "/info").status == 200);
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&, i] {
      for (int k = 0; k < 25; ++k)
        engine.make("c" + std::to_string(i) + '-' + std::to_string(k));
    });
  for (auto& client : clients)
    client.join();
  CHECK(engine.containers().size() == 200);
}
