#pragma once

#include "executors/process/preparation.hpp"
#include "executors/process/process_driver.hpp"
#include "executors/process/warden_link.hpp"
#include "executors/process/warden_queries.hpp"
#include "executors/process/worker.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::process {

/// The driver's whole state: all attempts, from being prepared to being forgotten, and the connection to the warden
/// that owns their processes. Everything but `open` runs in the driver's thread, and the listener is called there.
class driver_core {
public:
  /// Runs something in the driver's thread, later; from any thread.
  using way_in = std::function<void(std::function<void()>)>;

  /// `config` has to live as long.
  driver_core(const process_config& config, way_in enter);

  /// Connects to the warden, before there is a thread. `unsupported` where limits are to be enforced and cannot be.
  [[nodiscard]] result<void> open();
  /// First of all in the thread.
  void begin(driver_listener& to);

  void prepare(std::unique_ptr<attempt_spec> spec);
  void start(attempt_id id);
  void stop(attempt_id id, std::chrono::milliseconds grace);
  void publish(attempt_id id);
  void remove(attempt_id id);

  using adoptions = result<std::vector<adoption>>;
  void adopt(const std::shared_ptr<const std::vector<attempt_spec>>& attempts,
             const std::function<void(adoptions)>& done);

  /// What was known stays known; copies that are under way keep what they began with. Also before there is a thread.
  void learn_gpus(const visible_gpus& found);

  /// The connection, to wait for; whether there is one.
  [[nodiscard]] bool is_connected() const noexcept { return link_.is_open(); }
  [[nodiscard]] int file() const noexcept { return link_.file(); }
  [[nodiscard]] bool has_unsent() const noexcept { return link_.has_unsent(); }
  /// Sends and receives.
  void exchange();
  /// Tells the listener that this was all for now.
  void end_batch();

private:
  struct attempt {
    enum class phase : std::uint8_t { preparing, holding, prepared, starting, running, publishing, ended };

    phase at = phase::preparing;
    bool then_start = false;
    bool is_member = false;          ///< Of a gang, whose members start together.
    bool is_held = false;            ///< The warden has its process, or is about to make it.
    std::optional<attempt_id> after; ///< Its start waits for the end of that one.
    bool stop_asked = false;
    std::chrono::milliseconds grace{};
    bool was_started = false; ///< The warden knows it.
    bool has_inputs = false;  ///< Links in `input`.
    bool has_more = false;    ///< Injected files, peers or larger inputs lie in its folder.
    std::optional<folder_pool::marks> folder_before;
    bool has_folder = true; ///< Else nothing was left in it, and it serves another.
    std::string folder;
    std::string start_frame; ///< Until the start is confirmed.
    std::string program;
    std::int64_t memory = 0; ///< Its limit in bytes, if that is enforced.
    std::vector<spec::output> outputs;
    std::size_t max_result = default_max_result_bytes;
  };

  // -- the warden
  [[nodiscard]] result<void> connect();
  void reach_warden();
  void recover(const std::string& why);
  void let_go_of_held();
  void after_recovery(attempt_id id, adoption found);
  void ask(const std::vector<attempt_id>& ids, warden_queries::handler answered);

  // -- requests
  void finish_prepare(attempt_id id, result<prepared_attempt> outcome);
  void forget_unstarted(attempt_id id, const attempt& x);
  void say_prepared(attempt_id id, result<void> outcome);
  void launch(attempt_id id, attempt& x);
  void drop_held(attempt_id id, attempt& x);
  void send_start(const attempt& x);
  [[nodiscard]] result<void> check_inputs(const attempt_spec& spec) const;
  void tidy(const attempt& x);

  // -- what the warden says
  void handle(const wire::frame& frame);
  void confirm_start(attempt_id id, attempt& x);
  void handle_held(const wire::held_message& said);
  void handle_started(const wire::started_message& said);
  void handle_exited(const wire::exited_message& said);
  [[nodiscard]] bool hand_folder_on(attempt& x);
  void finish(attempt_id id, attempt& x, exit_result outcome);
  void handle_lost(const wire::lost_message& said);

  const process_config& config_;
  way_in enter_;
  std::shared_ptr<const preparation_context> context_;
  driver_listener* listener_ = nullptr;
  warden_link link_;
  std::unordered_map<attempt_id, attempt> attempts_;
  warden_queries queries_;
  folder_pool spares_;
  command_memo commands_;
  std::unordered_map<std::string, std::string> unpublished_; ///< Output links that could not be made, and why.
  bool said_something_ = false;
  worker worker_; ///< Last: its jobs refer to what is above.
};

} // namespace muster::process
