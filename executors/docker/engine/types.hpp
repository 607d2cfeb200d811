#pragma once

#include "executors/docker/engine/timestamps.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What the Engine tells, as values. Fields that an older daemon does not send are empty. Where it is worth its memory,
/// `raw` keeps the daemon's JSON.
namespace muster::docker {

using label_map = std::map<std::string, std::string>;

/// A version of the Engine API, such as 1.41.
struct api_version {
  int major = 0;
  int minor = 0;
  friend bool operator==(const api_version& a, const api_version& b) {
    return a.major == b.major && a.minor == b.minor;
  }
  friend bool operator<(const api_version& a, const api_version& b) {
    return a.major != b.major ? a.major < b.major : a.minor < b.minor;
  }
};

/// `1.41`
[[nodiscard]] std::string to_string(const api_version& version);

/// The daemon and its machine.
struct engine_info {
  std::string id;   ///< Of this daemon, for ever (kept in its data-root).
  std::string name; ///< Of its host.
  std::string server_version;
  std::string os_type;      ///< `linux`
  std::string architecture; ///< `x86_64`
  std::string operating_system;
  std::string storage_driver;
  std::string logging_driver; ///< Of containers that name none.
  std::string root_folder;    ///< The daemon's data-root, on its machine.
  std::string default_runtime;
  std::string cgroup_version; ///< `1` or `2`
  std::string cgroup_driver;
  std::optional<nano_timestamp> now; ///< By the daemon's clock.
  std::int64_t cpus = 0;
  std::int64_t memory = 0; ///< Bytes.
  bool memory_limit = false;
  bool swap_limit = false;
  bool pids_limit = false;
  bool cpu_quota = false;
  bool rootless = false;
  bool live_restore = false;
  std::vector<std::string> runtimes;         ///< Names: `runc`, `nvidia`, ...
  std::vector<std::string> security_options; ///< `name=seccomp,profile=default`, `name=rootless`, ...
  std::vector<std::string> cdi_spec_folders; ///< Where it looks for CDI devices; empty if it does not.
  std::vector<std::string> cdi_devices;      ///< Devices it found there (since 1.50).
  std::vector<std::string> address_pools;    ///< Ranges that networks without one of their own are cut from.
  std::vector<std::string> warnings;
  std::string raw;
};

/// An image that the daemon has.
struct image_info {
  std::string id;
  std::vector<std::string> tags;
  std::vector<std::string> digests; ///< `name@sha256:...`
  std::string os;
  std::string architecture;
  std::int64_t size = 0;
  std::vector<std::string> environment; ///< `NAME=value`
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::string user;
  std::string working_folder;
  label_map labels;
};

/// How far a pull is.
struct pull_progress {
  std::string layer;  ///< Empty: about the image as a whole.
  std::string status; ///< `Downloading`, `Extracting`, `Pull complete`, ...
  std::int64_t current = 0;
  std::int64_t total = 0; ///< Bytes; 0: not known.
};

struct created_container {
  std::string id;
  std::vector<std::string> warnings;
};

/// What `wait` answers.
struct exit_status {
  std::int64_t code = 0;
  std::string error; ///< Why it never ran, or was gone before it could be seen; usually empty.
};

/// Until when `wait` waits.
enum class wait_condition : std::uint8_t {
  not_running, ///< At once if it does not run now, also if it was never started.
  next_exit,   ///< The next end, also of a container that is not started yet: register, then start.
  removed,
};

/// What a container is doing.
enum class container_status : std::uint8_t { unknown, created, running, paused, restarting, removing, exited, dead };

/// A container's place in a network.
struct network_attachment {
  std::string network_id;
  std::string address; ///< IPv4; empty unless it runs.
  std::string gateway;
  std::vector<std::string> aliases;
  std::string fixed_address; ///< That it was asked to have.
};

/// A container, in full. `inspect` is the truth about it.
struct container_info {
  std::string id;
  std::string name;  ///< Without the slash.
  std::string image; ///< As it was named when the container was created.
  std::string image_id;
  container_status status = container_status::unknown;
  bool running = false;
  bool oom_killed = false;    ///< Some process of it was killed for memory; with exit code 0, not the main one.
  std::int64_t exit_code = 0; ///< Means something only in `exited` and `dead`.
  std::int64_t pid = 0;
  std::string error; ///< Why the daemon could not start it.
  std::optional<nano_timestamp> created;
  std::optional<nano_timestamp> started;  ///< Nothing: never.
  std::optional<nano_timestamp> finished; ///< Nothing: never.
  bool terminal = false;
  std::int64_t restart_count = 0;
  label_map labels;
  std::map<std::string, network_attachment> networks; ///< By name.
  std::string network_mode;
  std::string log_driver;
  std::string runtime;
  bool privileged = false;
  bool auto_remove = false;
  std::int64_t memory = 0; ///< Limit in bytes; 0: none.
  std::int64_t nano_cpus = 0;
  std::int64_t pids = 0;
  std::string raw;
};

/// A container in a list.
struct container_summary {
  std::string id;
  std::string name;
  std::string image;
  container_status status = container_status::unknown;
  std::string text;         ///< `Exited (0) 3 seconds ago`
  std::int64_t created = 0; ///< Seconds since 1970.
  label_map labels;
};

/// A range of addresses of a network.
struct address_range {
  std::string subnet; ///< `172.30.0.0/24`
  std::string gateway;
  std::string part; ///< That the daemon gives addresses from; empty: all of it.
};

struct network_info {
  std::string id;
  std::string name;
  std::string driver;
  std::string scope;
  bool internal = false;
  bool attachable = false;
  std::vector<address_range> ranges;
  label_map labels;
  label_map options;
  std::map<std::string, std::string> containers; ///< Id -> IPv4 address; only of those that run, and only by `inspect`.
};

/// Something that happened. A hint: ask `inspect` for the truth.
struct engine_event {
  std::string type;   ///< `container`, `network`, `image`, ...
  std::string action; ///< `die`, `oom`, `start`, `destroy`, ...
  std::string id;
  label_map attributes; ///< Labels, and `exitCode`, `name`, `image`, ...
  nano_timestamp at{};
};

/// Which events, containers or networks: names of the API -> values, such as `{"label", {"a=b"}}`.
using filter_map = std::map<std::string, std::vector<std::string>>;

} // namespace muster::docker
