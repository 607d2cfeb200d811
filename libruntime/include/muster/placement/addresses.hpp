#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

namespace muster {

/// Gives each member of a gang a loopback address of its own, out of 127.64.0.0/10: every address of 127/8 reaches this
/// host, so members can listen on the same port without meeting. An address that was given back is not given out again
/// before all others were.
class loopback_addresses {
public:
  /// Begins at `start` modulo the size of the range: runtimes that begin far apart do not meet.
  explicit loopback_addresses(std::uint32_t start) noexcept;

  /// The next free address in dotted form; empty when all 4,194,302 are taken.
  [[nodiscard]] std::string allocate();
  /// Marks an address as taken, as after a restart; ignores what is not of the range.
  void reserve(const std::string& address);
  /// Gives it back; ignores what is not of the range or not taken.
  void release(const std::string& address);
  /// How many are taken.
  [[nodiscard]] std::size_t taken() const noexcept { return taken_.size(); }

private:
  std::unordered_set<std::uint32_t> taken_; ///< Offsets in the range.
  std::uint32_t next_;
};

} // namespace muster
