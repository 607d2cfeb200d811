#include "actors/runtime.hpp"

#include "actors/admission.hpp"
#include "actors/cache.hpp"
#include "actors/clock.hpp"
#include "actors/errors.hpp"
#include "actors/event_hub.hpp"
#include "actors/executor.hpp"
#include "actors/journal_writer.hpp"
#include "actors/leftovers.hpp"
#include "actors/node.hpp"
#include "actors/pool.hpp"
#include "actors/registry.hpp"
#include "actors/restore.hpp"
#include "actors/retry.hpp"
#include "actors/submission.hpp"
#include "actors/system_config.hpp"
#include "muster/base/log.hpp"
#include "muster/placement/defaults.hpp"
#include "muster/store/reader.hpp"

#include <caf/all.hpp>

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace muster {

namespace {

/// Leases of a later runtime are newer than those of an earlier one, whatever those counted to.
epoch first_epoch() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count())};
}

std::optional<duration> positive(duration x) {
  return x > duration{} ? std::optional{x} : std::nullopt;
}

group_policy policy_of(const runtime_config& config) {
  group_policy x;
  x.exec_timeout = positive(config.exec_timeout);
  x.queue_timeout = positive(config.queue_timeout);
  x.start_timeout = positive(config.start_timeout);
  x.grace = config.stop_grace;
  x.max_retries = config.max_retries;
  return x;
}

pool_config pool_config_of(const runtime_config& config) {
  pool_config x;
  x.name = config.pool;
  x.oversubscribe = config.oversubscribe;
  if (config.max_parallel > 0)
    x.queue.max_parallel = config.max_parallel;
  constexpr std::uint32_t addresses_per_runtime = 256;
  x.first_address = static_cast<std::uint32_t>(getpid()) * addresses_per_runtime + 1;
  x.first_epoch = first_epoch();
  return x;
}

/// Sends a request from a thread that is no actor's, and waits.
template <class Result, class Target, class... Args>
result<Result> ask(caf::actor_system& system, const Target& target, const Args&... args) {
  caf::scoped_actor self{system};
  std::optional<result<Result>> answer;
  self->request(target, caf::infinite, args...)
      .receive([&](Result& x) { answer.emplace(std::move(x)); },
               [&](caf::error& why) { answer.emplace(from_caf(why)); });
  return std::move(*answer);
}

} // namespace

/// Owns the actor system and the long-lived actors; ends them in order.
class runtime::impl {
public:
  impl(runtime_config config, store::state_directory directory, store::writer writer, capabilities offered)
      : directory_(std::move(directory)), offered_(std::move(offered)), oversubscribe_(config.oversubscribe),
        runs_(std::move(config.executor)), configuration_(config.threads), system_(configuration_) {
    const failure_handler on_failure = [this](const error& why) { fail(why); };
    hub_ = system_.spawn(event_hub);
    journal_writer_ = system_.spawn<caf::detached>(journal_writer, std::make_shared<store::writer>(std::move(writer)),
                                                   hub_, on_failure);
    journal_ = system_.spawn(journal, journal_writer_, on_failure);
    clock_ = system_.spawn(muster::clock);
    pool_ = system_.spawn(pool, pool_config_of(config), on_failure);
    executor_ = system_.spawn(executor, runs_);
    listener_ = std::make_unique<executor_listener>(executor_);
    runs_->listen(*listener_);
    node_ = system_.spawn(node, std::string{"local"}, offered_, executor_);
    static_cast<void>(ask<std::string>(system_, node_, join_atom::value, pool_));
    cache_ = system_.spawn<caf::detached>(cache, directory_, journal_, config.take_cached, stopping_, on_failure);
    registry_ =
        system_.spawn(registry, std::make_shared<registry_services>(registry_services{
                                    directory_, journal_, pool_, clock_, policy_of(config), on_failure, cache_}));
    subscribe([this](const std::vector<event>& batch) { note_ends(batch); });
    runs_->clean_up(judge_by_store(directory_));
  }

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  ~impl() {
    *stopping_ = true;
    end(registry_);
    end(cache_);
    // Everything that was recorded so far is made durable; an error here was told before.
    static_cast<void>(ask<sequence>(system_, journal_, commit_atom::value, event_list{}));
    end(node_);
    end(pool_);
    end(clock_);
    end(journal_);
    end(journal_writer_);
    end(hub_);
    executor_ = nullptr;
    // The driver's thread may report until the driver is gone, and needs the listener until then.
    runs_.reset();
    system_.await_all_actors_done();
    listener_.reset();
  }

  void subscribe(event_handler handler) {
    caf::anon_send(hub_, subscr_atom::value,
                   event_subscriber{std::make_shared<const event_handler>(std::move(handler))});
  }

  [[nodiscard]] const capabilities& offered() const noexcept { return offered_; }

  result<accepted_workflow> submit(const spec::workflow& workflow, submission_info info) {
    auto history = store::reader::open(directory_);
    if (!history)
      return history.failure();
    if (auto admitted = check_admission(workflow, offered_, *history); !admitted)
      return admitted.failure();
    const auto& has = offered_.total;
    auto needs = needs_of_defaults(workflow, oversubscribed({has.cpu, has.memory, has.storage}, oversubscribe_));
    auto rows = make_submission(workflow, std::move(info), needs.at_least);
    if (!rows)
      return rows.failure();
    auto done = public_form(ask<accepted>(system_, registry_, submit_atom::value, *rows));
    if (done)
      done->notes = std::move(needs.notes);
    return done;
  }

  result<accepted_workflow> resume(const std::string& id) {
    auto reader = store::reader::open(directory_);
    if (!reader)
      return reader.failure();
    auto stored = load_workflow(*reader, directory_, id, *runs_, caf::actor_cast<caf::strong_actor_ptr>(executor_));
    if (!stored)
      return stored.failure();
    return public_form(
        ask<accepted>(system_, registry_, resume_atom::value, stored->who, stored->layout, stored->restore));
  }

  result<accepted_workflow> retry(const std::string& id, const retry_request& request) {
    auto reader = store::reader::open(directory_);
    if (!reader)
      return reader.failure();
    auto planned = plan_retry(*reader, id, request);
    if (!planned)
      return planned.failure();
    // Its end is durable, but its actor may not be gone.
    if (auto gone = ask<sequence>(system_, registry_, settle_atom::value, planned->key); !gone)
      return gone.failure();
    const auto began = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
    auto stored = ask<sequence>(system_, journal_, commit_atom::value, event_list{std::move(planned->facts)});
    if (!stored)
      return stored.failure();
    auto resumed = resume(planned->id);
    if (!resumed)
      return resumed;
    // Its end before this is not to be taken for the one to come.
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return failure_ || retried_.count(planned->key) > 0; });
    retried_.erase(planned->key);
    resumed->since = began;
    return resumed;
  }

  result<void> cancel(workflow_key workflow, const std::string& message, bool force) {
    const auto answer = ask<sequence>(system_, registry_, cancel_atom::value, workflow, message, force);
    return answer ? result<void>{} : result<void>{answer.failure()};
  }

  result<std::int64_t> record(store::service_change x) {
    const auto answer = ask<service_answer>(system_, journal_, commit_atom::value,
                                            service_change_ptr{std::make_shared<store::service_change>(std::move(x))});
    return answer ? result<std::int64_t>{answer->number} : result<std::int64_t>{answer.failure()};
  }

  void note(store::service_change x) {
    caf::anon_send(journal_, record_atom::value,
                   service_change_ptr{std::make_shared<store::service_change>(std::move(x))});
  }

  std::optional<status> wait(workflow_key workflow, std::optional<std::chrono::steady_clock::time_point> deadline) {
    std::unique_lock lock{mutex_};
    // Asked once, the store need not be asked again: an end that comes later is noted.
    if (ended_.count(workflow) == 0 && asked_ != workflow) {
      lock.unlock();
      if (auto reader = store::reader::open(directory_))
        if (const auto record = reader->workflow(workflow); record && is_finished(record->status))
          return record->status;
      lock.lock();
      asked_ = workflow;
    }
    const auto over = [&] { return failure_ || ended_.count(workflow) > 0; };
    if (deadline)
      changed_.wait_until(lock, *deadline, over);
    else
      changed_.wait(lock, over);
    const auto found = ended_.find(workflow);
    return found == ended_.end() ? std::nullopt : std::optional{found->second};
  }

  std::optional<error> failure() {
    const std::lock_guard lock{mutex_};
    return failure_;
  }

private:
  /// How many ends of workflows are remembered for `wait`, which asks the store first.
  static constexpr std::size_t remembered_ends = 1024;

  static result<accepted_workflow> public_form(const result<accepted>& x) {
    if (!x)
      return x.failure();
    return accepted_workflow{x->key, x->id, {}, {}, x->is_replay};
  }

  void fail(const error& why) {
    log::error("runtime", "runtime cannot go on", {{"why", why.message}});
    const std::lock_guard lock{mutex_};
    if (!failure_)
      failure_ = why;
    changed_.notify_all();
  }

  void note_ends(const std::vector<event>& batch) {
    for (const auto& x : batch) {
      const bool ends = x.type == event_type::workflow_status && is_finished(x.status);
      if (!ends && x.type != event_type::workflow_retried)
        continue;
      const std::lock_guard lock{mutex_};
      if (!ends) {
        ended_.erase(x.workflow);
        retried_.insert(x.workflow);
        changed_.notify_all();
        continue;
      }
      ended_[x.workflow] = x.status;
      ended_order_.push_back(x.workflow);
      if (ended_order_.size() > remembered_ends) {
        ended_.erase(ended_order_.front());
        ended_order_.pop_front();
        asked_ = {};
      }
      changed_.notify_all();
    }
  }

  template <class Handle>
  static void end(Handle& handle) {
    caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    handle = nullptr;
  }

  // Before the actors, which use them until they have ended.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<error> failure_;
  std::unordered_map<workflow_key, status> ended_;
  std::deque<workflow_key> ended_order_;
  std::unordered_set<workflow_key> retried_; ///< Since `retry` last looked.
  workflow_key asked_;                       ///< For which `wait` has looked into the store.

  /// The CACHE reads files, which may take long.
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  store::state_directory directory_;
  capabilities offered_;
  double oversubscribe_;
  std::shared_ptr<driver> runs_;
  std::unique_ptr<executor_listener> listener_;
  system_config configuration_;
  caf::actor_system system_;
  event_hub_actor hub_;
  journal_writer_actor journal_writer_;
  journal_actor journal_;
  clock_actor clock_;
  pool_actor pool_;
  executor_actor executor_;
  node_actor node_;
  registry_actor registry_;
  cache_actor cache_;
};

result<std::unique_ptr<runtime>> runtime::start(runtime_config config) {
  if (!config.executor)
    return {ec::invalid_argument, "a runtime needs an executor"};
  store::state_directory directory{config.state_directory};
  auto writer = store::writer::open(directory);
  if (!writer)
    return writer.failure();
  auto offered = config.executor->probe();
  if (!offered)
    return offered.failure();
  return std::unique_ptr<runtime>{new runtime{
      std::make_unique<impl>(std::move(config), std::move(directory), std::move(*writer), std::move(*offered))}};
}

runtime::runtime(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
runtime::~runtime() = default;

const capabilities& runtime::offered() const noexcept {
  return impl_->offered();
}

void runtime::subscribe(event_handler handler) {
  impl_->subscribe(std::move(handler));
}

result<accepted_workflow> runtime::submit(const spec::workflow& workflow, submission_info info) {
  return impl_->submit(workflow, std::move(info));
}

result<accepted_workflow> runtime::resume(const std::string& id) {
  return impl_->resume(id);
}

result<accepted_workflow> runtime::retry(const std::string& id, const retry_request& request) {
  return impl_->retry(id, request);
}

result<void> runtime::cancel(workflow_key workflow, const std::string& message, bool force) {
  return impl_->cancel(workflow, message, force);
}

result<std::int64_t> runtime::record(store::service_change x) {
  return impl_->record(std::move(x));
}

void runtime::note(store::service_change x) {
  impl_->note(std::move(x));
}

std::optional<status> runtime::wait(workflow_key workflow,
                                    std::optional<std::chrono::steady_clock::time_point> deadline) {
  return impl_->wait(workflow, deadline);
}

std::optional<error> runtime::failure() const {
  return impl_->failure();
}

} // namespace muster
