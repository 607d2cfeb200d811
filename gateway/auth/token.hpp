#pragma once

#include <string>
#include <string_view>

/// Tokens: 256 random bits behind a prefix that secret scanners can find. Only their hash is ever kept.
namespace muster::gateway {

constexpr std::string_view token_prefix = "mst_";

/// A new token: `mst_` and 43 characters of base64url.
[[nodiscard]] std::string new_token();

/// What is kept of a token: its SHA-256, 64 hex digits. Needs no salt: nobody can guess 256 random bits.
[[nodiscard]] std::string hash_of_token(std::string_view token);

/// A public id for it: `t_` and 16 hex digits.
[[nodiscard]] std::string new_token_id();

/// Whether a text has the form of a token; says nothing of whether it is one.
[[nodiscard]] bool looks_like_token(std::string_view text) noexcept;

} // namespace muster::gateway
