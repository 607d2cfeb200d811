#pragma once

#include "muster/base/time.hpp"
#include "muster/spec/load.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/records.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Resources as `/v1` shows them: docs/openapi.yaml has each of these objects.
namespace muster::gateway {

/// Null for an empty text. Every text that came from outside is kept as it is; what is not UTF-8 is replaced when it is
/// written.
[[nodiscard]] nlohmann::ordered_json text_or_null(const std::string& x);

/// RFC 3339 in UTC with milliseconds; null for a time that has not come.
[[nodiscard]] nlohmann::ordered_json json_of(const std::optional<timestamp>& x);

/// Seconds as a number; null for none.
[[nodiscard]] nlohmann::ordered_json json_of(const std::optional<duration>& x);

/// `Workflow`, as in a list. `grows`: its groups and tasks are those so far.
[[nodiscard]] nlohmann::ordered_json json_of(const store::workflow_record& x, bool grows);

/// How many are in each status.
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<std::pair<status, std::uint64_t>>& counts);

/// `Group`, as in a list.
[[nodiscard]] nlohmann::ordered_json json_of(const store::group_record& x);

/// `Task`, as in a list, with the name of its group.
[[nodiscard]] nlohmann::ordered_json json_of(const store::task_record& x, const std::string& group);

/// `Attempt`.
[[nodiscard]] nlohmann::ordered_json json_of(const store::attempt_record& x);

/// What a task asks for, with the defaults of what it leaves open; sizes in bytes.
[[nodiscard]] nlohmann::ordered_json json_of(const spec::resource& x);

/// `Diagnostic`: something that is wrong with a spec, and where.
[[nodiscard]] nlohmann::ordered_json json_of(const spec::diagnostic& x);
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<spec::diagnostic>& x);

/// Text that should be JSON; null if it is not.
[[nodiscard]] nlohmann::ordered_json json_of_text(const std::string& text);

/// A page of a list; `next` is null at the end.
[[nodiscard]] nlohmann::ordered_json page_of(nlohmann::ordered_json items, const std::optional<std::string>& next);

} // namespace muster::gateway
