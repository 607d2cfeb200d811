#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace muster::docker {

/// Certificates for a daemon that listens with TLS.
struct tls_material {
  std::filesystem::path ca;   ///< Empty: the system's authorities.
  std::filesystem::path cert; ///< Ours; empty: none is shown.
  std::filesystem::path key;
  bool verify = true; ///< Whether the daemon must prove who it is.
};

/// Where a daemon listens.
struct endpoint {
  std::filesystem::path socket; ///< A Unix socket; or empty, and `host` and `port` count.
  std::string host;             ///< A name or an address; IPv6 without brackets.
  std::uint16_t port = 0;
  std::optional<tls_material> tls;
  std::string origin; ///< Where this was found, for messages: `DOCKER_HOST`, `context 'remote'`, `default`.

  [[nodiscard]] bool is_unix() const noexcept { return !socket.empty(); }
};

/// `unix:///run/docker.sock` or `tcp://host:2376`: for messages and for `parse_endpoint`.
[[nodiscard]] std::string to_string(const endpoint& where);

/// Reads `unix:///path` or `tcp://host[:port]` (default port: 2375, 2376 with TLS); an absolute path is a socket too.
/// `ssh://`, `npipe://` and `fd://` are `unsupported`, anything else that is no endpoint is `invalid_argument`.
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view text, std::optional<tls_material> tls = {});

/// Looks up a variable; nothing if it is not set.
using environment_lookup = std::function<std::optional<std::string>(const std::string&)>;

/// That of this process.
[[nodiscard]] environment_lookup process_environment();

/// Where the docker command keeps its configuration: `$DOCKER_CONFIG`, else `$HOME/.docker`; empty if neither is set.
[[nodiscard]] std::filesystem::path docker_config_folder(const environment_lookup& env);

/// The daemon that the docker command would use: `explicit_host` (as `parse_endpoint` reads it), else `DOCKER_HOST`,
/// else the context named by `DOCKER_CONTEXT`, else that of `config.json`, else /var/run/docker.sock, else that of a
/// rootless daemon if it is there. `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and `DOCKER_CERT_PATH` are read for the first two.
[[nodiscard]] result<endpoint> find_endpoint(const environment_lookup& env, std::string_view explicit_host = {},
                                             const std::filesystem::path& default_socket = "/var/run/docker.sock");

} // namespace muster::docker
