#pragma once

#include "actors/pool.hpp"

/// What a POOL makes of what groups ask for, by its policy.
namespace muster {

/// What these members ask of nodes; of none of those that it `avoids`.
[[nodiscard]] gang gang_of(const pool_state& state, const plan& layout, const std::vector<task_index>& members,
                           const std::vector<std::string>& avoids = {});

/// The members that a gang asks for.
[[nodiscard]] std::vector<task_index> members_of(gang_key key, const pool_state::client& x);

/// On what terms; fails with `never_fits` if no quota of the pool takes the workflow. `at_most` in seconds, 0 for
/// unknown; `group_size` as in `gang_terms`.
[[nodiscard]] result<gang_terms> terms_of(const pool_state& state, const plan& layout, const workflow_terms& x,
                                          std::int64_t at_most, std::uint32_t group_size);

/// Whether a gang that does not fit the nodes that there are could fit others: nodes may join, and nothing that the
/// configuration says rules it out.
[[nodiscard]] bool may_fit_later(const pool_state& state, const gang& who, const gang_terms& terms);

} // namespace muster
