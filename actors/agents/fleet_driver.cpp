#include "actors/agents/fleet.hpp"

#include "actors/protocol/type_ids.hpp"

#include <caf/all.hpp>

#include <utility>

namespace muster::agent {

namespace {

/// The FLEET from outside of the actors.
class fleet_driver final : public driver {
public:
  fleet_driver(fleet_actor to, capabilities offered) : to_(std::move(to)), offered_(std::move(offered)) {}
  ~fleet_driver() override { caf::anon_send(to_, listen_atom::value, listener_ptr{}); }
  fleet_driver(const fleet_driver&) = delete;
  fleet_driver& operator=(const fleet_driver&) = delete;

  result<capabilities> probe() override { return offered_; }
  void listen(driver_listener& to) override {
    caf::anon_send(to_, listen_atom::value, std::make_shared<std::reference_wrapper<driver_listener>>(to));
  }
  void prepare(attempt_spec spec) override {
    caf::anon_send(to_, prepare_atom::value, attempt_spec_ptr{std::make_shared<attempt_spec>(std::move(spec))});
  }
  void start(attempt_id id) override { caf::anon_send(to_, start_atom::value, id); }
  void stop(attempt_id id, std::chrono::milliseconds grace) override {
    caf::anon_send(to_, stop_atom::value, id, static_cast<std::uint32_t>(grace.count()));
  }
  void publish(attempt_id id) override { caf::anon_send(to_, publish_atom::value, id); }
  void remove(attempt_id id) override { caf::anon_send(to_, remove_atom::value, id); }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    auto call = std::make_shared<adoption_call>();
    call->asked = attempts;
    auto answer = call->answer.get_future();
    caf::anon_send(to_, adopt_atom::value, call);
    call.reset(); // Dropped unanswered, it breaks the promise.
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return error{ec::unavailable, "the fleet has ended"};
    }
  }

private:
  fleet_actor to_;
  capabilities offered_;
};

} // namespace

std::unique_ptr<driver> make_fleet_driver(fleet_actor to, capabilities offered) {
  return std::make_unique<fleet_driver>(std::move(to), std::move(offered));
}

} // namespace muster::agent
