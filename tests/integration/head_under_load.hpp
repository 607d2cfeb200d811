#pragma once

#include "gateway/client/http_client.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace muster::test {

/// What all clients of a head were told, gathered over its deaths. All members are thread-safe.
class promises {
public:
  /// A submission was acknowledged.
  void submitted(const std::string& id);
  /// A cancel was acknowledged.
  void canceled(const std::string& id);
  /// A subscriber was told of an event, by its line of JSON. `last` is the number before it in that subscription.
  void told(const std::string& line, std::uint64_t last);
  void complain(const std::string& what);

  [[nodiscard]] std::size_t acknowledged() const;
  /// Waits until so many operations were acknowledged; false at the deadline.
  [[nodiscard]] bool wait_for_acknowledged(std::size_t count, std::chrono::seconds deadline) const;
  /// Waits until a subscriber saw every workflow end; false at the deadline.
  [[nodiscard]] bool wait_for_ends(std::chrono::seconds deadline) const;
  [[nodiscard]] std::vector<std::string> workflows() const;
  [[nodiscard]] bool was_canceled(const std::string& id) const;
  /// How a subscriber saw a workflow end; empty if none did.
  [[nodiscard]] std::string end_of(const std::string& id) const;
  [[nodiscard]] std::string complaints() const;

private:
  template <class Condition>
  [[nodiscard]] bool wait(std::chrono::seconds deadline, Condition is_so) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, bool> workflows_; ///< Whether they were canceled.
  std::map<std::string, std::string> ends_;
  std::map<std::uint64_t, std::string> lines_; ///< So that two subscribers are told the same.
  std::size_t acknowledged_ = 0;
  std::string complaints_;
};

/// Clients that go on until they are stopped, over any number of deaths of the head.
class crowd {
public:
  /// `submitters` submit workflows of tasks that write a line to a file of `marks` when they start, and cancel some;
  /// `subscribers` follow all events from the first on.
  crowd(promises& told, std::string marks, std::size_t submitters, std::size_t subscribers, std::uint64_t seed);
  ~crowd();
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  /// Where the head is from now on; empty: nowhere, so that who loses it waits.
  void head_is_at(std::string address);
  /// No more submissions; returns when every client has got its last answer.
  void stop_submitting();
  /// Ends the subscribers once they were told of the event of that number; false if one was not, by the deadline.
  [[nodiscard]] bool finish(std::uint64_t last, std::chrono::seconds deadline);

private:
  /// A client of the head, when there is one; null when all is over.
  [[nodiscard]] std::unique_ptr<client::http_client> connect();
  void stop();
  void submit(std::uint64_t seed);
  void subscribe(std::size_t number);

  promises& told_;
  std::string marks_;
  std::atomic<bool> submitting_{true};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_; ///< Of what follows.
  std::condition_variable changed_;
  std::string address_;
  std::vector<std::uint64_t> seen_; ///< By subscriber.
  std::vector<std::thread> submitters_;
  std::vector<std::thread> subscribers_;
};

} // namespace muster::test
