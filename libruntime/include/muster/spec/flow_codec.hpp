#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/flow.hpp"

#include <map>
#include <string>
#include <string_view>

namespace muster::spec {

/// A scope and all in it as compact JSON. Stored with a workflow: fields are only added.
[[nodiscard]] std::string encode(const scope& x);

/// The inverse of `encode(scope)`; unknown fields are ignored. Fails with `ec::store_corrupt`, also on scopes or values
/// that are nested deeper than a spec may have them.
[[nodiscard]] result<scope_ptr> decode_scope(std::string_view text);

/// The resources of a workflow as compact JSON, by their names.
[[nodiscard]] std::string encode(const std::map<std::string, resource>& x);

/// The inverse of `encode(map)`; likewise.
[[nodiscard]] result<std::map<std::string, resource>> decode_resources(std::string_view text);

} // namespace muster::spec
