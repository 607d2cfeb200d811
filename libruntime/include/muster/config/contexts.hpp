#pragma once

#include "muster/base/result.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

/// Which heads a user talks to: `contexts` and `current_context` of the user's own configuration file.
namespace muster::config {

/// One head, under a name. Tokens are in files, never in the configuration.
struct context_settings {
  std::string address;              ///< `http://host:port`, `https://host:port` or `unix:///path`.
  std::filesystem::path token_file; ///< Empty: none. Relative paths count from the configuration file.
  std::filesystem::path ca;         ///< Who signs the head's certificate, PEM; empty: as the system trusts.
};

struct client_settings {
  std::map<std::string, context_settings> contexts;
  std::string current; ///< Empty: none.
};

/// `text`, a configuration file, with its keys `contexts` and `current_context` replaced by `x`; the rest stays as it
/// is, comments included.
[[nodiscard]] std::string with_contexts(const std::string& text, const client_settings& x);

} // namespace muster::config
