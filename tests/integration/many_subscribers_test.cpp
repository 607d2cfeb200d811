#include "gateway/client/http_client.hpp"
#include "sse_crowd.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"
#include "support/sanitizer.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sys/resource.h>
#include <thread>

// A thousand dashboards at one head, some of which stop reading.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t subscribers = 1000;
constexpr std::size_t stopped = 400;
constexpr int workflows = 20;
constexpr int tasks = 150;

/// The limit of open files of this process, and of what it starts, until it ends.
class file_limit {
public:
  /// 0: the most that is permitted.
  explicit file_limit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &usual_);
    const rlimit wanted{soft == 0 ? usual_.rlim_max : soft, usual_.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &wanted) != 0)
      FAIL("the limit of open files cannot be set");
  }
  ~file_limit() { ::setrlimit(RLIMIT_NOFILE, &usual_); }
  file_limit(const file_limit&) = delete;
  file_limit& operator=(const file_limit&) = delete;

private:
  rlimit usual_{};
};

/// A figure of /proc/PID/status in KiB: `VmRSS` is the memory now, `VmHWM` the most it ever was.
std::size_t memory_of(pid_t pid, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.rfind(name + ":", 0) == 0)
      return std::stoul(line.substr(name.size() + 1));
  return 0;
}

/// Tasks that wait for one that takes its time.
std::string spec() {
  std::string out = "workflow:\n  name: many\n  tasks:\n  - {name: t, image: none, command: [sleep, '600']}\n";
  for (int i = 0; i < tasks; ++i)
    out += "  - {name: t" + std::to_string(i) + ", image: none, command: ['true'], inputs: [{task: t}]}\n";
  return out;
}

/// Submits workflows and cancels them: an event for each task at once.
class load {
public:
  explicit load(const std::string& address) {
    client::http_config config;
    config.address = address;
    head_ = *client::http_client::make(std::move(config));
  }

  void make() {
    for (int i = 0; i < workflows && failure.empty(); ++i) {
      const auto made = post({"workflows"}, "application/yaml", spec());
      if (made.empty())
        return;
      (void)post({"workflows", nlohmann::json::parse(made).at("id"), "cancel"}, "application/json",
                 R"({"force": true})");
    }
  }

  /// The last event as of now, if every workflow has ended.
  std::optional<std::uint64_t> last() {
    client::request x;
    x.path = client::path_of({"workflows"});
    x.query = {{"unfinished", "true"}};
    const auto got = head_->send(x);
    if (!got || !nlohmann::json::parse(got->body).at("items").empty())
      return std::nullopt;
    return std::stoull(got->header("x-muster-seq"));
  }

  /// How often the log was read for who was behind.
  double disk_pages() {
    client::request x;
    x.path = "/metrics";
    const auto got = head_->send(x);
    const std::string name = "\nmuster_event_disk_pages_total ";
    const auto at = got ? got->body.find(name) : std::string::npos;
    return at == std::string::npos ? -1 : std::stod(got->body.substr(at + name.size()));
  }

  std::string failure;

private:
  std::string post(const std::vector<std::string>& path, const std::string& type, const std::string& body) {
    client::request x;
    x.method = "POST";
    x.path = client::path_of(path);
    x.content_type = type;
    x.body = body;
    auto got = head_->send(x);
    if (!got)
      failure = got.why().detail;
    return got ? std::move(got->body) : std::string{};
  }

  std::unique_ptr<client::http_client> head_;
};

} // namespace

TEST_CASE("a thousand subscribers see each event once and in order, while many of them read nothing") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto config = muster.file("many.yaml", "events: {ring: 256Ki, bookmark: 1s}\nadmission: {min_free: 0}\n"
                                               "server: {limits: {write_timeout: 10m}}\n");
  std::unique_ptr<head_program> head;
  {
    const file_limit usual{256}; // The head sees to its own.
    head = std::make_unique<head_program>(muster, std::vector<std::string>{"--no-auth", "--config", config});
  }
  REQUIRE(head->ready());
  const file_limit all{0};
  const auto address = head->address();
  const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  const auto pid = head->process().pid();

  // Idle: each is told that it is up to date.
  std::optional<sse_crowd> first_crowd;
  auto& crowd = first_crowd.emplace(port, 0, subscribers, stopped);
  CHECK(crowd.read_until([&] { return crowd.all_have_bookmarks(); }, 60s));
  REQUIRE(crowd.complaints() == "");
  const auto idle = memory_of(pid, "VmRSS");

  // Busy.
  crowd.stop(stopped);
  load work{address};
  std::atomic<bool> made{false};
  std::thread submitting{[&] {
    work.make();
    made = true;
  }};
  CHECK(crowd.read_until([&] { return made.load(); }, 120s));
  submitting.join();
  REQUIRE(work.failure == "");
  std::optional<std::uint64_t> last;
  REQUIRE(crowd.read_until([&] { return (last = work.last()).has_value(); }, 60s));
  CHECK(crowd.read_until([&] { return crowd.all_have(stopped) >= *last; }, 60s));
  REQUIRE(crowd.complaints() == "");

  // Each client may have one piece of 64 KiB in memory, whether it reads or not.
  const auto most = memory_of(pid, "VmHWM");
  const auto permitted = idle + subscribers * 64 + std::size_t{40} * 1024;
  INFO(*last << " events; " << idle << " KiB idle, " << most << " KiB at most");
  CHECK((has_sanitizer || most < permitted));

  // They go on where they were, by the log on the disk.
  const auto before = work.disk_pages();
  crowd.go_on(stopped);
  CHECK(crowd.read_until([&] { return crowd.all_have(0) >= *last; }, 60s));
  CHECK(crowd.complaints() == "");
  CHECK(work.disk_pages() >= before + stopped);
  std::size_t owed = 0;
  for (std::size_t i = 0; i < stopped; ++i)
    owed += crowd.readers()[i].bytes() / 1024;
  CHECK((has_sanitizer || owed > permitted / 2 * 3)); // So that a head that kept it for them would be found out.
  first_crowd.reset();

  // All come back to the begin of the log, and read nothing.
  const auto looked_up = work.disk_pages();
  {
    const sse_crowd back{port, 0, subscribers, subscribers};
    CHECK(eventually([&] { return work.disk_pages() >= looked_up + subscribers; }, 60s));
  }
  const auto at_last = memory_of(pid, "VmHWM");
  INFO(at_last << " KiB at most with those that came back");
  CHECK((has_sanitizer || at_last < permitted));
  // What the head did for itself is not done to tasks.
  CHECK(muster({"submit", muster.file("limit.yaml", one_task("ulimit -Sn"))}).exit_code == 0);
  CHECK(muster({"wait", "last"}).exit_code == 0);
  CHECK(muster({"logs", "last"}).out == "256\n");
  CHECK(head->stop(SIGTERM).exit_code == 0);
}
