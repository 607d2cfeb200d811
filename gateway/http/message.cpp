#include "gateway/http/message.hpp"

#include <algorithm>

namespace muster::http {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

bool header_less::operator()(std::string_view a, std::string_view b) const noexcept {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return lower(x) < lower(y); });
}

std::optional<std::string_view> request::header(std::string_view name) const {
  const auto found = headers.lower_bound(name);
  if (found == headers.end() || header_less{}(name, found->first))
    return std::nullopt;
  return found->second;
}

std::optional<std::string_view> request::parameter(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(), [&](const auto& x) { return x.first == name; });
  if (found == query.end())
    return std::nullopt;
  return found->second;
}

} // namespace muster::http
