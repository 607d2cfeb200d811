#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/reader.hpp"

namespace muster::gateway {

/// The workflow as it was accepted, from its rows: what a restart submits once more. Templates, parameters and files
/// were filled in by then and stay as they were. `limit_exceeded` beyond a million tasks.
[[nodiscard]] result<spec::workflow> rebuild_workflow(store::reader& reader, const store::workflow_record& record);

} // namespace muster::gateway
