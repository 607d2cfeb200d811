#pragma once

#include "executors/driver.hpp"
#include "executors/process/environment.hpp"
#include "executors/process/warden/protocol.hpp"
#include "muster/spec/tokens.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace muster::process {

/// The bubblewrap of this host, looked for and tried once, when first needed.
class bubblewrap {
public:
  /// `path` as in PATH.
  explicit bubblewrap(std::string path) : path_(std::move(path)) {}

  /// Where it is; or `sandbox_unavailable` with why and what to do.
  [[nodiscard]] result<std::string> program();

private:
  std::mutex mutex_;
  std::string path_;
  std::optional<result<std::string>> found_;
};

/// True if the attempt runs in a private mount namespace where one can be had: it has files, or is a member of a gang
/// and so gets a /tmp of its own.
[[nodiscard]] bool wants_sandbox(const attempt_spec& spec);

/// Writes the files of a task. Those in its own folders (`{{output}}`, also as /osmo/data/output, its work folder, or
/// relative paths, which count from there) are just written. If there are others, `request` is changed to run in a
/// private mount namespace. Each is 0644, or 0755 if it begins with `#!`.
/// A member of a gang of two and more gets such a namespace in any case, with an empty /tmp that lies in the attempt's
/// folder: as in containers, members on one host do not find each other's files there. Without files to place, it
/// runs in the host's /tmp where bubblewrap cannot work. `environment` is the task's.
[[nodiscard]] result<void> set_up_sandbox(wire::start_request& request, const attempt_spec& spec,
                                          const spec::token_values& tokens, const environment_map& environment,
                                          bubblewrap& sandbox);

} // namespace muster::process
