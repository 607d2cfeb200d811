#pragma once

#include "support/muster_program.hpp"
#include "support/subprocess.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace muster::test {

/// The `muster` binary with a Docker daemon and a state directory of its own. What a test leaves of its head at the
/// daemon is removed by the destructor.
class docker_muster {
public:
  explicit docker_muster(std::filesystem::path socket) : socket_(std::move(socket)) {}
  ~docker_muster();
  docker_muster(const docker_muster&) = delete;
  docker_muster& operator=(const docker_muster&) = delete;

  /// Runs it to its end.
  outcome operator()(const std::vector<std::string>& arguments,
                     std::chrono::milliseconds deadline = std::chrono::seconds(300)) const;
  /// `muster run` of a spec's text on Docker, beside the test.
  [[nodiscard]] command run(const std::string& spec, const std::vector<std::string>& more = {}) const;
  [[nodiscard]] command with(const std::vector<std::string>& arguments) const;
  /// What is in a task's log.
  [[nodiscard]] std::string log(const std::string& workflow, const std::string& task) const;

  /// Names of the containers, and of the networks, that the daemon has of this head; a line each.
  [[nodiscard]] std::vector<std::string> containers() const;
  /// Those with what the daemon says of each, for people.
  [[nodiscard]] std::string container_states() const;
  [[nodiscard]] std::vector<std::string> networks() const;
  /// Removes the networks of this runtime, and tells which there were: without those that the daemon itself does not
  /// remove though it says that nobody is in them (moby issue 42119).
  [[nodiscard]] std::vector<std::string> left_networks() const;

  [[nodiscard]] const muster_program& program() const noexcept { return program_; }
  [[nodiscard]] const std::filesystem::path& socket() const noexcept { return socket_; }

private:
  [[nodiscard]] std::string head() const;

  muster_program program_;
  std::filesystem::path socket_;
};

/// A run on the shared daemon, with a state directory of its own, and what it said.
struct one_run {
  one_run(const std::filesystem::path& socket, const std::string& spec, const std::vector<std::string>& more = {})
      : muster(socket), process(muster.run(spec, more)) {}

  const outcome& end(std::chrono::milliseconds deadline = std::chrono::seconds(300)) {
    said = process.finish(deadline);
    if (said.timed_out)
      said.err += muster.container_states();
    return said;
  }

  docker_muster muster;
  subprocess process;
  outcome said;
};

/// A spec of tasks that stand alone: name and script each, run by `sh` in `image`; `more` are further lines of every
/// task, with their newlines, without indentation.
struct shell_task {
  std::string name;
  std::string script;
  std::string more = {};
};
[[nodiscard]] std::string spec_of(const std::string& workflow, const std::vector<shell_task>& tasks,
                                  const std::string& image = "busybox");
/// The same as one group, whose lead is the first.
[[nodiscard]] std::string gang_of(const std::string& workflow, const std::vector<shell_task>& tasks,
                                  const std::string& image = "busybox", const std::string& group_more = {});

} // namespace muster::test
