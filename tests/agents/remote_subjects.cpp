#include "fleet_fixture.hpp"
#include "harness.hpp"

#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"
#include "support/catch.hpp"

/// Drivers at the other end of a connection.
namespace muster::test {

namespace {

/// A head and one node, seen as a driver.
class remote_driver final : public driver {
public:
  remote_driver(const std::filesystem::path& state, std::shared_ptr<driver> inner) : head_(state) {
    auto started = agent_runtime::start(agent_of(head_, state, "n1", std::move(inner)));
    REQUIRE(started);
    agent_ = std::move(*started);
    REQUIRE(head_.wait("n1", agent::fleet_change::kind::ready));
    runs_ = agent::make_fleet_driver(head_.fleet(), head_.last("n1").offered);
  }

  result<capabilities> probe() override { return runs_->probe(); }
  void listen(driver_listener& to) override { runs_->listen(to); }
  void prepare(attempt_spec spec) override {
    spec.node = "n1";
    runs_->prepare(std::move(spec));
  }
  void start(attempt_id id) override { runs_->start(id); }
  void stop(attempt_id id, std::chrono::milliseconds grace) override { runs_->stop(id, grace); }
  void publish(attempt_id id) override { runs_->publish(id); }
  void remove(attempt_id id) override { runs_->remove(id); }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    auto placed = attempts;
    for (auto& x : placed)
      x.node = "n1";
    return runs_->adopt(placed);
  }

private:
  fleet_head head_;
  std::unique_ptr<agent_runtime> agent_;
  std::unique_ptr<driver> runs_;
};

std::vector<subject> make_subjects() {
  auto out = local_subjects();
  for (auto& x : out) {
    x.probed_as = x.probed_as.empty() ? x.name : x.probed_as;
    x.name += " on a node";
    x.make = [inner = x.make](const std::filesystem::path& state) -> std::unique_ptr<driver> {
      return std::make_unique<remote_driver>(state, inner(state));
    };
  }
  return out;
}

} // namespace

const std::vector<subject>& subjects() {
  static const auto all = make_subjects();
  return all;
}

} // namespace muster::test
