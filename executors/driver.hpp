#pragma once

#include "executors/machine_facts.hpp"
#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/placement/network_blocks.hpp"
#include "muster/spec/model.hpp"
#include "muster/spec/tokens.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The contract between Muster and what runs attempts: processes, containers, jobs of another scheduler.
namespace muster {

/// What a node offers.
struct capacity {
  std::int64_t cpu = 0;
  std::int64_t memory = 0;         ///< Bytes.
  std::int64_t storage = 0;        ///< Bytes.
  std::vector<std::uint32_t> gpus; ///< Indices that may be leased.
};

/// What a spec may ask of the host that its tasks run on.
struct host_permissions {
  bool privileged = false;   ///< `privileged: true`.
  bool host_network = false; ///< `hostNetwork: true`.
  /// Paths of the host that `volumeMounts` may name, with all below them; `/` for any.
  std::vector<std::filesystem::path> mounts;
};

/// What an executor can do, found out by asking the real thing.
struct capabilities {
  std::string driver;  ///< `process`, `docker`, ...
  std::string version; ///< Of the engine behind it; empty if it has none.
  bool images = false; ///< Runs a task in its image; otherwise the command runs on the host.
  capacity total;
  /// What networks of groups may be made of. Absent: members get loopback addresses. Present: each gang gets the
  /// addresses of a block of its own (`block_of`), a task alone one of the shared block (`shared_block`). A block that
  /// was given up may be given out again before its old network is gone.
  std::optional<address_space> addresses{};
  /// With `addresses`: a task alone gets one only if it says it (`says_own_address`), else an empty text.
  bool alone_without_address = false;
  /// What specs may ask of the host. Absent: whatever the user of Muster may do.
  std::optional<host_permissions> permits{};
  bool starts_after = false;     ///< Heeds `attempt_spec::after`.
  std::string no_gpus_because{}; ///< Why `total` has no GPUs, for people: "this Docker daemon has no NVIDIA runtime".
  machine_facts machine{};       ///< What was found out about the machine, if the driver is on it.
  /// Other drivers on the same machine, which a task may ask for by name. They share `total`: their own says only
  /// whether they can give its GPUs to tasks, by having all of them or none. `machine` is told once.
  std::vector<capabilities> besides{};
};

/// That driver of a machine, its first one for an empty name; null if it has none of that name.
[[nodiscard]] const capabilities* driver_of(const capabilities& machine, std::string_view name);

/// The one whose members are in networks of their own; null if there is none.
[[nodiscard]] const capabilities* maker_of_networks(const capabilities& machine);

/// One input of an attempt, located.
struct located_input {
  std::string task;             ///< The upstream task, or empty for a URL.
  std::filesystem::path source; ///< For a task: its output link, absent if it wrote nothing (then the input is an empty
                                ///< folder). For a URL: it must exist.
  std::string regex;
  /// Not empty: the input gathers the outputs of several tasks, and `source` does not count. Sub-folder, `3` or
  /// `3/train`, -> output link; the input is a folder with a sub-folder for each link that exists, on which `regex`
  /// works likewise.
  std::vector<std::pair<std::string, std::filesystem::path>> parts{};
};

/// What a task may give as its result, in bytes of JSON, unless its attempt says otherwise.
constexpr std::size_t default_max_result_bytes = std::size_t{1} << 20U;

/// Everything a driver needs to run one attempt. Tokens in `command`, `args`, `environment`, `files` and URLs are not
/// replaced yet: what `{{output}}` is depends on the driver.
struct attempt_spec {
  attempt_id id;
  epoch lease;
  std::string node;        ///< Where it is to run, or runs; of interest where a driver has several.
  bool then_start = false; ///< It waits for nobody: to be started as soon as it is prepared.
  /// With `then_start`: not before that attempt has run and has ended, so that nothing of it runs any more, or `start`
  /// is called. An attempt that is not known, was not started, was stopped or is lost never counts as ended: who
  /// cancels both should not see the second one start.
  std::optional<attempt_id> after{};
  /// Attempts that come `after` this one may start when it has ended; else they wait for `start`.
  bool hands_on = false;
  std::string workflow_id; ///< `<name>-<n>`
  std::string group;
  spec::task task;
  spec::resource resource;      ///< With the pool's defaults filled in; its `driver` says which one of several.
  std::filesystem::path folder; ///< The attempt's own folder, `<task>.<n>`: work/, output/, input/. The driver makes
                                ///< it, and the log beside it: `<task>.<n>.log`.
  std::vector<located_input> inputs;        ///< Same order as `task.inputs`.
  std::string address;                      ///< The task's own address.
  std::map<std::string, std::string> peers; ///< Task name -> address, of the whole group, this task included.
  std::vector<std::uint32_t> gpus;          ///< Leased indices.
  spec::token_values tokens;                ///< Further tokens, such as `item`, for all texts of the task.
  /// Further variables for its environment; those that the task itself names win.
  std::vector<std::pair<std::string, std::string>> environment;
  /// Results of steps before it, JSON: `<name>.json` in the folder that MUSTER_RESULTS names. Names of steps are safe
  /// file names.
  std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> results;
  std::size_t max_result_bytes = default_max_result_bytes;
};

/// The command ended, but an output could not be published: OSMO's number for it.
constexpr std::int32_t exit_code_publish_failed = 2012;

/// The command ended well, but what it gave as its result is none (`exit_result::result_problem`). Muster's own number.
constexpr std::int32_t exit_code_bad_result = 2900;

/// How an attempt ended. A non-zero code is a result, not an error.
struct exit_result {
  std::int32_t code = 0;   ///< 0-255; 128 + signal when a signal ended it, as shells count; or one of the above.
  std::int32_t signal = 0; ///< 0 if none, or none is known.
  bool out_of_memory = false;
  std::string message; ///< For people; empty if there is nothing to add.
  timestamp started{};
  timestamp ended{};
  std::string result{};         ///< What it wrote to the file that MUSTER_RESULT names: JSON; empty if nothing.
  std::string result_problem{}; ///< Why that is no result, for people: too large, no JSON. `result` is empty then.
};

/// Told by a driver what became of attempts. Calls come from the driver's own thread, one at a time, never from within
/// a call into the driver; they must not block. Often several come in a row: `on_batch_end` follows the last of the
/// row.
class driver_listener {
public:
  virtual ~driver_listener() = default;
  /// `prepare` is done: the attempt could start at once. Or it failed, and nothing of it is left.
  virtual void on_prepared(attempt_id id, result<void> outcome) = 0;
  /// The attempt runs. Or it could not be started, and nothing of it is left but its log.
  virtual void on_started(attempt_id id, result<void> outcome) = 0;
  /// The attempt has ended, and nothing of it runs any more. Said once per attempt and runtime.
  virtual void on_exited(attempt_id id, exit_result outcome) = 0;
  /// Nobody can tell any more what became of it; `why` says what was tried. It has ended as far as Muster cares, and is
  /// removed as others are.
  virtual void on_lost(attempt_id id, std::string why) = 0;
  /// The machine that it was given to is given up: whatever happens to it there, it never starts there from now on as
  /// far as that is told, nothing that is said of it counts, and it is ended when the machine is back. It is to be
  /// placed elsewhere. Otherwise as `on_lost`.
  virtual void on_displaced(attempt_id id, std::string why) { on_lost(id, std::move(why)); }
  /// What an attempt that is being prepared waits for, for people: "pulling busybox: 34 of 80 MB". Seldom: seconds
  /// apart.
  virtual void on_progress(attempt_id /*id*/, std::string /*text*/) {} // NOLINT(performance-unnecessary-value-param)
  /// No further call follows at once: what was gathered since the last `on_batch_end` should be passed on now.
  virtual void on_batch_end() {}
};

/// What `adopt` found out about an attempt.
enum class adoption : std::uint8_t {
  never_started = 1, ///< No record: it may be prepared and started under the same id.
  running = 2,       ///< It runs; `on_exited` follows.
  exited = 3,        ///< It ended while nobody looked; `on_exited` follows.
  lost = 4,          ///< It was started, and how it ended cannot be known.
  away = 5,          ///< Its machine cannot be reached: it may run there, or was never started. Followed as `running`.
};

/// Says what is over, by what is recorded; what is not recorded at all is. May block; called on a thread of the
/// driver's own, one call at a time.
struct leftover_judge {
  std::function<bool(workflow_key)> workflow;
  std::function<bool(attempt_id)> attempt;
};

/// Turns attempts into something that runs. All calls return at once; results come through the listener. Every call is
/// idempotent per attempt id: a second `start` never starts a second time, also after a restart of Muster.
class driver {
public:
  virtual ~driver() = default;

  /// Asks the real thing what it can do. May block; called once before anything else.
  [[nodiscard]] virtual result<capabilities> probe() = 0;

  /// Where results go from now on. Called once, after `probe` and before all others; `to` must outlive the driver.
  virtual void listen(driver_listener& to) = 0;

  /// Makes everything ready short of running: folders, inputs, files, image, container. -> `on_prepared`. Ignored for
  /// an attempt that is known already. With `then_start` the start follows by itself: -> `on_started`, and
  /// `on_prepared` only to say why it failed.
  virtual void prepare(attempt_spec spec) = 0;

  /// Starts what was prepared, or waits for another attempt's end (`attempt_spec::after`). -> `on_started`, later
  /// `on_exited` (or `on_lost`). `not_found` if it is not prepared; ignored if it was started before.
  virtual void start(attempt_id id) = 0;

  /// Ends it: a polite signal to all of it, `grace` later a kill. `on_exited` follows as for any other end. Again with
  /// a shorter grace: that one counts. Before it was started, it never will be: `on_prepared` with `canceled`, at once,
  /// if it was still being prepared, else `on_exited` with signal 15 and no `started`. Ignored if it has ended or is
  /// unknown.
  virtual void stop(attempt_id id, std::chrono::milliseconds grace) = 0;

  /// The attempt has ended and was judged COMPLETED: its output folder becomes the task's output (the link
  /// `<task>.output`, if the folder is not empty) before any later `prepare` looks for it. The driver itself cannot
  /// judge: an exit action may complete a task that exited with 15. Ignored unless it ran and has ended.
  virtual void publish(attempt_id id) = 0;

  /// Forgets the attempt and removes what only a running attempt needs; log and output stay. Never before it has ended
  /// and its end is durable elsewhere: `adopt` does not know it any more.
  virtual void remove(attempt_id id) = 0;

  /// After a restart: says what became of each attempt that may have been started. May block. `on_exited` for those
  /// that run or have ended comes later; inputs, peers and files of an adopted attempt are not needed.
  [[nodiscard]] virtual result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) = 0;

  /// After a restart, when all of a workflow that may live was adopted: removes what a crash left of it besides. Only
  /// drivers that keep something outside of the state directory have anything to do.
  virtual void clean(workflow_key workflow) { static_cast<void>(workflow); }

  /// At the start, after `listen`: removes, in its own time, what earlier runtimes left of workflows and attempts that
  /// are over. What lives and was not adopted yet is left alone.
  virtual void clean_up(leftover_judge /*is_over*/) {} // NOLINT(performance-unnecessary-value-param)
};

} // namespace muster
