#pragma once

#include "actors/context.hpp"
#include "executors/data/content.hpp"
#include "executors/driver.hpp"
#include "muster/flow/cache_key.hpp"
#include "muster/store/cache.hpp"
#include "muster/store/reader.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster {

/// What a CACHED GROUP asks the CACHE.
struct cache_question {
  attempt_spec spec;     ///< Of the attempt that would be made.
  std::string step;      ///< The name of its step.
  std::string key;       ///< What the spec gives as the key, tokens not replaced; empty: one is made of all.
  bool is_begun = false; ///< It was begun before a restart: only to be known by its key.
};

/// What is to become of the task.
enum class cache_verdict : std::uint8_t {
  run = 1,  ///< It is run, and its end told to the CACHE.
  take = 2, ///< Another one's result is its own.
  wait = 3, ///< One like it runs: `watch` its key, then ask again.
};

struct cache_answer {
  cache_verdict verdict = cache_verdict::run;
  std::string key;
  std::string text;   ///< For people.
  std::string result; ///< Of `take`; JSON, empty for none.
};

/// How a task that the CACHE let run has ended.
struct cache_end {
  std::string key;
  attempt_id who; ///< Its number does not count: `attempt` is the last one's.
  bool completed = false;
};

/// State of the CACHE.
struct cache_state {
  static inline const char* name = "cache";

  /// A task that runs, and those that wait for it.
  struct running_task {
    attempt_id who;
    std::string name; ///< `fan-3 train.2`
    store::cache_entry entry;
    std::vector<caf::typed_response_promise<sequence>> waiting;
  };

  std::optional<store::state_directory> directory;
  journal_actor journal;
  bool may_take = true;
  workflow_key looked_at;  ///< Which workflow was looked at last;
  bool takes_none = false; ///< what its options say,
  std::string user;        ///< and whose it is.
  std::shared_ptr<const std::atomic<bool>> stopping;
  std::optional<data::content_reader> contents;
  std::optional<store::reader> reader; ///< Opened when first needed.
  std::unordered_map<std::string, running_task> running;
};

/// Knows which tasks are the same as earlier ones, and which of them run. Reads the inputs' files, so it is detached.
/// Where it cannot tell, for want of a file or of the store, the task is run. `stopping` makes it give up reading.
cache_actor::behavior_type cache(cache_actor::stateful_pointer<cache_state> self, store::state_directory directory,
                                 journal_actor journal, bool may_take,
                                 std::shared_ptr<const std::atomic<bool>> stopping, const failure_handler& on_failure);

} // namespace muster
