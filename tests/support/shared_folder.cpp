#include "support/shared_folder.hpp"
#include "support/checkout.hpp"

namespace muster::test {

std::optional<std::filesystem::path> shared_folder() {
  const auto folder = std::filesystem::path(in_source("..")) / "shared";
  if (!std::filesystem::is_directory(folder / "conformance"))
    return std::nullopt;
  return folder;
}

} // namespace muster::test
