#pragma once

#include "muster/spec/model.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace muster::cli {

/// `2 CPU, 1Gi memory, 1Gi storage, 1 GPU`: what a task asks for, with the defaults of what it leaves open.
[[nodiscard]] std::string describe(const spec::resource& x);

/// The same for programs, sizes in bytes.
[[nodiscard]] nlohmann::ordered_json resource_json(const spec::resource& x);

} // namespace muster::cli
