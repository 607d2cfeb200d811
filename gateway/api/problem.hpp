#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace muster::gateway {

/// What a kind of problem is to HTTP.
struct problem_kind {
  unsigned status = 500;
  std::string_view title; ///< The same for every occurrence.
};

/// By its stable code: the names of `ec`, and those that only HTTP knows, such as `unauthorized`.
[[nodiscard]] problem_kind kind_of_problem(std::string_view code) noexcept;

/// A problem document (RFC 9457): `type`, `title`, `status`, `detail`, `code`, `instance`, and the members of `more`.
/// 401, 429 and 503 carry the headers that belong to them.
[[nodiscard]] http::response problem(std::string_view request_id, std::string_view code, std::string_view detail);
[[nodiscard]] http::response problem(std::string_view request_id, std::string_view code, std::string_view detail,
                                     const nlohmann::ordered_json& more);

/// The same of an error. What `internal`, `io_error`, `store_corrupt` and `store_version` say stays here: it may name
/// paths of the head.
[[nodiscard]] http::response problem(std::string_view request_id, const error& what);

} // namespace muster::gateway
