#include "executors/docker/engine/client.hpp"

#include "small_server.hpp"
#include "support/catch.hpp"

#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::docker;
using namespace std::chrono_literals;
using test::answer;
using test::chunk;
using test::chunked_head;
using test::server_connection;
using test::small_server;

namespace {

/// A daemon that gives the same bytes to every request, and remembers what it was asked.
class scripted {
public:
  explicit scripted(std::string bytes, bool stays_open = false)
      : server_([this, bytes = std::move(bytes), stays_open](server_connection& with) {
          while (auto request = with.next()) {
            {
              const std::lock_guard lock(mutex_);
              seen_.push_back(std::move(*request));
            }
            with.send(bytes);
            if (!stays_open)
              return;
          }
        }) {}

  [[nodiscard]] endpoint where() const {
    endpoint out;
    out.socket = server_.socket();
    return out;
  }
  [[nodiscard]] test::received first() {
    const std::lock_guard lock(mutex_);
    REQUIRE_FALSE(seen_.empty());
    return seen_.front();
  }

private:
  std::mutex mutex_;
  std::vector<test::received> seen_;
  small_server server_;
};

std::string frame(const std::string& text) {
  std::string out("\1\0\0\0\0\0\0", 7);
  out.push_back(static_cast<char>(text.size()));
  return out + text;
}

/// Makes one call and waits for what it answers.
template <class T>
outcome<T> ask(scripted& daemon, const std::function<void(client&, then<T>)>& call) {
  loop on;
  client to(on, daemon.where());
  return wait_for<outcome<T>>(on, [&](auto done) { call(to, std::move(done)); });
}

outcome<void> pull(scripted& daemon, std::vector<std::string>& steps, const std::string& auth = {}) {
  return ask<void>(daemon, [&](client& to, then<void> done) {
    to.pull_image(
        *parse_image_reference("host:5000/a/b:1"), secret(auth),
        [&](const pull_progress& step) { steps.push_back(step.status); }, std::move(done));
  });
}

} // namespace

TEST_CASE("a version is agreed on, and named from then on") {
  struct version_case {
    const char* theirs;
    const char* path;
  };
  for (const auto& one : {version_case{"1.41", "GET /v1.41/info "}, version_case{"1.99", "GET /v1.47/info "}}) {
    std::promise<std::string> line;
    small_server server([&](server_connection& with) {
      static_cast<void>(with.next());
      with.send(answer(200, "OK", "Api-Version: " + std::string(one.theirs) + "\r\n"));
      line.set_value(with.next()->line);
      with.send(answer(200, "{}"));
    });
    loop on;
    endpoint where;
    where.socket = server.socket();
    client to(on, where);
    CHECK_FALSE(to.version().has_value());
    REQUIRE(wait_for<outcome<api_version>>(on, [&](auto done) { to.negotiate(std::move(done)); }).ok());
    CHECK(wait_for<outcome<engine_info>>(on, [&](auto done) { to.info(std::move(done)); }).kind() ==
          failure::bad_answer);
    CHECK(line.get_future().get().rfind(one.path, 0) == 0);
  }
}

TEST_CASE("a daemon that is too old, or none at all, is refused") {
  const auto negotiate = [](client& to, then<api_version> done) { to.negotiate(std::move(done)); };
  scripted old(answer(200, "OK", "Api-Version: 1.39\r\n"));
  const auto refused = ask<api_version>(old, negotiate);
  CHECK(refused.kind() == failure::unsupported);
  CHECK(refused.failure().message.find("1.39") != std::string::npos);
  scripted other(answer(200, "welcome"));
  CHECK(ask<api_version>(other, negotiate).kind() == failure::bad_answer);
  scripted failing(answer(500, "{}"));
  CHECK(ask<api_version>(failing, negotiate).kind() == failure::server_error);
}

TEST_CASE("ids and names cannot leave their place in the path") {
  scripted daemon(answer(204, ""));
  const auto removed = ask<void>(daemon, [](client& to, then<void> done) {
    to.remove_container("../networks/x?force=1#", true, std::move(done));
  });
  CHECK(removed.ok());
  CHECK(daemon.first().line == "DELETE /containers/..%2Fnetworks%2Fx%3Fforce%3D1%23?v=true&force=true HTTP/1.1");
}

TEST_CASE("a start says whether it was one") {
  const auto start = [](client& to, then<bool> done) { to.start_container("c", std::move(done)); };
  scripted fresh(answer(204, ""));
  scripted running(answer(304, ""));
  scripted missing(answer(404, R"({"message":"No such container: c"})"));
  CHECK(*ask<bool>(fresh, start));
  CHECK(fresh.first().line == "POST /containers/c/start HTTP/1.1");
  CHECK_FALSE(*ask<bool>(running, start));
  const auto problem = ask<bool>(missing, start);
  REQUIRE_FALSE(problem.ok());
  CHECK(problem.kind() == failure::not_found);
  CHECK(problem.failure().about == object::container);
}

TEST_CASE("a container is made from what it was given") {
  scripted daemon(answer(201, R"({"Id":"abc","Warnings":["careful"]})"));
  const auto made = ask<created_container>(daemon, [](client& to, then<created_container> done) {
    to.create_container("a b", R"({"Image":"x"})", std::move(done));
  });
  REQUIRE(made.ok());
  CHECK(made->id == "abc");
  CHECK(made->warnings == std::vector<std::string>{"careful"});
  CHECK(daemon.first().line == "POST /containers/create?name=a%20b HTTP/1.1");
  CHECK(daemon.first().body == R"({"Image":"x"})");
  CHECK(daemon.first().head.find("Content-Type: application/json\r\n") != std::string::npos);
}

TEST_CASE("a pull reports what it does, and how it ended") {
  std::vector<std::string> steps;
  scripted good(chunked_head() +
                chunk(R"({"status":"Pulling"})"
                      "\r\n"
                      R"({"status":"Down)") +
                chunk("loading\"}\r\n") + chunk(""));
  CHECK(pull(good, steps, "c2VjcmV0").ok());
  CHECK(steps == std::vector<std::string>{"Pulling", "Downloading"});
  CHECK(good.first().line == "POST /images/create?fromImage=host%3A5000%2Fa%2Fb&tag=1 HTTP/1.1");
  CHECK(good.first().head.find("X-Registry-Auth: c2VjcmV0\r\n") != std::string::npos);
  scripted failing(chunked_head() +
                   chunk(R"({"status":"Pulling"})"
                         "\r\n") +
                   chunk(R"({"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"})") + chunk(""));
  steps.clear();
  const auto failed = pull(failing, steps);
  CHECK(failed.kind() == failure::image_not_found);
  CHECK(failed.failure().message == "manifest unknown");
  CHECK(steps.size() == 1);
  scripted denied(answer(404, R"({"message":"pull access denied for a/b, repository does not exist"})"));
  CHECK(pull(denied, steps).kind() == failure::pull_denied);
  scripted cut(chunked_head() + chunk(R"({"status":"Pulling"})"
                                      "\n"));
  CHECK(pull(cut, steps).kind() == failure::daemon_away);
  scripted garbled(chunked_head() + chunk("garbage\n") + chunk(""));
  CHECK(pull(garbled, steps).kind() == failure::bad_answer);
}

TEST_CASE("a wait is registered before its answer comes") {
  std::promise<void> go;
  auto goes = go.get_future();
  small_server server([&](server_connection& with) {
    static_cast<void>(with.next());
    with.send(chunked_head());
    goes.wait();
    with.send(chunk("{\"StatusCode\":7}\n") + chunk(""));
  });
  loop on;
  endpoint where;
  where.socket = server.socket();
  client to(on, where);
  const auto ended = wait_for<outcome<exit_status>>(on, [&](auto done) {
    to.wait_container(
        "c", wait_condition::next_exit, [&] { go.set_value(); }, std::move(done));
  });
  REQUIRE(ended.ok());
  CHECK(ended->code == 7);
}

TEST_CASE("a wait whose daemon goes is no exit") {
  const auto wait = [](client& to, then<exit_status> done) {
    to.wait_container("c", wait_condition::next_exit, {}, std::move(done));
  };
  scripted cut(chunked_head());
  CHECK(ask<exit_status>(cut, wait).kind() == failure::daemon_away);
  CHECK(cut.first().line == "POST /containers/c/wait?condition=next-exit HTTP/1.1");
  scripted empty(chunked_head() + chunk(""));
  CHECK(ask<exit_status>(empty, wait).kind() == failure::bad_answer);
}

TEST_CASE("a log comes as records, and ends as it ended") {
  struct log_case {
    std::string bytes;
    failure end;
  };
  const auto text = frame("one\n") + frame("two\n");
  for (const auto& one : std::vector<log_case>{
           {chunked_head() + chunk(text.substr(0, 5)) + chunk(text.substr(5)) + chunk(""), failure::none},
           {chunked_head() + chunk(text), failure::daemon_away},
           {chunked_head() + chunk(text + "\1\0") + chunk(""), failure::bad_answer},
           {chunked_head() + chunk(text) + chunk("not a frame at all") + chunk(""), failure::bad_answer}}) {
    scripted daemon(one.bytes);
    std::vector<std::string> seen;
    log_options which;
    which.since = nano_timestamp{1'500'000'000ns};
    const auto ended = ask<void>(daemon, [&](client& to, then<void> done) {
      to.follow_log("c", which,
                    {{}, [&](log_stream, std::string_view record) { seen.emplace_back(record); }, std::move(done)});
    });
    CHECK(to_string(ended.kind()) == to_string(one.end));
    CHECK(seen == std::vector<std::string>{"one\n", "two\n"});
    CHECK(daemon.first().line.find("&timestamps=true&since=1.500000000 ") != std::string::npos);
  }
}

TEST_CASE("a log that is canceled within a record gives no other") {
  scripted daemon(chunked_head() + chunk(frame("one\n") + frame("two\n")) + chunk(""));
  loop on;
  client to(on, daemon.where());
  int seen = 0;
  static_cast<void>(wait_for<bool>(on, [&](const auto& done) {
    auto id = std::make_shared<call_id>();
    *id = to.follow_log("c", {},
                        {{},
                         [&, id, done](log_stream, std::string_view) {
                           ++seen;
                           on.cancel(*id);
                           on.after(20ms, [done] { done(true); });
                         },
                         [&](const outcome<void>&) { seen += 100; }});
  }));
  CHECK(seen == 1);
}

TEST_CASE("events come one by one, and one that cannot be read ends the stream with an error") {
  const std::string event = R"({"Type":"container","Action":"die","Actor":{"ID":"c"},"timeNano":1})";
  scripted daemon(chunked_head() + chunk(event.substr(0, 9)) +
                      chunk(event.substr(9) + "\n" + event + "\n{}\n" + event + "\n"),
                  true);
  int opened = 0;
  int seen = 0;
  const auto ended = ask<void>(daemon, [&](client& to, then<void> done) {
    to.listen({{"type", {"container"}}}, nano_timestamp{}, {},
              {[&] { ++opened; }, [&](const engine_event& one) { seen += one.id == "c" ? 1 : 100; }, std::move(done)});
  });
  CHECK(ended.kind() == failure::bad_answer);
  CHECK(opened == 1);
  CHECK(seen == 2);
}

TEST_CASE("networks are made and joined") {
  scripted made(answer(201, R"({"Id":"n"})"));
  CHECK(*ask<std::string>(made, [](client& to, then<std::string> done) {
    to.create_network(R"({"Name":"x"})", std::move(done));
  }) == "n");
  scripted joined(answer(200, ""));
  CHECK(ask<void>(joined, [](client& to, then<void> done) {
          to.connect_network("n", "c", R"({"Aliases":["a"]})", std::move(done));
        }).ok());
  CHECK(joined.first().body == R"({"Container":"c","EndpointConfig":{"Aliases":["a"]}})");
  scripted taken(answer(403, R"({"message":"Pool overlaps with other one on this address space"})"));
  CHECK(ask<std::string>(taken, [](client& to, then<std::string> done) {
          to.create_network("{}", std::move(done));
        }).kind() == failure::address_taken);
}
