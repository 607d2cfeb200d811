#include "executors/process/process_driver.hpp"

#include "executors/changing_offer.hpp"
#include "executors/machine/host_capacity.hpp"
#include "executors/process/driver_core.hpp"
#include "muster/base/scheduling.hpp"

#include <cerrno>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace muster {

namespace {

using namespace process;

using adoptions = driver_core::adoptions;

enum class verb : std::uint8_t { prepare, start, stop, publish, remove, call };

struct request {
  verb what = verb::call;
  attempt_id id;
  std::chrono::milliseconds grace{};
  std::unique_ptr<attempt_spec> spec;
  std::function<void()> call; ///< Runs in the driver's thread.
};

class process_driver final : public driver, public changing_offer {
public:
  explicit process_driver(process_config config)
      : config_(std::move(config)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        core_(config_, [this](std::function<void()> call) { push_call(std::move(call)); }) {}

  ~process_driver() override {
    push_call([this] { closing_ = true; });
    if (thread_.joinable())
      thread_.join();
  }

  result<capabilities> probe() override {
    std::error_code failed;
    std::filesystem::create_directories(config_.state_directory, failed);
    if (failed)
      return error{ec::io_error,
                   "cannot make the state directory " + config_.state_directory.string() + ": " + failed.message()};
    config_.state_directory = std::filesystem::absolute(config_.state_directory, failed);
    if (auto opened = core_.open(); !opened)
      return opened.failure();
    auto total = machine::host_capacity(config_.state_directory, config_.look_at.root);
    if (!total)
      return total.failure();
    capabilities out;
    out.driver = "process";
    out.total = *std::move(total);
    // After the launch of the warden: it must not inherit what a library opens.
    watch_.emplace(config_.state_directory, config_.gpus, config_.look_at, config_.claims_gpus);
    auto found = watch_->look();
    core_.learn_gpus(gpus_of(found));
    machine::take_machine(std::move(found), out);
    out.starts_after = true;
    offered_ = out;
    return out;
  }

  std::optional<capabilities> look_again() override {
    auto found = watch_->look();
    auto gpus = gpus_of(found);
    if (!machine::take_machine(std::move(found), offered_))
      return std::nullopt;
    push_call([this, gpus = std::move(gpus)] { core_.learn_gpus(gpus); });
    return offered_;
  }

  void listen(driver_listener& to) override {
    listener_ = &to;
    thread_ = std::thread{[this] { run(); }};
  }

  void prepare(attempt_spec spec) override {
    request x;
    x.what = verb::prepare;
    x.id = spec.id;
    x.spec = std::make_unique<attempt_spec>(std::move(spec));
    push(std::move(x));
  }

  void start(attempt_id id) override {
    request x;
    x.what = verb::start;
    x.id = id;
    push(std::move(x));
  }

  void stop(attempt_id id, std::chrono::milliseconds grace) override {
    request x;
    x.what = verb::stop;
    x.id = id;
    x.grace = grace;
    push(std::move(x));
  }

  void publish(attempt_id id) override {
    request x;
    x.what = verb::publish;
    x.id = id;
    push(std::move(x));
  }

  void remove(attempt_id id) override {
    request x;
    x.what = verb::remove;
    x.id = id;
    push(std::move(x));
  }

  adoptions adopt(const std::vector<attempt_spec>& attempts) override {
    const auto promise = std::make_shared<std::promise<adoptions>>();
    auto answer = promise->get_future();
    push_call([this, promise, copy = std::make_shared<const std::vector<attempt_spec>>(attempts)] {
      core_.adopt(copy, [promise](adoptions found) { promise->set_value(std::move(found)); });
    });
    return answer.get();
  }

private:
  static visible_gpus gpus_of(const machine::discovery& found) {
    visible_gpus out;
    out.are_shared_out = found.has_gpus;
    for (const auto& x : found.facts.gpus)
      out.uuids[x.index] = x.uuid;
    return out;
  }

  void push(request x) {
    bool was_idle = false;
    {
      const std::lock_guard lock{mutex_};
      inbox_.push_back(std::move(x));
      was_idle = std::exchange(idle_, false);
    }
    if (was_idle) {
      const std::uint64_t one = 1;
      while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) { // Full means it is awake.
      }
    }
  }

  void push_call(std::function<void()> call) {
    request x;
    x.call = std::move(call);
    push(std::move(x));
  }

  // -- everything below runs in the driver's thread

  void run() {
    interrupt_nobody();
    core_.begin(*listener_);
    std::vector<request> taken;
    while (!closing_) {
      {
        const std::lock_guard lock{mutex_};
        taken.swap(inbox_);
        idle_ = taken.empty();
      }
      if (taken.empty())
        wait();
      for (auto& x : taken)
        handle(x);
      taken.clear();
      core_.exchange();
      core_.end_batch();
    }
  }

  void wait() {
    pollfd files[] = {{wake_.get(), POLLIN, 0},
                      {core_.file(), static_cast<short>(core_.has_unsent() ? POLLIN | POLLOUT : POLLIN), 0}};
    ::poll(files, core_.is_connected() ? 2 : 1, -1);
    std::uint64_t count = 0;
    while (::read(wake_.get(), &count, sizeof count) < 0 && errno == EINTR) { // Empty: another file was ready.
    }
  }

  void handle(request& x) {
    switch (x.what) {
      case verb::prepare: return core_.prepare(std::move(x.spec));
      case verb::start: return core_.start(x.id);
      case verb::stop: return core_.stop(x.id, x.grace);
      case verb::publish: return core_.publish(x.id);
      case verb::remove: return core_.remove(x.id);
      case verb::call: return x.call();
    }
  }

  process_config config_;
  std::optional<machine::machine_watch> watch_;
  capabilities offered_; ///< As was said last.
  driver_listener* listener_ = nullptr;
  const unique_fd wake_;

  std::mutex mutex_; ///< Guards the two that follow.
  std::vector<request> inbox_;
  bool idle_ = false;

  bool closing_ = false; ///< The driver's thread's own, as is what follows.
  driver_core core_;

  std::thread thread_;
};

} // namespace

std::unique_ptr<driver> make_process_driver(process_config config) {
  return std::make_unique<process_driver>(std::move(config));
}

} // namespace muster
