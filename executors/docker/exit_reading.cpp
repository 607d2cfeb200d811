#include "executors/docker/exit_reading.hpp"

#include "executors/docker/engine/errors.hpp"
#include "muster/spec/quantity.hpp"

#include <csignal>

namespace muster::docker {

namespace {

constexpr std::int32_t first_signal_code = 129;
constexpr std::int32_t last_signal_code = 128 + 64;
/// A container that the daemon ends when it starts again.
constexpr std::chrono::seconds slack{2};

timestamp to_time(const std::optional<nano_timestamp>& x) {
  return x ? std::chrono::time_point_cast<std::chrono::microseconds>(*x) : timestamp{};
}

bool ended_with_daemon(const container_info& container, const ended_attempt& facts) {
  return facts.daemon_lost && container.finished && *container.finished + slack >= *facts.daemon_lost &&
         (container.exit_code == 128 + SIGKILL || container.exit_code == 128 + SIGTERM || container.exit_code == 255);
}

bool is_of_signal(std::int64_t code) {
  return code >= first_signal_code && code <= last_signal_code;
}

/// The Engine tells no signals: a program may also have ended with such a code by itself.
std::string as_of_signal(std::int64_t code) {
  return is_of_signal(code) ? "exit code " + std::to_string(code) + " (as of signal " + std::to_string(code - 128) + ')'
                            : std::string{};
}

std::string message_of(const container_info& container, const ended_attempt& facts) {
  const auto of_memory = (facts.memory > 0 ? spec::bytes_text(facts.memory) + " of " : std::string{}) + "memory";
  if (facts.out_of_memory && container.exit_code == 0)
    return "a process of it was killed because it used more than its " + of_memory;
  if (facts.out_of_memory)
    return "killed: it used more than its " + of_memory + "; ask for more in resources.memory";
  if (container.exit_code == 0)
    return {};
  if (facts.stop_asked)
    return as_of_signal(container.exit_code);
  if (ended_with_daemon(container, facts))
    return "it ended (code " + std::to_string(container.exit_code) +
           ") when the Docker daemon went away; with `live-restore` containers outlive its restart";
  if (!container.error.empty())
    return one_line(container.error, 300);
  if (container.exit_code == 128 + SIGKILL && facts.memory > 0)
    return as_of_signal(container.exit_code) + "; if it needed more than its " + of_memory +
           ", ask for more in resources.memory";
  if (container.exit_code == 127 && facts.init)
    return "exit code 127: the command '" + facts.program + "' is not in the image '" + facts.image +
           "', or it ended with 127 itself";
  return as_of_signal(container.exit_code);
}

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

bool is_missing(const std::string& daemon_says) {
  return has(daemon_says, "executable file not found") || has(daemon_says, "no such file or directory: unknown");
}

bool is_forbidden(const std::string& daemon_says) {
  return has(daemon_says, "permission denied");
}

bool is_without_gpus(const std::string& daemon_says) {
  return has(daemon_says, "could not select device driver");
}

} // namespace

exit_result read_exit_of(const container_info& container, const ended_attempt& facts) {
  exit_result out;
  out.code = static_cast<std::int32_t>(container.exit_code);
  // Where one was sent for certain.
  if (is_of_signal(out.code) && (facts.stop_asked || facts.out_of_memory))
    out.signal = out.code - 128;
  out.out_of_memory = facts.out_of_memory && out.code != 0;
  out.message = message_of(container, facts);
  out.started = to_time(container.started);
  out.ended = std::max(out.started, to_time(container.finished));
  return out;
}

std::string why_unknown(const container_info& container, const ended_attempt& facts) {
  constexpr std::int64_t not_known = 255;
  if (container.exit_code != not_known || !ended_with_daemon(container, facts))
    return {};
  return "it ended while the Docker daemon was away, and the daemon does not know how";
}

bool may_have_run(const std::string& daemon_says) {
  return has(daemon_says, "already exists") || has(daemon_says, "id already in use") ||
         has(daemon_says, "container with id exists");
}

bool is_fault_of_container(const std::string& daemon_says) {
  return is_missing(daemon_says) || is_forbidden(daemon_says) || is_without_gpus(daemon_says);
}

std::string start_error_text(const std::string& daemon_says, const std::string& program, const std::string& image) {
  const auto in_image = "the command '" + program + "' ";
  if (is_missing(daemon_says))
    return in_image + "is not in the image '" + image + "'";
  if (is_forbidden(daemon_says))
    return in_image + "of the image '" + image + "' is not executable";
  if (is_without_gpus(daemon_says))
    return "this Docker daemon cannot give GPUs to containers: the NVIDIA container runtime is not installed there";
  return "the container cannot be started: " + one_line(daemon_says, 400);
}

} // namespace muster::docker
