#include "labels_text.hpp"

#include <nlohmann/json.hpp>

namespace muster::store {

std::string labels_text(const std::map<std::string, std::string>& x) {
  return nlohmann::json(x).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::map<std::string, std::string> labels_of(std::string_view text) {
  std::map<std::string, std::string> out;
  if (text.size() <= 2) // `{}`: most have none.
    return out;
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (parsed.is_object())
    for (const auto& [key, value] : parsed.items())
      if (value.is_string())
        out.emplace(key, value.get<std::string>());
  return out;
}

} // namespace muster::store
