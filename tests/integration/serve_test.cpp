#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"
#include "support/processes.hpp"
#include "support/skip_test.hpp"
#include "support/small_disk.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace muster::test;
namespace fs = std::filesystem;

namespace {

/// A task that waits for a file of the test, or for its end.
std::string until_released(const muster_program& muster) {
  return one_task("echo begun >> " + (muster.folder() / "begun").string() + "\nuntil [ -e " +
                  (muster.folder() / "release").string() + " ]; do sleep 0.05; done\necho done");
}

std::size_t lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    ++count;
  return count;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What the audit log has, oldest first, of what nobody asked for over HTTP.
std::vector<std::string> own_rows(const muster_program& muster) {
  std::vector<std::string> out;
  auto reader = muster::store::reader::open(muster::store::state_directory{muster.state()});
  REQUIRE(reader);
  const auto rows = reader->audit({});
  REQUIRE(rows);
  for (const auto& x : *rows)
    if (x.request.empty())
      out.insert(out.begin(), x.peer + ' ' + x.action + ' ' + x.target + ' ' + x.outcome);
  return out;
}

std::string trimmed(std::string x) {
  while (!x.empty() && x.back() == '\n')
    x.pop_back();
  return x;
}

} // namespace

TEST_CASE("files that a spec names reach a head, empty ones and those with odd names too") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  muster.file("empty.txt", "");
  muster.file(R"(a "quoted" \ name.txt)", "quoted\n");
  for (const auto* name : {"a,b} it''s.txt", "it's.txt"})
    muster.file(name, "text\n");
  const auto spec = muster.file(
      "w.yaml", "workflow:\n  name: single\n  tasks:\n  - name: t\n    image: none\n    command: [cat, /files/q]\n"
                "    files:\n    - {path: /files/e, localpath: empty.txt}\n"
                "    - {path: /files/q, localpath: 'a \"quoted\" \\ name.txt'}\n"
                "    - {\"path\": /files/k, \"localpath\": empty.txt}\n"
                "    - path: /files/c\n      localpath : a,b} it''s.txt # With a comment.\n"
                "    - {path: /files/s, localpath: 'it''s.txt'}\n"
                "    - path: /files/t\n      contents: 'localpath: never.txt'\n"
                "  parameters: {unused: 1}\n");
  const auto submitted = muster({"submit", spec, "--parameters", muster.file("none.yaml", "")});
  INFO(submitted.err);
  REQUIRE(submitted.exit_code == 0);
  CHECK(head.stop(SIGTERM).exit_code == 0);
}

TEST_CASE("a head takes a submission, runs it, and says how it went") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  CHECK_THAT(head.address(), ContainsSubstring("http://127.0.0.1:"));
  const auto submitted = muster({"submit", muster.file("w.yaml", one_task("echo hello"))});
  INFO(submitted.err);
  REQUIRE(submitted.exit_code == 0);
  CHECK(submitted.out == "single-1\n");
  const auto waited = muster({"wait", "single-1"});
  INFO(waited.err);
  CHECK(waited.exit_code == 0);
  CHECK(waited.out == "single-1 COMPLETED\n");
  CHECK_THAT(muster({"logs", "single-1"}).out, ContainsSubstring("hello"));
  const auto failed = muster({"submit", muster.file("f.yaml", one_task("exit 7"))});
  CHECK(muster({"wait", trimmed(failed.out)}).exit_code == 3);
  CHECK(muster({"wait", trimmed(failed.out), "--exit-zero"}).exit_code == 0);
  const auto ended = head.stop(SIGTERM);
  CHECK(ended.exit_code == 0);
  CHECK_FALSE(fs::exists(muster.state() / "head.json"));
  CHECK(head.wait_for_log("head has stopped"));
}

TEST_CASE("commands reach a head by its address from anywhere, and exit as documented") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const muster_program elsewhere; // Another state directory.
  const auto address = head.address();
  const auto submitted =
      elsewhere({"submit", elsewhere.file("w.yaml", one_task("sleep 60")), "--address", address, "--label", "a=b"});
  INFO(submitted.err);
  REQUIRE(submitted.exit_code == 0);
  CHECK(elsewhere({"wait", "last", "--address", address, "--timeout", "1s"}).exit_code == 8);
  const auto canceled = elsewhere({"cancel", "last", "--address", address, "--force"});
  CHECK(canceled.exit_code == 0);
  CHECK(elsewhere({"wait", "single-1", "--address", address}).exit_code == 3);
  CHECK(elsewhere({"cancel", "single-1", "--address", address}).exit_code == 5);
  CHECK(elsewhere({"cancel", "nothing-1", "--address", address}).exit_code == 4);
  CHECK(elsewhere({"cancel", "single-1"}).exit_code == 7); // No head is at work here.
  const auto away = elsewhere({"wait", "single-1", "--address", "http://127.0.0.1:1"});
  CHECK(away.exit_code == 7);
  CHECK(elsewhere({"events", "-f", "--address", "http://127.0.0.1:1"}).exit_code == 7);
  CHECK_THAT(away.err, ContainsSubstring("is a head at work there?"));
  REQUIRE(elsewhere({"context", "set", "gone", "--address", "http://127.0.0.1:1/v1/"}).exit_code == 0);
  CHECK_THAT(elsewhere({"ls"}).err, ContainsSubstring("http://127.0.0.1:1, named by the context gone"));
  REQUIRE(elsewhere({"context", "rm", "gone"}).exit_code == 0);
  CHECK(elsewhere({"ls", "--address", address + "/v1"}).exit_code == 0);
  CHECK(elsewhere({"submit", elsewhere.file("x.yaml", "workflow: {}"), "--address", address}).exit_code == 1);
}

TEST_CASE("a context names a head") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const muster_program elsewhere;
  REQUIRE(elsewhere({"context", "set", "lab", "--address", head.address()}).exit_code == 0);
  CHECK_THAT(elsewhere({"context", "ls"}).out, ContainsSubstring("lab *"));
  const auto submitted = elsewhere({"submit", elsewhere.file("w.yaml", one_task("true"))});
  INFO(submitted.err);
  CHECK(submitted.exit_code == 0);
  CHECK(elsewhere({"wait", "last"}).exit_code == 0);
  CHECK(elsewhere({"context", "use", "lba"}).exit_code == 4);
  CHECK(elsewhere({"context", "rm", "lab"}).exit_code == 0);
  CHECK(elsewhere({"cancel", "last"}).exit_code == 7);
}

TEST_CASE("two heads on one state directory: the second says who is there") {
  const muster_program muster;
  head_program head(muster);
  REQUIRE(head.ready());
  const auto second = muster({"serve", "--no-auth", "--listen", "127.0.0.1:0"});
  CHECK(second.exit_code == 1);
  CHECK_THAT(second.err, ContainsSubstring("process " + std::to_string(head.process().pid())));
  CHECK_THAT(second.err, ContainsSubstring(head.address()));
  // Whoever tidied up a little too much.
  fs::remove(muster.state() / "head.json");
  const auto third = muster({"serve", "--no-auth", "--listen", "127.0.0.1:0"});
  CHECK(third.exit_code == 1);
  CHECK_THAT(third.err, ContainsSubstring("in use by process " + std::to_string(head.process().pid())));
  CHECK(head.process().ended() == false);
}

TEST_CASE("the log of a head is rotated, and what is kept of it is bounded") {
  const muster_program muster;
  const auto log = muster.folder() / "own" / "rotated.log";
  fs::create_directories(log.parent_path());
  const auto config = muster.file("my.yaml", "log: {file: " + log.string() +
                                                 ", level: debug, max_size: 4Ki, files: 2}\nserver: {auth: none}\n");
  head_program head(muster, {"--config", config});
  REQUIRE(head.ready());
  const auto oldest = log.parent_path() / "rotated.2.log";
  for (int i = 0; i < 1000 && !fs::exists(oldest); ++i)
    REQUIRE(muster({"ls", "--address", head.address()}).exit_code == 0);
  REQUIRE(fs::exists(oldest));
  for (int i = 0; i < 20; ++i) // More than one file again.
    REQUIRE(muster({"ls", "--address", head.address()}).exit_code == 0);
  CHECK(head.stop(SIGTERM).exit_code == 0);
  std::size_t files = 0;
  for (const auto& x : fs::directory_iterator(log.parent_path())) {
    ++files;
    CHECK(x.file_size() <= 4096);
  }
  CHECK(files == 3);
}

TEST_CASE("a head that was killed takes up what it left, and no task is started twice") {
  const muster_program muster;
  std::string id;
  {
    head_program head(muster);
    REQUIRE(head.ready());
    id = trimmed(muster({"submit", muster.file("w.yaml", until_released(muster))}).out);
    for (int i = 0; i < 3000 && lines_of(muster.folder() / "begun") == 0; ++i)
      ::usleep(10'000);
    REQUIRE(lines_of(muster.folder() / "begun") == 1);
    head.process().signal(SIGKILL);
    CHECK(head.process().finish().exit_code == 128 + SIGKILL);
  }
  CHECK(fs::exists(muster.state() / "head.json")); // It had no time to tidy up.
  head_program next(muster);
  REQUIRE(next.ready());
  CHECK(next.wait_for_log("taken_up=1"));
  // It could be asked how it does before it had taken anything up, and was ready after.
  CHECK(next.wait_for_log([](const std::string& log) {
    const auto taken_up = log.rfind("workflows taken up");
    const auto ready = log.rfind("head is ready");
    return ready != std::string::npos && log.rfind("head listens") < taken_up && taken_up < ready;
  }));
  muster.file("release", "");
  const auto waited = muster({"wait", id, "--timeout", "30s"});
  INFO(waited.out << waited.err);
  CHECK(waited.exit_code == 0);
  CHECK(lines_of(muster.folder() / "begun") == 1);
}

TEST_CASE("a stop leaves tasks running unless it is told to end them") {
  const muster_program muster;
  std::string id;
  {
    head_program head(muster);
    REQUIRE(head.ready());
    id = trimmed(muster({"submit", muster.file("w.yaml", until_released(muster))}).out);
    for (int i = 0; i < 3000 && lines_of(muster.folder() / "begun") == 0; ++i)
      ::usleep(10'000);
    CHECK(head.stop(SIGTERM).exit_code == 0);
  }
  CHECK_THAT(muster({"ls", "--unfinished", "-o", "name"}).out, ContainsSubstring(id));
  head_program next(muster, {"--no-auth", "--stop-tasks"});
  REQUIRE(next.ready());
  CHECK(next.stop(SIGTERM).exit_code == 0);
  const auto shown = muster({"ls", "-o", "jsonl"});
  CHECK_THAT(shown.out, ContainsSubstring("FAILED_CANCELED"));
  const auto audited = own_rows(muster);
  REQUIRE(audited.size() == 1);
  CHECK(audited.front() == "head workflow.cancel " + id + " ok");
  CHECK(lines_of(muster.folder() / "begun") == 1);
}

TEST_CASE("SIGHUP reads the configuration again, and says what needs a restart") {
  const muster_program muster;
  const auto log = (muster.folder() / "head.log").string();
  const auto path = muster.file("my.yaml", "log: {file: " + log + "}\nserver: {auth: none}\n");
  head_program head(muster, {"--config", path});
  REQUIRE(head.ready());
  CHECK(muster({"ls", "--address", head.address()}).exit_code != 7);
  const auto spec = muster.file("w.yaml", one_task("true") + "# " + std::string(1100, '-') + "\n");
  muster.file("my.yaml", "log: {file: " + log +
                             ", level: debug}\nserver: {auth: none, drain: 3s, limits: {body_bytes: 1Ki, queue: 9}}\n" +
                             "events: {ring: 1Mi}\n");
  head.process().signal(SIGHUP);
  CHECK(head.wait_for_log("needs a restart\" key=events.ring"));
  CHECK(head.wait_for_log("needs a restart\" key=server.limits.queue"));
  CHECK(head.wait_for_log("changed=\"log.level server.drain server.limits.body_bytes\""));
  const auto too_large = muster({"submit", spec});
  CHECK(too_large.exit_code == 1);
  CHECK_THAT(too_large.err, ContainsSubstring("1024 bytes"));
  muster.file("my.yaml", "log: {levle: debug}\nserver: {limits: {body_bytes: 2Ki}}\n");
  head.process().signal(SIGHUP);
  CHECK(head.wait_for_log("configuration is wrong"));
  CHECK(head.wait_for_log("levle"));
  CHECK_THAT(muster({"submit", spec}).err, ContainsSubstring("1024 bytes")); // Nothing of it was taken.
  muster.file("my.yaml", "log: {file: " + log + "}\nserver: {auth: none}\nadmission: {min_free: 1000Ti}\n");
  head.process().signal(SIGHUP);
  CHECK(head.wait_for_log("changed=\"admission.min_free"));
  const auto no_room = muster({"submit", spec});
  CHECK(no_room.exit_code == 1);
  CHECK_THAT(no_room.err, ContainsSubstring("kept free"));
  CHECK(head.stop(SIGINT).exit_code == 0);
  const std::vector<std::string> expected{"head config.reload  ok", "head config.reload  invalid_argument",
                                          "head config.reload  ok"};
  CHECK(own_rows(muster) == expected);
}

TEST_CASE("SIGHUP takes over policies of pools, and names what of a pool needs a restart") {
  const muster_program muster;
  const auto write = [&](const std::string& pools) {
    return muster.file("my.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                      "}\nserver: {auth: none}\npools: " + pools + "\n");
  };
  const auto path = write("{ws: {driver: process, gpus: 0, policy: {strategy: spread}}}");
  head_program head(muster, {"--config", path});
  REQUIRE(head.ready());
  write("{ws: {driver: process, gpus: 1, policy: {exec_timeout: {maximum: 1h}, maintenance: disks}}, more: {driver: "
        "process}}");
  head.process().signal(SIGHUP);
  CHECK(head.wait_for_log("needs a restart\" key=pools.ws.gpus"));
  CHECK(head.wait_for_log("needs a restart\" key=pools.more"));
  CHECK(head.wait_for_log(
      "changed=\"pools.ws.policy.strategy pools.ws.policy.exec_timeout pools.ws.policy.maintenance\""));
  const auto too_long =
      muster.file("l.yaml", "workflow: {name: l, timeout: {exec_timeout: 2h}, tasks: [{name: t, image: i, "
                            "command: [\"true\"]}]}\n");
  CHECK_THAT(muster({"submit", too_long, "--pool", "ws"}).err,
             ContainsSubstring("longer than 1h, the most that this pool allows"));
  const auto id = muster({"submit", muster.file("w.yaml", one_task("true")), "--pool", "ws"});
  INFO(id.err);
  REQUIRE(id.exit_code == 0);
  const auto name = id.out.substr(0, id.out.find('\n'));
  CHECK(eventually([&] {
    return muster({"explain", name}).out.find("pool ws is under maintenance: disks") != std::string::npos;
  }));
  write("{ws: {driver: process, gpus: 1}, more: {driver: process}}");
  head.process().signal(SIGHUP);
  CHECK(muster({"wait", name}).exit_code == 0);
}

TEST_CASE("a head that cannot start says why") {
  const muster_program muster;
  CHECK(muster({"serve", "--listen", "nowhere"}).exit_code == 2);
  const auto open = muster({"serve", "--no-auth", "--listen", "0.0.0.0:0"});
  CHECK(open.exit_code == 1);
  CHECK_THAT(open.err, ContainsSubstring("without tokens"));
  const auto wrong = muster({"serve", "--config", muster.file("c.yaml", "server: {port: 1}\n")});
  CHECK(wrong.exit_code == 1);
  CHECK_THAT(wrong.err, ContainsSubstring("c.yaml:1:10: error: server.port"));
  head_program head(muster);
  REQUIRE(head.ready());
  const muster_program other;
  const auto port = head.address().substr(head.address().rfind(':') + 1);
  const auto taken = other({"serve", "--no-auth", "--listen", "127.0.0.1:" + port});
  CHECK(taken.exit_code == 1);
  CHECK_THAT(taken.err, ContainsSubstring(port));
}

TEST_CASE("the log of a head is logfmt, or JSON, a line a record") {
  const muster_program muster;
  const auto log = (muster.folder() / "head.log").string();
  const auto path = muster.file("j.yaml", "log: {file: " + log + ", format: json}\n");
  head_program head(muster, {"--no-auth", "--config", path});
  REQUIRE(head.ready());
  CHECK(muster({"wait", "nothing-1", "--address", head.address()}).exit_code == 4);
  CHECK(head.wait_for_log("\"status\":404"));
  CHECK(head.stop(SIGTERM).exit_code == 0);
  std::ifstream in(log);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    INFO(line);
    const auto x = nlohmann::json::parse(line, nullptr, false);
    REQUIRE(x.is_object());
    for (const auto* key : {"time", "level", "component", "msg"})
      CHECK(x.contains(key));
  }
  CHECK(count >= 4);
}

TEST_CASE("a head asks for tokens, and who holds one does what its role allows") {
  const muster_program muster;
  const auto admin = muster({"token", "create", "root", "--role", "admin"});
  INFO(admin.err);
  REQUIRE(admin.exit_code == 0);
  const auto admin_file = muster.file("admin.token", admin.out);
  const auto audited = own_rows(muster);
  REQUIRE(audited.size() == 1);
  CHECK_THAT(audited.front(), ContainsSubstring("this machine token.create t_") && ContainsSubstring(" ok"));
  head_program head(muster, {});
  REQUIRE(head.ready());
  const auto spec = muster.file("w.yaml", one_task("sleep 60"));
  CHECK(muster({"submit", spec}).exit_code == 6);
  CHECK(muster({"submit", spec, "--token-file", muster.file("wrong.token", "mst_wrong\n")}).exit_code == 6);
  const auto ada = muster({"token", "create", "ada", "--token-file", admin_file});
  INFO(ada.err);
  REQUIRE(ada.exit_code == 0);
  const auto ada_file = muster.file("ada.token", ada.out);
  const auto bob_file = muster.file("bob.token", muster({"token", "create", "bob", "--token-file", admin_file}).out);
  const auto submitted = muster({"submit", spec, "--token-file", ada_file});
  INFO(submitted.err);
  REQUIRE(submitted.exit_code == 0);
  CHECK(muster({"cancel", "single-1", "--token-file", bob_file}).exit_code == 4); // Not there, for somebody else.
  CHECK(muster({"token", "create", "eve", "--role", "admin", "--token-file", ada_file}).exit_code == 6);
  CHECK(muster({"cancel", "single-1", "--token-file", ada_file, "--force"}).exit_code == 0);
  const auto listed = muster({"token", "ls", "--token-file", admin_file, "-o", "jsonl"});
  CHECK(listed.exit_code == 0);
  CHECK_THAT(listed.out, ContainsSubstring("ada"));
  REQUIRE(muster({"token", "create", "brief", "--expires", "1s", "--token-file", admin_file}).exit_code == 0);
  CHECK(eventually([&] {
    const auto all = muster({"token", "ls", "--token-file", admin_file}).out;
    const auto row = all.find("brief");
    return row != std::string::npos && all.substr(row, all.find('\n', row) - row).find("expired") != std::string::npos;
  }));
  const auto secret = trimmed(ada.out);
  CHECK(listed.out.find(secret) == std::string::npos);
  CHECK(head.log().find(secret) == std::string::npos);
  std::string id;
  std::istringstream lines(listed.out);
  for (std::string line; std::getline(lines, line);)
    if (const auto x = nlohmann::json::parse(line); x["user"] == "ada")
      id = x["id"];
  CHECK(muster({"token", "revoke", id, "--token-file", admin_file}).exit_code == 0);
  CHECK(muster({"submit", spec, "--token-file", ada_file}).exit_code == 6);
}

TEST_CASE("a head that nobody has a token of leaves one for its operator") {
  const muster_program muster;
  const auto file = muster.state() / "admin.token";
  const auto permissions = [&] { return fs::status(file).permissions(); };
  const auto spec = muster.file("w.yaml", one_task("true"));
  std::string first;
  {
    head_program head(muster, {});
    REQUIRE(head.ready());
    REQUIRE(fs::exists(file));
    CHECK(permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    first = text_of(file);
    CHECK(first.rfind("mst_", 0) == 0);
    CHECK(head.wait_for_log(file.string())); // It is written by a thread of its own.
    CHECK(head.log().find(trimmed(first)) == std::string::npos);
    // Whoever runs commands on the state directory has it without a word.
    const auto made = muster({"token", "create", "ada"});
    INFO(made.err);
    REQUIRE(made.exit_code == 0);
    CHECK(muster({"submit", spec, "--token-file", muster.file("ada.token", made.out)}).exit_code == 0);
    const muster_program elsewhere;
    const auto refused = elsewhere({"ls", "--address", head.address()});
    CHECK(refused.exit_code == 6);
    CHECK_THAT(refused.err, ContainsSubstring("admin.token"));
    CHECK(elsewhere({"ls", "--address", head.address(), "--token-file", file.string()}).exit_code == 0);
    CHECK(head.stop(SIGTERM).exit_code == 0);
  }
  head_program head(muster, {}); // It counts still, so it stays.
  REQUIRE(head.ready());
  CHECK(text_of(file) == first);
  const auto listed = muster({"token", "ls", "-o", "jsonl"});
  INFO(listed.err);
  std::istringstream lines(listed.out);
  std::size_t admins = 0;
  for (std::string line; std::getline(lines, line);)
    if (const auto x = nlohmann::json::parse(line); x["role"] == "admin") {
      ++admins;
      CHECK(muster({"token", "revoke", x["id"].get<std::string>()}).exit_code == 0);
    }
  CHECK(admins == 1);
  CHECK(muster({"token", "ls"}).exit_code == 6);
  head.process().signal(SIGHUP); // Nobody is an admin any more: its operator need not stop it.
  REQUIRE(head.wait_for_log("configuration was read again"));
  CHECK(text_of(file) != first);
  CHECK(permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(muster({"token", "ls"}).exit_code == 0);
}

namespace {

/// The socket of a service manager.
class manager {
public:
  explicit manager(const fs::path& path) : path_(path.string()) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    bound_ = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~manager() { ::close(socket_); }
  manager(const manager&) = delete;
  manager& operator=(const manager&) = delete;

  /// Reads what is said until `text` comes.
  bool hears(const std::string& text) {
    for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
         std::chrono::steady_clock::now() < until;) {
      if (said_.find(text) != std::string::npos)
        return true;
      pollfd waiting{socket_, POLLIN, 0};
      if (::poll(&waiting, 1, 100) <= 0)
        continue;
      std::array<char, 4096> buffer{};
      const auto got = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (got > 0)
        said_.append(buffer.data(), static_cast<std::size_t>(got)) += '\n';
    }
    return false;
  }
  /// All that was said so far.
  void forget() {
    std::array<char, 4096> buffer{};
    while (::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
    }
    said_.clear();
  }
  /// As one that has not read for long: there is no room for another word.
  void fall_behind() const {
    const int other = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    while (::sendto(other, "", 1, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 1) {
    }
    ::close(other);
  }
  [[nodiscard]] bool bound() const { return bound_; }
  [[nodiscard]] const std::string& said() const { return said_; }

private:
  std::string path_;
  int socket_ = -1;
  bool bound_ = false;
  std::string said_;
};

} // namespace

TEST_CASE("the service manager is told how the head is") {
  const muster_program muster;
  manager systemd(muster.folder() / "notify");
  REQUIRE(systemd.bound());
  const auto log = (muster.folder() / "head.log").string();
  auto what = muster.with({"serve", "--no-auth", "--listen", "127.0.0.1:0", "--state-dir", muster.state().string(),
                           "--config", muster.file("c.yaml", "log: {file: " + log + "}\n")});
  what.env["NOTIFY_SOCKET"] = (muster.folder() / "notify").string();
  what.env["WATCHDOG_USEC"] = "300000";
  subprocess head(what);
  REQUIRE(systemd.hears("READY=1"));
  CHECK_THAT(systemd.said(), ContainsSubstring("STATUS=ready at http://127.0.0.1:"));
  systemd.forget();
  CHECK(systemd.hears("WATCHDOG=1"));
  systemd.forget();
  CHECK(systemd.hears("WATCHDOG=1")); // It goes on.
  // Tasks do not speak to the service manager.
  CHECK(muster({"run", muster.file("w.yaml", one_task("test -z \"$NOTIFY_SOCKET\" -a -z \"$WATCHDOG_USEC\""))})
            .exit_code == 0);
  systemd.forget();
  head.signal(SIGHUP);
  CHECK(systemd.hears("READY=1"));
  CHECK_THAT(systemd.said(), ContainsSubstring("RELOADING=1\nMONOTONIC_USEC="));
  systemd.fall_behind();
  head.signal(SIGTERM);
  REQUIRE(eventually([&] { return text_of(log).find("head is asked to stop") != std::string::npos; }));
  CHECK(systemd.hears("STOPPING=1"));
  CHECK(head.finish().exit_code == 0);
}

TEST_CASE("a head on a full disk waits until there is room, and has what it had") {
  const muster_program muster;
  const small_disk disk(muster.state());
  if (!disk.mounted())
    return skip_test("no file system can be mounted here");
  const auto spec = muster.file("w.yaml", one_task("true"));
  const auto config =
      muster.file("c.yaml", "admission: {min_free: 0}\nlog: {file: " + (muster.folder() / "head.log").string() + "}\n");
  {
    head_program head(muster, {"--no-auth", "--config", config});
    REQUIRE(head.ready());
    REQUIRE(muster({"submit", spec}).exit_code == 0);
    REQUIRE(muster({"wait", "last"}).exit_code == 0);
    CHECK(head.stop(SIGTERM).exit_code == 0);
  }
  const auto filler = disk.fill();
  manager systemd(muster.folder() / "notify");
  REQUIRE(systemd.bound());
  auto what =
      muster.with({"serve", "--listen", "127.0.0.1:0", "--state-dir", muster.state().string(), "--config", config});
  what.env["NOTIFY_SOCKET"] = (muster.folder() / "notify").string();
  {
    subprocess impatient(what);
    REQUIRE(systemd.hears("STATUS=waiting until there is room"));
    impatient.signal(SIGTERM);
    const auto ended = impatient.finish();
    CHECK(ended.exit_code == 0);
    CHECK_THAT(ended.err, ContainsSubstring("room"));
  }
  systemd.forget();
  subprocess head(what);
  REQUIRE(systemd.hears("STATUS=waiting until there is room"));
  CHECK_FALSE(head.ended());
  CHECK(systemd.said().find("READY=1") == std::string::npos);
  fs::remove(filler);
  REQUIRE(systemd.hears("READY=1"));
  CHECK_THAT(muster({"ls", "-o", "name"}).out, ContainsSubstring("single-1"));
  const auto again = muster({"submit", spec}); // With the token that it found room for.
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(muster({"wait", "last"}).exit_code == 0);
}

TEST_CASE("a stop ends streams, and a second signal waits for nobody") {
  const muster_program muster;
  // Who waited for what is under way would wait for an hour.
  const auto config = muster.file(
      "c.yaml", "server: {drain: 1h}\nlog: {level: debug, file: " + (muster.folder() / "head.log").string() + "}\n");
  head_program head(muster, {"--no-auth", "--config", config});
  REQUIRE(head.ready());
  subprocess follower(muster.with({"events", "-f", "-o", "jsonl", "--address", head.address()}));
  REQUIRE(head.wait_for_log("route=/v1/events"));
  head.process().signal(SIGTERM);
  REQUIRE(head.wait_for_log("head is asked to stop")); // Else the two may come as one.
  head.process().signal(SIGTERM);
  CHECK(head.process().finish().exit_code == 0);
}

TEST_CASE("nobody waits for what nobody runs") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  {
    head_program head(muster);
    REQUIRE(head.ready());
    REQUIRE(muster({"submit", muster.file("w.yaml", until_released(muster))}).exit_code == 0);
    head.stop(SIGKILL);
  }
  const auto waited = muster({"wait", "last"});
  CHECK(waited.exit_code == 5);
  CHECK_THAT(waited.err, ContainsSubstring("nobody runs it; to go on: muster resume single-1"));
}

TEST_CASE("a head with a certificate is reached by who trusts it, and by no other") {
  const muster_program muster;
  const auto cert = (muster.folder() / "c.pem").string();
  const auto key = (muster.folder() / "k.pem").string();
  if (run({{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"},
           {},
           {},
           false})
          .exit_code != 0)
    return skip_test("openssl makes no certificate here");
  head_program head(muster,
                    {"--no-auth", "--config", muster.file("tls.yaml", "server: {tls: {cert: c.pem, key: k.pem}}\n")});
  REQUIRE(head.ready());
  CHECK_THAT(head.address(), ContainsSubstring("https://127.0.0.1:"));
  const auto spec = muster.file("w.yaml", one_task("true"));
  const auto near = muster({"run", spec}); // head.json says whom to trust.
  INFO(near.err);
  CHECK(near.exit_code == 0);
  const muster_program elsewhere;
  const auto stranger = elsewhere({"pool", "ls", "--address", head.address()});
  CHECK(stranger.exit_code == 7);
  CHECK_THAT(stranger.err, ContainsSubstring("certificate"));
  REQUIRE(elsewhere({"context", "set", "lab", "--address", head.address(), "--ca", cert}).exit_code == 0);
  CHECK(elsewhere({"pool", "ls"}).exit_code == 0);
  head.process().signal(SIGHUP); // Certificates are read again while it works.
  CHECK(elsewhere({"pool", "ls"}).exit_code == 0);
}
