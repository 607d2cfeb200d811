#include "muster/spec/load.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

constexpr std::size_t widest = 140;

/// Control characters of a hostile spec must not reach a terminal.
std::string printable(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f)
      out += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else
      (out += "\\x") += {hex[byte >> 4U], hex[byte & 0xfU]};
  }
  return out;
}

/// The part of a line around `column`, each character one column wide, and where the caret goes.
std::string excerpt(std::string_view line, std::size_t column, std::size_t& caret) {
  std::vector<std::string> characters;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if ((byte & 0xc0U) == 0x80U && !characters.empty())
      characters.back() += line[i];
    else
      characters.emplace_back(1, byte < 0x20 || byte == 0x7f ? ' ' : line[i]);
  }
  caret = std::min(column > 0 ? column - 1 : 0, characters.size());
  const auto first = characters.size() > widest && caret > widest / 2 ? caret - widest / 2 : 0;
  const auto last = std::min(characters.size(), first + widest);
  std::string out = first > 0 ? "..." : "";
  caret = caret - first + (first > 0 ? 3 : 0);
  for (auto i = first; i < last; ++i)
    out += characters[i];
  return out + (last < characters.size() ? "..." : "");
}

} // namespace

std::string render(const diagnostic& x) {
  std::string out = printable(x.file);
  if (x.line > 0) {
    if (x.rendered)
      out += " (rendered)";
    out += ":" + std::to_string(x.line) + ":" + std::to_string(x.column);
  }
  out += x.severity == severity::error ? ": error: " : ": warning: ";
  if (!x.field.empty())
    out += printable(x.field) + ": ";
  out += printable(x.message) + "\n";
  if (x.line > 0 && !x.source_line.empty()) {
    std::size_t caret = 0;
    out += "    " + excerpt(x.source_line, x.column, caret) + "\n";
    out += "    " + std::string(caret, ' ') + "^\n";
  }
  if (!x.hint.empty())
    out += "    hint: " + printable(x.hint) + "\n";
  return out;
}

} // namespace muster::spec
