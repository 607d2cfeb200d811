#include "actors/durable_change.hpp"

#include "actors/errors.hpp"

#include <caf/all.hpp>

#include <memory>
#include <utility>

namespace muster {

namespace {

/// How a change went, said once. What the JOURNAL has not answered when it ends, it never will: who asked it goes then,
/// and this with it.
class outcome {
public:
  outcome() = default;
  outcome(const outcome&) = delete;
  outcome& operator=(const outcome&) = delete;
  ~outcome() {
    if (!is_said_)
      said_.set_value(error{ec::unavailable, "the runtime is ending"});
  }

  void say(result<void> x) {
    is_said_ = true;
    said_.set_value(std::move(x));
  }
  [[nodiscard]] std::future<result<void>> when_said() { return said_.get_future(); }

private:
  std::promise<result<void>> said_;
  bool is_said_ = false;
};

} // namespace

std::future<result<void>> change_durably(caf::actor_system& system, const journal_actor& journal,
                                         store::service_change x, std::function<result<void>()> then) {
  const auto done = std::make_shared<outcome>();
  auto out = done->when_said();
  service_change_ptr change = std::make_shared<store::service_change>(std::move(x));
  system.spawn([done, journal, change, then = std::move(then)](caf::event_based_actor* self) {
    self->request(journal, caf::infinite, commit_atom::value, change)
        .then([done, then](const service_answer&) { done->say(then()); },
              [done](const caf::error& why) { done->say(no_answer(why, {})); });
  });
  return out;
}

} // namespace muster
