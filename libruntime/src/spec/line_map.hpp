#pragma once

#include "muster/spec/load.hpp"

#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster::spec {

/// The lines of a text.
class line_index {
public:
  explicit line_index(std::string_view text);

  /// The line at `number`, from 0, without its newline; empty beyond the end.
  [[nodiscard]] std::string_view at(std::size_t number) const;
  [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }

private:
  std::vector<std::string_view> lines_;
};

/// Fills in the source lines of diagnostics whose places are in `parsed`, and leads those places back to `original`
/// where its line is the same and there is no doubt which: at the same number, or at only one.
void place_in_source(std::vector<diagnostic>& list, std::string_view original, std::string_view parsed);

} // namespace muster::spec
