#pragma once

#include "gateway/events/block.hpp"
#include "muster/base/result.hpp"

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::gateway {

/// Which events somebody gets: those that pass all of it. An empty list lets everything through.
struct event_filter {
  std::optional<std::string> user; ///< Only of this one's workflows.
  std::vector<workflow_key> workflows;
  std::vector<std::string> groups; ///< Names.
  std::vector<std::string> tasks;  ///< Names.
  std::bitset<256> types;          ///< By number; none set: every type.

  [[nodiscard]] bool is_open() const noexcept {
    return !user && workflows.empty() && groups.empty() && tasks.empty() && types.none();
  }
  [[nodiscard]] bool passes(const event_block& block, const event_block::entry& x) const;
  /// Whether any of them may; cheap, and false only if none does.
  [[nodiscard]] bool may_pass(const event_block& block) const;
};

/// The type of that name, as `to_string` gives it; `unspecified` if there is none.
[[nodiscard]] event_type event_type_from(std::string_view name) noexcept;

/// Sets the types of these names. `invalid_argument` for one that is unknown, with those that are known.
[[nodiscard]] result<void> set_types(event_filter& into, const std::vector<std::string>& names);

} // namespace muster::gateway
