#pragma once

#include "cli/terminal/style.hpp"

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace muster::cli {

struct cell {
  std::string text;
  tone shade = tone::plain;
};

/// Rows in columns. Holds a bounded number of rows: a long list is printed in pieces, columns growing where they must.
class table {
public:
  table(std::vector<std::string> header, style look, std::ostream& out);
  /// As many cells as the header has.
  void add(std::vector<cell> row);
  /// Prints what is held. Call it after the last row.
  void flush();

private:
  void print(const std::vector<cell>& row);

  std::vector<std::string> header_;
  style look_;
  std::ostream& out_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<cell>> rows_;
  bool header_printed_ = false;
};

} // namespace muster::cli
