#include "support/xml.hpp"

#include "muster/base/utf8.hpp"

#include <cctype>
#include <string_view>

namespace muster::test {

namespace {

/// Throws the problem: only within this file.
class parser {
public:
  explicit parser(const std::string& text) : text_(text) {}

  xml_element document() {
    if (!muster::is_utf8(text_))
      fail("not UTF-8");
    skip_space();
    auto root = element();
    skip_space();
    if (at_ != text_.size())
      fail("something after the root");
    return root;
  }

private:
  [[noreturn]] void fail(const std::string& what) const { throw what + " at byte " + std::to_string(at_); }
  [[nodiscard]] bool next_is(std::string_view x) const { return text_.compare(at_, x.size(), x) == 0; }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void take(std::string_view x) {
    if (!next_is(x))
      fail("expected " + std::string(x));
    at_ += x.size();
  }

  void skip_space() {
    while (peek() == ' ' || peek() == '\n')
      ++at_;
  }

  std::string name() {
    const auto begin = at_;
    while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '-' || peek() == '_' || peek() == ':')
      ++at_;
    if (at_ == begin)
      fail("no name");
    return text_.substr(begin, at_ - begin);
  }

  /// One character of text, or what an entity stands for.
  std::string character() {
    const char c = peek();
    if (c == '<' || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r'))
      fail("a character that may not be there");
    if (c != '&')
      return ++at_, std::string(1, c);
    const auto end = text_.find(';', at_);
    const auto entity = end == std::string::npos ? "" : text_.substr(at_ + 1, end - at_ - 1);
    at_ += entity.size() + 2;
    if (entity == "amp")
      return "&";
    if (entity == "lt")
      return "<";
    if (entity == "gt")
      return ">";
    if (entity == "quot")
      return "\"";
    if (entity == "#39")
      return "'";
    if (entity == "#10")
      return "\n";
    fail("unknown entity " + entity);
  }

  void attributes(xml_element& into) {
    for (;;) {
      const auto before = at_;
      skip_space();
      if (peek() == '>' || peek() == '/')
        return;
      if (at_ == before)
        fail("no space before an attribute");
      const auto key = name();
      take("=\"");
      std::string value;
      while (peek() != '"')
        value += character();
      take("\"");
      if (!into.attributes.emplace(key, value).second)
        fail("attribute twice");
    }
  }

  xml_element element() {
    take("<");
    xml_element out;
    out.name = name();
    attributes(out);
    if (next_is("/>"))
      return take("/>"), out;
    take(">");
    while (!next_is("</")) {
      if (peek() == '<')
        out.children.push_back(element());
      else
        out.text += character();
    }
    take("</" + out.name + ">");
    return out;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

} // namespace

std::vector<const xml_element*> xml_element::all(const std::string& wanted) const {
  std::vector<const xml_element*> out;
  if (name == wanted)
    out.push_back(this);
  for (const auto& child : children)
    for (const auto* found : child.all(wanted))
      out.push_back(found);
  return out;
}

std::optional<xml_element> parse_xml(const std::string& text, std::string& problem) {
  try {
    return parser(text).document();
  } catch (const std::string& what) {
    problem = what;
    return std::nullopt;
  }
}

} // namespace muster::test
