#pragma once

#include "muster/api/runtime.hpp"

#include "muster/base/ids.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace muster::api {

/// Gives the events of workflows, with their names, to whoever wants them; on a thread of its own, which reads the
/// store whenever it is told that something was committed. From any thread.
class event_feed {
public:
  explicit event_feed(store::state_directory directory) : directory_(std::move(directory)) {}
  /// Ends after the call that is under way. On the feed's own thread it does not wait for that.
  ~event_feed();

  /// All events of a workflow, from the first that is kept on, until there are no more and it has ended; then `on_end`,
  /// if there is one, with what was wrong if it came to that. What either throws ends its subscription.
  void subscribe(workflow_key workflow, std::function<void(const event&)> use,
                 std::function<void(const result<void>&)> on_end);

  /// Something was committed.
  void wake();

private:
  struct subscription {
    workflow_key workflow;
    std::function<void(const event&)> use;
    std::function<void(const result<void>&)> on_end;
    std::optional<sequence> after{};
    bool finished = false; ///< The workflow is, as far as it was read.
    bool over = false;

    void end(const result<void>& how);
  };

  /// Passes on what is new of one.
  static void deliver(subscription& x, store::reader& reader, const std::function<bool()>& stopping);

  /// Shared with the thread, which may outlive the feed for a moment.
  struct shared_state {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<subscription> fresh;
    bool woken = false;
    bool stopping = false;
  };

  static void run(const std::shared_ptr<shared_state>& state, const store::state_directory& directory);

  store::state_directory directory_;
  std::shared_ptr<shared_state> state_ = std::make_shared<shared_state>();
  std::thread thread_;
};

} // namespace muster::api
