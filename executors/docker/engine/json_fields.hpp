#pragma once

#include "executors/docker/engine/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

/// Fields of somebody else's JSON. One that is missing, null or of another type is empty: none of these fails.
namespace muster::docker::fields {

/// An empty object unless `text` is a JSON object or array.
[[nodiscard]] nlohmann::json parse(std::string_view text);
/// The member `key`; null if there is none.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& json, const char* key);
[[nodiscard]] std::string text(const nlohmann::json& json, const char* key);
[[nodiscard]] std::int64_t number(const nlohmann::json& json, const char* key);
[[nodiscard]] bool flag(const nlohmann::json& json, const char* key);
[[nodiscard]] std::vector<std::string> texts(const nlohmann::json& json, const char* key);
[[nodiscard]] label_map labels(const nlohmann::json& json, const char* key);
[[nodiscard]] std::optional<nano_timestamp> time(const nlohmann::json& json, const char* key);
/// The names of an object's members.
[[nodiscard]] std::vector<std::string> names(const nlohmann::json& json, const char* key);

} // namespace muster::docker::fields
