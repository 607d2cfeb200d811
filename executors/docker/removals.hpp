#pragma once

#include "executors/docker/engine/client.hpp"
#include "executors/docker/retry.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace muster::docker {

/// Removes containers of this head, a few at a time, and tries again until they are gone: also when the daemon is away
/// for long. On the loop's thread.
class removals {
public:
  removals(loop& on, client& engine, std::string head, std::size_t most_at_once);

  /// Removes the container `name`; `id` if it is known. With `may_appear` a call that makes it may still be under way:
  /// that it is not there must be seen several times. `done` (may be empty) is called when it is gone.
  void add(const std::string& name, std::string id, bool may_appear, std::function<void()> done);
  /// Calls `done` when no removal of `name` is under way: at once if none is.
  void when_gone(const std::string& name, std::function<void()> done);
  /// The daemon is back: what waits for it goes on now.
  void wake();
  /// How many are still to go.
  [[nodiscard]] std::size_t remaining() const noexcept { return all_.size(); }

private:
  struct removal {
    std::string id;
    int absences_wanted = 1;
    timer_id timer = timer_id::none;
    back_off pause;
    std::vector<std::function<void()>> done;
  };

  void serve();
  void begin(const std::string& name);
  void look(const std::string& name);
  void remove(const std::string& name);
  void finish(const std::string& name);
  void absent(const std::string& name);
  void later(const std::string& name);

  loop& loop_;
  client& engine_;
  const std::string head_;
  const std::size_t most_;
  std::size_t at_work_ = 0;
  std::map<std::string, removal> all_; ///< By name.
  std::deque<std::string> line_;
};

} // namespace muster::docker
