#pragma once

#include "muster/api/runtime.hpp"

#include "event_feed.hpp"

#include "actors/runtime.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace muster::api {

/// What `local_runtime` and its runs share. From any thread.
class local_runtime::impl {
public:
  impl(store::state_directory directory, std::unique_ptr<muster::runtime> engine, store::reader reader,
       const local_options& options);

  [[nodiscard]] const store::state_directory& directory() const noexcept { return directory_; }
  [[nodiscard]] muster::runtime& engine() noexcept { return *engine_; }
  [[nodiscard]] event_feed& feed() noexcept { return *feed_; }
  [[nodiscard]] bool runs_containers() const noexcept { return runs_containers_; }
  /// How it was started, as JSON: kept with each workflow, for a later `muster resume`.
  [[nodiscard]] const std::string& options() const noexcept { return options_; }

  /// Calls `use` with a reader of the store that nobody else uses meanwhile.
  template <class Use>
  auto read(Use use) {
    const std::lock_guard lock{mutex_};
    return use(reader_);
  }

  void note_live(workflow_key key);
  [[nodiscard]] bool is_live(workflow_key key);

private:
  store::state_directory directory_;
  std::string options_;
  bool runs_containers_;
  std::mutex mutex_;
  store::reader reader_;
  std::set<std::int64_t> live_; ///< Workflows that this runtime was given.
  // The events of the runtime wake the feed, so that ends first.
  std::shared_ptr<event_feed> feed_;
  std::unique_ptr<muster::runtime> engine_;
};

/// A run of this process: `engine` is kept alive by it.
[[nodiscard]] std::shared_ptr<run_backend> make_local_run(std::shared_ptr<local_runtime::impl> engine,
                                                          muster::accepted_workflow accepted);

} // namespace muster::api
