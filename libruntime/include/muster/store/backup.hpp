#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"

#include <cstdint>
#include <filesystem>

namespace muster::store {

/// What a backup holds.
struct backup_summary {
  sequence at;             ///< The last event in it.
  std::uint64_t bytes = 0; ///< Of the file.
};

/// Copies the store, as it is at one moment, into one file; a writer may be at work and is not held up. The copy is
/// checked, made durable and only then given its name. Logs and outputs of tasks are not in it. `conflict` if the file
/// exists, `not_found` if there is no store, else as `reader::open`.
[[nodiscard]] result<backup_summary> backup(const state_directory& from, const std::filesystem::path& to);

/// Makes the store of a state directory out of a backup. The log gets an identity of its own, so that monitors who
/// read on by number are told to begin anew. `conflict` if there is a store already, `store_locked` if somebody writes
/// there, `store_corrupt` if the file is damaged or no backup, `store_version` if it is of a newer Muster.
[[nodiscard]] result<backup_summary> restore(const std::filesystem::path& from, const state_directory& to);

} // namespace muster::store
