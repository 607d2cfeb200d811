#include "gateway/client/http_client.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"

#include <csignal>
#include <fstream>

// Logs that are followed over HTTP while a task of a real head writes them.

using namespace muster;
using namespace muster::test;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<client::api> connect(const head_program& head) {
  client::http_config config;
  config.address = head.address();
  return std::move(*client::http_client::make(std::move(config)));
}

client::request follow(const std::string& id, const std::string& task) {
  client::request x;
  x.path = client::path_of({"workflows", id, "tasks", task, "logs"});
  x.query = {{"follow", "true"}};
  x.accept = "text/plain";
  return x;
}

/// `only` waits for `gate`, says something, waits for a file, says more, and is not content with its first attempt.
std::string spec(const muster_program& muster) {
  const auto folder = muster.folder().string();
  const auto wait_for = [&](const std::string& name) {
    return "until [ -e " + folder + "/" + name + " ]; do sleep 0.02; done; ";
  };
  return "workflow:\n  name: w\n  tasks:\n"
         "  - name: gate\n    image: none\n    command: [sh, -c, '" +
         wait_for("gate") +
         "']\n"
         "  - name: only\n    image: none\n    inputs: [{task: gate}]\n    exitActions: {RESCHEDULE: 75}\n"
         "    command: [sh, -c, 'echo begun $MUSTER_ATTEMPT; " +
         wait_for("go.$MUSTER_ATTEMPT") +
         "seq 1 1000; printf end$MUSTER_ATTEMPT; [ $MUSTER_ATTEMPT -eq 1 ] || exit 75']\n";
}

std::string numbers() {
  std::string out;
  for (int i = 1; i <= 1000; ++i)
    out += std::to_string(i) + "\n";
  return out;
}

} // namespace

TEST_CASE("a log is followed from before its first attempt over a retry to the end of the task") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  head_program head(muster);
  REQUIRE(head.ready());
  REQUIRE(muster({"submit", muster.file("w.yaml", spec(muster))}).exit_code == 0);
  const auto client = connect(head);
  const auto release = [&](const std::string& name) { std::ofstream(muster.folder() / name) << ""; };
  std::string text;
  bool opened = false;
  const auto ended = client->stream(
      follow("w-1", "only"),
      [&](std::string_view piece) {
        text += piece;
        // What is told of is what lets the task go on.
        if (text.find("begun 0\n") != std::string::npos)
          release("go.0");
        if (text.find("begun 1\n") != std::string::npos)
          release("go.1");
        return true;
      },
      [&] {
        if (!std::exchange(opened, true))
          release("gate"); // The stream is open: nothing was started yet.
        return true;
      });
  REQUIRE(ended);
  CHECK(*ended == client::stream_end::finished);
  const auto first = "begun 0\n" + numbers() + "end0";
  CHECK(text == first + "begun 1\n" + numbers() + "end1");

  // One who was cut off goes on by the bytes that it has.
  for (const std::size_t have : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, first.size() - 1, first.size()}) {
    auto rest = follow("w-1", "only");
    rest.query.insert(rest.query.end(), {{"attempt", "0"}, {"offset", std::to_string(have)}});
    std::string got;
    const auto done = client->stream(
        rest,
        [&](std::string_view piece) {
          got += piece;
          return true;
        },
        [] { return true; });
    REQUIRE(done);
    CHECK(*done == client::stream_end::finished);
    CHECK(got == first.substr(have));
  }
  CHECK(head.stop(SIGTERM).exit_code == 0);
}

TEST_CASE("one who follows a log learns that the head went away, and goes on at the next one") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  auto head = std::make_unique<head_program>(muster);
  REQUIRE(head->ready());
  REQUIRE(muster({"submit", muster.file("w.yaml", spec(muster))}).exit_code == 0);
  std::ofstream(muster.folder() / "gate") << "";
  std::string text;
  const auto take = [&](std::string_view piece) {
    text += piece;
    return text.find("begun 0\n") == std::string::npos || text.size() > 8;
  };
  const auto stopped = connect(*head)->stream(follow("w-1", "only"), take, [] { return true; });
  REQUIRE(stopped);
  REQUIRE(text == "begun 0\n");
  {
    const auto client = connect(*head);
    bool killed = false;
    auto rest = follow("w-1", "only");
    rest.query.insert(rest.query.end(), {{"attempt", "0"}, {"offset", std::to_string(text.size())}});
    const auto cut = client->stream(rest, take, [&] {
      if (!std::exchange(killed, true))
        head->process().signal(SIGKILL);
      return true;
    });
    CHECK((!cut || *cut == client::stream_end::broken)); // Not taken for the end of the log.
  }
  (void)head->process().finish();
  head = std::make_unique<head_program>(muster);
  REQUIRE(head->ready());
  std::ofstream(muster.folder() / "go.0") << "";
  auto rest = follow("w-1", "only");
  rest.query.insert(rest.query.end(), {{"attempt", "0"}, {"offset", std::to_string(text.size())}});
  const auto done = connect(*head)->stream(rest, take, [] { return true; });
  REQUIRE(done);
  CHECK(*done == client::stream_end::finished);
  CHECK(text == "begun 0\n" + numbers() + "end0");
  CHECK(muster({"cancel", "w-1", "--force"}).exit_code == 0);
  CHECK(head->stop(SIGTERM).exit_code == 0);
}
