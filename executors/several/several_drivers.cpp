#include "executors/several/several_drivers.hpp"

#include "executors/changing_offer.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace muster {

namespace {

bool gives(const capabilities& x, const std::vector<std::uint32_t>& gpus) {
  return std::includes(x.total.gpus.begin(), x.total.gpus.end(), gpus.begin(), gpus.end());
}

/// What `x` is beside the first driver.
capabilities beside(capabilities x, capabilities& first) {
  first.total.cpu = std::min(first.total.cpu, x.total.cpu);
  first.total.memory = std::min(first.total.memory, x.total.memory);
  first.total.storage = std::min(first.total.storage, x.total.storage);
  if (gives(x, first.total.gpus)) {
    x.total.gpus = first.total.gpus;
  } else {
    x.total.gpus.clear();
    first.machine.gpu_warnings.push_back(
        "tasks of " + x.driver +
        " get no GPUs: " + (x.no_gpus_because.empty() ? "it has others than " + first.driver : x.no_gpus_because));
  }
  x.machine = {};
  return x;
}

/// Passes on what several drivers say, from one thread at a time.
class one_listener final : public driver_listener {
public:
  one_listener(driver_listener& to, std::mutex& mutex) : to_(to), mutex_(mutex) {}

  void on_prepared(attempt_id id, result<void> x) override {
    const std::lock_guard lock{mutex_};
    to_.on_prepared(id, std::move(x));
  }
  void on_started(attempt_id id, result<void> x) override {
    const std::lock_guard lock{mutex_};
    to_.on_started(id, std::move(x));
  }
  void on_exited(attempt_id id, exit_result x) override {
    const std::lock_guard lock{mutex_};
    to_.on_exited(id, std::move(x));
  }
  void on_lost(attempt_id id, std::string why) override {
    const std::lock_guard lock{mutex_};
    to_.on_lost(id, std::move(why));
  }
  void on_displaced(attempt_id id, std::string why) override {
    const std::lock_guard lock{mutex_};
    to_.on_displaced(id, std::move(why));
  }
  void on_progress(attempt_id id, std::string text) override {
    const std::lock_guard lock{mutex_};
    to_.on_progress(id, std::move(text));
  }
  void on_batch_end() override {
    const std::lock_guard lock{mutex_};
    to_.on_batch_end();
  }

private:
  driver_listener& to_;
  std::mutex& mutex_;
};

/// `is_over`, asked by one driver at a time.
leftover_judge shared(const leftover_judge& is_over) {
  const auto mutex = std::make_shared<std::mutex>();
  return {[mutex, ask = is_over.workflow](workflow_key x) {
            const std::lock_guard lock{*mutex};
            return ask(x);
          },
          [mutex, ask = is_over.attempt](attempt_id x) {
            const std::lock_guard lock{*mutex};
            return ask(x);
          }};
}

class several_drivers final : public driver, public changing_offer {
public:
  explicit several_drivers(std::vector<std::shared_ptr<driver>> all) {
    for (auto& x : all)
      members_.push_back({std::move(x), {}, {}});
  }

  result<capabilities> probe() override {
    for (auto& x : members_) {
      auto found = x.runs->probe();
      if (!found)
        return found.failure();
      x.name = found->driver;
      x.offered = std::move(*found);
    }
    for (const auto& x : members_)
      if (find(x.name) != &x)
        return error{ec::invalid_argument, "the driver " + x.name + " is there twice"};
    return together();
  }

  std::optional<capabilities> look_again() override {
    bool has_changed = false;
    for (auto& x : members_)
      if (auto* machine = dynamic_cast<changing_offer*>(x.runs.get()))
        if (auto found = machine->look_again()) {
          x.offered = std::move(*found);
          has_changed = true;
        }
    return has_changed ? std::make_optional(together()) : std::nullopt;
  }

  void listen(driver_listener& to) override {
    listener_ = std::make_unique<one_listener>(to, telling_);
    for (const auto& x : members_)
      x.runs->listen(*listener_);
  }

  void prepare(attempt_spec spec) override {
    const auto* to = find(spec.resource.driver);
    if (to == nullptr)
      return;
    note(spec.id, *to);
    to->runs->prepare(std::move(spec));
  }
  void start(attempt_id id) override { whose(id).start(id); }
  void stop(attempt_id id, std::chrono::milliseconds grace) override { whose(id).stop(id, grace); }
  void publish(attempt_id id) override { whose(id).publish(id); }
  void remove(attempt_id id) override {
    whose(id).remove(id);
    const std::lock_guard lock{mutex_};
    known_.erase(id);
  }

  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    for (const auto& x : attempts)
      if (find(x.resource.driver) == nullptr)
        return error{ec::not_found,
                     "attempt " + to_string(x.id) + " is run by " + x.resource.driver + ", and no such driver is here"};
    std::vector<adoption> out(attempts.size(), adoption::never_started);
    for (const auto& x : members_)
      if (auto asked = ask(x, attempts, out); !asked)
        return asked.failure();
    return out;
  }

  void clean(workflow_key workflow) override {
    for (const auto& x : members_)
      x.runs->clean(workflow);
  }
  void clean_up(leftover_judge is_over) override {
    const auto judge = shared(is_over);
    for (const auto& x : members_)
      x.runs->clean_up(judge);
  }

private:
  struct member {
    std::shared_ptr<driver> runs;
    std::string name;
    capabilities offered; ///< Of the thread that probes and looks.
  };

  /// Null if there is none; the first for an empty name.
  [[nodiscard]] const member* find(const std::string& name) const {
    const auto found =
        std::find_if(members_.begin(), members_.end(), [&](const auto& x) { return name.empty() || x.name == name; });
    return found == members_.end() ? nullptr : &*found;
  }

  [[nodiscard]] capabilities together() const {
    auto out = members_.front().offered;
    for (std::size_t i = 1; i < members_.size(); ++i) {
      auto other = beside(members_[i].offered, out);
      out.besides.push_back(std::move(other));
    }
    return out;
  }

  /// Asks about those that may be its own: also those that name no driver, of an agent that had one and has others now.
  /// Of these that one counts which knows more.
  result<void> ask(const member& x, const std::vector<attempt_spec>& attempts, std::vector<adoption>& out) {
    std::vector<std::size_t> positions;
    std::vector<attempt_spec> own;
    for (std::size_t i = 0; i < attempts.size(); ++i)
      if (const auto& by = attempts[i].resource.driver; by.empty() || by == x.name) {
        positions.push_back(i);
        own.push_back(attempts[i]);
      }
    if (own.empty())
      return {};
    const auto answers = x.runs->adopt(own);
    if (!answers)
      return answers.failure();
    for (std::size_t i = 0; i < own.size(); ++i) {
      const auto found = (*answers)[i];
      auto& known = out[positions[i]];
      if (found == adoption::never_started || (found == adoption::lost && known != adoption::never_started))
        continue;
      known = found;
      note(own[i].id, x);
    }
    return {};
  }

  void note(attempt_id id, const member& by) {
    const std::lock_guard lock{mutex_};
    known_.insert_or_assign(id, by.runs.get());
  }

  /// Of what nobody knows the first one knows nothing either, and says so.
  [[nodiscard]] driver& whose(attempt_id id) const {
    const std::lock_guard lock{mutex_};
    const auto found = known_.find(id);
    return found == known_.end() ? *members_.front().runs : *found->second;
  }

  std::mutex telling_;
  std::unique_ptr<one_listener> listener_; ///< Outlives the drivers, which end before it.
  std::vector<member> members_;            ///< Which they are stays.
  mutable std::mutex mutex_;
  std::unordered_map<attempt_id, driver*> known_; ///< Prepared or adopted, and not removed.
};

} // namespace

std::unique_ptr<driver> make_several_drivers(std::vector<std::shared_ptr<driver>> all) {
  return std::make_unique<several_drivers>(std::move(all));
}

} // namespace muster
