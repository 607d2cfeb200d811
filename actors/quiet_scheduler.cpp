#include "actors/quiet_scheduler.hpp"

#include "muster/base/scheduling.hpp"

#include <caf/all.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/policy/work_sharing.hpp>
#include <caf/scheduler/coordinator.hpp>

#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>

namespace muster {

namespace {

/// CAF's own policy, as a type that only the scheduler below uses.
class sharing final : public caf::policy::work_sharing {};

} // namespace

} // namespace muster

/// As CAF's, but threads of actors have no logger of CAF's, which is silent: else each turn of an actor looks by a
/// `dynamic_cast` for its number, and tells it to the logger and takes it back twice. And it interrupts nobody.
template <>
void caf::scheduler::worker<muster::sharing>::run() {
  caf::logger::set_current_actor_system(nullptr);
  muster::interrupt_nobody();
  for (;;) {
    auto* job = policy_.dequeue(this);
    switch (job->resume(this, max_throughput_)) {
      case resumable::resume_later: policy_.resume_job_later(this, job); break;
      case resumable::done:
      case resumable::awaiting_message: intrusive_ptr_release(job); break;
      case resumable::shutdown_execution_unit: return;
    }
  }
}

namespace muster {

namespace {

/// Passes everything on to the scheduler's own clock, but what would change nothing. Is of that type because the
/// scheduler must return one.
class quiet_clock final : public caf::detail::thread_safe_actor_clock {
public:
  using clock = caf::detail::thread_safe_actor_clock;

  explicit quiet_clock(clock& inner) : inner_(inner) {}

  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) override {
    note(self);
    inner_.set_ordinary_timeout(t, self, type, id);
  }
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) override {
    note(self);
    inner_.set_multi_timeout(t, self, type, id);
  }
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override {
    note(self);
    inner_.set_request_timeout(t, self, id);
  }
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override {
    inner_.cancel_ordinary_timeout(self, type);
  }
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override {
    inner_.cancel_request_timeout(self, id);
  }
  /// Called for every actor that ends.
  void cancel_timeouts(caf::abstract_actor* self) override {
    {
      const std::lock_guard lock{mutex_};
      if (have_timeouts_.erase(self) == 0)
        return;
    }
    inner_.cancel_timeouts(self);
  }
  void schedule_message(time_point t, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) override {
    inner_.schedule_message(t, std::move(receiver), std::move(content));
  }
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender, caf::message content) override {
    inner_.schedule_message(t, std::move(target), std::move(sender), std::move(content));
  }
  void cancel_all() override { inner_.cancel_all(); }

private:
  void note(caf::abstract_actor* self) {
    const std::lock_guard lock{mutex_};
    have_timeouts_.insert(self);
  }

  clock& inner_;
  std::mutex mutex_;
  /// Those that set one and have not ended.
  std::unordered_set<caf::abstract_actor*> have_timeouts_;
};

class quiet_scheduler final : public caf::scheduler::coordinator<sharing> {
public:
  using base = caf::scheduler::coordinator<sharing>;

  explicit quiet_scheduler(caf::actor_system& system) : base(system), clock_(base::clock()) {}

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<> /*none*/) {
    return std::make_unique<quiet_scheduler>(system).release(); // The system owns it.
  }

  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }

private:
  quiet_clock clock_;
};

} // namespace

void use_quiet_scheduler(caf::actor_system_config& config) {
  config.load<quiet_scheduler>();
}

} // namespace muster
