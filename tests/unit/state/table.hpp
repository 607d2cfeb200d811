#pragma once

#include "support/catch.hpp"
#include "support/shared_folder.hpp"

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

/// The rows of a file of ../shared/conformance without its heading, or nothing, after `skip_test`, where that is
/// absent.
inline std::optional<std::vector<std::vector<std::string>>> read_table(const std::string& name) {
  const auto shared = muster::test::shared_folder();
  if (!shared)
    return std::nullopt;
  std::ifstream in{*shared / "conformance" / name};
  REQUIRE(in);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    std::vector<std::string> cells;
    std::istringstream text{line + ','};
    for (std::string cell; std::getline(text, cell, ',');)
      cells.push_back(cell);
    rows.push_back(std::move(cells));
  }
  return rows;
}
