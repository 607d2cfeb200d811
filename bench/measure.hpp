#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

/// What the benchmarks share: running things in turn and printing medians and ratios.
namespace muster::bench {

/// One of the things that are compared.
struct contestant {
  std::string name;
  std::function<void()> run; ///< Once; its wall-clock time is taken.
};

/// Wall-clock seconds of each round, by contestant.
using timings = std::vector<std::vector<double>>;

/// Runs all contestants `rounds` times, interleaved, each round in a rotated order, so that the machine's other work
/// falls on all alike.
[[nodiscard]] timings run_interleaved(const std::vector<contestant>& contestants, int rounds);

/// The middle value.
[[nodiscard]] double median(std::vector<double> values);

/// Prints a table: median, best, rate of `items` per second, and the ratio of rates to the contestant `floor`. The
/// ratio is the median of the ratios of each round.
void print(const std::string& title, const std::vector<contestant>& contestants, const timings& times, double items,
           std::size_t floor);

/// Memory that was asked for and not given back.
[[nodiscard]] std::size_t allocated_bytes();

/// Memory that this program has, without what was given back and is kept for a while.
[[nodiscard]] std::size_t resident_bytes();

/// Runs a program and waits; its output is dropped. Ends the benchmark if it fails.
void run_program(const std::vector<std::string>& argv, const std::vector<std::string>& environment = {});

/// An empty folder. It is removed when the program ends, not before: ext4 is slow to make files for some seconds after
/// many were deleted, and whoever runs next would pay for that.
class scratch_folder {
public:
  scratch_folder();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
  std::string path_;
};

} // namespace muster::bench
