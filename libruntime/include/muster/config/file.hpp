#pragma once

#include "muster/config/contexts.hpp"
#include "muster/config/pools.hpp"
#include "muster/config/service.hpp"
#include "muster/spec/load.hpp"
#include "muster/store/layout.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The configuration file. config/muster.yaml is one with every key of a head, config/config.yaml one with every key of
/// pools.
namespace muster::config {

/// The whole file.
struct configuration {
  std::map<std::string, pool_settings> pools; ///< By name.
  service_settings service;
  client_settings client;
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
