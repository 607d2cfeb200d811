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
/// The environment of a task overrides the configuration; the first text that cannot be read fails its `prepare`:
///
/// | variable                   | meaning                                                                            |
/// |----------------------------|------------------------------------------------------------------------------------|
/// | `MUSTER_NULL_EXIT`         | exit code, or a list such as `1,1,0`: one per attempt number, the last for the rest |
/// | `MUSTER_NULL_SIGNAL`       | ends by this signal number instead; the code is 128 more                           |
/// | `MUSTER_NULL_DURATION`     | how long it runs: a number with `us`, `ms`, `s`, `m` or `h`                         |
/// | `MUSTER_NULL_PREPARATION`  | how long `prepare` takes, likewise                                                 |
/// | `MUSTER_NULL_FAIL_PREPARE` | `prepare` fails with this text (`data_error`)                                       |
/// | `MUSTER_NULL_FAIL_START`   | `start` fails with this text (`start_failed`)                                       |
/// | `MUSTER_NULL_LOST`         | instead of ending it is lost, with this text                                       |
/// | `MUSTER_NULL_STUBBORN`     | not empty: ignores the polite signal and ends only when its grace is over           |
/// | `MUSTER_NULL_RESULT`       | what it gives as its result when it exits by itself, JSON                          |
///
/// Tokens of the attempt are replaced in all of these. It keeps no records: `adopt` knows only what this very driver
/// runs, anything else was `never_started`.
[[nodiscard]] std::unique_ptr<driver> make_null_driver(null_config config = {});

} // namespace muster
