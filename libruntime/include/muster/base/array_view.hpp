#pragma once

#include <cstddef>
#include <vector>

namespace muster {

/// A read-only look at a row of `T` that somebody else owns; valid as long as the owner is unchanged.
template <class T>
class array_view {
public:
  constexpr array_view() = default;
  constexpr array_view(const T* first, std::size_t size) noexcept : first_(first), size_(size) {}
  array_view(const std::vector<T>& owner) noexcept : array_view(owner.data(), owner.size()) {}

  [[nodiscard]] constexpr const T* begin() const noexcept { return first_; }
  [[nodiscard]] constexpr const T* end() const noexcept { return first_ + size_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] constexpr const T& operator[](std::size_t i) const noexcept { return first_[i]; }

private:
  const T* first_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace muster
