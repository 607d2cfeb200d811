#pragma once

#include <chrono>
#include <cstddef>

namespace muster {

/// How long places of a pool are held, of late, and how many attempts are worth getting ready behind each: about as
/// many as end within the time that it takes to hear of an end and to start another, several times over. None where
/// attempts are long: nothing is gained there, and less is fixed early.
class short_runs {
public:
  /// A place was held for so long.
  void add(std::chrono::nanoseconds held) noexcept;

  /// How many attempts should wait behind one that runs; 0 until enough is known.
  [[nodiscard]] std::size_t depth() const noexcept;

private:
  double mean_ = 0; ///< Nanoseconds; newer ones count for more.
  std::size_t seen_ = 0;
};

} // namespace muster
