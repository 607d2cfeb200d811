#pragma once

#include "executors/process/warden/cgroup_rules.hpp"
#include "muster/base/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What driver and warden say to each other over a stream socket: frames of a length, a kind and a body. Numbers are
/// little-endian as they lie in memory: both ends run on one host. A frame that cannot be read ends the connection.
namespace muster::process::wire {

/// Raised by any change that an older peer would misread.
constexpr std::uint32_t version = 4;
/// No frame is longer; the kernel bounds arguments and environment to less.
constexpr std::uint32_t max_frame = 8U << 20U;

enum class kind : std::uint8_t {
  // -- driver to warden
  hello = 1,       ///< First of all: `version`, and whether limits will be wanted. -> `welcome`
  start = 2,       ///< Start an attempt, unless its record exists. -> `started`, later `exited`
  stop = 3,        ///< End an attempt. -> `exited` or `lost`
  forget = 4,      ///< The end of an attempt is known: drop its record.
  query = 5,       ///< What became of these attempts? -> `answer`, in the same order
  start_after = 6, ///< As `start`, once another attempt has ended, or `go`. Forgotten when the driver hangs up.
  go = 7,          ///< Start one that waits for the end of another. Ignored if none does.
  hold = 8,        ///< Make the process of an attempt, body of `start`, and keep it from running. -> `held`
                   ///< Not started yet: forgotten when the driver hangs up, and by `stop`, without a word.
  release = 9,     ///< Start one that is held. -> as `start`
  // -- warden to driver
  welcome = 20,
  started = 21,
  exited = 22,
  lost = 23,
  answer = 24,
  held = 25,
};

/// What befell an attempt beside its exit status; decides the message for people.
enum class note : std::uint8_t {
  none = 0,
  exec_failed = 1,      ///< `detail` is errno of execve.
  chdir_failed = 2,     ///< `detail` is errno of chdir.
  refused = 3,          ///< The driver said how it ends without a process: command not found.
  leftovers_killed = 4, ///< `detail` processes that it left behind were ended.
  out_of_memory = 5,    ///< Processes of it were killed for using more memory than its limit.
};

/// Strings as execve wants them: each with its terminating zero, one after the other.
struct string_list {
  std::string bytes;
  std::uint32_t count = 0;

  void add(std::string_view text) {
    bytes.append(text);
    bytes.push_back('\0');
    ++count;
  }
};

struct start_request {
  attempt_id id;
  std::string folder;  ///< Absolute; holds `work`, where it runs, and gets `log`.
  std::string program; ///< Absolute, or relative to the work folder.
  string_list arguments;
  string_list environment;
  std::string argument_file;            ///< Opened for it as descriptor 3; empty for none.
  bool sandboxed = false;               ///< The program is bubblewrap: signals go to its child.
  std::uint32_t command_at = 0;         ///< Sandboxed: the argument that is the program which bubblewrap starts.
  std::int32_t refuse_code = 0;         ///< Not 0: run nothing, end with this code.
  std::string refuse_text;              ///< Goes to the log then.
  std::optional<attempt_limits> limits; ///< Run it in a control group of its own.
  bool keeps_place = false;             ///< When it has ended here the driver has to do with it still.
};

struct following_start {
  attempt_id after;
  start_request what;
};
/// How much longer a `start_after` is than the `start` in it.
constexpr std::uint32_t following_start_extra = 16;

struct stop_request {
  attempt_id id;
  std::int64_t grace_us = 0;
};

struct query_item {
  attempt_id id;
  std::string folder;
};

struct hello_message {
  std::uint32_t version = 0;
  bool limits = false;
};

struct welcome_message {
  std::uint32_t version = 0;
  std::int32_t pid = 0;
  std::string no_limits; ///< Why limits cannot be enforced, if they were asked for.
};

struct started_message {
  attempt_id id;
  std::int64_t time_us = 0;
  std::uint8_t code = 0; ///< An `ec`; 0 if it runs.
  std::string text;
};

/// It only waits for `release` now, or `code` says why it cannot be made.
struct held_message {
  attempt_id id;
  std::uint8_t code = 0; ///< An `ec`.
  std::string text;
};

struct exited_message {
  attempt_id id;
  std::int32_t code = 0;
  std::int32_t signal = 0;
  note what = note::none;
  std::int32_t detail = 0;
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0;
};

struct lost_message {
  attempt_id id;
  std::string text;
};

/// -- writing: each appends one whole frame to `out`
void write_hello(std::string& out, bool limits);
void write(std::string& out, const start_request& x);
void write(std::string& out, const stop_request& x);
/// `start` is one whole frame of that kind.
void write_start_after(std::string& out, attempt_id after, std::string_view start);
void write_go(std::string& out, attempt_id id);
/// `start` is one whole frame of that kind.
void write_hold(std::string& out, std::string_view start);
void write_release(std::string& out, attempt_id id);
void write_forget(std::string& out, attempt_id id);
void write_query(std::string& out, const std::vector<query_item>& x);
void write(std::string& out, const welcome_message& x);
void write(std::string& out, const started_message& x);
void write(std::string& out, const held_message& x);
void write(std::string& out, const exited_message& x);
void write(std::string& out, const lost_message& x);
void write_answer(std::string& out, const std::vector<std::uint8_t>& adoptions);

/// -- reading: the body of one frame; nothing if it is malformed
std::optional<hello_message> read_hello(std::string_view body);
/// Of `start` and `hold`.
std::optional<start_request> read_start(std::string_view body);
std::optional<stop_request> read_stop(std::string_view body);
std::optional<following_start> read_start_after(std::string_view body);
/// Of `forget`, `go` and `release`.
std::optional<attempt_id> read_id(std::string_view body);
std::optional<std::vector<query_item>> read_query(std::string_view body);
std::optional<welcome_message> read_welcome(std::string_view body);
std::optional<started_message> read_started(std::string_view body);
std::optional<held_message> read_held(std::string_view body);
std::optional<exited_message> read_exited(std::string_view body);
std::optional<lost_message> read_lost(std::string_view body);
std::optional<std::vector<std::uint8_t>> read_answer(std::string_view body);

/// One frame of a buffer.
struct frame {
  kind what{};
  std::string_view body; ///< Into the buffer.
};

/// Cuts frames off a buffer of received bytes.
class frame_reader {
public:
  /// Where to put received bytes: at least `room` of them.
  char* space(std::size_t room);
  /// So many were put there.
  void added(std::size_t n) noexcept { end_ += n; }
  /// The next whole frame; valid until the next `space`. Nothing if there is none yet, or if it is `broken()`.
  std::optional<frame> next();
  /// A length was 0 or over the limit: no frame follows.
  [[nodiscard]] bool broken() const noexcept { return broken_; }

private:
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool broken_ = false;
};

} // namespace muster::process::wire
