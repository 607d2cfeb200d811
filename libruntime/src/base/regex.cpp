#include "muster/base/regex.hpp"

#include "base/python_pattern.hpp"
#include "muster/base/utf8.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace muster {

namespace {

// A hostile pattern may backtrack for ever on a hostile path: both bounds end that in some tens of milliseconds.
constexpr std::uint32_t match_limit = 1'000'000;
constexpr std::uint32_t heap_limit_kib = 64 * 1024;
constexpr std::size_t longest_pattern = 65'536;

struct code_deleter {
  void operator()(pcre2_code* x) const noexcept { pcre2_code_free(x); }
};
struct context_deleter {
  void operator()(pcre2_match_context* x) const noexcept { pcre2_match_context_free(x); }
};
struct compile_context_deleter {
  void operator()(pcre2_compile_context* x) const noexcept { pcre2_compile_context_free(x); }
};
struct data_deleter {
  void operator()(pcre2_match_data* x) const noexcept { pcre2_match_data_free(x); }
};

std::string describe(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

PCRE2_SPTR bytes(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

/// Names of files are bytes: each that is no part of a character counts as one that no pattern names.
std::string with_replacements(std::string_view text) {
  constexpr char32_t replacement = 0xfffd;
  std::string out;
  while (!text.empty()) {
    const auto good = first_invalid_utf8(text);
    out += text.substr(0, good);
    if (good == text.size())
      break;
    append_utf8(out, replacement);
    text.remove_prefix(good + 1);
  }
  return out;
}

} // namespace

struct regex::compiled {
  std::string pattern;
  std::unique_ptr<pcre2_code, code_deleter> code;
  std::unique_ptr<pcre2_match_context, context_deleter> limits;
};

result<regex> regex::compile(std::string_view pattern) {
  if (pattern.size() > longest_pattern)
    return {ec::limit_exceeded, "the regular expression is longer than 64 KiB"};
  auto translated = translate_python_pattern(pattern);
  if (!translated)
    return translated.failure();
  const std::unique_ptr<pcre2_compile_context, compile_context_deleter> dialect{pcre2_compile_context_create(nullptr)};
  if (dialect == nullptr)
    return {ec::internal, "no memory for a regular expression"};
  pcre2_set_newline(dialect.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  std::size_t offset = 0;
  std::unique_ptr<pcre2_code, code_deleter> compiled_code{
      pcre2_compile(bytes(*translated), translated->size(), PCRE2_UTF | PCRE2_UCP, &code, &offset, dialect.get())};
  if (compiled_code == nullptr)
    return {ec::invalid_argument, describe(code)};
  auto x = std::make_shared<compiled>();
  x->pattern = pattern;
  x->code = std::move(compiled_code);
  x->limits.reset(pcre2_match_context_create(nullptr));
  if (x->limits == nullptr)
    return {ec::internal, "no memory for a regular expression"};
  pcre2_set_match_limit(x->limits.get(), match_limit);
  pcre2_set_heap_limit(x->limits.get(), heap_limit_kib);
  return regex{std::move(x)};
}

result<bool> regex::run(std::string_view text, unsigned options) const {
  const std::unique_ptr<pcre2_match_data, data_deleter> data{pcre2_match_data_create(1, nullptr)};
  if (data == nullptr)
    return {ec::internal, "no memory for a match"};
  const int code =
      pcre2_match(compiled_->code.get(), bytes(text), text.size(), 0, options, data.get(), compiled_->limits.get());
  if (code >= 0)
    return true;
  if (code == PCRE2_ERROR_NOMATCH)
    return false;
  if (code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21)
    return run(with_replacements(text), options);
  return {ec::limit_exceeded, "regular expression '" + compiled_->pattern + "': " + describe(code)};
}

result<bool> regex::matches_all(std::string_view text) const {
  return run(text, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
}

result<bool> regex::matches_start(std::string_view text) const {
  return run(text, PCRE2_ANCHORED);
}

result<bool> regex::matches_part(std::string_view text) const {
  return run(text, 0);
}

const std::string& regex::pattern() const noexcept {
  return compiled_->pattern;
}

} // namespace muster
