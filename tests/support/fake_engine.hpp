#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// A request as the fake Engine got it.
struct engine_call {
  std::string method;
  std::string path; ///< Without the version: `/containers/create`.
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers; ///< Names in lower case.
  std::string body;
};

/// What the fake Engine does wrong with a call.
enum class engine_fault_kind : std::uint8_t {
  hold,               ///< Nothing happens until `release()`; then the call is served, even if the caller has gone.
  hold_answer,        ///< The effect happens, the answer waits for `release()`.
  refuse,             ///< Answers `status` and `body`; no effect.
  do_and_refuse,      ///< The effect happens; answers `status` and `body` all the same.
  close_unread,       ///< Closes when the head is there, before the body is read; no effect.
  close,              ///< Closes without an answer; no effect.
  do_and_close,       ///< The effect happens; closes without an answer.
  do_and_answer_half, ///< The effect happens; half of the answer, then closes.
  garbage,            ///< No effect; answers what is not HTTP, then closes.
  garbage_body,       ///< No effect; 200 with a body that is not JSON.
  too_long,           ///< The effect happens; Content-Length promises 10 bytes more than come, then closes.
  stale,              ///< A GET is answered as of the last `remember()`.
};

/// A fault, for some calls of a route.
struct engine_fault {
  std::string route; ///< `POST /containers/*/start`: `*` stands for anything.
  engine_fault_kind what = engine_fault_kind::refuse;
  int nth = 1;   ///< The first such call from now that it hits, counted from 1.
  int times = 1; ///< How many in a row; negative: all that follow.
  int status = 500;
  std::string body = R"({"message":"injected"})";
};

/// What a container does when it is started.
struct engine_script {
  std::optional<int> exit_code; ///< Exits at once with this; nothing: runs until `finish`, stop or kill.
  bool oom = false;             ///< `exit_code` comes with OOMKilled.
  bool ignores_stop = false;    ///< A stop ends it by SIGKILL (137) instead of SIGTERM (143).
  int start_status = 0;         ///< Not 0: the start is refused with this status and `start_error`.
  std::string start_error;
  std::vector<std::string> out; ///< Lines that it writes to stdout when it starts, without `\n`.
};

/// A container as the model has it.
struct engine_container {
  std::string id;
  std::string name;
  std::string status; ///< created, running, exited.
  int exit_code = 0;
  std::map<std::string, std::string> labels;
  std::string create_body;           ///< The JSON that it was made of.
  std::vector<engine_call> uploads;  ///< Archives that were put into it, in order.
  std::vector<std::string> networks; ///< Names.
};

/// A Docker Engine that runs nothing: a Unix socket, a thread, and a model of containers, images, networks, logs and
/// events, good enough for a client and a driver. What it answers follows Engine 20.10 (API 1.41). The test scripts
/// what containers do and which calls go wrong, and reads what was asked. All calls are safe from any thread.
class fake_engine {
public:
  fake_engine();
  ~fake_engine();
  fake_engine(const fake_engine&) = delete;
  fake_engine& operator=(const fake_engine&) = delete;

  [[nodiscard]] const std::filesystem::path& socket() const noexcept;
  /// For DOCKER_HOST.
  [[nodiscard]] std::string host() const { return "unix://" + socket().string(); }

  // -- what is there
  /// Whether `name` (with a tag) is there already; else pulling it gives it.
  void add_image(const std::string& name, bool present = true);
  /// Pulling `name` fails: at once with this status, or, where it is 200, by an error in the stream.
  void fail_pull(const std::string& name, int status, const std::string& message);
  /// What containers whose names match (`*` stands for anything) do; the last that matches counts.
  void script(const std::string& name, const engine_script& what);
  /// Ends a running container, by name or id.
  void finish(const std::string& container, int exit_code, bool oom = false);
  /// Tells of a process of a container that was killed for memory, which may have ended since: by an event, and, as
  /// later Engines do, in what `inspect` says from now on.
  void tell_of_memory(const std::string& container, bool in_state);
  /// A line of a container's log, at a time in ns since the epoch (0: now; always later than the line before it).
  void write_log(const std::string& container, const std::string& line, bool to_stderr = false, std::int64_t time = 0);
  /// What GET archive of this container and path gives: a tar.
  void set_archive(const std::string& container, const std::string& path, const std::string& tar);
  /// Somebody else removes a container, running or not.
  void remove_outside(const std::string& container);
  /// The version that it speaks, `1.41` unless told otherwise. Up to 1.47 answers differ where the published history of
  /// the API says so and Muster reads them.
  void set_api_version(const std::string& version);

  // -- what goes wrong
  /// Adds a fault. Of several that fit a call, the one that was added first and is not used up counts.
  void inject(const engine_fault& fault);
  /// Lets everything go on that is held by now.
  void release();
  /// What a `stale` answer will show.
  void remember();
  /// Ends all streams of events; a client may open new ones.
  void drop_event_streams();
  /// Each event is sent this many times from now on: 0 mutes the streams. History keeps each once.
  void repeat_events(int times);
  /// The daemon ends: all connections are closed and new ones refused. Running containers go on if `live_restore`. What
  /// has happened until now is remembered by nobody: the history of events begins anew.
  void go_away(bool live_restore = true);
  /// The daemon is back.
  void come_back();
  /// A container counts as never started, as if the daemon had been killed when it had started it and before it had
  /// written that down.
  void forget_start(const std::string& container);

  // -- what happened
  /// The calls of a route so far, in order.
  [[nodiscard]] std::vector<engine_call> calls(const std::string& route) const;
  [[nodiscard]] std::size_t count(const std::string& route) const { return calls(route).size(); }
  /// Waits until a route was called `times` times; false at the deadline.
  [[nodiscard]] bool wait_for_calls(const std::string& route, std::size_t times,
                                    std::chrono::milliseconds deadline = std::chrono::seconds(30)) const;
  /// How many containers of this name were ever made, and how often any of them began to run.
  [[nodiscard]] int times_created(const std::string& name) const;
  [[nodiscard]] int times_started(const std::string& name) const;
  [[nodiscard]] std::vector<engine_container> containers() const;
  [[nodiscard]] std::optional<engine_container> container(const std::string& name_or_id) const;
  /// Names of networks that were made and not removed.
  [[nodiscard]] std::vector<std::string> networks() const;
  /// Open streams of events, of logs and waits.
  [[nodiscard]] std::size_t open_streams() const;

private:
  struct server;
  std::unique_ptr<server> server_;
};

} // namespace muster::test
