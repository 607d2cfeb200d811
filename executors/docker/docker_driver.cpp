#include "executors/docker/docker_driver.hpp"

#include "executors/changing_offer.hpp"
#include "executors/docker/daemon_probe.hpp"
#include "executors/docker/driver_core.hpp"
#include "executors/process/worker.hpp"

#include <filesystem>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

namespace muster {

namespace {

using namespace docker;

class docker_driver final : public driver, public changing_offer {
public:
  explicit docker_driver(docker_pool_config config) : config_(std::move(config)) {}

  /// In this order: what runs in the other threads ends first, then the loop, then what lives on it.
  ~docker_driver() override {
    if (core_)
      close();
    files_.reset();
    slow_.reset();
    if (core_)
      on_loop([this] { core_->end(); });
    credentials_.reset();
    loop_.reset();
  }

  result<capabilities> probe() override {
    std::error_code failed;
    std::filesystem::create_directories(config_.state_directory, failed);
    if (!failed)
      config_.state_directory = std::filesystem::absolute(config_.state_directory, failed);
    if (failed)
      return error{ec::io_error,
                   "cannot make the state directory " + config_.state_directory.string() + ": " + failed.message()};
    if (!engine_) {
      auto where = daemon_endpoint(config_);
      if (!where)
        return where.failure();
      client_options how;
      how.start = config_.start_timeout;
      engine_ = std::make_unique<client>(*loop_, *std::move(where), how);
    }
    auto found = probe_daemon(*loop_, *engine_, config_);
    if (!found)
      return found.failure();
    daemon_ = std::move(found->daemon);
    machine_ = std::move(found->machine);
    offered_ = found->offers;
    return std::move(found->offers);
  }

  std::optional<capabilities> look_again() override {
    if (!machine_)
      return std::nullopt;
    auto found = machine_->look();
    auto uuids = uuids_of(found);
    if (!take_gpus(std::move(found), offered_))
      return std::nullopt;
    loop_->post([this, uuids = std::move(uuids)] { core_->learn_gpus(uuids); });
    return offered_;
  }

  void listen(driver_listener& to) override {
    credentials_ = std::make_unique<credential_finder>(
        *loop_, config_.client_folder.empty() ? docker_config_folder(process_environment()) : config_.client_folder);
    const auto on = [](const std::unique_ptr<process::worker>& thread) {
      return [&thread = *thread](std::function<void()> job) { thread.add(std::move(job)); };
    };
    driver_core::surroundings around{*loop_,
                                     *engine_,
                                     to,
                                     [this](const std::string& registry, std::function<void(result<secret>)> done) {
                                       credentials_->find(registry, std::move(done));
                                     },
                                     on(files_),
                                     on(slow_)};
    on_loop([&] { core_ = std::make_unique<driver_core>(config_, daemon_, std::move(around)); });
  }

  void prepare(attempt_spec spec) override {
    loop_->post([this, x = std::make_shared<attempt_spec>(std::move(spec))] { core_->prepare(std::move(*x)); });
  }
  void start(attempt_id id) override {
    loop_->post([this, id] { core_->start(id); });
  }
  void stop(attempt_id id, std::chrono::milliseconds grace) override {
    loop_->post([this, id, grace] { core_->stop(id, grace); });
  }
  void publish(attempt_id id) override {
    loop_->post([this, id] { core_->publish(id); });
  }
  void remove(attempt_id id) override {
    loop_->post([this, id] { core_->remove(id); });
  }

  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    return wait_for<driver_core::adoptions>(
        *loop_, [&](const std::function<void(driver_core::adoptions)>& done) { core_->adopt(attempts, done); });
  }

  void clean(workflow_key workflow) override {
    loop_->post([this, workflow] { core_->clean(workflow); });
  }
  void clean_up(leftover_judge is_over) override {
    loop_->post([this, is_over = std::move(is_over)] { core_->clean_up(is_over); });
  }

private:
  /// Runs `work` there, and waits for it.
  void on_loop(const std::function<void()>& work) {
    const auto done = std::make_shared<std::promise<void>>();
    loop_->post([&work, done] {
      work();
      done->set_value();
    });
    done->get_future().wait();
  }

  void close() {
    const auto done = std::make_shared<std::promise<void>>();
    loop_->post([this, done] { core_->close([done] { done->set_value(); }); });
    done->get_future().wait();
  }

  docker_pool_config config_;
  probed_daemon daemon_;
  std::optional<machine::machine_watch> machine_; ///< Unset where GPUs cannot change.
  capabilities offered_;                          ///< As was said last.
  std::unique_ptr<driver_core> core_;             ///< Lives on the loop's thread, and outlives it by a moment.
  std::unique_ptr<client> engine_;
  std::unique_ptr<loop> loop_ = std::make_unique<loop>();
  std::unique_ptr<credential_finder> credentials_;
  std::unique_ptr<process::worker> files_ = std::make_unique<process::worker>();
  std::unique_ptr<process::worker> slow_ = std::make_unique<process::worker>();
};

} // namespace

std::unique_ptr<driver> make_docker_driver(docker_pool_config config) {
  return std::make_unique<docker_driver>(std::move(config));
}

} // namespace muster
