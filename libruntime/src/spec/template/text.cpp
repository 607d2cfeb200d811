#include "spec/template/text.hpp"

#include <algorithm>
#include <cstdio>

namespace muster::spec::tmpl::text {
namespace {

bool continuation(unsigned char c) {
  return (c & 0xC0U) == 0x80U;
}

std::size_t expected_size(unsigned char lead) {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead <= 0xDF)
    return 2;
  if (lead >= 0xE0 && lead <= 0xEF)
    return 3;
  if (lead >= 0xF0 && lead <= 0xF4)
    return 4;
  return 0;
}

bool in(char32_t c, char32_t low, char32_t high) {
  return c >= low && c <= high;
}

// Blocks in which upper and lower case letters alternate, upper case on even code points.
bool alternating_even(char32_t c) {
  return in(c, 0x100, 0x137) || in(c, 0x14A, 0x177) || in(c, 0x460, 0x481) || in(c, 0x48A, 0x4BF) ||
         in(c, 0x4D0, 0x52F) || in(c, 0x1E00, 0x1E95) || in(c, 0x1EA0, 0x1EFF);
}

bool alternating_odd(char32_t c) {
  return in(c, 0x139, 0x148) || in(c, 0x179, 0x17E);
}

} // namespace

character decode(std::string_view s, std::size_t offset) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[offset + i]); };
  const std::size_t size = expected_size(byte(0));
  if (size <= 1 || offset + size > s.size())
    return {offset, 1, byte(0)};
  char32_t code = byte(0) & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!continuation(byte(i)))
      return {offset, 1, byte(0)};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[size] || code > 0x10FFFF || in(code, 0xD800, 0xDFFF))
    return {offset, 1, byte(0)};
  return {offset, size, code};
}

std::size_t length(std::string_view s) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < s.size(); ++n)
    i += static_cast<unsigned char>(s[i]) < 0x80 ? 1 : decode(s, i).size;
  return n;
}

std::size_t offset_of(std::string_view s, std::size_t index) {
  std::size_t i = 0;
  for (; i < s.size() && index > 0; --index)
    i += decode(s, i).size;
  return i;
}

std::vector<std::string_view> split_characters(std::string_view s) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < s.size();) {
    const auto c = decode(s, i);
    out.push_back(s.substr(i, c.size));
    i += c.size;
  }
  return out;
}

void append(std::string& out, char32_t code) {
  const auto put = [&](char32_t x) { out += static_cast<char>(static_cast<unsigned char>(x)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6U));
    put(0x80 | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12U));
    put(0x80 | ((code >> 6U) & 0x3FU));
    put(0x80 | (code & 0x3FU));
  } else {
    put(0xF0 | (code >> 18U));
    put(0x80 | ((code >> 12U) & 0x3FU));
    put(0x80 | ((code >> 6U) & 0x3FU));
    put(0x80 | (code & 0x3FU));
  }
}

bool is_space(char32_t c) {
  return in(c, 9, 13) || in(c, 0x1C, 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 || in(c, 0x2000, 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

char32_t to_lower(char32_t c) {
  if (in(c, 'A', 'Z') || (in(c, 0xC0, 0xDE) && c != 0xD7) || (in(c, 0x391, 0x3AB) && c != 0x3A2) || in(c, 0x410, 0x42F))
    return c + 32;
  if (in(c, 0x400, 0x40F))
    return c + 80;
  if (in(c, 0x531, 0x556))
    return c + 48;
  if (c == 0x178)
    return 0xFF;
  if (c == 0x130)
    return 'i';
  if ((alternating_even(c) && c % 2 == 0) || (alternating_odd(c) && c % 2 == 1))
    return c + 1;
  return c;
}

char32_t to_upper(char32_t c) {
  if (in(c, 'a', 'z') || (in(c, 0xE0, 0xFE) && c != 0xF7) || (in(c, 0x3B1, 0x3CB) && c != 0x3C2) || in(c, 0x430, 0x44F))
    return c - 32;
  if (in(c, 0x450, 0x45F))
    return c - 80;
  if (in(c, 0x561, 0x586))
    return c - 48;
  if (c == 0xFF)
    return 0x178;
  if (c == 0xB5)
    return 0x39C;
  if (c == 0x3C2)
    return 0x3A3;
  if (c == 0x131)
    return 'I';
  if ((alternating_even(c) && c % 2 == 1 && c != 0x131 && c != 0x138) || (alternating_odd(c) && c % 2 == 0))
    return c - 1;
  return c;
}

bool is_upper(char32_t c) {
  return to_lower(c) != c;
}
bool is_lower(char32_t c) {
  return to_upper(c) != c || c == 0xDF || c == 0x138;
}
bool is_digit(char32_t c) {
  return in(c, '0', '9') || in(c, 0x660, 0x669) || in(c, 0x6F0, 0x6F9) || in(c, 0x966, 0x96F) || in(c, 0xFF10, 0xFF19);
}

bool is_alpha(char32_t c) {
  if (c < 0x80)
    return in(c, 'a', 'z') || in(c, 'A', 'Z');
  return c == 0xAA || c == 0xB5 || c == 0xBA || (in(c, 0xC0, 0x2C1) && c != 0xD7 && c != 0xF7) ||
         (in(c, 0x370, 0x52F) && c != 0x37E && c != 0x387 && !in(c, 0x482, 0x489)) || in(c, 0x531, 0x556) ||
         in(c, 0x561, 0x587) || in(c, 0x5D0, 0x5EA) || in(c, 0x620, 0x64A) || in(c, 0x904, 0x939) ||
         in(c, 0xE01, 0xE30) || in(c, 0x10A0, 0x10FF) || in(c, 0x1E00, 0x1FBC) || in(c, 0x3041, 0x3096) ||
         in(c, 0x30A1, 0x30FA) || in(c, 0x3400, 0x4DBF) || in(c, 0x4E00, 0x9FFF) || in(c, 0xAC00, 0xD7A3) ||
         in(c, 0x20000, 0x2FA1D);
}

bool is_word(char32_t c) {
  return c == '_' || is_alpha(c) || is_digit(c);
}

bool is_printable(char32_t c) {
  if (c < 0x80)
    return in(c, 0x20, 0x7E);
  return !(in(c, 0x80, 0xA0) || c == 0xAD || is_space(c) || in(c, 0x200B, 0x200F) || in(c, 0x202A, 0x202E) ||
           in(c, 0x2060, 0x206F) || in(c, 0xD800, 0xF8FF) || c == 0xFEFF || in(c, 0xFFF0, 0xFFFB) || c >= 0xE0000);
}

std::string upper(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size();) {
    const auto c = decode(s, i);
    if (c.size == 2 && c.code == 0xDF)
      out += "SS";
    else if (c.size == 1)
      out += static_cast<char>(in(c.code, 'a', 'z') ? c.code - 32 : c.code);
    else
      append(out, to_upper(c.code));
    i += c.size;
  }
  return out;
}

std::string lower(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size();) {
    const auto c = decode(s, i);
    if (c.size == 1)
      out += static_cast<char>(in(c.code, 'A', 'Z') ? c.code + 32 : c.code);
    else
      append(out, to_lower(c.code));
    i += c.size;
  }
  return out;
}

std::string capitalize(std::string_view s) {
  if (s.empty())
    return {};
  const std::size_t first = decode(s, 0).size;
  return upper(s.substr(0, first)) + lower(s.substr(first));
}

std::string_view strip(std::string_view s, bool left, bool right, const std::string_view* chars) {
  std::vector<std::string_view> set;
  if (chars != nullptr)
    set = split_characters(*chars);
  const auto drop = [&](std::size_t offset, std::size_t size) {
    if (chars == nullptr)
      return is_space(decode(s, offset).code);
    return std::find(set.begin(), set.end(), s.substr(offset, size)) != set.end();
  };
  std::size_t begin = 0;
  while (left && begin < s.size()) {
    const auto c = decode(s, begin);
    if (!drop(begin, c.size))
      break;
    begin += c.size;
  }
  std::size_t end = s.size();
  while (right && end > begin) {
    std::size_t start = end - 1;
    while (start > begin && end - start < 4 && continuation(static_cast<unsigned char>(s[start])))
      --start;
    if (start + decode(s, start).size != end)
      start = end - 1;
    if (!drop(start, end - start))
      break;
    end = start;
  }
  return s.substr(begin, end - begin);
}

std::vector<std::string_view> split_lines(std::string_view s, bool keep_ends) {
  std::vector<std::string_view> out;
  std::size_t start = 0;
  for (std::size_t i = 0; i < s.size();) {
    const auto c = decode(s, i);
    std::size_t next = i + c.size;
    const bool end = in(c.code, 10, 13) || in(c.code, 0x1C, 0x1E) || (c.size > 1 && c.code == 0x85) ||
                     c.code == 0x2028 || c.code == 0x2029;
    if (end) {
      if (c.code == '\r' && next < s.size() && s[next] == '\n')
        ++next;
      out.push_back(s.substr(start, (keep_ends ? next : i) - start));
      start = next;
    }
    i = next;
  }
  if (start < s.size())
    out.push_back(s.substr(start));
  return out;
}

std::string quote(std::string_view s) {
  const bool single = s.find('\'') != std::string_view::npos && s.find('"') == std::string_view::npos;
  const char mark = single ? '"' : '\'';
  std::string out(1, mark);
  char buffer[16];
  for (std::size_t i = 0; i < s.size();) {
    const auto c = decode(s, i);
    if (c.code == static_cast<unsigned char>(mark) || c.code == '\\') {
      out += '\\';
      out += static_cast<char>(c.code);
    } else if (c.code == '\n') {
      out += "\\n";
    } else if (c.code == '\r') {
      out += "\\r";
    } else if (c.code == '\t') {
      out += "\\t";
    } else if (is_printable(c.code) && (c.size > 1 || c.code < 0x80)) {
      out += s.substr(i, c.size);
    } else {
      const char* form = c.code < 0x100 ? "\\x%02x" : c.code < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(buffer, sizeof buffer, form, static_cast<unsigned>(c.code));
      out += buffer;
    }
    i += c.size;
  }
  out += mark;
  return out;
}

std::string escape_html(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (const char c : s) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return out;
}

} // namespace muster::spec::tmpl::text
