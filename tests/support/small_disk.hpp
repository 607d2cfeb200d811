#pragma once

#include <filesystem>

namespace muster::test {

/// A file system in memory of a few MB; not there where the user may not mount one.
class small_disk {
public:
  explicit small_disk(const std::filesystem::path& at);
  ~small_disk();
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] bool mounted() const noexcept { return mounted_; }
  /// Writes until nothing more fits: the file that takes all the room.
  [[nodiscard]] std::filesystem::path fill() const;

private:
  std::filesystem::path at_;
  bool mounted_ = false;
};

} // namespace muster::test
