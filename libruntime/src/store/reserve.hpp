#pragma once

#include "muster/store/layout.hpp"

#include <cstdint>
#include <filesystem>

namespace muster::store {

/// A file without contents that holds a little of the disk, `reserve` in the state directory: given up when the disk is
/// full, so that what would free more can be written down. Nothing ever fails because of it.
class reserve {
public:
  static constexpr std::uint64_t size = std::uint64_t{4} << 20U;
  /// So much must be free for it to be made; on less it would be a part of the problem.
  static constexpr std::uint64_t least_free = 16 * size;

  explicit reserve(const state_directory& where);

  /// Makes it, if there is room for that and it is not there.
  void keep() noexcept;
  /// Gives it up; false if there was none.
  [[nodiscard]] bool release() noexcept;

private:
  std::filesystem::path path_;
  bool missing_ = true;
};

} // namespace muster::store
