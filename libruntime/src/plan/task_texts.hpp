#pragma once

#include "muster/spec/model.hpp"

#include <string>
#include <unordered_map>

/// What a plan keeps of resources and tasks as text. Private to plan.
namespace muster {

/// All resources of a workflow by name, `default` among them, with OSMO's defaults for what they leave out.
[[nodiscard]] std::unordered_map<std::string, std::string> resource_texts(const spec::workflow& source);

/// A task without what its row says anyway: name and lead.
[[nodiscard]] std::string body_text(spec::task x);

} // namespace muster
