#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Texts as Python sees them: sequences of code points. A byte that is not part of valid UTF-8 counts as one character.
namespace muster::spec::tmpl::text {

/// One character: where it begins, how many bytes it has, and its code point.
struct character {
  std::size_t offset = 0;
  std::size_t size = 0;
  char32_t code = 0;
};

/// The character at byte `offset`, which is less than the size of `s`.
[[nodiscard]] character decode(std::string_view s, std::size_t offset);
/// The number of characters.
[[nodiscard]] std::size_t length(std::string_view s);
/// The byte offset of character `index`; the size of `s` if there are not that many.
[[nodiscard]] std::size_t offset_of(std::string_view s, std::size_t index);
/// Each character by itself.
[[nodiscard]] std::vector<std::string_view> split_characters(std::string_view s);
void append(std::string& out, char32_t code);

[[nodiscard]] bool is_space(char32_t c);
[[nodiscard]] bool is_alpha(char32_t c);
[[nodiscard]] bool is_digit(char32_t c);
[[nodiscard]] bool is_word(char32_t c);
[[nodiscard]] bool is_upper(char32_t c);
[[nodiscard]] bool is_lower(char32_t c);
[[nodiscard]] bool is_printable(char32_t c);
/// Simple case mapping of ASCII, Latin, Greek, Cyrillic and Armenian; other characters stay as they are.
[[nodiscard]] char32_t to_upper(char32_t c);
[[nodiscard]] char32_t to_lower(char32_t c);
[[nodiscard]] std::string upper(std::string_view s);
[[nodiscard]] std::string lower(std::string_view s);
[[nodiscard]] std::string capitalize(std::string_view s);

/// Without white space (or, if `chars` is given, without those characters) at the chosen ends.
[[nodiscard]] std::string_view strip(std::string_view s, bool left, bool right,
                                     const std::string_view* chars = nullptr);

/// As Python's `splitlines()`.
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view s, bool keep_ends = false);

/// Python's `repr()` of a text.
[[nodiscard]] std::string quote(std::string_view s);

/// `&`, `<`, `>`, `'` and `"` as HTML entities, the way MarkupSafe writes them.
[[nodiscard]] std::string escape_html(std::string_view s);

} // namespace muster::spec::tmpl::text
