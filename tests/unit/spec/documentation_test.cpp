#include "support/catch.hpp"

#include "muster/spec/load.hpp"
#include "muster/spec/yaml_json.hpp"
#include "support/checkout.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <set>
#include <string>
#include <vector>

using namespace muster::spec;
using nlohmann::json;

namespace {

/// A block of YAML, and the line of the page that it starts at.
struct example {
  std::size_t line = 0;
  std::string text;

  [[nodiscard]] bool whole() const {
    return text.rfind("workflow:", 0) == 0 || text.find("\nworkflow:") != std::string::npos;
  }
};

struct page {
  std::vector<example> examples;
  std::set<std::string> keys; ///< What the first column of tables of keys has.
};

/// The words in backticks within the first cell of a row.
std::vector<std::string> words_of(const std::string& row) {
  const auto cell = row.substr(0, row.find('|', 1));
  std::vector<std::string> out;
  for (auto at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
    const auto end = cell.find('`', at + 1);
    out.push_back(cell.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

page read_page() {
  std::ifstream in{muster::test::in_source("docs/spec.md")};
  REQUIRE(in);
  page out;
  bool code = false;
  bool yaml = false;
  bool row_before = false;
  bool of_keys = false;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.rfind("```", 0) == 0) {
      yaml = !code && line == "```yaml";
      code = !code;
      if (yaml)
        out.examples.push_back({number + 1, {}});
      continue;
    }
    if (yaml)
      out.examples.back().text += line + '\n';
    const bool row = !code && !line.empty() && line.front() == '|';
    if (row && !row_before)
      of_keys = line.rfind("| key |", 0) == 0 || line.rfind("| body |", 0) == 0;
    else if (row && of_keys)
      for (auto& word : words_of(line))
        out.keys.insert(std::move(word));
    row_before = row;
  }
  return out;
}

void add_keys(const json& x, std::set<std::string>& out) {
  if (x.is_object())
    for (const auto& [key, value] : x.items()) {
      out.insert(key);
      add_keys(value, out);
    }
  if (x.is_array())
    for (const auto& item : x)
      add_keys(item, out);
}

} // namespace

TEST_CASE("every example of docs/spec.md can be read, and whole workflows are valid") {
  const auto found = read_page();
  std::size_t whole = 0;
  for (const auto& x : found.examples) {
    INFO("docs/spec.md:" << x.line << "\n" << x.text);
    if (!x.whole()) {
      const auto read = json_from_yaml(x.text);
      INFO((read ? std::string{} : read.failure().message));
      CHECK(read);
      continue;
    }
    ++whole;
    const auto loaded = load(x.text);
    for (const auto& problem : loaded.errors)
      FAIL_CHECK(render(problem));
    for (const auto& problem : loaded.warnings)
      FAIL_CHECK(render(problem));
    CHECK(loaded.ok());
  }
  CHECK(whole > 5);
  CHECK(found.examples.size() > whole);
}

TEST_CASE("every key of docs/spec.md has an example") {
  const auto found = read_page();
  std::set<std::string> shown;
  for (const auto& x : found.examples) {
    const auto loaded = load(x.text);
    const auto read = json_from_yaml(x.whole() ? loaded.rendered : x.text);
    if (read)
      add_keys(json::parse(*read), shown);
    // What a template is given is not in what it is rendered to.
    if (x.text.rfind("default-values:", 0) == 0)
      shown.insert("default-values");
  }
  CHECK(found.keys.size() > 50);
  for (const auto& key : found.keys) {
    INFO(key);
    CHECK(shown.count(key) == 1);
  }
}
