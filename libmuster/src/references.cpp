#include "muster/api/workflow.hpp"

#include "nodes.hpp"

#include <algorithm>

/// What stands for values that are known only while the workflow runs.
namespace muster::api {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_path_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
}

/// `.name`, `[3]` or `['a name']`: how an expression goes one step down.
std::string below(const std::string& part) {
  const bool number = !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
  if (number)
    return "[" + part + "]";
  const bool plain = !part.empty() && !is_digit(part[0]) && part.find('-') == std::string::npos &&
                     std::all_of(part.begin(), part.end(), is_path_character);
  return plain ? "." + part : "[" + value(part).to_json() + "]";
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= path.size() && !path.empty();) {
    const auto end = std::min(path.find('.', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string expression_of(std::string start, const std::string& path) {
  for (const auto& part : split(path))
    start += below(part);
  return start;
}

/// A token. Its path may hold letters, digits, `_`, `-` and dots; what holds anything else names a step that cannot be,
/// so that the check of the workflow speaks of it.
std::string token_of(const std::string& start, const std::string& path) {
  const auto whole = path.empty() ? start : start + path;
  const auto name = whole.substr(std::min(whole.find(':') + 1, whole.size()));
  const bool good = !name.empty() && name.front() != '.' && name.back() != '.' &&
                    std::all_of(name.begin(), name.end(), [](char c) { return is_path_character(c) || c == '.'; });
  if (good)
    return "{{" + whole + "}}";
  std::string shown;
  for (const auto c : name)
    shown += is_path_character(c) ? c : '_';
  return "{{result:not-a-path-of-letters-digits-and-dots-" + shown + "}}";
}

} // namespace

expression::expression(const reference& x) : text_(x.as_expression()) {}

reference reference::operator[](const std::string& name) const {
  const auto inner = token_.substr(2, token_.size() - 4);
  // A dot in one name is no path.
  const auto part = name.find('.') == std::string::npos && !name.empty() ? name : name + " ";
  return {token_of(inner + ".", part), expression_ + below(name)};
}

reference reference::operator[](std::size_t at) const {
  return (*this)[std::to_string(at)];
}

expression compare(const reference& a, const char* with, const value& b) {
  if (b.is_null())
    return {a.as_expression() + with + "none"};
  return {a.as_expression() + with + b.to_json()};
}

expression compare(const reference& a, const char* with, const reference& b) {
  return {a.as_expression() + with + b.as_expression()};
}

expression compare(const reference& a, const char* with, const step& b) {
  return compare(a, with, b.result());
}

reference item(const std::string& path) {
  return {path.empty() ? "{{item}}" : token_of("item.", path), expression_of("item", path)};
}

reference index() {
  return {"{{index}}", "index"};
}

reference carry(const std::string& name) {
  return {token_of("carry.", name), expression_of("carry", name)};
}

expression round_result(const std::string& path) {
  return {expression_of("result", path)};
}

// -- texts

namespace {

bool holds_token(const value& x) {
  if (x.is_text())
    return x.as_text().find("{{") != std::string::npos;
  const auto& items = x.items();
  const auto& entries = x.entries();
  return std::any_of(items.begin(), items.end(), holds_token) ||
         std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return holds_token(entry.second); });
}

} // namespace

text::text(const value& x, int /*tag*/)
    : text_(x.is_text() ? x.as_text() : x.to_json()), has_lost_type_(!x.is_text() && holds_token(x)) {}

namespace {

template <class Words>
std::vector<text> flat(const Words& words) {
  std::vector<text> out;
  for (const argument& word : words)
    out.insert(out.end(), word.texts().begin(), word.texts().end());
  return out;
}

} // namespace

command::command(std::initializer_list<argument> words) : words_(flat(words)) {}
command::command(const std::vector<argument>& words) : words_(flat(words)) {}
command::command(const std::vector<std::string>& words) : words_(words.begin(), words.end()) {}

command shell(const std::string& script, std::initializer_list<argument> arguments) {
  std::vector<argument> words{"sh", "-c", script, "sh"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return command(words);
}

// -- items

axes& axes::exclude(dict entries) {
  exclude_.emplace_back(std::move(entries));
  return *this;
}

axes& axes::include(dict entries) {
  include_.emplace_back(std::move(entries));
  return *this;
}

value axes::as_value() const {
  auto out = lists_;
  if (!exclude_.empty())
    out.emplace_back("exclude", exclude_);
  if (!include_.empty())
    out.emplace_back("include", include_);
  return out;
}

items::items(const range& x) : spec_(dict{{"from", x.from}, {"to", x.to}, {"step", x.step}}) {}
items::items(const step& x) : spec_(x.node_->is_map ? dict{{"each", x.name()}} : dict{{"result", x.name()}}) {}
items::items(const reference& x) : spec_(x.as_expression()) {}
items::items(const expression& x) : spec_(x.text()) {}

// -- handles

element::element(const step& of, std::size_t at) : node_(of.node_), whole_(of.whole_), at_(at) {}

reference element::result(const std::string& path) const {
  const auto whole = node_->name + "." + std::to_string(at_) + (path.empty() ? "" : "." + path);
  return {token_of("result:", whole), expression_of("results", whole)};
}

std::string element::output() const {
  return "{{input:" + node_->name + "}}/" + std::to_string(at_);
}

std::string element::path() const {
  return path_of(*node_) + "." + std::to_string(at_);
}

reference step::result(const std::string& path) const {
  const auto whole = name() + (path.empty() ? "" : "." + path);
  return {token_of("result:", whole), expression_of("results", whole)};
}

std::string step::output() const {
  return "{{input:" + name() + "}}";
}

std::string step::host() const {
  return "{{host:" + name() + "}}";
}

} // namespace muster::api
