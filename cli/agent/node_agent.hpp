#pragma once

#include "executors/machine/share.hpp"
#include "muster/base/log.hpp"
#include "muster/store/layout.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muster::cli {

/// What the command line of `muster agent` says.
struct node_options {
  std::string head; ///< `host:port`; checked when the command line is parsed.
  std::string token_file;
  std::string certs; ///< Folder of certificates; empty: the connection is not encrypted.
  std::string node;  ///< Empty: the name of this host.
  std::string pool;  ///< Empty: the only one that agents can join, or the one whose labels it carries.
  std::string platform;
  std::map<std::string, std::string> labels;
  std::string address;
  std::optional<std::vector<std::uint32_t>> gpus; ///< Unset: those that are found.
  machine::share offers;
  std::vector<std::string> drivers{"process"}; ///< The first runs what asks for none.
  std::string docker_host;
  std::string config_file;
  bool enforce_limits = false;
  std::string log_level = "info";
};

/// `host:port`, `[::1]:port`.
struct host_and_port {
  std::string host;
  std::uint16_t port = 0;
};
[[nodiscard]] result<host_and_port> parse_host(const std::string& text);

/// Runs the agent of a node until a signal ends it, or the head refuses it for good. Call it before any thread exists.
/// Returns the exit code.
[[nodiscard]] int run_node(const node_options& options, const store::state_directory& directory);

} // namespace muster::cli
