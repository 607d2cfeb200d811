#include "placement/amount_text.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace muster {

namespace {

/// `1.5 GiB`; the largest unit that keeps the number at one or more.
std::string size_text(std::int64_t bytes) {
  constexpr std::array<std::pair<const char*, std::int64_t>, 4> units{
      {{"TiB", std::int64_t{1} << 40U}, {"GiB", 1 << 30U}, {"MiB", 1 << 20U}, {"KiB", 1 << 10U}}};
  for (const auto& [unit, size] : units) {
    if (bytes < size)
      continue;
    std::array<char, 48> text{};
    const auto whole = bytes % size == 0;
    std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s",
                  static_cast<double>(bytes) / static_cast<double>(size), unit);
    return text.data();
  }
  return std::to_string(bytes) + " B";
}

} // namespace

std::string count_text(std::int64_t n, const char* one) {
  return std::to_string(n) + ' ' + one + (n == 1 ? "" : "s");
}

std::string amount_text(resource_kind what, std::int64_t n) {
  return what == resource_kind::memory || what == resource_kind::storage ? size_text(n) : std::to_string(n);
}

std::string amount_of(resource_kind what, std::int64_t n) {
  switch (what) {
    case resource_kind::gpu: return count_text(n, "GPU");
    case resource_kind::cpu: return count_text(n, "CPU");
    case resource_kind::memory: return size_text(n) + " of memory";
    case resource_kind::storage: return size_text(n) + " of storage";
    case resource_kind::slot: return count_text(n, "slot");
  }
  return {};
}

} // namespace muster
