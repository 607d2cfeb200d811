#include "support/checkout.hpp"

#include <filesystem>

namespace muster::test {

namespace {

std::string below(const std::filesystem::path& root, std::string_view path) {
  return path.empty() ? root.string() : (root / path).string();
}

} // namespace

std::string in_source(std::string_view path) {
  return below(MUSTER_SOURCE_DIR, path);
}

std::string in_build(std::string_view path) {
  return below(MUSTER_BINARY_DIR, path);
}

} // namespace muster::test
