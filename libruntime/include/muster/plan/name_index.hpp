#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace muster {

/// Finds the number that bears a name, for names that somebody else holds: a hash table of numbers, about eight bytes
/// each.
class name_index {
public:
  /// Indexes the names of 0 to `count` - 1, as `name_of(number)` gives them. Returns a number whose name an earlier one
  /// bears, if there is any; the index is of no use then.
  template <class NameOf>
  std::optional<std::uint32_t> build(std::uint32_t count, NameOf name_of) {
    std::size_t size = 4;
    while (size < std::size_t{count} + count / 2)
      size *= 2;
    slots_.assign(size, free_slot);
    for (std::uint32_t i = 0; i < count; ++i) {
      auto& slot = slots_[probe(name_of(i), name_of)];
      if (slot != free_slot)
        return i;
      slot = i;
    }
    return std::nullopt;
  }

  /// The number whose name is `name`; `name_of` as in `build`.
  template <class NameOf>
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name, NameOf name_of) const {
    if (slots_.empty())
      return std::nullopt;
    const auto found = slots_[probe(name, name_of)];
    return found == free_slot ? std::nullopt : std::optional{found};
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return slots_.capacity() * sizeof(std::uint32_t); }

private:
  static constexpr std::uint32_t free_slot = 0xffffffff;

  /// The slot of `name`, or the free one where it would be.
  template <class NameOf>
  [[nodiscard]] std::size_t probe(std::string_view name, NameOf name_of) const {
    const auto mask = slots_.size() - 1;
    auto at = std::hash<std::string_view>{}(name)&mask;
    while (slots_[at] != free_slot && name_of(slots_[at]) != name)
      at = (at + 1) & mask;
    return at;
  }

  std::vector<std::uint32_t> slots_; ///< Their number is a power of two, a third of them free at least.
};

} // namespace muster
