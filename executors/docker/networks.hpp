#pragma once

#include "executors/docker/engine/client.hpp"
#include "executors/docker/names.hpp"
#include "executors/docker/retry.hpp"
#include "muster/base/result.hpp"

#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace muster::docker {

/// The networks of this head: each is made when the first attempt wants it, and removed when the last that was in it is
/// gone. Those of a crashed runtime are found by label. On the loop's thread.
class networks {
public:
  using taker = std::function<void(result<void>)>;

  /// `labels` are put on each, beside Muster's own.
  networks(loop& on, client& engine, std::string head, label_map labels);

  /// Makes it, unless it is there. `done` is called later, unless the attempt was released before. Fails with
  /// `unavailable` (the daemon is away, or its addresses are still in use), `conflict` (one of that name is not ours).
  void acquire(const wanted_network& which, attempt_id user, taker done);
  /// An attempt was found in it.
  void adopt(const std::string& name, attempt_id user);
  /// The attempt is gone, or never came.
  void release(attempt_id user);
  /// Asks the daemon once more to remove what it kept: it is back, or some time has passed.
  void wake();
  /// The daemon does not have it any more: the next that wants it makes it again.
  void forget(const std::string& name);
  /// Removes those of this head that nobody is in, and that `is_leftover` says are nobody's.
  void remove_leftovers(std::function<bool(const network_info&)> is_leftover);
  /// From now on even the shared one is removed at once; `remaining` says how many are still to go.
  void close() {
    closing_ = true;
    remove_unused(phase::ready);
    remove_unused(phase::kept);
  }
  /// How many are being made or are to be removed, without those that the daemon keeps.
  [[nodiscard]] std::size_t remaining() const;

private:
  enum class phase : std::uint8_t {
    absent,
    making,
    ready,
    removing,
    kept, ///< Nobody of ours is in it, but the daemon does not remove it.
  };
  struct network {
    wanted_network want;
    std::string id;
    phase at = phase::absent;
    std::unordered_set<attempt_id> users;
    std::vector<std::pair<attempt_id, taker>> waiting;
    timer_id timer = timer_id::none;
    back_off pause;
  };

  [[nodiscard]] std::string config_of(const network& x) const;
  void make(network& x);
  void made(network& x, outcome<std::string> how);
  void look_up(network& x);
  void found(network& x, const outcome<network_info>& how);
  void make_room(network& x);
  void removed_in_the_way(network& x, const std::vector<network_info>& all);
  void become_ready(network& x, std::string id);
  void fail(network& x, const error& why);
  void later(network& x, void (networks::*what)(network&));
  void unused(network& x);
  void remove(network& x);
  void removed(network& x, const outcome<void>& how);
  void remove_unused(phase at);
  void remove_stray(const network_info& which);
  network* find(const std::string& name);

  loop& loop_;
  client& engine_;
  const std::string head_;
  const label_map labels_;
  std::map<std::string, network> all_; ///< By name.
  std::size_t strays_ = 0;             ///< Removals of networks that are not in `all_`.
  bool closing_ = false;
};

} // namespace muster::docker
