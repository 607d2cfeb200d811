#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace muster {

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
class sha256 {
public:
  sha256();
  ~sha256();
  sha256(const sha256&) = delete;
  sha256& operator=(const sha256&) = delete;

  void add(std::string_view bytes);
  /// Adds the length, then the bytes: what is added so cannot be confused with what comes before or after it.
  void add_field(std::string_view bytes);
  /// The digest as 64 lower-case hex digits; nothing may be added after that.
  [[nodiscard]] std::string hex();

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Of one text.
[[nodiscard]] std::string sha256_of(std::string_view bytes);

} // namespace muster
