#include "spec/line_map.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

constexpr std::size_t longest_excerpt = 4096;

} // namespace

line_index::line_index(std::string_view text) {
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines_.push_back(text.substr(at, end - at));
    at = end + 1;
  }
}

std::string_view line_index::at(std::size_t number) const {
  return number < lines_.size() ? lines_[number] : std::string_view{};
}

void place_in_source(std::vector<diagnostic>& list, std::string_view original, std::string_view parsed) {
  if (list.empty())
    return;
  const line_index rendered{parsed};
  const line_index source{original};
  const bool same = original == parsed;
  std::unordered_map<std::string_view, std::size_t> number_of; // 0 stands for more than one.
  if (!same)
    for (std::size_t i = 0; i < source.size(); ++i)
      if (const auto [found, is_new] = number_of.emplace(source.at(i), i + 1); !is_new)
        found->second = 0;
  for (auto& x : list) {
    if (x.line == 0)
      continue;
    const auto line = rendered.at(x.line - 1);
    x.source_line = line.substr(0, longest_excerpt);
    if (same || source.at(x.line - 1) == line)
      continue;
    const auto found = number_of.find(line);
    if (found != number_of.end() && found->second != 0)
      x.line = found->second;
    else
      x.rendered = true;
  }
}

} // namespace muster::spec
