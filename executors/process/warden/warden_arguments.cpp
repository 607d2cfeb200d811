#include "executors/process/warden/warden_arguments.hpp"

#include <array>
#include <charconv>
#include <cstring>

namespace muster::process {

std::vector<std::string> to_arguments(const warden_arguments& x) {
  return {warden_name,
          x.folder,
          std::to_string(x.options.logs.most),
          std::to_string(x.options.logs.head),
          std::to_string(x.options.logs.tail),
          std::to_string(x.options.leftover_grace.count()),
          std::to_string(x.open_files)};
}

std::optional<warden_arguments> read_arguments(int argc, const char* const* argv) {
  std::array<std::int64_t, 5> numbers{};
  if (argc != static_cast<int>(numbers.size()) + 2)
    return std::nullopt;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto* text = argv[i + 2];
    const auto* end = text + std::strlen(text);
    if (const auto read = std::from_chars(text, end, numbers[i]); read.ec != std::errc{} || read.ptr != end)
      return std::nullopt;
  }
  warden_arguments out;
  out.folder = argv[1];
  out.options.logs.most = numbers[0];
  out.options.logs.head = numbers[1];
  out.options.logs.tail = numbers[2];
  out.options.leftover_grace = std::chrono::milliseconds{numbers[3]};
  out.open_files = numbers[4];
  return out;
}

} // namespace muster::process
