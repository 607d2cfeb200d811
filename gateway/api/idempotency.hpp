#pragma once

#include "gateway/api/call.hpp"
#include "gateway/api/submit_request.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string>

/// Requests with an `Idempotency-Key`, which are carried out once however often they are sent.
namespace muster::gateway {

/// Of what a submission means, however it was written: the same for a form that was put together anew, with another
/// boundary.
[[nodiscard]] std::string digest_of(const submit_request& x);

/// Of a restart of that workflow.
[[nodiscard]] std::string digest_of_restart(const std::string& id);

/// The digest of a request; none for what no key counts for.
using digest_source = std::function<std::optional<std::string>()>;

/// The answer that was given to this very request before. Asked before anything else, so that what was accepted is told
/// whatever has changed since: there may be no room any more to write anything down. `digest` is asked for only if the
/// key is remembered.
[[nodiscard]] std::optional<http::response> earlier_answer(call& x, const digest_source& digest);

/// The key under which the request is carried out once; none if it has none. `invalid_argument`, or
/// `idempotency_mismatch` if it was used for something else.
[[nodiscard]] result<std::optional<store::idempotency_key>> claim_key(call& x, const std::string& digest);

/// What was accepted, or accepted before: `replayed` says so. `body` gets the id.
[[nodiscard]] http::response accepted(const std::string& id, nlohmann::ordered_json body, bool replayed);

} // namespace muster::gateway
