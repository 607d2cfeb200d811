#include "gateway/api/multipart.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace muster::gateway {

namespace {

constexpr std::size_t most_parts = 1000;
constexpr std::size_t longest_header = 8 * 1024;

error broken(const std::string& why) {
  return {ec::invalid_argument, "the body is no multipart/form-data: " + why};
}

bool starts_with_name(std::string_view text, std::string_view name) {
  return text.size() > name.size() &&
         std::equal(name.begin(), name.end(), text.begin(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

/// The value of a parameter such as `name="x"` of a header's value; quoted or not.
std::optional<std::string> parameter_of(std::string_view value, std::string_view wanted) {
  // Parameters stand behind `;`. One within quotes is none.
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == ';') {
      auto rest = value.substr(i + 1);
      rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
      if (!starts_with_name(rest, wanted) || rest[wanted.size()] != '=')
        continue;
      rest.remove_prefix(wanted.size() + 1);
      if (rest.empty() || rest.front() != '"')
        return std::string{rest.substr(0, rest.find_first_of("; \t"))};
      std::string out;
      for (std::size_t k = 1; k < rest.size() && rest[k] != '"'; ++k) {
        if (rest[k] == '\\' && k + 1 < rest.size() && (rest[k + 1] == '"' || rest[k + 1] == '\\'))
          ++k;
        // A quote, as browsers and libcurl write it: they escape nothing else of what names of files hold.
        const bool quote = rest.substr(k, 3) == "%22";
        out += quote ? '"' : rest[k];
        k += quote ? 2 : 0;
      }
      return out;
    }
  }
  return std::nullopt;
}

/// The name of a part, out of its header.
result<std::string> name_of(std::string_view header) {
  while (!header.empty()) {
    const auto end = std::min(header.find("\r\n"), header.size());
    const auto line = header.substr(0, end);
    header.remove_prefix(std::min(end + 2, header.size()));
    if (!starts_with_name(line, "content-disposition:"))
      continue;
    if (auto name = parameter_of(line, "name"); name && !name->empty())
      return std::move(*name);
  }
  return broken("a part has no name (Content-Disposition: form-data; name=\"...\")");
}

} // namespace

result<std::vector<form_part>> parse_multipart(std::string_view content_type, std::string_view body) {
  constexpr std::size_t longest_boundary = 70;
  const auto boundary = parameter_of(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > longest_boundary)
    return broken("its Content-Type has no boundary of 1 to 70 characters");
  const auto line = "--" + *boundary;
  const auto between = "\r\n" + line;
  // What stands before the first boundary is ignored, as the RFC says.
  std::size_t at = body.substr(0, line.size()) == line ? 0 : body.find(between);
  if (at == std::string_view::npos)
    return broken("its boundary does not come in it");
  at += at == 0 ? line.size() : between.size();
  std::vector<form_part> out;
  for (;;) {
    auto rest = body.substr(at);
    if (rest.substr(0, 2) == "--")
      return out;
    if (out.size() == most_parts)
      return error{ec::limit_exceeded, "the form has more than " + std::to_string(most_parts) + " parts"};
    const auto blank = rest.find_first_not_of(" \t");
    if (blank == std::string_view::npos || rest.substr(blank, 2) != "\r\n")
      return broken("a boundary is not followed by the end of the line");
    rest.remove_prefix(blank);
    const auto end_of_header = rest.substr(0, longest_header).find("\r\n\r\n");
    if (end_of_header == std::string_view::npos)
      return broken("a part has no header that ends within 8 KiB");
    auto name = name_of(rest.substr(2, end_of_header < 2 ? 0 : end_of_header - 2));
    if (!name)
      return name.failure();
    rest.remove_prefix(end_of_header + 4);
    const auto end = rest.find(between);
    if (end == std::string_view::npos)
      return broken("it is not ended by its boundary");
    out.push_back({std::move(*name), std::string{rest.substr(0, end)}});
    at = static_cast<std::size_t>(rest.data() - body.data()) + end + between.size();
  }
}

} // namespace muster::gateway
