#pragma once

#include "muster/store/reader.hpp"

#include <cstddef>
#include <functional>

namespace muster::store {

/// What the results of one workflow may hold where they are in memory all at once.
constexpr std::size_t most_result_bytes = std::size_t{64} << 20U;

/// Passes the results of those tasks that are `wanted` to `use`, in the order of the plan. False if they hold more than
/// `most_result_bytes`: then those behind are not read. Fails as `reader::task_results`.
[[nodiscard]] result<bool> read_results(reader& from, workflow_key key, const std::function<bool(task_index)>& wanted,
                                        const std::function<void(task_result_record)>& use);

} // namespace muster::store
