#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/log_text.hpp"
#include "support/processes.hpp"
#include "support/sanitizer.hpp"
#include "support/temporary_folder.hpp"
#include "support/unix_http.hpp"

#include "docker/cutting_proxy.hpp"

#include "executors/docker/log_copier.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

/// The log copier against a real daemon.
using namespace muster;
using namespace muster::docker;
using namespace muster::test;

namespace {

namespace fs = std::filesystem;

/// Whether they are; else says where they begin to differ, and not all of both.
bool same(const std::string& is, const std::string& wanted) {
  const auto most = std::min(is.size(), wanted.size());
  std::size_t at = 0;
  while (at < most && is[at] == wanted[at])
    ++at;
  if (at == most && is.size() == wanted.size())
    return true;
  UNSCOPED_INFO("differ at " << at << " of " << is.size() << " and " << wanted.size() << ": '" << is.substr(at, 60)
                             << "' and '" << wanted.substr(at, 60) << '\'');
  return false;
}

/// A container that runs a shell script; gone at the end.
class script_container {
public:
  script_container(fs::path socket, const std::string& script, const log_limits& limits = {})
      : socket_(std::move(socket)) {
    const auto made = http_call(socket_, "POST", "/v1.41/containers/create",
                                R"({"Image":"busybox","StopSignal":"SIGKILL","Cmd":["sh","-c",")" + script +
                                    R"("],"HostConfig":{"LogConfig":)" + log_config_json(limits) + "}}");
    INFO(made.body);
    REQUIRE(made.status == 201);
    id_ = made.body.substr(7, 64);
    REQUIRE(http_call(socket_, "POST", "/v1.41/containers/" + id_ + "/start").status == 204);
  }
  ~script_container() {
    try {
      http_call(socket_, "DELETE", "/v1.41/containers/" + id_ + "?force=true");
    } catch (const std::exception& e) {
      WARN(e.what());
    }
  }
  script_container(const script_container&) = delete;
  script_container& operator=(const script_container&) = delete;

  [[nodiscard]] const std::string& id() const { return id_; }
  void signal(const std::string& name) const {
    CHECK(http_call(socket_, "POST", "/v1.41/containers/" + id_ + "/kill?signal=" + name).status == 204);
  }
  void wait() const { http_call(socket_, "POST", "/v1.41/containers/" + id_ + "/wait"); }
  [[nodiscard]] bool runs() const {
    return http_call(socket_, "GET", "/v1.41/containers/" + id_ + "/json").body.find("\"Running\":true") !=
           std::string::npos;
  }
  /// The daemon's own log, in its own order.
  [[nodiscard]] std::string log_of_daemon() const {
    const auto body =
        http_call(socket_, "GET", "/v1.41/containers/" + id_ + "/logs?stdout=1&stderr=1&timestamps=0").body;
    std::string text;
    frame_decoder frames;
    CHECK(frames.feed(body, [&](log_stream, std::string_view piece) { text += piece; }));
    return text;
  }

private:
  fs::path socket_;
  std::string id_;
};

/// A loop with a copier.
struct copying {
  copying(const fs::path& socket, const std::string& container, fs::path log, const log_limits& limits = {}) {
    endpoint where;
    where.socket = socket;
    talk = std::make_unique<client>(on, where);
    log_copy what;
    what.container = container;
    what.log = std::move(log);
    what.limits = limits;
    what.retry = std::chrono::milliseconds(2);
    what.longest_retry = std::chrono::milliseconds(50);
    what.first_look = std::chrono::milliseconds(5);
    copier =
        std::make_unique<log_copier>(on, *talk, writer, what, [this](log_end end) { ended.set_value(std::move(end)); });
    here([this] { copier->begin(); });
  }
  ~copying() {
    here([this] { copier.reset(); });
  }
  void here(const std::function<void()>& work) {
    static_cast<void>(wait_for<bool>(on, [&](const auto& done) {
      work();
      done(true);
    }));
  }
  log_end finish() {
    here([this] { copier->finish(); });
    return ended.get_future().get();
  }
  log_counts counts() {
    log_counts out;
    here([&] { out = copier->counts(); });
    return out;
  }

  loop on;
  log_writer writer;
  std::unique_ptr<client> talk;
  std::promise<log_end> ended;
  std::unique_ptr<log_copier> copier;
};

/// Prints numbered lines up to `count`, in turn to stdout and stderr, at a pace, from where it was.
std::string numbered_on(int count, int at_once, int pause_us) {
  return "while [ $i -lt " + std::to_string(count / at_once) + " ]; do awk -v b=$((i*" + std::to_string(at_once) +
         ")) 'BEGIN{for(n=b;n<b+" + std::to_string(at_once) +
         R"(;n++){if(n%2)print \"out \" n; else print \"err \" n >\"/dev/stderr\"}}'; i=$((i+1)); usleep )" +
         std::to_string(pause_us) + "; done";
}

std::string numbered(int count, int at_once, int pause_us) {
  return "i=0; " + numbered_on(count, at_once, pause_us);
}

std::string lines(const std::string& word, int from, int to) {
  std::string out;
  for (int i = from; i < to; i += 2)
    out += word + ' ' + std::to_string(i) + '\n';
  return out;
}

/// A line of /proc/self/status, in KiB.
long memory(const std::string& key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.rfind(key + ":", 0) == 0)
      return std::stol(line.substr(key.size() + 1));
  return 0;
}

} // namespace

TEST_CASE("200,000 lines of two streams come whole, once and told apart, however often the connection is cut") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  cutting_proxy proxy(*docker, folder.path() / "proxy.sock", 1, 2'000, 1'000'000);
  const script_container container(*docker, numbered(200'000, 2000, 20'000));
  copying it(proxy.socket(), container.id(), log);
  container.wait();
  const auto end = it.finish();
  INFO(end.problem);
  CHECK(end.whole);
  const auto counts = it.counts();
  INFO(counts.calls << " connections, " << counts.records << " records, " << counts.skipped << " seen again");
  CHECK(counts.gaps == 0);
  CHECK(proxy.cuts() > 10);
  CHECK(same(told(log, store::log_origin::output), lines("out", 1, 200'000)));
  CHECK(same(told(log, store::log_origin::errors), lines("err", 0, 200'000)));
  CHECK(same(content(log), container.log_of_daemon()));
  std::printf("cut %d times: %llu connections, %llu records, %llu seen again\n", proxy.cuts(),
              static_cast<unsigned long long>(counts.calls), static_cast<unsigned long long>(counts.records),
              static_cast<unsigned long long>(counts.skipped));
}

TEST_CASE("a process that copies and is killed again and again leaves a whole log") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  // The last lines are printed when all have been killed, however long that took.
  const script_container container(*docker, "trap go=1 USR1; " + numbered(59'000, 1000, 30'000) +
                                                "; until [ $go ]; do usleep 10000; done; " +
                                                numbered_on(60'000, 1000, 30'000));
  const auto before_the_last = lines("out", 1, 59'000).size() + lines("err", 0, 59'000).size();
  std::mt19937 random(1);
  for (int killed = 0; killed < 12; ++killed) {
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const copying it(*docker, container.id(), log);
      for (;;)
        ::pause();
    }
    const auto before = fs::exists(log) ? fs::file_size(log) : 0;
    const auto more = std::uniform_int_distribution<std::uintmax_t>(1, 60'000)(random);
    const auto enough = std::min<std::uintmax_t>(before + more, before_the_last);
    CHECK(eventually([&] { return fs::exists(log) && fs::file_size(log) >= enough; }));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
  }
  REQUIRE(container.runs());
  container.signal("SIGUSR1");
  container.wait();
  copying it(*docker, container.id(), log);
  CHECK(it.finish().whole);
  CHECK(it.counts().gaps == 0);
  CHECK(same(told(log, store::log_origin::output), lines("out", 1, 60'000)));
  CHECK(same(told(log, store::log_origin::errors), lines("err", 0, 60'000)));
  CHECK(same(content(log), container.log_of_daemon()));
}

TEST_CASE("any bytes come as they are: no text, no end of line, a line of 10 MB") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  const script_container container(
      *docker, R"(printf 'a\\377\\000b\\n\\n\\r\\n'; head -c 10000000 /dev/zero | tr '\\000' x; printf '\\nend')");
  copying it(*docker, container.id(), log);
  container.wait();
  CHECK(it.finish().whole);
  CHECK(same(content(log), std::string("a\xff\0b\n\n\r\n", 8) + std::string(10'000'000, 'x') + "\nend"));
}

TEST_CASE("a burst of 300 MB is copied within bounds of memory and disk, and says what is gone") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  log_limits limits;
  limits.most = std::int64_t{8} << 20U;
  limits.head = std::int64_t{1} << 20U;
  limits.tail = std::int64_t{1} << 20U;
  const auto before = memory("VmRSS");
  const auto began = std::chrono::steady_clock::now();
  const script_container container(*docker,
                                   "yes $(head -c 999 /dev/zero | tr '\\\\000' 0) | head -n 300000; echo last");
  copying it(*docker, container.id(), log, limits);
  container.wait();
  CHECK(it.finish().whole);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto grown = memory("VmHWM") - before;
  const auto counts = it.counts();
  CHECK((has_sanitizer || grown < 64L * 1024));
  CHECK(fs::file_size(log) <= (std::uintmax_t{8} << 20U) + (std::uintmax_t{128} << 10U));
  const auto text = content(log);
  CHECK(text.rfind("00000", 0) == 0);
  REQUIRE(text.size() > 5);
  CHECK(text.substr(text.size() - 5) == "last\n");
  // What is there and what is gone is all that was written.
  const std::string words = "[muster: the log grew over 8388608 bytes; ";
  const auto mark = text.find(words);
  REQUIRE(mark != std::string::npos);
  const auto mark_size = text.find('\n', mark) + 1 - mark;
  const auto gone = std::stoull(text.substr(mark + words.size()));
  CHECK(text.size() - mark_size + gone == 300'000'005);
  std::printf("300 MB: %.1f s, memory +%ld KiB, %llu records, most held %zu, %llu pauses, %llu gaps\n", took.count(),
              grown, static_cast<unsigned long long>(counts.records), counts.most_held,
              static_cast<unsigned long long>(counts.pauses), static_cast<unsigned long long>(counts.gaps));
}

TEST_CASE("what the daemon dropped while nobody read is missing in the log, and the log says so") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  log_limits limits;
  limits.most = std::int64_t{16} << 20U; // The daemon keeps two files of that.
  const script_container container(*docker,
                                   "trap 'go=1' USR1; " + numbered(20'000, 1000, 1000) +
                                       "; until [ $go ]; do usleep 10000; done; yes $(head -c 999 /dev/zero | tr "
                                       "'\\\\000' 0) | head -n 60000; echo last",
                                   limits);
  {
    copying it(*docker, container.id(), log);
    CHECK(eventually([&] { return it.counts().records == 20'000; }));
  }
  container.signal("USR1");
  container.wait();
  copying it(*docker, container.id(), log);
  CHECK(it.finish().whole);
  CHECK(it.counts().gaps == 1);
  const auto text = content(log);
  const std::string mark = "[muster: lines may be missing here: the daemon had dropped them before they were read]\n";
  const auto at = text.find(mark);
  REQUIRE(at != std::string::npos);
  CHECK(text.find(mark, at + 1) == std::string::npos);
  CHECK(at == (lines("out", 1, 20'000) + lines("err", 0, 20'000)).size());
  CHECK(same(text.substr(at + mark.size()), container.log_of_daemon()));
}

TEST_CASE("a daemon that is killed or stopped, and comes back, costs no line that it had") {
  docker_options how;
  how.arguments = {"--live-restore"};
  how.images = {"busybox:latest"};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  const temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  const script_container container(docker->socket(), numbered(40'000, 500, 100'000));
  copying it(docker->socket(), container.id(), log);
  for (int i = 0; i < 4; ++i) {
    const auto before = it.counts().records;
    CHECK(eventually([&] { return it.counts().records >= before + 3000; }));
    if (i % 2 == 0)
      docker->kill();
    else
      docker->stop();
    docker->start_again();
  }
  container.wait();
  CHECK(it.finish().whole);
  const auto counts = it.counts();
  CHECK(counts.gaps == 0);
  CHECK(same(content(log), container.log_of_daemon()));
  std::printf("restarts: %llu connections, %llu records, %llu seen again\n",
              static_cast<unsigned long long>(counts.calls), static_cast<unsigned long long>(counts.records),
              static_cast<unsigned long long>(counts.skipped));
}

TEST_CASE("a copier of a container that is silent costs little") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const temporary_folder folder;
  const script_container container(*docker, "exec sleep 1000");
  loop on;
  endpoint where;
  where.socket = *docker;
  client talk(on, where);
  log_writer writer;
  std::vector<std::unique_ptr<log_copier>> copiers;
  const auto here = [&](const std::function<void()>& work) {
    static_cast<void>(wait_for<bool>(on, [&](const auto& done) {
      work();
      done(true);
    }));
  };
  const auto before = memory("VmRSS");
  constexpr int count = 300;
  here([&] {
    for (int i = 0; i < count; ++i) {
      log_copy what;
      what.container = container.id();
      what.log = folder.path() / ("t." + std::to_string(i) + ".log");
      what.first_look = std::chrono::milliseconds(1);
      copiers.push_back(std::make_unique<log_copier>(on, talk, writer, what, [](const log_end&) {}));
      copiers.back()->begin();
    }
  });
  CHECK(eventually([&] {
    bool all = true;
    here([&] {
      all = std::all_of(copiers.begin(), copiers.end(), [](const auto& x) { return x->counts().opened > 0; });
    });
    return all;
  }));
  const auto each = (memory("VmRSS") - before) * 1024 / count;
  std::printf("a copier of a silent container: %ld bytes\n", each);
  CHECK((has_sanitizer || each < 64 * 1024));
  here([&] { copiers.clear(); });
}
