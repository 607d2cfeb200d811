#include "cli/commands/gpus.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace muster::cli {

namespace {

/// `2` is two GPUs, 0 and 1; `0,3` are these indices.
std::optional<std::vector<std::uint32_t>> parse_gpus(const std::string& text) {
  constexpr unsigned long most = 1024;
  std::vector<std::uint32_t> indices;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto word = text.substr(at, end - at);
    if (word.empty() || word.size() > 4 || word.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    const auto number = std::stoul(word);
    if (number > most)
      return std::nullopt;
    indices.push_back(static_cast<std::uint32_t>(number));
    at = end + 1;
  }
  if (text.find(',') != std::string::npos)
    return indices;
  std::vector<std::uint32_t> counted(indices.front());
  for (std::uint32_t i = 0; i < counted.size(); ++i)
    counted[i] = i;
  return counted;
}

} // namespace

void add_gpus(CLI::App& command, std::optional<std::vector<std::uint32_t>>& into) {
  command
      .add_option_function<std::string>(
          "--gpus", [&into](const std::string& text) { into = parse_gpus(text); },
          "GPUs of this machine: how many, or their indices as in 0,2 (default: those that NVML finds)")
      ->type_name("N|I,J,...")
      ->check([](const std::string& text) {
        return parse_gpus(text) ? std::string{} : "'" + text + "' is neither a number nor a list of indices";
      });
}

} // namespace muster::cli
