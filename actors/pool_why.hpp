#pragma once

#include "actors/pool.hpp"

/// Why groups wait in a POOL.
namespace muster {

/// Where a gang is kept by its workflow and group.
[[nodiscard]] gang_key key_of(workflow_key workflow, group_index group) noexcept;
/// The inverse.
[[nodiscard]] gang_name name_of(gang_key key) noexcept;

/// Why a request is kept, and not in the queue yet; nothing if it can be taken up. `cause` is for programs.
struct kept_reason {
  std::string cause;
  std::string text;
};
[[nodiscard]] std::optional<kept_reason> why_kept(const pool_state& state, const placement_request& request);
/// Why nobody who asks gets a place, though there may be some; nothing if they do.
[[nodiscard]] std::optional<kept_reason> why_nothing_is_placed(const pool_state& state);
/// The same of one that is kept: it may also wait for more nodes.
[[nodiscard]] std::optional<kept_reason> why_kept(const pool_state& state, const pool_state::early_request& x);
/// Whether it was found not to fit the nodes that there are, were they all empty.
[[nodiscard]] bool waits_for_nodes(const pool_state& state, const pool_state::early_request& x);
/// What it lacks then.
[[nodiscard]] kept_reason why_more_nodes(const pool_state& state, const pool_state::early_request& x);

/// Why these groups of a workflow wait, as of now: of those that do.
[[nodiscard]] wait_report_ptr why_waiting(const pool_state& state, workflow_key workflow,
                                          const std::vector<group_index>& groups);

} // namespace muster
