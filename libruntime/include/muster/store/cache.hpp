#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Tasks whose results may serve for others like them.
namespace muster::store {

/// How many are kept; those that were not used for the longest time go first.
constexpr std::size_t max_cache_entries = 10'000;

/// A task that completed, by what it depends on. Good as long as that attempt is the task's latest and is COMPLETED.
struct cache_entry {
  std::string key;  ///< SHA-256, 64 hex digits.
  std::string step; ///< The name of its step, for finding others like it.
  workflow_key workflow;
  task_index task;
  std::uint32_t attempt = 0;
  bool has_output = false;
  std::string made_of; ///< See `flow::encode_parts`.
  timestamp used{};    ///< When it was made or last served.
};

/// What the cache had to say of a task that asked it.
struct cache_note {
  workflow_key workflow;
  task_index task;
  std::string key;
  std::string text; ///< Why it is run, or whose result it has; for people.
};

/// Changes that belong together.
struct cache_change {
  std::vector<cache_entry> put;  ///< New, or in place of what has the key.
  std::vector<std::string> used; ///< Keys of those that served now.
  std::vector<std::string> gone; ///< Keys of those that are good no more.
  std::vector<cache_note> notes; ///< In place of an earlier one.
};

} // namespace muster::store
