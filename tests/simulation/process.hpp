#pragma once

#include "chance.hpp"
#include "timeline.hpp"
#include "trace.hpp"

#include "support/stepped_config.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::simulation {

using process_config = test::stepped_config;

/// A process of the world: an actor system without threads, with a clock of its own. It lives until it is ended; what
/// it reaches the world by must look at `is_alive`, because its actors still come to their ends after that.
class process {
public:
  process(std::string name, process_config& config, moment now);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] caf::actor_system& system() noexcept { return system_; }
  [[nodiscard]] bool is_alive() const noexcept { return is_alive_; }
  [[nodiscard]] bool is_frozen() const noexcept { return is_frozen_; }

  /// An actor that has to be ended with the process. Ended in the order in which they were added.
  template <class Handle>
  Handle own(Handle x) {
    owned_.push_back(caf::actor_cast<caf::strong_actor_ptr>(x));
    return x;
  }

  /// How many actors could run a message now.
  [[nodiscard]] std::size_t ready() const { return is_frozen_ ? 0 : scheduler_->jobs.size(); }
  /// Lets one of them do so; which.
  caf::actor_id run(std::size_t which, moment now, trace& into);

  /// When its clock wants to be looked at.
  [[nodiscard]] std::optional<moment> next_timeout() const;
  /// What time it is; a process that is frozen finds out later.
  void turn_to(moment now);

  /// SIGSTOP and SIGCONT: nothing of it happens in between.
  void freeze() { is_frozen_ = true; }
  void thaw(moment now);
  /// Does it now, or when it is not frozen any more. Forgotten with the process.
  void when_awake(std::function<void()> what);

  /// kill -9: nothing of it reaches the world any more.
  void kill() noexcept { is_alive_ = false; }
  /// Brings its actors to their ends. Not from within one.
  void end();

private:
  [[nodiscard]] static caf::actor_clock::time_point point(moment x);

  std::string name_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator* scheduler_;
  std::vector<caf::strong_actor_ptr> owned_;
  std::map<caf::actor_id, caf::weak_actor_ptr> seen_; ///< All that ever ran.
  std::deque<std::function<void()>> asleep_;
  bool is_alive_ = true;
  bool is_frozen_ = false;
};

} // namespace muster::simulation
