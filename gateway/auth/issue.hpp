#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/service.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace muster::gateway {

/// A token that somebody asks for.
struct token_request {
  std::string name;          ///< What it is for; at most 200 bytes.
  std::string user;          ///< 1 to 64 letters, digits, `-`, `_`, `.` or `@`.
  std::string role = "user"; ///< `viewer`, `user`, `admin` or `node`.
  std::optional<duration> lifetime;
  std::string node{}; ///< Of `node`: which one may join by it; empty for any.
};

/// A token that was made, and is not recorded yet.
struct issued_token {
  store::token_record record; ///< With its hash.
  std::string token;          ///< The only time that it is seen.
};

/// Makes one. `invalid_argument` or `limit_exceeded` name the member that is wrong.
[[nodiscard]] result<issued_token> issue_token(const token_request& x, timestamp now);

/// `Token`, without anything that is secret.
[[nodiscard]] nlohmann::ordered_json json_of(const store::token_record& x);

/// `NewToken`: with the token itself.
[[nodiscard]] nlohmann::ordered_json json_of(const issued_token& x);

} // namespace muster::gateway
