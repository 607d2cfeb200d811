#pragma once

#include "executors/docker/engine/types.hpp"
#include "executors/driver.hpp"

#include <optional>
#include <string>

namespace muster::docker {

/// What is known of an attempt when its container has ended.
struct ended_attempt {
  bool stop_asked = false;
  bool out_of_memory = false; ///< Some process of it was killed for memory, as the container or an event says.
  std::int64_t memory = 0;    ///< Its limit in bytes; 0: none.
  bool init = false;          ///< A small init was process 1: it answers 127 for a command that is not there.
  std::string program;        ///< As the spec names it.
  std::string image;
  std::optional<nano_timestamp> daemon_lost; ///< When the daemon was away last.
};

/// How a container ended that is `exited` or `dead`.
[[nodiscard]] exit_result read_exit_of(const container_info& container, const ended_attempt& facts);

/// Why nobody can tell how the container ended, although the daemon names a code; empty if it can be believed. A daemon
/// that was away when a container ended, and could not ask what watched over it, says 255.
[[nodiscard]] std::string why_unknown(const container_info& container, const ended_attempt& facts);

/// Whether a start that failed with these words may have run the container: the daemon was killed while it started it,
/// and has forgotten that what it starts is there.
[[nodiscard]] bool may_have_run(const std::string& daemon_says);

/// Whether a start failed for what the container itself is: the same again would fail again.
[[nodiscard]] bool is_fault_of_container(const std::string& daemon_says);

/// Why a container could not be started, for people: what the daemon said without its inner names.
[[nodiscard]] std::string start_error_text(const std::string& daemon_says, const std::string& program,
                                           const std::string& image);

} // namespace muster::docker
