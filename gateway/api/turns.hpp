#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

namespace muster::gateway {

/// Actions on one workflow take turns: from the look at what it is, by which `If-Match` is decided, until what changes
/// it is durable. Thread-safe.
class workflow_turns {
public:
  explicit workflow_turns(std::chrono::milliseconds patience = std::chrono::seconds{5}) : patience_(patience) {}

  /// One's turn, until this ends.
  class turn {
  public:
    turn(turn&& other) noexcept;
    turn& operator=(turn&&) = delete;
    ~turn();

  private:
    friend class workflow_turns;
    turn(workflow_turns& owner, std::string id) : owner_(&owner), id_(std::move(id)) {}
    workflow_turns* owner_;
    std::string id_;
  };

  /// Waits until nobody else acts on the workflow of that id. `unavailable` if that lasts.
  [[nodiscard]] result<turn> take(const std::string& id);

private:
  void give_back(const std::string& id);

  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::set<std::string> taken_;
};

} // namespace muster::gateway
