#include "support/shared_folder.hpp"

namespace muster::test {

std::optional<std::filesystem::path> shared_folder() {
  const auto folder = std::filesystem::path{MUSTER_SOURCE_DIR} / ".." / "shared";
  if (!std::filesystem::is_directory(folder / "conformance"))
    return std::nullopt;
  return folder;
}

} // namespace muster::test
