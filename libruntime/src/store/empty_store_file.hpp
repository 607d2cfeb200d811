#pragma once

#include "muster/base/result.hpp"
#include "sqlite.hpp"

#include <filesystem>
#include <string>

namespace muster::store {

/// What cannot be changed once there is a table. Does nothing if there is one.
[[nodiscard]] result<void> set_up_if_empty(sqlite::connection& db);

/// Makes the database of a store that has none; else does nothing. `bytes` are what `make_empty_store` gave, or empty
/// if it is to be called here. After a crash the database is there as a whole, or not at all. For who has the writer's
/// lock. Fails with `store_full` or `io_error`.
[[nodiscard]] result<void> put_empty_store(const std::filesystem::path& database, std::string bytes);

} // namespace muster::store
