#pragma once

#include "muster/base/ipv4.hpp"
#include "muster/base/time.hpp"
#include "muster/spec/load.hpp"
#include "muster/store/layout.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The configuration file: which pools there are. config/config.yaml is one with every key.
namespace muster::config {

/// What runs the tasks of a pool.
enum class pool_driver : std::uint8_t { process, docker };

/// The certificates for a daemon that listens with TLS. Relative paths count from the configuration file.
struct tls_settings {
  std::filesystem::path ca;
  std::filesystem::path cert;
  std::filesystem::path key;
  bool verify = true;
};

/// One pool as it is configured; what the file does not say is unset or as the key's default.
struct pool_settings {
  pool_driver driver = pool_driver::process;
  std::vector<std::uint32_t> gpus; ///< Indices that may be leased.

  // -- of `driver: docker` only
  std::string host; ///< `unix:///path` or `tcp://host:port`; empty: as the environment says.
  std::optional<tls_settings> tls;
  std::string pull = "missing"; ///< `always`, `missing` or `never`.
  std::uint32_t pulls = 3;
  std::uint32_t starts = 0;                            ///< 0: as many as there are CPUs, 8 or more.
  duration prepare_timeout = std::chrono::minutes{30}; ///< Of all that comes before a start.
  duration start_timeout = std::chrono::minutes{5};    ///< Of a start.
  std::optional<ipv4_block> range;                     ///< What networks are made of; between /8 and /26.
  std::string user;
  bool init = true;
  std::int64_t shm_size = 0; ///< Bytes; 0: as the daemon is set up.
  std::int64_t pids = 0;     ///< 0: no limit.
  bool swap = false;
  bool privileged = false;
  bool host_network = false;
  std::vector<std::filesystem::path> mounts; ///< Absolute paths of the host.
  std::int64_t max_log = std::int64_t{1} << 30U;
  std::map<std::string, std::string> labels;
};

/// The whole file.
struct configuration {
  std::map<std::string, pool_settings> pools; ///< By name.
};

/// A configuration, or all that is wrong with its file.
struct [[nodiscard]] load_outcome {
  std::optional<configuration> value; ///< Set when there was no error.
  std::vector<spec::diagnostic> errors;
  [[nodiscard]] bool ok() const noexcept { return value.has_value(); }
};

/// Reads a configuration from `text`; `file_name` is for messages and for what relative paths count from.
load_outcome load(std::string_view text, const std::string& file_name);

/// Reads the file at `path`: at most 1 MiB of UTF-8.
load_outcome load_file(const std::string& path);

/// Which file counts.
struct found_file {
  std::string path;
  bool named = false; ///< The user named it, so it must be there.
};

/// `named`, else `$MUSTER_CONFIG`, else `$XDG_CONFIG_HOME/muster/config.yaml`, else `~/.config/muster/config.yaml`. An
/// empty variable counts as unset, and so does an `$XDG_CONFIG_HOME` that is not absolute. Nothing if no variable
/// helps.
[[nodiscard]] std::optional<found_file> find_file(const std::string& named, const store::environment& get);

/// The configuration of this user: that of `find_file`, or an empty one if it is not there and nobody named it.
load_outcome load_user(const std::string& named, const store::environment& get);

} // namespace muster::config
