#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// An element of an XML document, with what tests look at.
struct xml_element {
  std::string name;
  std::map<std::string, std::string> attributes; ///< Entities replaced.
  std::string text;                              ///< Of its own, likewise.
  std::vector<xml_element> children;

  /// All elements of that name, itself included, at any depth.
  [[nodiscard]] std::vector<const xml_element*> all(const std::string& wanted) const;
};

/// Parses a document as strictly as XML 1.0 asks for elements, attributes, text and entities; `problem` says where it
/// is not well-formed. No declarations, comments or sections.
[[nodiscard]] std::optional<xml_element> parse_xml(const std::string& text, std::string& problem);

} // namespace muster::test
