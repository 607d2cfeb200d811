#include "support/catch.hpp"
#include "support/fake_engine.hpp"
#include "support/processes.hpp"
#include "support/temporary_folder.hpp"
#include "support/unix_http.hpp"

#include "executors/docker/log_copier.hpp"

#include <fstream>
#include <future>
#include <iterator>

using namespace muster;
using namespace muster::docker;
using test::engine_fault;
using test::engine_fault_kind;
using test::eventually;

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What stdout and stderr of a log are, by the file beside it.
std::string told(const std::filesystem::path& log, store::log_origin who) {
  store::log_streams streams(log);
  streams.refresh();
  std::string out;
  streams.pass(0, content(log), who, [&](std::string_view piece) { out += piece; });
  return out;
}

/// A fake Engine with one container that runs, and copiers of its log.
struct world {
  world() {
    engine.add_image("busybox:latest");
    test::http_call(engine.socket(), "POST", "/v1.41/containers/create?name=c", R"({"Image":"busybox:latest"})");
    test::http_call(engine.socket(), "POST", "/v1.41/containers/c/start");
    endpoint where;
    where.socket = engine.socket();
    talk = std::make_unique<client>(on, where);
    what.container = "c";
    what.log = folder.path() / "t.0.log";
    what.first_look = std::chrono::milliseconds(1);
    what.retry = std::chrono::milliseconds(1);
  }
  ~world() { stop(); }

  void begin() {
    here([this] {
      copier = std::make_unique<log_copier>(on, *talk, writer, what,
                                            [this](log_end end) { ended.set_value(std::move(end)); });
      copier->begin();
    });
  }
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    here([&] { copier->finish(patience); });
  }
  void stop() {
    here([this] { copier.reset(); });
  }
  log_end end() { return ended.get_future().get(); }
  log_counts counts() {
    log_counts out;
    here([&] { out = copier->counts(); });
    return out;
  }
  /// Runs `work` on the loop's thread.
  void here(const std::function<void()>& work) {
    static_cast<void>(wait_for<bool>(on, [&](const auto& done) {
      work();
      done(true);
    }));
  }

  test::temporary_folder folder;
  test::fake_engine engine;
  loop on;
  log_writer writer;
  std::unique_ptr<client> talk;
  log_copy what;
  std::promise<log_end> ended;
  std::unique_ptr<log_copier> copier;
};

} // namespace

TEST_CASE("a log is copied as it comes, whole at its end, and told apart") {
  world w;
  w.begin();
  w.engine.write_log("c", "one");
  CHECK(eventually([&] { return content(w.what.log) == "one\n"; }));
  w.engine.write_log("c", "two", true);
  w.engine.write_log("c", "three");
  w.engine.finish("c", 0);
  w.finish();
  const auto end = w.end();
  CHECK(end.whole);
  CHECK(end.problem.empty());
  CHECK(content(w.what.log) == "one\ntwo\nthree\n");
  CHECK(told(w.what.log, store::log_origin::output) == "one\nthree\n");
  CHECK(told(w.what.log, store::log_origin::errors) == "two\n");
}
