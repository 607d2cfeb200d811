#pragma once

#include "muster/spec/flow.hpp"

#include <nlohmann/json.hpp>

#include <functional>

/// For the codec and for what is shown to people.
namespace muster::spec::codec {

/// How a task is written.
using write_task = std::function<nlohmann::ordered_json(const task&)>;

/// A scope and all in it.
[[nodiscard]] nlohmann::ordered_json scope_to_json(const scope& x, const write_task& write);

} // namespace muster::spec::codec
