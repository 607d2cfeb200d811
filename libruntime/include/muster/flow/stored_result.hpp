#pragma once

#include "muster/base/result.hpp"
#include "muster/store/reader.hpp"

#include <string>

/// Results of steps, from what is recorded of their tasks.
namespace muster::flow {

/// The result, JSON, of the step at `path`, or of the whole workflow if that is empty: of a task what it wrote, of a
/// map a list in the order of its items (null for those without one) or what it was reduced to, of a nested workflow
/// its own. `conflict` if it has not ended, `not_found` if it gave none or there is no such step. What is not a plain
/// task or an element of one is known when the whole workflow has ended; of the whole, if it is COMPLETED.
/// `limit_exceeded` if it takes the results of so many tasks that they cannot be read at once.
[[nodiscard]] result<std::string> stored_result(store::reader& reader, const store::workflow_record& workflow,
                                                const std::string& path);

} // namespace muster::flow
