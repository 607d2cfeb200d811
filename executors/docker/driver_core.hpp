#pragma once

#include "executors/docker/attempt.hpp"
#include "executors/docker/docker_config.hpp"
#include "executors/docker/engine_watch.hpp"
#include "executors/docker/networks.hpp"
#include "executors/docker/programs.hpp"
#include "executors/docker/removals.hpp"
#include "executors/driver.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::docker {

/// What is known of the daemon once it was probed.
struct probed_daemon {
  daemon_facts facts;
  std::optional<address_space> space;
  bool shares_disk = false; ///< It is on this host: folders of attempts can be mounted.
  bool has_bridge = false;  ///< Its default network is there.
};

/// A way to do things on another thread, in order.
using background = std::function<void(std::function<void()>)>;

/// The driver's whole state: all attempts, from being prepared to being forgotten. Everything runs on the loop's
/// thread; the listener is called there, and never from within a request.
class driver_core {
public:
  struct surroundings {
    loop& on;
    client& engine;
    driver_listener& to;
    images::credential_source credentials;
    background files; ///< Short work on files.
    background slow;  ///< Copies.
  };

  driver_core(docker_pool_config config, probed_daemon daemon, surroundings around);

  void prepare(attempt_spec spec);
  void start(attempt_id id);
  void stop(attempt_id id, std::chrono::milliseconds grace);
  void publish(attempt_id id);
  void remove(attempt_id id);

  using adoptions = result<std::vector<adoption>>;
  void adopt(std::vector<attempt_spec> attempts, std::function<void(adoptions)> done);

  /// GPUs that were found, index -> UUID. What was known stays known.
  void learn_gpus(const std::map<std::uint32_t, std::string>& uuids);

  /// Removes what a crash left of a workflow: all that is not of an attempt which is known by now.
  void clean(workflow_key workflow);

  /// Removes what is left of attempts and groups that are over; what is not known yet, and lives, is left alone.
  void clean_up(leftover_judge is_over);

  /// No more requests come: what is to be removed is removed, then `done` is called; also when nothing more goes for
  /// 20 seconds, and after a minute. Containers that run go on.
  void close(std::function<void()> done);
  /// The last call: lets go of all that needs the loop.
  void end();

private:
  using phase = attempt::phase;

  // -- saying (driver_core.cpp)
  void say_prepared(attempt_id id, result<void> outcome);
  void say_progress(attempt_id id, const std::string& text);
  void say_started(attempt_id id, result<void> outcome);
  void say_exited(const attempt_ref& x, exit_result outcome);
  void say_lost(const attempt_ref& x, const std::string& why);
  void end_row();
  [[nodiscard]] attempt_ref find(attempt_id id) const;
  /// Drops everything of an attempt that never ran, or of which nothing is left but its log.
  void discard(const attempt_ref& x);
  void end_unstarted(const attempt_ref& x);
  void drop_container(const attempt& x);
  void drop_timers(attempt& x);

  // -- preparing (attempt_preparation.cpp)
  void begin(const attempt_ref& x);
  void gather(const attempt_ref& x);
  void want_image(const attempt_ref& x);
  void want_network(const attempt_ref& x);
  void got_part(const attempt_ref& x);
  void make_files(const attempt_ref& x);
  void create(const attempt_ref& x);
  void created(const attempt_ref& x, outcome<created_container> how);
  void create_failed(const attempt_ref& x, const engine_error& why);
  void look_at_namesake(const attempt_ref& x);
  void take_over(const attempt_ref& x, const container_info& found);
  void upload(const attempt_ref& x);
  void look_for_program(const attempt_ref& x);
  void prepared(const attempt_ref& x);
  void fail_prepare(const attempt_ref& x, error why);
  bool try_again(const attempt_ref& x, void (driver_core::*what)(const attempt_ref&));

  // -- running (attempt_run.cpp)
  void enter_gate(const attempt_ref& x);
  void look_instead_of_start(const attempt_ref& x);
  void send_start(const attempt_ref& x);
  void start_answered(const attempt_ref& x, const outcome<bool>& how);
  void started(const attempt_ref& x);
  void fail_start(const attempt_ref& x, error why);
  void refused_start(const attempt_ref& x, const std::string& daemon_says);
  void fail_late_start(const attempt_ref& x);
  void start_again_or_give_up(const attempt_ref& x, const container_info& found);
  void look_for_witness(const attempt_ref& x);
  void start_again(const attempt_ref& x);
  [[nodiscard]] bool is_late(const attempt& x) const;
  void ask_whether_it_made(const std::string& container, then<bool> done);
  void send_stop(const attempt_ref& x);
  void send_kill(const attempt_ref& x);
  void check(const attempt_ref& x);
  void check_later(const attempt_ref& x, std::chrono::milliseconds pause);
  void checked(const attempt_ref& x, const outcome<container_info>& how);
  void judge(const attempt_ref& x, const container_info& found);
  [[nodiscard]] static bool waits_for_word_of_memory(attempt& x, const container_info& found);
  void absent(const attempt_ref& x);
  void finish(const attempt_ref& x, const container_info& found);
  void finish_log(const attempt_ref& x, std::function<void()> then_say);
  void log_done(const attempt_ref& x);
  void lose(const attempt_ref& x, const std::string& why);
  void begin_log(const attempt_ref& x);
  void on_hint(const engine_event& event);
  void look_at_all();
  void sweep();

  // -- closing (driver_core.cpp)
  using clock = std::chrono::steady_clock;
  struct closing_progress {
    std::size_t remaining;   ///< To be removed.
    clock::time_point since; ///< Since when there are that many.
    clock::time_point began;
  };
  void close_when_removed(closing_progress x, std::function<void()> done);

  // -- adopting (attempt_adoption.cpp)
  struct adoption_run;
  void wait_for_daemon(const std::shared_ptr<adoption_run>& run);
  void ask_each(const std::shared_ptr<adoption_run>& run);
  void ask_one(const std::shared_ptr<adoption_run>& run, std::size_t n);
  void ask_one_again(const std::shared_ptr<adoption_run>& run, std::size_t n, const engine_error& why);
  void adopted(const std::shared_ptr<adoption_run>& run, std::size_t n, const outcome<container_info>& how);
  void answer(const std::shared_ptr<adoption_run>& run, std::size_t n, adoption what);
  void clean(workflow_key workflow, int tries);

  // -- cleaning up (leftovers.cpp)
  struct cleaning;
  void list_leftovers(const std::shared_ptr<cleaning>& x);
  void judge_leftovers(const std::shared_ptr<cleaning>& x, const std::vector<container_summary>& containers);
  void remove_leftovers(const std::shared_ptr<cleaning>& x);
  attempt_ref make_attempt(const attempt_spec& spec);

  const docker_pool_config config_;
  probed_daemon daemon_;
  loop& loop_;
  client& engine_;
  driver_listener& listener_;
  const background files_;
  const background slow_;

  log_writer log_writer_;
  images images_;
  programs programs_;
  networks networks_;
  removals removals_;
  engine_watch watch_;
  start_gate starts_;
  start_gate creations_;
  start_gate looks_;
  std::unordered_map<attempt_id, attempt_ref> attempts_;
  std::unordered_map<std::string, std::weak_ptr<attempt>> by_container_;      ///< By its id.
  std::shared_ptr<std::unordered_map<std::string, std::string>> unpublished_; ///< Of the thread for files alone.
  bool row_open_ = false;
};

} // namespace muster::docker
