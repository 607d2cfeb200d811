#pragma once

#include <filesystem>

namespace muster {

/// By what the two ends of a connection between head and node know each other: PEM files. Each end trusts what the
/// authority made, and nobody else.
struct link_certificates {
  std::filesystem::path authority;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

} // namespace muster
