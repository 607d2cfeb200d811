#pragma once

#include "actors/journal.hpp"

#include <cstddef>

/// What the JOURNAL does with what it has gathered while the store is full.
namespace muster {

/// Whether an entry is refused rather than kept until there is room: it asks for something new, and nothing that runs
/// hangs on it.
[[nodiscard]] bool is_refusable(const journal_entry& x);

/// Whether it leaves more room than it takes, in the end: a full store is asked for it nevertheless. Who deletes a
/// workflow is written down before, so that goes with it.
[[nodiscard]] bool frees_room(const store::service_change& x);
[[nodiscard]] bool frees_room(const journal_entry& x);

/// Drops facts that a later one of the same attempt or group makes void: the same status again, with another reason.
/// Returns how many facts are left.
std::size_t coalesce(std::vector<journal_entry>& entries);

} // namespace muster
