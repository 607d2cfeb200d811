#pragma once

#include "executors/docker/docker_config.hpp"
#include "executors/docker/engine/client.hpp"
#include "executors/docker/pull_meter.hpp"
#include "executors/docker/retry.hpp"
#include "muster/base/result.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::docker {

/// Sees to it that the daemon has an image. Who wants the same image at the same time shares one pull; only so many
/// images are pulled at once. On the loop's thread.
class images {
public:
  using ticket = std::uint64_t;
  using taker = std::function<void(result<image_info>)>;
  using progress_taker = std::function<void(const std::string&)>;
  using credential_source = std::function<void(const std::string& registry, std::function<void(result<secret>)>)>;

  images(loop& on, client& engine, pull_policy policy, std::size_t most_pulls, credential_source credentials,
         std::chrono::milliseconds first_note = std::chrono::seconds(1));

  /// `done` is called later, unless canceled. Fails with `image_pull_failed` (not there, denied, the registry is away,
  /// no space, or the policy forbids the pull), `invalid_argument` (no image's name), `unavailable` (the daemon is
  /// away). `on_progress` (may be empty) hears what it waits for, in words: after a second, then less and less often.
  ticket ensure(const std::string& name, taker done, progress_taker on_progress = {});
  /// The name under which the daemon has it.
  [[nodiscard]] static result<image_reference> read_name(const std::string& name);
  /// A pull that nobody waits for any more is ended.
  void cancel(ticket who);
  /// The daemon does not have it any more.
  void forget(const std::string& name);

private:
  struct waiter {
    ticket who = 0;
    taker done;
    progress_taker on_progress;
  };
  struct entry {
    image_reference reference;
    std::string name;
    std::vector<waiter> waiting;
    pull_meter meter;
    timer_id note_timer = timer_id::none;
    back_off note_pause;
    std::unique_ptr<image_info> known; ///< As it was found last.
    bool busy = false;
    bool pulls = false; ///< Has one of the places for pulls.
    call_id call = call_id::none;
    timer_id timer = timer_id::none;
    back_off pause{std::chrono::milliseconds(200)};
    std::uint64_t round = 0; ///< Answers to what was asked in an earlier round do not count.
  };

  void begin(entry& x);
  void inspect(entry& x, bool after_pull);
  void inspected(entry& x, const outcome<image_info>& found, bool after_pull);
  void queue_pull(entry& x);
  void serve_pulls();
  void authorize(entry& x);
  void pull(entry& x, const secret& auth);
  void pulled(entry& x, const outcome<void>& how);
  void again(entry& x, std::function<void(entry&)> what);
  void finish(entry& x, const result<image_info>& how);
  void leave_pull(entry& x);
  void abandon(entry& x);
  void note_later(entry& x);
  void note(entry& x);

  loop& loop_;
  client& engine_;
  const pull_policy policy_;
  const std::size_t most_pulls_;
  const std::chrono::milliseconds first_note_;
  credential_source credentials_;
  std::map<std::string, entry> entries_; ///< By familiar name; as many as there are different images.
  std::deque<std::string> pull_line_;
  std::size_t pulls_ = 0;
  ticket last_ = 0;
  std::map<ticket, std::string> owners_;
};

} // namespace muster::docker
