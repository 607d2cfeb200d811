#pragma once

#include <string>
#include <string_view>

namespace muster::test {

// Functions, not macros of every test's command line: so objects of one checkout serve another one's compiler cache.

/// The path of a file of the sources, such as `docs/metrics.md`; without an argument the checkout itself.
[[nodiscard]] std::string in_source(std::string_view path = {});

/// The path of a file that the build makes, such as `muster`; without an argument the build folder itself.
[[nodiscard]] std::string in_build(std::string_view path = {});

} // namespace muster::test
