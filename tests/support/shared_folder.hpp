#pragma once

#include <filesystem>
#include <optional>

namespace muster::test {

/// The folder of material that is not part of the project (conformance cases, third-party specs), beside the checkout.
/// Nothing, after `skip_test`, where it is absent: the test returns.
[[nodiscard]] std::optional<std::filesystem::path> shared_folder();

} // namespace muster::test
