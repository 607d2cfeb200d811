#pragma once

#include "support/muster_program.hpp"
#include "support/subprocess.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace muster::test {

/// A head, `muster serve`, beside a test: on a port of its own, without tokens unless told otherwise. Killed by the
/// destructor; its tasks are ended by that of their session.
class head_program {
public:
  /// Starts it over the state directory of `muster`, and waits until it is ready. Check `ready()`.
  explicit head_program(const muster_program& muster, std::vector<std::string> options = {"--no-auth"},
                        const std::map<std::string, std::string>& environment = {});

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] subprocess& process() { return *process_; }
  /// Of head.json; empty until it is ready.
  [[nodiscard]] std::string address() const;
  /// Stops it by a signal and waits for its end.
  outcome stop(int signal);
  /// What it logged so far.
  [[nodiscard]] std::string log() const;
  /// Waits until `text` is in its log.
  bool wait_for_log(const std::string& text) const;
  /// Waits until its log, whole, is as wanted.
  bool wait_for_log(const std::function<bool(const std::string&)>& is_there) const;

private:
  const muster_program& muster_;
  std::string log_file_;
  std::unique_ptr<subprocess> process_;
  bool ready_ = false;
};

} // namespace muster::test
