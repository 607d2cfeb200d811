#pragma once

#include "muster/store/records.hpp"
#include "sqlite.hpp"

/// How a workflow's row is read. Private to the store.
namespace muster::store {

/// Begins every statement that `workflow_at` reads from; the table is `w`.
constexpr const char* workflow_columns =
    "SELECT w.key, w.name, w.number, w.status, w.submitted, w.started, w.ended, w.cancel_requested, w.reason, "
    "w.cancel_message, w.groups, w.tasks, w.pool, w.profile, w.options, w.labels, w.exec_timeout, w.queue_timeout, "
    "w.user, w.bytes, w.priority, w.driver FROM ";

/// The row that the statement stands on.
[[nodiscard]] workflow_record workflow_at(const sqlite::statement& q);

} // namespace muster::store
