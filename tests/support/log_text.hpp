#pragma once

#include "muster/store/log_streams.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace muster::test {

/// All of a file; empty if it is not there.
[[nodiscard]] inline std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What stdout, stderr or Muster itself wrote to a log, by the file of streams beside it.
[[nodiscard]] inline std::string told(const std::filesystem::path& log, store::log_origin who) {
  store::log_streams streams(log);
  streams.refresh();
  std::string out;
  streams.pass(0, content(log), who, [&](std::string_view piece) { out += piece; });
  return out;
}

} // namespace muster::test
