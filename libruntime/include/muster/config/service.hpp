#pragma once

#include "muster/base/log.hpp"
#include "muster/base/time.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// How `muster serve` works: the keys of the configuration file beside `pools`. What is here is the one truth about
/// defaults; config/muster.yaml shows them. Sizes are bytes. Zero means "no limit" where a comment says so.
namespace muster::config {

/// Who may ask: holders of tokens, or whoever reaches the loopback address.
enum class auth_mode : std::uint8_t { tokens, none };

/// Certificate chain and key, PEM. Relative paths count from the configuration file.
struct certificate_settings {
  std::filesystem::path cert;
  std::filesystem::path key;
  friend bool operator==(const certificate_settings& a, const certificate_settings& b) {
    return a.cert == b.cert && a.key == b.key;
  }
};

/// Bounds of what clients may ask for.
struct server_limits {
  std::uint32_t threads = 1;  ///< Of input and output.
  std::uint32_t workers = 4;  ///< Requests that are answered at the same time.
  std::uint32_t queue = 2048; ///< Requests that wait for a worker; all subscribers may come at once.
  std::uint32_t connections = 4096;
  std::uint32_t connections_per_peer = 2048;
  std::int64_t header_bytes = std::int64_t{32} << 10U;
  std::int64_t body_bytes = std::int64_t{64} << 20U;
  std::int64_t body_bytes_total = std::int64_t{512} << 20U;   ///< Of all bodies in memory.
  std::int64_t answer_bytes_total = std::int64_t{512} << 20U; ///< Of all large answers in memory; half for one address.
  duration header_timeout = std::chrono::seconds{10};
  duration body_timeout = std::chrono::seconds{60};
  duration idle_timeout = std::chrono::seconds{75};  ///< Between requests of one connection.
  duration write_timeout = std::chrono::seconds{60}; ///< A client that takes nothing for so long is cut off.
};

struct server_settings {
  std::string listen = "127.0.0.1:7717"; ///< `address:port`; port 0: any free one.
  std::optional<certificate_settings> tls;
  auth_mode auth = auth_mode::tokens;
  std::vector<std::string> allowed_hosts;    ///< Names that `Host` may have, beside the address itself.
  bool public_metrics = false;               ///< `/metrics` needs no token from anywhere, not only on loopback.
  duration drain = std::chrono::seconds{20}; ///< How long a stop waits for requests that are being answered.
  server_limits limits;
};

struct events_settings {
  std::int64_t ring = std::int64_t{64} << 20U;  ///< Events in memory for streams; older ones are read from the log.
  duration bookmark = std::chrono::seconds{15}; ///< Between signs of life on a quiet stream.
};

/// What is kept; zero: no limit.
struct workflow_retention {
  duration age = std::chrono::hours{24 * 30};
  std::uint64_t count = 100'000;
  std::int64_t bytes = std::int64_t{50} << 30U; ///< Of logs and outputs.
};
struct event_retention {
  duration age = std::chrono::hours{24 * 30};
  std::uint64_t count = 10'000'000;
};
struct audit_retention {
  duration age = std::chrono::hours{24 * 365};
};
struct retention_settings {
  workflow_retention workflows;
  event_retention events;
  audit_retention audit;
  duration interval = std::chrono::minutes{5}; ///< Between looks at what may go.
};

struct admission_settings {
  std::int64_t min_free = std::int64_t{512} << 20U; ///< With less free disk nothing new is accepted; zero: never mind.
};

enum class log_format : std::uint8_t { logfmt, json };

struct log_settings {
  log::level level = log::level::info;
  log_format format = log_format::logfmt;
  std::filesystem::path file; ///< Empty: stderr. A relative path counts from the configuration file.
  std::int64_t max_size = std::int64_t{64} << 20U; ///< Of one file.
  std::uint32_t files = 8;                         ///< How many older ones are kept.
  std::map<std::string, log::level> levels;        ///< By component, overruling `level`.
};

struct webhook_settings {
  bool allow_private = false;  ///< Whether URLs may lead to private and loopback addresses; link-local ones never.
  std::uint32_t most = 100;    ///< Webhooks there may be.
  std::uint32_t attempts = 20; ///< Of one delivery, before it is a dead letter.
  duration timeout = std::chrono::seconds{15};
};

struct monitor_settings {
  std::string listen = "off"; ///< `address:port` for remote actors, or `off`.
};

/// How nodes join. Counts only where a pool has `driver: agents`.
struct agent_settings {
  std::string listen = "127.0.0.1:7718"; ///< `address:port` for agents, or `off`; port 0: any free one.
  std::filesystem::path certs; ///< Folder of ca.pem, cert.pem and key.pem; not empty: connections are encrypted.
};

/// Of submissions that say nothing else, and of the runtime as a whole.
struct run_defaults {
  std::string pool = "local";
  duration exec_timeout{};  ///< Zero: none.
  duration queue_timeout{}; ///< Zero: none.
  duration start_timeout = std::chrono::minutes{30};
  duration stop_grace = std::chrono::seconds{10};
  std::uint32_t max_retries = 3;
  std::uint32_t max_parallel = 0; ///< Tasks at the same time in a pool; zero: as many as fit.
  double oversubscribe = 1.0;     ///< Factor on the CPUs and memory of this machine.
  bool enforce_limits = false;    ///< Hold processes to what they asked for.
  std::uint32_t threads = 2;      ///< Of the actors.
};

struct service_settings {
  std::filesystem::path state_dir; ///< Empty: as for all commands. A relative path counts from the configuration file.
  server_settings server;
  events_settings events;
  retention_settings retention;
  admission_settings admission;
  log_settings log;
  webhook_settings webhooks;
  monitor_settings monitors;
  agent_settings agents;
  run_defaults defaults;
};

/// An address and port as `listen` has them: `127.0.0.1:7717`, `[::1]:7717`, `0.0.0.0:80`.
struct listen_address {
  std::string address;
  std::uint16_t port = 0;
  [[nodiscard]] bool is_loopback() const;
};
[[nodiscard]] result<listen_address> parse_listen(const std::string& text);

/// `x` as a file of configuration: every key, in order, secrets being only names of files anyway.
[[nodiscard]] std::string to_yaml(const service_settings& x);

/// Which keys, such as `server.listen`, differ.
struct setting_changes {
  std::vector<std::string> taken;        ///< A head takes them over while it runs.
  std::vector<std::string> need_restart; ///< They take effect when it is started again.
};
[[nodiscard]] setting_changes changes_between(const service_settings& before, const service_settings& after);

} // namespace muster::config
