#pragma once

#include "cli/commands/commands.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace muster::cli {

/// A token that is to be made.
struct token_wish {
  std::string name;
  std::string user;
  std::string role;
  std::optional<duration> lifetime;
  std::string node{}; ///< Of the role `node`.
};

/// Makes a token in the state directory itself, where no head runs: how the first admin comes to one. The answer is as
/// that of `POST /v1/tokens`. `store_locked` if somebody works there.
[[nodiscard]] result<nlohmann::ordered_json> create_token_offline(const context& ctx, const token_wish& wish);

} // namespace muster::cli
