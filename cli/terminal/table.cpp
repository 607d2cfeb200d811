#include "cli/terminal/table.hpp"

#include "cli/terminal/text.hpp"

#include <algorithm>
#include <utility>

namespace muster::cli {

table::table(std::vector<std::string> header, style look, std::ostream& out)
    : header_(std::move(header)), look_(look), out_(out) {
  for (const auto& title : header_)
    widths_.push_back(width_of(title));
}

void table::add(std::vector<cell> row) {
  constexpr std::size_t rows_held = 1000;
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].text = row[i].text.empty() ? "-" : printable(row[i].text);
    widths_[i] = std::max(widths_[i], width_of(row[i].text));
  }
  rows_.push_back(std::move(row));
  if (rows_.size() == rows_held)
    flush();
}

void table::flush() {
  if (!header_printed_) {
    std::vector<cell> titles;
    for (const auto& title : header_)
      titles.push_back({title, tone::strong});
    print(titles);
    header_printed_ = true;
  }
  for (const auto& row : rows_)
    print(row);
  rows_.clear();
}

void table::print(const std::vector<cell>& row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    out_ << look_.paint(row[i].shade, row[i].text);
    if (i + 1 < row.size())
      out_ << std::string(widths_[i] - width_of(row[i].text) + 2, ' ');
  }
  out_ << '\n';
}

} // namespace muster::cli
