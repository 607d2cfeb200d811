#include "support/shared_folder.hpp"
#include "support/checkout.hpp"
#include "support/skip_test.hpp"

namespace muster::test {

std::optional<std::filesystem::path> shared_folder() {
  const auto folder = std::filesystem::path(in_source("..")) / "shared";
  if (!std::filesystem::is_directory(folder / "conformance")) {
    skip_test("../shared, with conformance cases and tutorials, is no part of the project, and not here");
    return std::nullopt;
  }
  return folder;
}

} // namespace muster::test
