#pragma once

#include <array>
#include <cstdio>
#include <string>

namespace muster::config {

/// A text that YAML reads back as this text, whatever it looks like.
[[nodiscard]] inline std::string in_quotes(const std::string& x) {
  std::string out = "\"";
  for (const char c : x) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\x%02x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

} // namespace muster::config
