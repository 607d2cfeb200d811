#include "stop_text.hpp"

#include <nlohmann/json.hpp>

namespace muster::store {

std::string stop_text(const stop_purpose& x) {
  auto attempts = nlohmann::json::array();
  for (const auto& who : x.attempts)
    attempts.push_back({who.task.value, who.attempt});
  const nlohmann::json all{{"status", static_cast<int>(x.status)},
                           {"code", x.exit_code},
                           {"text", x.text},
                           {"attempts", std::move(attempts)}};
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<stop_purpose> stop_of(std::string_view text) {
  if (text.empty())
    return std::nullopt;
  try {
    const auto all = nlohmann::json::parse(text);
    stop_purpose x;
    x.status = static_cast<status>(all.at("status").get<int>());
    x.exit_code = all.at("code").get<std::int32_t>();
    x.text = all.at("text").get<std::string>();
    for (const auto& who : all.at("attempts"))
      x.attempts.push_back({{who.at(0).get<std::uint32_t>()}, who.at(1).get<std::uint32_t>()});
    return x;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

} // namespace muster::store
