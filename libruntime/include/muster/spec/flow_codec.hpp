#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/flow.hpp"

#include <string>
#include <string_view>

namespace muster::spec {

/// A scope and all in it as compact JSON. Stored with a workflow: fields are only added.
[[nodiscard]] std::string encode(const scope& x);

/// The inverse of `encode(scope)`; unknown fields are ignored. Fails with `ec::store_corrupt`.
[[nodiscard]] result<scope_ptr> decode_scope(std::string_view text);

} // namespace muster::spec
