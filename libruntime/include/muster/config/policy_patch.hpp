#pragma once

#include "muster/base/result.hpp"
#include "muster/config/pool_policy.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Policies of pools that are changed while a head works. What was set so is kept as JSON: an object with whole keys of
/// `policy`, named and written as in the configuration file, which count in place of those of the file.
namespace muster::config {

/// The whole of it: every key, those that were not said with their defaults.
[[nodiscard]] std::string to_json(const pool_policy& x);

/// `file`, with the keys that `set` has in place of its own. `invalid_argument` names the field and says what is wrong,
/// one a line.
[[nodiscard]] result<pool_policy> with_set(const pool_policy& file, std::string_view set);

/// What is set after a merge patch (RFC 7396) of the policy `now`: a key that the patch has is set to what it makes of
/// it. Null takes away that a key was set, so that the file counts again; a patch that is null does so for all keys.
/// `invalid_argument` for what is no patch; what is wrong with values is found by `with_set`.
[[nodiscard]] result<std::string> patched(std::string_view set, const pool_policy& now, std::string_view patch);

/// Which keys are set.
[[nodiscard]] std::vector<std::string> keys_of(std::string_view set);

} // namespace muster::config
