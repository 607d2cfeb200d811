#pragma once

#include "muster/spec/flow.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// What the machine needs to know of a definition beyond its text, worked out once. Private to flow.
namespace muster::flow {

/// Whether the machine gives that token a value; the others are the drivers'.
[[nodiscard]] bool is_flow_token(std::string_view token);

/// One step waits for another of its scope.
struct dependency {
  /// Position of the other one.
  std::uint32_t step = 0;
  spec::after_on on = spec::after_on::success;
  /// Wait for its elements only, one by one: `foreach: {each: step}`.
  bool by_element = false;
};

/// A step.
struct step_layout {
  std::vector<dependency> waits_for; ///< In the order of the scope's steps.
  std::vector<std::uint32_t> waited_by;
  /// Tokens in the texts of its tasks that this machine gives: `item.x`, `index`, `carry.x`, `parameter:x`, `result:x`.
  std::vector<std::string> tokens;
  bool wanted = false;        ///< Its result is looked at by somebody.
  bool plain = false;         ///< A task that stands alone, not a group.
  bool when_per_item = false; ///< Its condition looks at the element.
};

/// A scope's steps.
struct scope_layout {
  std::vector<step_layout> steps;
  /// Position of the step of that name, or of the group that has a task of that name.
  std::unordered_map<std::string, std::uint32_t> by_name;
};

/// Layouts of all scopes of a definition. Scopes are known by their address; the definition must outlive this.
class layouts {
public:
  explicit layouts(const spec::scope& root);
  [[nodiscard]] const scope_layout& of(const spec::scope& x) const { return known_.at(&x); }
  /// The step that `step` points to, which is in `x`.
  [[nodiscard]] const step_layout& of(const spec::scope& x, const spec::step& step) const {
    return of(x).steps[static_cast<std::size_t>(&step - x.steps.data())];
  }

private:
  void add(const spec::scope& x, bool is_root);
  void add_inner(const spec::step& x);

  std::unordered_map<const spec::scope*, scope_layout> known_;
};

} // namespace muster::flow
