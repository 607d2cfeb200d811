#include "cli/commands/gpus.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <system_error>

namespace muster::cli {

namespace {

constexpr unsigned long most_gpus = 1024;

/// The numbers between commas; nothing if there is anything else.
std::optional<std::vector<std::uint32_t>> numbers_in(const std::string& text) {
  std::vector<std::uint32_t> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    std::uint32_t number = 0;
    const auto* last = text.data() + end;
    const auto [parsed, failure] = std::from_chars(text.data() + at, last, number);
    if (failure == std::errc::result_out_of_range)
      number = std::numeric_limits<std::uint32_t>::max();
    else if (failure != std::errc{})
      return std::nullopt;
    if (parsed != last)
      return std::nullopt;
    out.push_back(number);
    at = end + 1;
  }
  return out;
}

/// `2` is two GPUs, 0 and 1; `0,3` are these indices.
std::vector<std::uint32_t> gpus_of(const std::string& text) {
  auto out = numbers_in(text).value_or(std::vector<std::uint32_t>{});
  if (out.size() != 1 || text.find(',') != std::string::npos)
    return out;
  out.resize(out.front());
  std::iota(out.begin(), out.end(), 0U);
  return out;
}

/// What is wrong with it; empty if nothing is.
std::string problem_of(const std::string& text) {
  const auto numbers = numbers_in(text);
  if (!numbers)
    return "'" + text + "' is neither a number nor a list of indices";
  const auto most = *std::max_element(numbers->begin(), numbers->end());
  if (numbers->size() == 1 && most > most_gpus)
    return "'" + text + "' is too much: at most " + std::to_string(most_gpus) + " GPUs can be offered";
  if (numbers->size() > 1 && most >= most_gpus)
    return "'" + text + "' names an index that is too large: the last one is " + std::to_string(most_gpus - 1);
  for (auto x = numbers->begin(); x != numbers->end(); ++x)
    if (std::find(numbers->begin(), x, *x) != x)
      return "GPU " + std::to_string(*x) + " is named twice";
  return {};
}

} // namespace

void add_gpus(CLI::App& command, std::optional<std::vector<std::uint32_t>>& into) {
  command
      .add_option_function<std::string>(
          "--gpus", [&into](const std::string& text) { into = gpus_of(text); },
          "GPUs of this machine: how many, or their indices as in 0,2 (default: those that NVML finds)")
      ->type_name("N|I,J,...")
      ->check(problem_of);
}

} // namespace muster::cli
