#pragma once

#include "support/subprocess.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// The socket of the daemon that all tests of a ctest run share: MUSTER_TEST_DOCKER_HOST (`unix://...`) if set, else
/// the one that tests/docker/ground brought up. Nothing where there is none: the reason is printed, ctest counts the
/// test as skipped, and the test returns.
///
///     const auto docker = shared_docker();
///     if (!docker)
///       return;
[[nodiscard]] std::optional<std::filesystem::path> shared_docker();

/// How a `docker_daemon` is to be.
struct docker_options {
  bool host_network = false;          ///< Without bridge and iptables, in this host's network: for tests over TCP.
  std::string network{};              ///< Path of a network namespace that it is in, instead of one of its own.
  bool fake_gpu = false;              ///< GPU requests are taken: NVIDIA_VISIBLE_DEVICES is set, and no device appears.
  std::vector<std::string> arguments; ///< For dockerd, such as `--live-restore`.
  std::vector<std::string> images{"busybox:latest", "alpine:3.18"}; ///< See tests/docker/images.
};

/// A dockerd of the test's own (tests/docker/daemon), to be killed and started again. It has its own network, so it
/// collides with nothing, and reaches nothing outside. Ended, with all its containers, by the destructor; one that a
/// dead test left is ended by `docker/down` of ctest.
class docker_daemon {
public:
  /// Starts one; empty, after `skip_test`, where this host cannot have one. Throws when it should have worked.
  [[nodiscard]] static std::unique_ptr<docker_daemon> start(const docker_options& how = {});
  ~docker_daemon();
  docker_daemon(const docker_daemon&) = delete;
  docker_daemon& operator=(const docker_daemon&) = delete;

  [[nodiscard]] std::filesystem::path socket() const;
  /// For DOCKER_HOST.
  [[nodiscard]] std::string host() const { return "unix://" + socket().string(); }
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  /// The last lines that dockerd wrote.
  [[nodiscard]] std::string log() const;

  /// SIGKILL for dockerd; its containers go on. Returns when it is gone.
  void kill();
  /// SIGTERM for dockerd; its containers are stopped, unless it runs with `--live-restore`. Returns when it is gone.
  void stop();
  /// dockerd again, after `kill` or `stop`, with the same data; returns when it answers. Without `--live-restore` it
  /// ends the containers that outlived a `kill`. Arguments replace those of before; none keeps them.
  void start_again(const std::vector<std::string>& arguments = {});
  /// From now on containers that dockerd starts run, and it does not hear that they do, until `let_go_starts`: whoever
  /// kills it meanwhile finds it where it knows nothing of what it has started.
  void hold_starts();
  void let_go_starts();
  /// How many starts have been held so far.
  [[nodiscard]] std::size_t starts_held() const;
  /// A command in its namespaces: its network is the one that its containers' bridges are in.
  [[nodiscard]] outcome run_inside(const std::vector<std::string>& argv) const;

  /// A registry at 127.0.0.1:5000, as this daemon sees it; with a login if `user` is not empty. It holds nothing at
  /// first: tag an image `127.0.0.1:5000/...` and push it. False, after `skip_test`, where docker-registry is not
  /// installed.
  [[nodiscard]] bool start_registry(const std::string& user = {}, const std::string& password = {});
  /// Kills the registry; what was pushed is there for the next.
  void stop_registry();

private:
  explicit docker_daemon(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// Runs tests/docker/<script> on the folder; throws with what it said, unless it succeeds.
  void script(const std::string& name, const std::string& action, const std::vector<std::string>& arguments = {}) const;

  std::filesystem::path folder_;
};

} // namespace muster::test
