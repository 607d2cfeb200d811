#pragma once

#include "executors/driver.hpp"

#include <memory>

namespace muster {

/// How attempts of the null driver behave unless their task says otherwise.
struct null_config {
  duration preparation{};                                                      ///< From `prepare` to `on_prepared`.
  duration run{};                                                              ///< From `start` to `on_exited`.
  std::int32_t exit_code = 0;                                                  ///< 0-255.
  capacity total{1'000'000, std::int64_t{1} << 50, std::int64_t{1} << 50, {}}; ///< What `probe` says.
};

/// A driver without processes or files: for measuring what is above it and for simulations. One thread, a heap of
/// timers.
///
/// The environment of a task overrides the configuration by `MUSTER_NULL_*`, which docs/running.md lists; the first
/// text that cannot be read fails its `prepare`.
///
/// Tokens of the attempt are replaced in all of them. It keeps no records: `adopt` knows only what this very driver
/// runs, anything else was `never_started`.
[[nodiscard]] std::unique_ptr<driver> make_null_driver(null_config config = {});

} // namespace muster
