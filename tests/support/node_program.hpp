#pragma once

#include "support/muster_program.hpp"
#include "support/processes.hpp"
#include "support/subprocess.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace muster::test {

/// A configuration with the pool `farm`, which agents join at `listen` by certificates if a folder is named, and a log
/// where `head_program` looks for it.
[[nodiscard]] std::string farm_config(const muster_program& muster, const std::string& listen, const std::string& pool,
                                      const std::string& certs);

/// Where the head over the state directory of `muster` listens for agents; empty if it does not.
[[nodiscard]] std::string agents_address(const muster_program& muster);

/// A node, `muster agent`, beside a test, with a state directory of its own. Killed by the destructor, and its tasks
/// with it; where a test has failed, what it said is shown.
class node_program {
public:
  /// Joins the head over the state directory of `muster` as `name`. `prefix` is what it is run by.
  node_program(const muster_program& muster, std::string name, std::vector<std::string> options = {},
               std::vector<std::string> prefix = {});
  ~node_program();
  node_program(const node_program&) = delete;
  node_program& operator=(const node_program&) = delete;

  [[nodiscard]] subprocess& process() { return *process_; }
  [[nodiscard]] const std::filesystem::path& state() const noexcept { return state_; }
  /// Stops it by a signal and waits for its end.
  outcome stop(int signal);
  /// Starts it again, as it was.
  void start();

private:
  std::string name_;
  std::filesystem::path state_;
  cleaner cleaner_;
  command command_;
  std::unique_ptr<subprocess> process_;
};

} // namespace muster::test
