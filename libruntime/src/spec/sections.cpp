#include "spec/sections.hpp"

#include <algorithm>
#include <array>

namespace muster::spec {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Length of the key that `line` starts with, 0 when it starts with none.
std::size_t key_length(std::string_view line) {
  if (line.empty() || !is_letter(line[0]))
    return 0;
  std::size_t at = 1;
  while (at < line.size() &&
         (is_letter(line[at]) || (line[at] >= '0' && line[at] <= '9') || line[at] == '_' || line[at] == '-'))
    ++at;
  return at < line.size() && line[at] == ':' ? at : 0;
}

} // namespace

std::vector<section> split_sections(std::string_view text) {
  std::vector<section> out;
  std::vector<std::size_t> starts;
  std::size_t line = 0;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (const auto length = key_length(text.substr(at, end - at)); length > 0) {
      out.push_back({text.substr(at, length), {}, line});
      starts.push_back(at);
    }
    at = end + 1;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].text = text.substr(starts[i], (i + 1 < starts.size() ? starts[i + 1] : text.size()) - starts[i]);
  return out;
}

bool is_templated(std::string_view text) {
  constexpr std::array<std::string_view, 4> markers = {"{%", "{{", "{#", "default-values"};
  return std::any_of(markers.begin(), markers.end(),
                     [&](std::string_view x) { return text.find(x) != std::string_view::npos; });
}

std::optional<flow_token> parse_flow_token(std::string_view inside, const token_rules& rules) {
  // A bound keeps a text of nothing but openings from taking quadratic time.
  constexpr std::size_t longest = 1024;
  const auto first = inside.size() > longest ? std::string_view::npos : inside.find_first_not_of(' ');
  if (first == std::string_view::npos)
    return std::nullopt;
  inside = inside.substr(first, inside.find_last_not_of(' ') + 1 - first);
  const auto split = inside.find_first_of(".:");
  const auto word = inside.substr(0, split);
  const auto path = split == std::string_view::npos ? std::string_view{} : inside.substr(split + 1);
  const char mark = split == std::string_view::npos ? '\0' : inside[split];
  const bool good_path =
      !path.empty() && path.front() != '.' && path.back() != '.' && std::all_of(path.begin(), path.end(), [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      });
  const bool named = rules.results && (word == "result" || word == "parameter") && mark == ':' && good_path;
  const bool item = rules.item && word == "item" && (mark == '\0' || (mark == '.' && good_path));
  const bool index = rules.index && inside == "index";
  const bool carry = rules.carry && word == "carry" && mark == '.' && good_path;
  if (!named && !item && !index && !carry)
    return std::nullopt;
  return flow_token{word, path};
}

std::vector<flow_token> find_flow_tokens(std::string_view text) {
  std::vector<flow_token> out;
  std::size_t end = 0;
  for (auto at = text.find("{{"); at != std::string_view::npos;) {
    // The innermost opening counts: `{{{item}}}` holds a token.
    while (text.substr(at + 1, 2) == "{{")
      ++at;
    if (end < at + 2)
      end = text.find('}', at + 2);
    if (end == std::string_view::npos)
      break;
    if (text.substr(end, 2) == "}}")
      if (const auto token = parse_flow_token(text.substr(at + 2, end - at - 2), token_rules::all()))
        out.push_back(*token);
    at = text.find("{{", at + 2);
  }
  return out;
}

std::vector<token_place> find_tokens(std::string_view text, const token_rules& rules) {
  constexpr std::array<std::string_view, 3> words = {"uuid", "workflow_id", "output"};
  constexpr std::array<std::string_view, 2> prefixes = {"input:", "host:"};
  std::vector<token_place> out;
  std::size_t at = 0;
  // Where the next `}` is; kept over rounds so that many openings without an end take linear time.
  std::size_t brace = 0;
  while ((at = text.find("{{", at)) != std::string_view::npos) {
    brace = std::max(brace, at + 2);
    if (brace < text.size() && text[brace] != '}')
      brace = std::min(text.find('}', brace), text.size());
    if (brace >= text.size())
      break;
    const auto name = text.substr(at + 2, brace - at - 2);
    const bool closed = text.substr(brace, 2) == "}}";
    const bool word = std::find(words.begin(), words.end(), name) != words.end();
    const bool prefixed = std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view x) {
      return name.size() > x.size() && name.substr(0, x.size()) == x;
    });
    if (closed && (word || prefixed || parse_flow_token(name, rules))) {
      out.push_back({at, brace + 2});
      at = brace + 2;
    } else {
      ++at;
    }
  }
  return out;
}

} // namespace muster::spec
