#pragma once

#include <caf/mailbox_element.hpp>
#include <caf/system_messages.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace muster::agent {

/// What the owner of an actor sets before he ends it.
using end_permit = std::shared_ptr<std::atomic<bool>>;

/// An actor that is known beyond its own process. Whoever is connected can send it any message, also one that ends it,
/// and CAF lets no actor trap `exit_reason::kill`: such a message is dropped ahead of the mailbox, until the owner has
/// given his permit.
template <class Base>
class kept_actor : public Base {
public:
  using Base::Base;
  using Base::enqueue;

  /// Once, before anybody else knows of it. Null: anybody may end it.
  void keep(end_permit x) {
    permit_ = std::move(x);
    is_kept_.store(permit_ != nullptr, std::memory_order_release);
  }

  /// From any thread.
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit* on) override {
    const bool is_kept = is_kept_.load(std::memory_order_acquire) && !*permit_;
    if (is_kept && x->content().template match_elements<caf::exit_msg>())
      return;
    Base::enqueue(std::move(x), on);
  }

private:
  end_permit permit_;
  std::atomic<bool> is_kept_{false};
};

} // namespace muster::agent
