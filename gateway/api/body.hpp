#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Bodies of requests. Every failure is `invalid_argument` and says where.
namespace muster::gateway {

/// The media type of the body in lower case, without parameters; empty if the request names none.
[[nodiscard]] std::string media_type(const http::request& x);

/// Whether a spec may come as that.
[[nodiscard]] bool is_type_of_spec(std::string_view type) noexcept;

/// Text of JSON in UTF-8, nested at most 64 deep.
[[nodiscard]] result<nlohmann::ordered_json> parse_json(std::string_view text);

/// The body as a JSON object; an empty body is an empty one. Its type was looked at before. Refuses members that are
/// not among `known`.
[[nodiscard]] result<nlohmann::ordered_json> json_body(const http::request& x,
                                                       const std::vector<std::string_view>& known);
/// The same of a value that was parsed before. `where` is for messages.
[[nodiscard]] result<void> check_members(const nlohmann::ordered_json& x, const std::vector<std::string_view>& known,
                                         std::string_view where);

// -- members of an object; what is not there, or null, leaves `into` as it is

[[nodiscard]] result<void> take_text(const nlohmann::ordered_json& x, const char* name, std::string& into);
[[nodiscard]] result<void> take_flag(const nlohmann::ordered_json& x, const char* name, bool& into);
[[nodiscard]] result<void> take_texts(const nlohmann::ordered_json& x, const char* name, std::vector<std::string>& into,
                                      std::size_t most);
[[nodiscard]] result<void> take_map(const nlohmann::ordered_json& x, const char* name,
                                    std::map<std::string, std::string>& into, std::size_t most);

} // namespace muster::gateway
