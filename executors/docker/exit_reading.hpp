#pragma once

#include "executors/docker/engine/types.hpp"
#include "executors/driver.hpp"

#include <optional>
#include <string>

namespace muster::docker {

/// What is known of an attempt when its container has ended.
struct ended_attempt {
  bool stop_asked = false;
  std::int64_t memory = 0; ///< Its limit in bytes; 0: none.
  bool init = false;       ///< A small init was process 1: it answers 127 for a command that is not there.
  std::string program;     ///< As the spec names it.
  std::string image;
  std::optional<nano_timestamp> daemon_lost; ///< When the daemon was away last.
};

/// How a container ended that is `exited` or `dead`.
[[nodiscard]] exit_result read_exit_of(const container_info& container, const ended_attempt& facts);

/// Why a container could not be started, for people: what the daemon said without its inner names.
[[nodiscard]] std::string start_error_text(const std::string& daemon_says, const std::string& program,
                                           const std::string& image);

} // namespace muster::docker
