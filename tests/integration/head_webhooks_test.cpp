#include "gateway/http/server.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"

#include <nlohmann/json.hpp>

#include <condition_variable>
#include <csignal>
#include <fstream>
#include <mutex>

// Webhooks of a real head: what a receiver gets while the head is killed and the receiver is away, and what nobody is
// shown.

using namespace muster;
using namespace muster::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// Takes webhooks, and holds them to their order. All members are thread-safe.
class receiver {
public:
  receiver() {
    auto started = http::server::start({}, [this](http::request& x) { return take(x); });
    REQUIRE(started);
    server_ = std::move(*started);
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook"; }

  /// Whether it answers 200 or 503.
  void be_well(bool x) {
    const std::lock_guard lock{mutex_};
    is_well_ = x;
  }
  /// Waits until everything up to that event was taken.
  bool wait_for(std::uint64_t seq) {
    return wait([&] { return taken_ >= seq; });
  }
  /// Waits until so many messages were sent away.
  bool wait_for_refused(std::size_t count) {
    return wait([&] { return refused_ >= count; });
  }
  /// Where it begins.
  void begin_behind(std::uint64_t seq) {
    const std::lock_guard lock{mutex_};
    taken_ = seq;
  }

  [[nodiscard]] std::string complaints() {
    const std::lock_guard lock{mutex_};
    return complaints_;
  }
  [[nodiscard]] std::size_t refused() {
    const std::lock_guard lock{mutex_};
    return refused_;
  }

private:
  template <class Condition>
  bool wait(Condition is_so) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{60}, is_so);
  }

  http::response take(http::request& x) {
    const std::lock_guard lock{mutex_};
    changed_.notify_all();
    http::response out;
    if (!is_well_) {
      ++refused_;
      out.status = 503;
      return out;
    }
    const auto body = json::parse(x.body);
    if (body["type"] == "muster.test")
      return out;
    std::uint64_t before = 0;
    for (const auto& event : body["data"]["events"]) {
      const auto seq = event["seq"].get<std::uint64_t>();
      // Again after a crash, but never past one that did not come.
      if (seq > taken_ + 1 || (before != 0 && seq != before + 1))
        complaints_ += std::to_string(seq) + " came behind " + std::to_string(before == 0 ? taken_ : before) + '\n';
      before = seq;
      taken_ = std::max(taken_, seq);
    }
    return out;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_well_ = true;
  std::uint64_t taken_ = 0;
  std::size_t refused_ = 0;
  std::string complaints_;
  std::unique_ptr<http::server> server_; ///< Last: it ends first.
};

json hook_of(const muster_program& muster) {
  const auto listed = muster({"webhook", "list", "-o", "json"});
  INFO(listed.err);
  REQUIRE(listed.exit_code == 0);
  return json::parse(listed.out).at(0);
}

/// The last event, as a page of them says it.
std::uint64_t last_event(const muster_program& muster) {
  const auto all = muster({"events", "single-1", "-o", "jsonl"});
  const auto list = muster({"events", "-o", "jsonl"});
  std::istringstream lines(list.exit_code == 0 ? list.out : all.out);
  std::uint64_t last = 0;
  for (std::string line; std::getline(lines, line);)
    last = json::parse(line).value("seq", last);
  return last;
}

} // namespace

TEST_CASE("a receiver gets each event at least once and in order, over deaths of the head and of its own") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  receiver there;
  const std::vector<std::string> options{"--no-auth", "--config",
                                         muster.file("hooks.yaml", "log: {file: head.log, level: debug}\n"
                                                                   "webhooks: {allow_private: true}\n")};
  auto head = std::make_unique<head_program>(muster, options);
  REQUIRE(head->ready());
  const auto made = muster({"webhook", "create", there.url(), "-o", "json"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const auto hook = json::parse(made.out);
  there.begin_behind(hook["cursor"]);
  const auto spec = muster.file("w.yaml", one_task("true"));
  for (int round = 0; round < 4; ++round) {
    INFO("round " << round);
    const bool is_away = round % 2 == 1; // The receiver: what it refuses comes again.
    const auto refused = there.refused();
    there.be_well(!is_away);
    for (int i = 0; i < 5; ++i)
      CHECK(muster({"submit", spec}).exit_code == 0);
    if (is_away)
      REQUIRE(there.wait_for_refused(refused + 1));
    head->stop(SIGKILL);
    there.be_well(true);
    head = std::make_unique<head_program>(muster, options);
    REQUIRE(head->ready());
  }
  CHECK(muster({"submit", spec}).exit_code == 0);
  CHECK(muster({"wait", "last"}).exit_code == 0);
  const auto last = last_event(muster);
  CHECK(last > 100);
  CHECK(there.wait_for(last));
  CHECK(there.complaints() == "");
  CHECK(hook_of(muster)["state"] == "active");
  const auto id = hook["id"].get<std::string>();
  CHECK(muster({"webhook", "test", id}).exit_code == 0);
  CHECK(muster({"webhook", "dead", id, "-o", "jsonl"}).out.empty());
  CHECK(muster({"webhook", "delete", id}).exit_code == 0);
  CHECK(muster({"webhook", "test", id}).exit_code == 4);
  CHECK(head->stop(SIGTERM).exit_code == 0);
}

TEST_CASE("a name that leads to this machine is not called, and no secret is shown but once") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  receiver there;
  const auto log = muster.folder() / "head.log";
  head_program head(muster, {"--no-auth", "--config",
                             muster.file("hooks.yaml", "log: {file: " + log.string() + ", level: debug}\n")});
  REQUIRE(head.ready());
  // Addresses are refused where they are read, names where they are connected to.
  for (const auto* url : {"http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/"})
    CHECK(muster({"webhook", "create", url}).exit_code == 1);
  auto by_name = there.url();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  const auto made = muster({"webhook", "create", by_name, "-o", "json"});
  REQUIRE(made.exit_code == 0);
  const auto hook = json::parse(made.out);
  const auto id = hook["id"].get<std::string>();
  const auto secret = hook["secret"].get<std::string>();
  REQUIRE(secret.size() > 40);
  const auto tested = muster({"webhook", "test", id});
  CHECK(tested.exit_code == 1);
  CHECK_THAT(tested.out + tested.err, ContainsSubstring("no webhook may call"));
  CHECK(muster({"submit", muster.file("w.yaml", one_task("true"))}).exit_code == 0);
  CHECK(muster({"wait", "last"}).exit_code == 0);
  CHECK(eventually([&] { return hook_of(muster)["failures"] > 0; }));
  CHECK_THAT(hook_of(muster)["last_outcome"].get<std::string>(), ContainsSubstring("no webhook may call"));
  for (const auto& words : {std::vector<std::string>{"webhook", "list", "-o", "json"},
                            {"webhook", "dead", id, "-o", "json"},
                            {"webhook", "test", id},
                            {"events", "single-1", "-o", "json"}}) {
    const auto said = muster(words);
    CHECK((said.out + said.err).find(secret) == std::string::npos);
  }
  CHECK(head.stop(SIGTERM).exit_code == 0);
  const auto all = head.log();
  CHECK(all.find("webhooks") != std::string::npos);
  CHECK(all.find(secret) == std::string::npos);
  CHECK(all.find(secret.substr(6)) == std::string::npos);
}
