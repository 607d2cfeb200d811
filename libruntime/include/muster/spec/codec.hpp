#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/model.hpp"

#include <string>
#include <string_view>

namespace muster::spec {

/// A task as compact JSON, with every field that is not at its default. Stored with a workflow's plan: fields are only
/// added.
[[nodiscard]] std::string encode(const task& x);

/// The inverse of `encode`; unknown fields are ignored. Fails with `ec::store_corrupt`.
[[nodiscard]] result<task> decode_task(std::string_view text);

/// A resource as compact JSON, likewise.
[[nodiscard]] std::string encode(const resource& x);

/// The inverse of `encode(resource)`.
[[nodiscard]] result<resource> decode_resource(std::string_view text);

} // namespace muster::spec
