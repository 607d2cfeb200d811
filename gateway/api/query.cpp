#include "gateway/api/query.hpp"

#include "muster/base/nearest.hpp"
#include "muster/base/sha256.hpp"
#include "muster/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace muster::gateway {

namespace {

constexpr std::size_t longest_shown = 80;

/// At most so much of what a client sent, whole code points of it.
std::string shown(std::string_view text) {
  if (!is_utf8(text))
    return "(not UTF-8)";
  if (text.size() <= longest_shown)
    return std::string{text};
  auto end = longest_shown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return std::string{text.substr(0, end)} + "...";
}

error refuse(std::string_view name, const std::string& why) {
  return {ec::invalid_argument, "query parameter '" + std::string{name} + "': " + why};
}

std::string hint(std::string_view text, const std::vector<std::string>& known) {
  const auto question = did_you_mean(text, known);
  return question.empty() ? question : "; " + question;
}

std::vector<std::string> status_names() {
  std::vector<std::string> out;
  for (unsigned n = 1; n < 64; ++n)
    if (const auto name = to_string(static_cast<status>(n)); parse_status(name) == static_cast<status>(n))
      out.emplace_back(name);
  return out;
}

std::string checksum(std::string_view of, std::string_view position) {
  constexpr std::size_t digits = 12;
  sha256 hash;
  hash.add_field("muster cursor");
  hash.add_field(of);
  hash.add_field(position);
  return hash.hex().substr(0, digits);
}

} // namespace

query_reader::query_reader(const http::request& from) : from_(from) {}

std::vector<std::string> query_reader::texts(std::string_view name) {
  asked_.emplace_back(name);
  std::vector<std::string> out;
  for (const auto& [key, value] : from_.query)
    if (key == name)
      out.push_back(value);
  return out;
}

std::vector<std::string> query_reader::list(std::string_view name) {
  std::vector<std::string> out;
  for (const auto& text : texts(name))
    for (std::size_t at = 0; at <= text.size();) {
      const auto end = std::min(text.find(',', at), text.size());
      if (end > at)
        out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  return out;
}

result<std::optional<std::string>> query_reader::one(std::string_view name) {
  auto all = texts(name);
  if (all.size() > 1)
    return refuse(name, "is given " + std::to_string(all.size()) + " times, expected once");
  if (all.empty())
    return std::optional<std::string>{};
  if (!is_utf8(all.front()))
    return refuse(name, "is not UTF-8");
  return std::optional{std::move(all.front())};
}

result<std::optional<std::string>> query_reader::text(std::string_view name) {
  return one(name);
}

result<std::optional<std::uint64_t>> query_reader::number(std::string_view name, std::uint64_t least,
                                                          std::uint64_t most) {
  const auto found = one(name);
  if (!found)
    return found.failure();
  if (!*found)
    return std::optional<std::uint64_t>{};
  const auto& text = **found;
  std::uint64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end || value < least || value > most)
    return refuse(name, "expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                            ", found '" + shown(text) + "'");
  return std::optional{value};
}

result<bool> query_reader::flag(std::string_view name) {
  const auto found = one(name);
  if (!found)
    return found.failure();
  if (!*found || **found == "false")
    return false;
  if (**found == "true" || (*found)->empty())
    return true;
  return refuse(name, "expected true or false, found '" + shown(**found) + "'");
}

result<std::vector<status>> query_reader::statuses(std::string_view name) {
  std::vector<status> out;
  for (const auto& word : list(name)) {
    std::string upper = word;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
    const auto found = parse_status(upper);
    if (!found || *found == status::unspecified)
      return refuse(name, "there is no status '" + shown(word) + "'" + hint(word, status_names()));
    out.push_back(*found);
  }
  return out;
}

result<std::size_t> query_reader::limit() {
  constexpr std::uint64_t usual = 100;
  constexpr std::uint64_t most = 1000;
  const auto found = number("limit", 1, most);
  if (!found)
    return found.failure();
  return static_cast<std::size_t>(found->value_or(usual));
}

result<void> query_reader::finish() const {
  for (const auto& [name, value] : from_.query)
    if (std::find(asked_.begin(), asked_.end(), name) == asked_.end())
      return {ec::invalid_argument, "there is no query parameter '" + shown(name) + "' here" + hint(name, asked_)};
  return {};
}

std::string make_cursor(std::string_view of, std::uint64_t position) {
  const auto number = std::to_string(position);
  return number + "-" + checksum(of, number);
}

result<std::uint64_t> read_cursor(std::string_view of, std::string_view cursor) {
  const auto dash = cursor.find('-');
  std::uint64_t position = 0;
  if (dash != std::string_view::npos) {
    const auto number = cursor.substr(0, dash);
    const auto* const end = number.data() + number.size();
    const auto parsed = std::from_chars(number.data(), end, position);
    if (parsed.ec == std::errc{} && parsed.ptr == end && checksum(of, number) == cursor.substr(dash + 1))
      return position;
  }
  return refuse("cursor", "it is not one that this list gave, with these filters; begin without one");
}

result<std::optional<std::uint64_t>> cursor_of(query_reader& query, std::string_view of) {
  const auto found = query.text("cursor");
  if (!found)
    return found.failure();
  if (!*found)
    return std::optional<std::uint64_t>{};
  const auto position = read_cursor(of, **found);
  if (!position)
    return position.failure();
  return std::optional{*position};
}

} // namespace muster::gateway
