#pragma once

#include <string>

namespace muster::gateway {

/// docs/openapi.yaml as it was when this was built, in JSON.
[[nodiscard]] const std::string& openapi_document();

} // namespace muster::gateway
