#pragma once

#include "muster/base/result.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/flow.hpp"

#include <string>
#include <string_view>

namespace muster::flow {

/// A workflow's flow with the resources that its tasks name, as JSON: what the store keeps of it.
[[nodiscard]] std::string encode_definition(const spec::workflow& x);

/// The inverse; what a header knows comes from there. Fails with `ec::store_corrupt`.
[[nodiscard]] result<spec::workflow> decode_definition(std::string_view text, const plan_header& header);

} // namespace muster::flow
