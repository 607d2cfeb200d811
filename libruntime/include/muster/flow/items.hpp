#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/flow.hpp"

#include <cstdint>
#include <vector>

namespace muster::flow {

/// The items of a `foreach`, made one by one when they are asked for: a range of a million takes no memory.
class item_list {
public:
  /// More elements than this are refused.
  static constexpr std::uint64_t most = 10'000'000;

  item_list() = default;

  /// Of what the spec says. `known` is the list for sources that are decided at run time (a result or an expression),
  /// else it is not looked at. Fails with `ec::invalid_argument` if `known` is no list, with `ec::limit_exceeded` if
  /// there are too many elements. Not for `each_of_step`.
  [[nodiscard]] static result<item_list> make(const spec::item_source& source, const spec::template_value& known);

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  /// The item at `i`, which is below `size()`. Maps and lists in it belong to the caller.
  [[nodiscard]] spec::template_value at(std::uint32_t i) const;

private:
  [[nodiscard]] spec::template_value combination(std::uint64_t number) const;
  [[nodiscard]] result<void> take_axes(const spec::each_of_axes& x);

  std::uint32_t size_ = 0;
  std::vector<spec::template_value> list_; ///< Of lists; of axes what `include` adds.
  spec::each_of_range range_;
  const spec::each_of_axes* axes_ = nullptr; ///< In the spec, which outlives this.
  std::uint32_t combinations_ = 0;           ///< Of axes, without those left out.
  std::vector<std::uint32_t> kept_;          ///< Their numbers, if any is left out.
  bool is_range_ = false;
};

} // namespace muster::flow
